//! Quotas of a day and month, and the meter behind them, over the end of the process.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::peer::toolgate;
use crate::support::{Answer, Ask, Call, Gateway, Legacy, Modern, Server, modern, soon};

const OK: &str = r#"{"resultType":"complete","content":[]}"#;

/// A server that lists a tool `bad`, which fails, and a tool `hang`, which never ends.
async fn crm() -> Server {
    const TOOLS: &str = r#"{"resultType":"complete","ttlMs":0,"cacheScope":"private","tools":[{"name":"bad","inputSchema":{}},{"name":"hang","inputSchema":{}}]}"#;
    modern(|call: Call| async move {
        match call.name() {
            _ if call.method() == "tools/list" => call.result(TOOLS),
            "bad" | "made-up" | "made-up-too" => {
                call.result(r#"{"resultType":"complete","content":[],"isError":true}"#)
            }
            "hang" => std::future::pending().await,
            _ => call.result(OK),
        }
    })
    .await
}

fn key(name: &str, tenant: &str, file: &Path) -> String {
    let file = file.to_str().unwrap();
    let made = toolgate(&["key", "new", name, "--tenant", tenant, "--file", file]);
    assert_eq!(made.code, 0, "{}", made.err);
    made.out.trim().to_owned()
}

/// Two callers of one tenant and one of another, in front of one server.
struct Scene {
    folder: TempDir,
    server: Server,
    keys: [String; 3],
}

impl Scene {
    async fn set() -> Scene {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("keys.yaml");
        let keys = [("ada", "acme"), ("bob", "acme"), ("eve", "other")]
            .map(|(name, tenant)| key(name, tenant, &file));
        Scene { folder, server: crm().await, keys }
    }

    fn file(&self) -> String {
        self.folder.path().join("usage.json").display().to_string()
    }

    fn yaml(&self, more: &str) -> String {
        format!(
            "authentication: {{ api_keys: {{ file: '{}' }} }}\nusage: {{ file: '{}', save: 100ms }}\n{more}\nservers: [{}]",
            self.folder.path().join("keys.yaml").display(),
            self.file(),
            self.server.entry("crm", ", rate_limit: { cost: { export: 5 } }")
        )
    }

    async fn call(&self, gateway: &Gateway, who: usize, tool: &str) -> Answer {
        let params = format!(r#"{{"name":"{tool}","arguments":{{}}}}"#);
        let ask = Modern::of(gateway).ask("1", "tools/call", &params);
        gateway.ask(&self.sign(ask, who)).await
    }

    fn sign(&self, ask: Ask, who: usize) -> Ask {
        ask.header("Authorization", &format!("Bearer {}", self.keys[who]))
    }

    fn usage(&self, more: &[&str]) -> Value {
        let file = self.file();
        let mut words = vec!["usage", &file, "--json"];
        words.extend(more);
        toolgate(&words).json()["usage"].clone()
    }
}

fn is_refused(answer: &Answer) -> bool {
    let result = answer.result();
    let refused = result["_meta"]["dev.toolgate/error"]["category"] == "quota_exceeded";
    assert_eq!(refused, result["isError"] == true, "{result}");
    refused
}

#[tokio::test]
async fn a_tenants_quota_is_that_of_all_its_callers_and_holds_over_a_restart() {
    let scene = Scene::set().await;
    let yaml = scene.yaml("quotas: [{ name: daily, every: day, calls: 3 }]");
    let mut gateway = Gateway::serve(&yaml).await;
    for who in [0, 1] {
        assert!(!is_refused(&scene.call(&gateway, who, "find").await));
    }
    gateway.terminate();
    gateway.ends_well().await;

    let gateway = Gateway::serve(&yaml).await;
    let third = scene.call(&gateway, 0, "find").await;
    assert!(!is_refused(&third));
    assert_eq!(third.header("ratelimit-policy"), Some(r#""daily";q=3;w=86400"#));
    let fourth = scene.call(&gateway, 1, "find").await;

    assert!(is_refused(&fourth));
    let wait: u64 = fourth.header("retry-after").unwrap().parse().unwrap();
    assert!(wait <= 86_400, "{wait}");
    assert!(!is_refused(&scene.call(&gateway, 2, "find").await));
    assert_eq!(scene.server.count("tools/call"), 4);
}

#[tokio::test]
async fn a_crash_loses_no_more_than_what_was_not_written_yet() {
    let scene = Scene::set().await;
    let yaml = scene.yaml("quotas: [{ name: daily, per: caller, every: day, calls: 2 }]");
    let gateway = Gateway::serve(&yaml).await;
    for _ in 0..2 {
        assert!(!is_refused(&scene.call(&gateway, 0, "find").await));
    }
    let written = async {
        while scene.usage(&["--quotas"])[0]["calls"] != 2 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    soon("the file to be written", written).await;
    let pid = rustix::process::Pid::from_raw(gateway.pid() as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    drop(gateway);

    let gateway = Gateway::serve(&yaml).await;

    assert!(is_refused(&scene.call(&gateway, 0, "find").await));
    assert!(!is_refused(&scene.call(&gateway, 1, "find").await));
}

#[tokio::test]
async fn weight_counts_and_clients_of_both_eras_share_a_quota() {
    let scene = Scene::set().await;
    let quotas = "quotas: [{ name: units, per: caller, every: month, cost: 7 }]";
    let gateway = Gateway::serve(scene.yaml(quotas)).await;
    let hello = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#;
    let opened = gateway.ask(&scene.sign(crate::support::post(hello), 0)).await;
    let session = opened.header("mcp-session-id").unwrap();
    let old = |tool: &str| {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{{"name":"{tool}"}}}}"#
        );
        scene.sign(crate::support::post(body), 0).header("Mcp-Session-Id", session)
    };

    assert!(!is_refused(&scene.call(&gateway, 0, "export").await));
    assert!(is_refused(&gateway.ask(&old("export")).await));
    assert!(!is_refused(&gateway.ask(&old("find")).await));
    assert!(!is_refused(&scene.call(&gateway, 0, "find").await));
    assert!(is_refused(&gateway.ask(&old("find")).await));
}

#[tokio::test]
async fn what_was_used_is_printed_by_day_tenant_and_tool() {
    let scene = Scene::set().await;
    let mut gateway = Gateway::serve(scene.yaml("")).await;
    let list = Modern::of(&gateway).ask("1", "tools/list", "{}");
    gateway.ask(&scene.sign(list, 0)).await.result();
    for (who, tool) in [(0, "find"), (1, "find"), (0, "export"), (2, "bad")] {
        scene.call(&gateway, who, tool).await;
    }
    // What may be no tool at all has no row of its own.
    for tool in ["made-up", "made-up-too"] {
        scene.call(&gateway, 1, tool).await;
    }
    // A client that leaves is counted, too.
    let ask = Modern::of(&gateway).ask("1", "tools/call", r#"{"name":"hang","arguments":{}}"#);
    let wire = gateway.send(&scene.sign(ask, 2)).await;
    scene.server.nth("tools/call", 6).await;
    drop(wire);
    scene.server.left("tools/call").await;
    let metrics = gateway.ask(&Ask::new("GET", "/metrics")).await.body;
    gateway.terminate();
    gateway.ends_well().await;

    let rows = scene.usage(&[]);

    let brief: Vec<_> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            assert!(row["bytes"].as_u64().unwrap() > 100 && row["seconds"].is_number(), "{row}");
            json!([row["tenant"], row["tool"], row["calls"], row["errors"], row["cost"]])
        })
        .collect();
    assert_eq!(
        json!(brief),
        json!([
            ["acme", "export", 1, 0, 5],
            ["acme", "find", 2, 0, 2],
            ["acme", "other", 2, 2, 2],
            ["other", "bad", 1, 1, 1],
            ["other", "hang", 1, 1, 1],
        ])
    );
    assert_eq!(scene.usage(&["--tenant", "acme"]).as_array().unwrap().len(), 3);
    assert_eq!(scene.usage(&["--to", "2020-01-01"]), json!([]));
    let table = toolgate(&["usage", &scene.file()]);
    assert!(
        table.out.starts_with("DAY         TENANT  SERVER  TOOL    CALLS  ERRORS  COST"),
        "{}",
        table.out
    );
    for line in [
        r#"toolgate_usage_calls_total{tenant="acme",server="crm"} 5"#,
        r#"toolgate_usage_cost_total{tenant="acme",server="crm"} 9"#,
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
}

#[tokio::test]
async fn a_caller_that_is_known_has_a_limit_where_none_is_written() {
    let scene = Scene::set().await;
    let gateway = Gateway::serve(scene.yaml("")).await;
    let told = scene.call(&gateway, 0, "find").await;
    assert_eq!(told.header("ratelimit-policy"), Some(r#""caller";q=60;w=60"#));

    let scene = Scene::set().await;
    let gateway = Gateway::serve(scene.yaml("rate_limits: { defaults: false }")).await;
    assert_eq!(scene.call(&gateway, 0, "find").await.header("ratelimit-policy"), None);

    // Where nobody is known, one limit would be everybody's.
    let gateway = Gateway::before(&scene.server).await;
    let told = Modern::of(&gateway).call("find", "{}").await;
    assert_eq!(told.header("ratelimit-policy"), None);
    let _ = Legacy::open(&gateway, "2025-11-25", "{}").await;
}

#[test]
fn a_file_that_is_not_there_is_told_and_not_made() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("usage.json");

    let ended = toolgate(&["usage", path.to_str().unwrap()]);

    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("usage.json"), "{}", ended.err);
    assert!(!path.exists());
}
