//! Arguments that the gateway gives: nobody sees them, nobody sets them, and they arrive.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::peer::toolgate;
use crate::support::{Answer, Ask, Call, Gateway, Modern, Reply, Server, legacy, modern, post};

const SECRET: &str = "sk-7Zq\"4-never-shown";

const TOOLS: &str = r#"{"resultType":"complete","ttlMs":0,"cacheScope":"private","tools":[{"name":"create","inputSchema":{"type":"object","properties":{"title":{"type":"string"},"owner":{"type":"string"},"org":{"type":"string","x-mcp-header":"Org"},"key":{"type":"string"},"level":{"type":"integer"}},"required":["title","owner","org","key"],"additionalProperties":false}},{"name":"plain","inputSchema":{"type":"object","properties":{"owner":{"type":"string"}},"required":["owner"]}}]}"#;

/// Answers what every script here answers; `echo` repeats the arguments.
fn answer(call: &Call) -> Reply {
    match call.method() {
        "tools/list" => call.result(TOOLS),
        _ => {
            let arguments = call.json["params"]["arguments"].to_string();
            let text = Value::from(arguments).to_string();
            let result = format!(
                r#"{{"resultType":"complete","content":[{{"type":"text","text":{text}}}]}}"#
            );
            call.result(&result)
        }
    }
}

async fn servers() -> [Server; 2] {
    [
        modern(|call| async move { answer(&call) }).await,
        legacy(|call| async move { answer(&call) }).await,
    ]
}

/// Ada, who belongs to acme, and Bob, who belongs to nobody.
struct Scene {
    gateway: Gateway,
    keys: [String; 2],
    _folder: TempDir,
}

fn key(arguments: &[&str], file: &Path) -> String {
    let mut words = vec!["key", "new"];
    words.extend(arguments);
    words.extend(["--file", file.to_str().unwrap()]);
    let made = toolgate(&words);
    assert_eq!(made.code, 0, "{}", made.err);
    made.out.trim().to_owned()
}

impl Scene {
    async fn before(server: &Server) -> Scene {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("keys.yaml");
        let keys = [key(&["ada", "--tenant", "acme"], &file), key(&["bob"], &file)];
        let bind = r#", bind: { create: { owner: "${caller.subject}", org: "o-${caller.tenant}", key: "${env:BOUND_KEY}" } }"#;
        let yaml = format!(
            "authentication: {{ api_keys: {{ file: '{}' }} }}\nlog: {{ level: trace }}\nservers: [{}]",
            file.display(),
            server.entry("crm", bind)
        );
        let environment = [("BOUND_KEY", Path::new(SECRET))];
        let gateway = Gateway::start("127.0.0.1:0", yaml, &environment).await;
        Scene { gateway, keys, _folder: folder }
    }

    fn sign(&self, ask: Ask, who: usize) -> Ask {
        ask.header("Authorization", &format!("Bearer {}", self.keys[who]))
    }

