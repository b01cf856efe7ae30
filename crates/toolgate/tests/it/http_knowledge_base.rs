//! The example of a knowledge base, as its README says: who may read, write and delete.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Answer, Ask, Gateway, Modern, copy, example, is_sound, key_in, post};

/// The example with a copy of its articles, and a key for each role.
struct Scene {
    folder: TempDir,
    gateway: Gateway,
}

impl Scene {
    async fn open() -> Scene {
        let folder = tempfile::tempdir().unwrap();
        copy(&example("knowledge-base").join("articles"), &folder.path().join("articles"));
        for (name, role) in [("vera", "viewer"), ("emil", "editor"), ("ada", "admin")] {
            key_in(folder.path(), name, role);
        }
        let at = |name: &str| format!("{:?}", folder.path().join(name));
        let yaml = fs::read_to_string(example("knowledge-base").join("gateway.yaml")).unwrap();
        let moved = yaml
            .replace("listen: 127.0.0.1:8080\n", "")
            .replace("file: keys.yaml", &format!("file: {}", at("keys.yaml")))
            .replace("root: articles", &format!("root: {}", at("articles")))
            .replace("index: .index", &format!("index: {}", at(".index")))
            .replace("path: audit.jsonl", &format!("path: {}", at("audit.jsonl")));
        let gateway = Gateway::serve(moved).await;
        Scene { folder, gateway }
    }

    fn signed(&self, name: &str, ask: Ask) -> Ask {
        let key = fs::read_to_string(self.folder.path().join(name)).unwrap();
        ask.header("Authorization", &format!("Bearer {key}"))
    }

    async fn ask(&self, name: &str, method: &str, params: Value) -> Answer {
        let ask = Modern::of(&self.gateway).ask("1", method, &params.to_string());
        self.gateway.ask(&self.signed(name, ask)).await
    }

    async fn call(&self, name: &str, tool: &str, arguments: Value) -> Value {
        self.ask(name, "tools/call", json!({ "name": tool, "arguments": arguments })).await.json()
    }

    /// The structured content of a call that works.
    async fn works(&self, name: &str, tool: &str, arguments: Value) -> Value {
        let answer = self.call(name, tool, arguments).await;
        let result = &answer["result"];
        assert!(!result["isError"].as_bool().unwrap_or_default(), "{answer}");
        result["structuredContent"].clone()
    }

    async fn tools(&self, name: &str) -> Vec<String> {
        let list = self.ask(name, "tools/list", json!({})).await.result();
        let tools = list["tools"].as_array().unwrap();
        tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    }

    async fn found(&self, query: &str) -> Vec<String> {
        let found = self.works("vera", "search_articles", json!({ "query": query })).await;
        let articles = found["articles"].as_array().unwrap();
        articles.iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
    }
}

const READING: [&str; 4] =
    ["search_articles", "get_article", "list_categories", "related_articles"];

#[tokio::test]
async fn each_role_has_the_tools_that_it_may_use() {
    let scene = Scene::open().await;
    let mut editing = READING.to_vec();
    editing.extend(["create_article", "update_article"]);
    let mut all = editing.clone();
    all.push("delete_article");

    assert_eq!(scene.tools("vera").await, READING);
    assert_eq!(scene.tools("emil").await, editing);
    assert_eq!(scene.tools("ada").await, all);

    let new = json!({ "id": "new.md", "text": "# New" });
    let refused = scene.call("vera", "create_article", new).await;
    let unknown = scene.call("vera", "no_such_article", json!({})).await;
    assert_eq!(refused["error"]["code"], -32602, "{refused}");
    let same = refused.to_string().replace("create_article", "no_such_article");
    assert_eq!(same, unknown.to_string(), "what one may not do looks like what is not there");
    assert!(!scene.folder.path().join("articles/new.md").exists());
}

