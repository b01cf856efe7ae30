//! Steps of workflows are held against what servers list while they serve: by what comes by anyway, and
//! with words for the operator alone.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::peer::toolgate;
use crate::support::{Ask, Call, Gateway, Modern, Reply, Server, free_port, legacy, modern, soon};

const MISFIT: &str = "a step does not fit its tool";
const MENDED: &str = "no problem is known of a step any more";

/// A workflow of these steps, in flow style.
fn flow(steps: &str) -> String {
    format!(
        "  - {{ name: flow, workflow: {{ tools: {{ go: {{ description: Goes., steps: {steps} }} }} }} }}"
    )
}

/// How many problems the metrics tell of.
async fn problems(gateway: &Gateway) -> u64 {
    let metrics = gateway.ask(&Ask::new("GET", "/metrics")).await.body;
    let line = metrics
        .lines()
        .find_map(|it| it.strip_prefix("toolgate_workflow_problems{server=\"flow\"} "));
    line.map_or(0, |count| count.parse().unwrap())
}

async fn until_problems(gateway: &Gateway, expected: u64) {
    let looking = async {
        while problems(gateway).await != expected {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    soon(&format!("{expected} problems"), looking).await;
}

/// An API that is described by a document with this operation.
struct Api {
    server: Server,
    folder: TempDir,
    /// What it serves as its document; nothing for not yet.
    document: Arc<Mutex<Option<String>>>,
}

impl Api {
    async fn start() -> Api {
        let document = Arc::new(Mutex::new(None::<String>));
        let served = document.clone();
        let server = Server::start(move |call| {
            let document = served.lock().unwrap().clone();
            async move {
                match (call.path.as_str(), document) {
                    ("/api.json", Some(text)) => Reply::json(200, text),
                    ("/api.json", None) => Reply::json(503, "{}"),
                    _ => Reply::json(200, r#"{"a":"x"}"#),
                }
            }
        })
        .await;
        Api { server, folder: TempDir::new().unwrap(), document }
    }

    /// With an operation that takes a whole number.
    fn describing(&self, operation: &str) -> String {
        let size = json!({ "name": "size", "in": "query", "schema": { "type": "integer" } });
        let get = json!({ "operationId": operation, "parameters": [size], "responses": {} });
        json!({
            "openapi": "3.0.3",
            "info": { "title": "Things", "version": "1" },
            "servers": [{ "url": self.server.origin() }],
            "paths": { "/cut": { "get": get } },
        })
        .to_string()
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("things.json")
    }

    fn yaml(&self, document: &str, steps: &str) -> String {
        let api = format!("  - {{ name: things, openapi: {{ document: '{document}' }} }}");
        format!("servers:\n{api}\n{}", flow(steps))
    }
}

#[tokio::test]
async fn a_step_that_does_not_fit_a_document_on_disk_is_a_mistake_of_the_configuration() {
    let api = Api::start().await;
    std::fs::write(api.file(), api.describing("cut")).unwrap();
    let path = api.folder.path().join("gateway.yaml");
    let steps = "[{ id: a, call: things.cutt, reads: true }, { id: b, call: things.cut, arguments: { size: big } }]";
    let yaml = api.yaml(api.file().to_str().unwrap(), steps);
    std::fs::write(&path, format!("listen: 127.0.0.1:0\n{yaml}")).unwrap();
    let path = path.to_str().unwrap().to_owned();

    let run = |words: Vec<String>| {
        tokio::task::spawn_blocking(move || {
            toolgate(&words.iter().map(String::as_str).collect::<Vec<_>>())
        })
    };
    let checked = run(vec!["check".into(), path.clone(), "--offline".into()]).await.unwrap();
    let started = run(vec!["serve".into(), path.clone()]).await.unwrap();

    assert_eq!((checked.code, started.code), (1, 1), "{}", checked.out);
    insta::assert_snapshot!(checked.out.replace(&path, "gateway.yaml"));
    for problem in checked.out.lines() {
        assert!(started.err.contains(problem), "{problem} in\n{}", started.err);
    }
}

#[tokio::test]
async fn a_document_that_changes_while_it_is_served_is_told_of_until_it_fits_again() {
    let api = Api::start().await;
    std::fs::write(api.file(), api.describing("cut")).unwrap();
    let steps = "[{ id: a, call: things.cut, reads: true }]";
    let gateway = Gateway::serve(api.yaml(api.file().to_str().unwrap(), steps)).await;
    let client = Modern::of(&gateway);
    assert_eq!(client.call("flow_go", "{}").await.result()["structuredContent"]["status"], "done");

    // Nobody lists anything.
    std::fs::write(api.file(), api.describing("slice_it")).unwrap();
    let line = gateway.logged(MISFIT).await;
    let told = ["workflow=flow.go", "step=\"a\"", "server=\"things\"", "tool=\"cut\"", "slice_it"];
    for word in told {
        assert!(line.contains(word), "{word} in {line}");
    }
    assert_eq!(problems(&gateway).await, 1);
    let failed = client.call("flow_go", "{}").await.result();
    let text = failed["content"][0]["text"].as_str().unwrap();
    assert!(text.starts_with("step a of flow.go failed at things.cut: "), "{text}");

    std::fs::write(api.file(), api.describing("cut")).unwrap();
    gateway.logged(MENDED).await;
    until_problems(&gateway, 0).await;
}

#[tokio::test]
async fn a_document_that_arrives_later_is_no_reason_not_to_start_and_is_judged_when_it_comes() {
    let api = Api::start().await;
    let url = format!("{}/api.json", api.server.origin());
    let steps = "[{ id: a, call: things.cut, arguments: { size: big }, reads: true }]";
    let gateway = Gateway::serve(api.yaml(&url, steps)).await;
    let listed = Modern::of(&gateway).request("1", "tools/list", "{}").await.result();
    assert_eq!(names(&listed), ["flow_go"]);
    assert!(!gateway.log().contains(MISFIT), "{}", gateway.log());

    *api.document.lock().unwrap() = Some(api.describing("cut"));

    let line = gateway.logged(MISFIT).await;
    assert!(line.contains("steps[0].arguments.size"), "{line}");
    until_problems(&gateway, 1).await;
}

fn names(listed: &Value) -> Vec<&str> {
    listed["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect()
}

/// A server of tools that a test may replace.
fn far(
    tools: &Arc<Mutex<Value>>,
) -> impl Fn(Call) -> std::future::Ready<Reply> + Send + Sync + 'static {
    let tools = tools.clone();
    move |call: Call| {
        std::future::ready(match call.method() {
            "tools/list" => {
                let tools = tools.lock().unwrap();
                let list = json!({ "resultType": "complete", "tools": *tools, "ttlMs": 0, "cacheScope": "private" });
                call.result(&list.to_string())
            }
            _ => call.result(r#"{"resultType":"complete","content":[]}"#),
        })
    }
}

fn make(kind: &str) -> Value {
    let size = json!({ "size": { "type": kind } });
    json!({ "name": "make", "inputSchema": { "type": "object", "properties": size } })
}

#[tokio::test]
async fn a_server_that_changes_its_tools_is_told_of_once_until_they_fit_again() {
    let tools = Arc::new(Mutex::new(json!([make("string")])));
    for server in [modern(far(&tools)).await, legacy(far(&tools)).await] {
        *tools.lock().unwrap() = json!([make("string")]);
        let steps = "[{ id: a, call: far.make, arguments: { size: big } }]";
        let yaml = |steps| format!("servers:\n  - {}\n{}", server.entry("far", ""), flow(steps));
        let gateway = Gateway::serve(yaml(steps)).await;
        let client = Modern::of(&gateway);
        let list = async || client.request("1", "tools/list", "{}").await.result();
        list().await;
        let others = server.count("tools/list");
        let warnings = || gateway.log().matches(MISFIT).count();

        *tools.lock().unwrap() = json!([make("integer")]);
        assert_eq!(names(&list().await), ["far_make", "flow_go"]);
        let line = gateway.logged(MISFIT).await;
        let told = [
            "WARN",
            "workflow=flow.go",
            "step=\"a\"",
            "server=\"far\"",
            "tool=\"make\"",
            "use integer",
        ];
        for word in told {
            assert!(line.contains(word), "{word} in {line}");
        }
        until_problems(&gateway, 1).await;
        list().await;

        *tools.lock().unwrap() = json!([make("string")]);
        assert_eq!(names(&list().await), ["far_make", "flow_go"]);
        gateway.logged(MENDED).await;
        until_problems(&gateway, 0).await;

        assert_eq!(warnings(), 1, "{}", gateway.log());
        assert_eq!(server.count("tools/list"), others + 3, "clients alone made it list");

        // What it listed last is known to the next configuration.
        gateway.rewrite(yaml("[{ id: a, call: far.gone }]"));
        gateway.hang_up();
        gateway.logged("has no tool \\\"gone\\\" now").await;
        until_problems(&gateway, 1).await;
        assert_eq!(server.count("tools/list"), others + 3);
    }
}

#[tokio::test]
async fn of_a_server_that_is_down_nothing_is_known_and_its_workflow_is_served() {
    let far = free_port();
    let steps = "[{ id: a, call: far.make, arguments: { size: big } }]";
    let entry = format!("  - {{ name: far, upstream: 'http://127.0.0.1:{far}/mcp' }}");
    let gateway = Gateway::serve(format!("servers:\n{entry}\n{}", flow(steps))).await;
    let client = Modern::of(&gateway);

    let listed = client.request("1", "tools/list", "{}").await.result();
    let failed = client.call("flow_go", "{}").await.result();

    assert_eq!(names(&listed), ["flow_go"]);
    let text = failed["content"][0]["text"].as_str().unwrap();
    assert!(text.starts_with("step a of flow.go failed at far.make: "), "{text}");
    assert_eq!(problems(&gateway).await, 0);
    let log = gateway.whole_log().await;
    assert!(!log.contains(MISFIT), "{log}");
}