    /// One request of a client of either era.
    async fn ask(&self, is_modern: bool, who: usize, method: &str, params: &str) -> Answer {
        if is_modern {
            let ask = Modern::of(&self.gateway).ask("1", method, params);
            return self.gateway.ask(&self.sign(ask, who)).await;
        }
        let hello = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#;
        let opened = self.gateway.ask(&self.sign(post(hello), who)).await;
        let body = format!(r#"{{"jsonrpc":"2.0","id":2,"method":"{method}","params":{params}}}"#);
        let ask = post(body).header("Mcp-Session-Id", opened.header("mcp-session-id").unwrap());
        self.gateway.ask(&self.sign(ask, who)).await
    }

    async fn create(&self, is_modern: bool, who: usize, arguments: &str) -> Answer {
        let params = format!(r#"{{"name":"create","arguments":{arguments}}}"#);
        self.ask(is_modern, who, "tools/call", &params).await
    }
}

#[tokio::test]
async fn lists_show_a_tool_without_what_the_gateway_gives() {
    for server in servers().await {
        let scene = Scene::before(&server).await;
        for is_modern in [true, false] {
            let listed = scene.ask(is_modern, 0, "tools/list", "{}").await.result();

            let schema = &listed["tools"][0]["inputSchema"];
            let names: Vec<_> = schema["properties"].as_object().unwrap().keys().collect();
            assert_eq!(names, ["title", "level"], "{schema}");
            assert_eq!(schema["required"], json!(["title"]));
            assert_eq!(schema["additionalProperties"], false);
            // A tool that nothing is bound for keeps its own.
            assert_eq!(listed["tools"][1]["inputSchema"]["required"], json!(["owner"]));
        }
    }
}

#[tokio::test]
async fn what_the_gateway_gives_arrives_and_with_it_the_header_that_mirrors_it() {
    for (at, server) in servers().await.into_iter().enumerate() {
        let scene = Scene::before(&server).await;
        scene.ask(true, 0, "tools/list", "{}").await.result();
        for (nth, is_modern) in [true, false].into_iter().enumerate() {
            scene.create(is_modern, 0, r#"{"title":"x"}"#).await.result();

            let call = server.nth("tools/call", nth).await;
            assert_eq!(
                call.json["params"]["arguments"],
                json!({ "title": "x", "owner": "ada", "org": "o-acme", "key": SECRET })
            );
            if at == 0 {
                assert_eq!(call.header("mcp-param-org"), Some("o-acme"));
            }
        }
        // Arguments that are missing altogether are made.
        scene.ask(true, 0, "tools/call", r#"{"name":"create"}"#).await.result();
        let call = server.nth("tools/call", 2).await;
        assert_eq!(call.json["params"]["arguments"]["owner"], "ada");
        // What nothing is bound for stays as it is.
        let plain = r#"{"name":"plain","arguments":{"owner":"eve"}}"#;
        scene.ask(true, 0, "tools/call", plain).await.result();
        assert_eq!(server.nth("tools/call", 3).await.json["params"]["arguments"]["owner"], "eve");
    }
}

#[tokio::test]
async fn a_client_that_sets_it_is_refused_whatever_the_spelling_and_reaches_nobody() {
    for server in servers().await {
        let scene = Scene::before(&server).await;
        for is_modern in [true, false] {
            for name in ["owner", "OWNER", "\\u006fwner", "Org", "\u{212a}ey", "key"] {
                let arguments = format!(r#"{{"title":"x","{name}":"root"}}"#);
                let refused = scene.create(is_modern, 0, &arguments).await.result();
                assert_eq!(refused["isError"], true, "{name}: {refused}");
                let error = &refused["_meta"]["dev.toolgate/error"];
                assert_eq!(error["category"], "invalid_arguments", "{name}");
                let text = refused["content"][0]["text"].as_str().unwrap();
                assert!(text.contains("set by the gateway; call again without it"), "{text}");
                assert!(!text.contains("root") && !text.contains("sk-"), "{text}");
            }
        }
        assert_eq!(server.count("tools/call"), 0);
    }
}

#[tokio::test]
async fn a_header_of_the_clients_own_does_not_stand_for_a_bound_argument() {
    let [server, _] = servers().await;
    let scene = Scene::before(&server).await;
    scene.ask(true, 0, "tools/list", "{}").await.result();
    let ask =
        Modern::of(&scene.gateway).ask("1", "tools/call", r#"{"name":"create","arguments":{}}"#);
    let ask =
        scene.sign(ask, 0).header("Mcp-Param-Org", "o-other").header("Mcp-Param-Else", "kept");

    scene.gateway.ask(&ask).await.result();

    let call = server.nth("tools/call", 0).await;
    let headers: Vec<_> = call.headers.get_all("mcp-param-org").iter().collect();
    assert_eq!(headers, ["o-acme"]);
    assert_eq!(call.header("mcp-param-else"), Some("kept"));
}

#[tokio::test]
async fn a_caller_of_whom_it_is_not_known_is_told_and_the_call_not_made() {
    let [server, _] = servers().await;
    let scene = Scene::before(&server).await;
    for is_modern in [true, false] {
        let refused = scene.create(is_modern, 1, r#"{"title":"x"}"#).await.result();
        assert_eq!(refused["_meta"]["dev.toolgate/error"]["category"], "unbound", "{refused}");
        assert!(refused["content"][0]["text"].as_str().unwrap().contains("\"org\""));
    }
    assert_eq!(server.count("tools/call"), 0);
}

#[tokio::test]
async fn a_bound_secret_stands_in_no_answer_and_no_log() {
    for server in servers().await {
        let scene = Scene::before(&server).await;
        for is_modern in [true, false] {
            let echoed = scene.create(is_modern, 0, r#"{"title":"x"}"#).await;
            assert!(echoed.body.contains("o-acme"), "{}", echoed.body);
            assert!(!echoed.body.contains("never-shown"), "{}", echoed.body);
        }
        let metrics = scene.gateway.ask(&Ask::new("GET", "/metrics")).await.body;
        for text in [scene.gateway.log(), metrics] {
            assert!(!text.contains("never-shown"), "{text}");
        }
        let arrived = server.nth("tools/call", 0).await;
        assert_eq!(arrived.json["params"]["arguments"]["key"], SECRET);
    }
}

#[tokio::test]
async fn a_session_can_be_bound_where_there_is_one() {
    let [server, _] = servers().await;
    let bind = r#", bind: { create: { owner: "${session.id}", key: fixed } }"#;
    let gateway = Gateway::serve(format!("servers: [{}]", server.entry("crm", bind))).await;
    for _ in 0..2 {
        let client = crate::support::Legacy::open(&gateway, "2025-11-25", "{}").await;
        client.call("create", "{}").await.result();
    }

    let owner = |call: Call| call.json["params"]["arguments"]["owner"].as_str().unwrap().to_owned();
    let (first, second) =
        (owner(server.nth("tools/call", 0).await), owner(server.nth("tools/call", 1).await));
    assert!(!first.is_empty() && first != second, "{first} {second}");

    let refused = Modern::of(&gateway).call("create", "{}").await.result();
    assert_eq!(refused["_meta"]["dev.toolgate/error"]["category"], "unbound");
}