#[tokio::test]
async fn an_article_is_created_found_updated_and_deleted() {
    let scene = Scene::open().await;
    let id = "accounts/passkeys.md";

    let text = "---\ntags: [webauthn]\n---\n# Passkeys\n\nSign in without a password.\n";
    let created = scene.works("emil", "create_article", json!({ "id": id, "text": text })).await;
    assert_eq!(created["indexed"], true);
    assert_eq!(scene.found("webauthn").await, [id]);
    let again = scene.call("emil", "create_article", json!({ "id": id, "text": "x" })).await;
    assert_eq!(again["result"]["isError"], true);

    let read = scene.works("vera", "get_article", json!({ "id": id })).await;
    assert_eq!(read["version"], created["version"]);
    let update = json!({
        "id": id, "text": "# Passkeys\n\nUse a fingerprint.\n", "expected_version": read["version"],
    });
    let updated = scene.works("emil", "update_article", update.clone()).await;
    assert_eq!(scene.found("fingerprints").await, [id]);
    assert_eq!(scene.found("webauthn").await, [id], "its front matter stays");

    let late = scene.call("ada", "update_article", update).await;
    let told = late["result"]["content"][0]["text"].as_str().unwrap();
    assert_eq!(late["result"]["isError"], true);
    assert!(
        told.contains("conflict") && told.contains(updated["version"].as_str().unwrap()),
        "{told}"
    );

    let delete = json!({ "id": id, "expected_version": updated["version"] });
    assert_eq!(scene.call("emil", "delete_article", delete.clone()).await["error"]["code"], -32602);
    scene.works("ada", "delete_article", delete).await;
    assert_eq!(scene.found("fingerprints").await, [""; 0]);
    assert!(!scene.folder.path().join("articles").join(id).exists());
}

#[tokio::test]
async fn nothing_is_written_outside_or_in_another_format() {
    let scene = Scene::open().await;

    for id in
        ["../escaped.md", "/etc/escaped.md", ".hidden.md", "a/../../b.md", "page.html", "x", ""]
    {
        let answer = scene.call("ada", "create_article", json!({ "id": id, "text": "x" })).await;
        assert_eq!(answer["result"]["isError"], true, "{id}: {answer}");
    }

    for path in ["escaped.md", "b.md", "articles/.hidden.md", "articles/page.html", "articles/x"] {
        assert!(!scene.folder.path().join(path).exists(), "{path}");
    }
}

#[tokio::test]
async fn two_who_write_at_once_do_not_lose_what_the_other_wrote() {
    let scene = Scene::open().await;
    let id = "billing/refunds.md";
    let read = scene.works("emil", "get_article", json!({ "id": id })).await;
    let update =
        |text: &str| json!({ "id": id, "text": text, "expected_version": read["version"] });

    let (one, other) = tokio::join!(
        scene.call("emil", "update_article", update("# One")),
        scene.call("ada", "update_article", update("# Other")),
    );

    let failed = [&one, &other].map(|answer| answer["result"]["isError"] == true);
    assert_ne!(failed[0], failed[1], "{one} {other}");
}

#[tokio::test]
async fn every_format_of_the_example_is_found() {
    let scene = Scene::open().await;

    for (query, id) in [
        ("forgot my password", "accounts/reset-password.md"),
        ("\"recovery codes\" device", "accounts/lost-device.md"),
        ("storage of the business plan", "billing/plans.csv"),
        ("proxies uploading slowly", "troubleshooting/slow-upload.html"),
        ("E21 disk", "troubleshooting/status-codes.txt"),
        ("two versions", "troubleshooting/sync-conflict.md"),
    ] {
        assert_eq!(scene.found(query).await.first().map(String::as_str), Some(id), "{query}");
    }
    let uri = json!({ "uri": "kb://categories/templates" });
    let templates = scene.ask("vera", "resources/read", uri).await.result();
    assert!(templates["contents"][0]["text"].as_str().unwrap().contains("refund-granted"));
}

#[tokio::test]
async fn older_clients_are_told_apart_too() {
    let scene = Scene::open().await;

    assert_eq!(shown_to_older_client(&scene, "vera").await, 4);
    assert_eq!(shown_to_older_client(&scene, "ada").await, 7);
}

/// How many tools a client of 2025-06-18 is shown.
async fn shown_to_older_client(scene: &Scene, name: &str) -> usize {
    let hello = post(
        r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#,
    );
    let session = scene.gateway.ask(&scene.signed(name, hello)).await;
    let list = post(r#"{"jsonrpc":"2.0","id":2,"method":"tools/list"}"#)
        .header("Mcp-Session-Id", session.header("mcp-session-id").unwrap())
        .header("MCP-Protocol-Version", "2025-06-18");
    let list = scene.gateway.ask(&scene.signed(name, list)).await.result();
    list["tools"].as_array().unwrap().len()
}

#[test]
fn a_scan_and_a_check_find_nothing() {
    is_sound("knowledge-base", "viewer");
}
