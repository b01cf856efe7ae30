//! Records in databases, through the real binary: the same promises as in files.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::peer::{Ended, toolgate};
use crate::support::{Answer, Ask, Gateway, Modern, Postgres, Server, quick, soon};

/// A configuration whose records are in a database.
struct Scene {
    folder: TempDir,
    server: Server,
    audit: String,
}

impl Scene {
    async fn with(audit: impl Into<String>) -> Scene {
        let (folder, server) = (TempDir::new().unwrap(), quick().await);
        let scene = Scene { folder, server, audit: audit.into() };
        std::fs::write(scene.file(), scene.yaml()).unwrap();
        scene
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("gateway.yaml")
    }

    fn yaml(&self) -> String {
        let entry = self.server.entry("up", ", audit_reads: best_effort");
        format!("audit: {}\nservers: [{entry}]", self.audit)
    }

    async fn gateway(&self) -> Gateway {
        Gateway::serve(self.yaml()).await
    }

    /// Runs `toolgate audit` with this configuration.
    fn audit(&self, words: &[&str]) -> Ended {
        let file = self.file();
        let mut all = vec!["audit"];
        all.extend(words);
        all.extend(["--config", file.to_str().unwrap()]);
        toolgate(&all)
    }
}

fn category(answer: &Answer) -> Value {
    answer.result()["_meta"]["dev.toolgate/error"]["category"].clone()
}

async fn ends(mut gateway: Gateway) {
    gateway.terminate();
    gateway.ends_well().await;
}

/// Three calls, and what the commands say of them.
async fn is_recorded(scene: &Scene) {
    let gateway = scene.gateway().await;
    for name in ["one", "two", "three"] {
        Modern::of(&gateway).call(name, r#"{"a":1}"#).await.result();
    }
    ends(gateway).await;

    let verified = scene.audit(&["verify"]);
    assert_eq!(verified.code, 0, "{}{}", verified.out, verified.err);
    assert!(verified.out.contains("whole") && verified.out.contains("3 calls"), "{}", verified.out);
    let queried = scene.audit(&["query", "--tool", "two"]).out;
    assert!(queried.lines().count() == 2 && queried.contains("tools/call"), "{queried}");
    let exported = scene.audit(&["export"]).out;
    let records: Vec<Value> =
        exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = records.iter().map(|it| (&it["tool"], &it["outcome"])).collect();
    let ok = Value::from("ok");
    assert_eq!(told, [(&"one".into(), &ok), (&"two".into(), &ok), (&"three".into(), &ok)]);
    assert_eq!(records[0]["arguments"]["a"], 1);
    assert!(scene.audit(&["export", "--format", "csv"]).out.contains(",three,"));
}

#[tokio::test]
async fn records_in_a_database_file_are_verified_found_and_exported() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("audit %3F#.sqlite");
    let scene = Scene::with(format!("{{ sqlite: {{ path: '{}' }} }}", path.display())).await;

    is_recorded(&scene).await;

    // By its path too.
    let verified = toolgate(&["audit", "verify", path.to_str().unwrap()]);
    assert!(verified.code == 0 && verified.out.contains("3 calls"), "{}", verified.out);
    let missing = toolgate(&["audit", "verify", "/nonexistent/audit.sqlite"]);
    assert_eq!(missing.code, 2, "{}", missing.err);
}

/// Case L4, in rows, through the command.
#[tokio::test]
async fn records_in_a_database_server_are_verified_found_and_exported() {
    let database = Postgres::start();
    let scene = Scene::with(format!("{{ postgres: {{ url: '{}' }} }}", database.url())).await;

    is_recorded(&scene).await;

    for (change, told) in [
        (
            "UPDATE toolgate_audit SET line = replace(line, '\"two\"', '\"2\"')",
            "the line was changed",
        ),
        ("DELETE FROM toolgate_audit WHERE seq = 4", "are missing before it"),
    ] {
        database.sql(&format!("CREATE TABLE kept AS SELECT * FROM toolgate_audit; {change}"));
        let verified = scene.audit(&["verify"]);
        assert!(verified.code == 1 && verified.out.contains(told), "{}", verified.out);
        database.sql(
            "TRUNCATE toolgate_audit; INSERT INTO toolgate_audit SELECT * FROM kept; DROP TABLE kept",
        );
    }
    assert_eq!(scene.audit(&["verify"]).code, 0);
}

#[tokio::test]
async fn while_the_database_server_is_away_calls_are_refused_and_reads_may_go_on() {
    let mut database = Postgres::start();
    let audit = format!("{{ postgres: {{ url: '{}' }}, patience: 500ms }}", database.url());
    let scene = Scene::with(audit).await;
    let gateway = scene.gateway().await;
    let client = Modern::of(&gateway);
    let called = async |name: &'static str| {
        soon("the database", async {
            while category(&client.call(name, "{}").await) == "unrecorded" {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    };
    called("before").await;
    let before = scene.server.count("tools/call");

    database.end();
    for _ in 0..3 {
        assert_eq!(category(&client.call("away", "{}").await), "unrecorded");
    }
    assert_eq!(scene.server.count("tools/call"), before);
    client.request("9", "tools/list", "{}").await.result();
    assert_eq!(gateway.ask(&Ask::new("GET", "/ready")).await.status, 503);
    gateway.is_well().await;

    database.begin();
    called("after").await;
    assert_eq!(gateway.ask(&Ask::new("GET", "/ready")).await.status, 200);
    ends(gateway).await;
    let verified = scene.audit(&["verify"]);
    assert!(verified.code == 0 && !verified.out.contains("without an outcome"), "{}", verified.out);
}

#[tokio::test]
async fn several_gateways_write_to_one_database_server() {
    let database = Postgres::start();
    let audit =
        |chain: &str| format!("{{ postgres: {{ url: '{}', chain: {chain} }} }}", database.url());
    let (one, two) = (Scene::with(audit("one")).await, Scene::with(audit("two")).await);
    let (first, second) = (one.gateway().await, two.gateway().await);
    for _ in 0..5 {
        Modern::of(&first).call("t", "{}").await.result();
        Modern::of(&second).call("t", "{}").await.result();
    }
    let third = one.gateway().await;

    assert_eq!(category(&Modern::of(&third).call("t", "{}").await), "unrecorded");

    third.logged("the chain one is in use by another process").await;
    ends(first).await;
    ends(second).await;
    for chain in ["one", "two"] {
        let verified = one.audit(&["verify", "--chain", chain]);
        assert!(verified.code == 0 && verified.out.contains("5 calls"), "{}", verified.out);
    }
    let unknown = one.audit(&["verify", "--chain", "three"]);
    assert!(unknown.code == 2 && unknown.err.contains("no audit records"), "{}", unknown.err);
}

#[tokio::test]
async fn a_password_is_neither_logged_nor_told() {
    let url = "postgres://audit:hT8kq2Lm9zQw@127.0.0.1:1/x";
    let scene = Scene::with(format!("{{ postgres: {{ url: '{url}' }} }}")).await;
    let gateway = scene.gateway().await;
    let told = Modern::of(&gateway).call("t", "{}").await.body;
    let log = gateway.logged("audit records cannot be written").await + &gateway.log();

    let verified = scene.audit(&["verify"]);

    assert_eq!(verified.code, 2);
    for text in [told, log, verified.out, verified.err] {
        assert!(!text.contains("hT8kq2Lm9zQw"), "{text}");
    }
}
