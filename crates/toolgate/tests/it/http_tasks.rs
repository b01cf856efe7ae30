//! Tasks: relayed in the form that both sides know, and shown in the newer form to clients that
//! know only that one.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::support::{Call, Gateway, Legacy, Modern, Reply, Server, legacy_with, modern_with};

const OLD: &str = r#"{"tools":{"listChanged":true},"tasks":{"list":{},"cancel":{},"requests":{"tools":{"call":{}}}}}"#;
const NEW: &str = r#"{"tools":{},"extensions":{"io.modelcontextprotocol/tasks":{}}}"#;
const ABLE: &str = r#"{"elicitation":{},"extensions":{"io.modelcontextprotocol/tasks":{}}}"#;
const RELATED: &str = r#""_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t-1"}}"#;

fn state(status: &str) -> String {
    format!(
        r#""taskId":"t-1","status":"{status}","createdAt":"A","lastUpdatedAt":"B","ttl":60000,"pollInterval":50"#
    )
}

/// A 2025-11-25 server whose only tool needs a task, which asks for a name.
async fn asking() -> Server {
    let answered = std::sync::Arc::new(AtomicBool::new(false));
    legacy_with("2025-11-25", OLD, move |call: Call| {
        let answered = answered.clone();
        async move { answer(&call, answered) }
    })
    .await
}

fn answer(call: &Call, answered: std::sync::Arc<AtomicBool>) -> Reply {
    let is_answered = answered.load(Ordering::SeqCst);
    match call.method() {
        "tools/list" => call.result(
            r#"{"tools":[{"name":"job","inputSchema":{},"execution":{"taskSupport":"required"}}]}"#,
        ),
        "tools/call" if call.json["params"]["task"].is_object() => {
            call.result(&format!(r#"{{"task":{{{}}}}}"#, state("working")))
        }
        "tasks/get" => {
            let status = if is_answered { "completed" } else { "input_required" };
            call.result(&format!("{{{}}}", state(status)))
        }
        "tasks/result" if is_answered => call.result(&format!(r#"{{"content":[],{RELATED}}}"#)),
        "tasks/result" => {
            let asked = call.clone();
            call.stream(|stream| async move {
                let params = format!(r#"{{"message":"Name?","requestedSchema":{{}},{RELATED}}}"#);
                stream.question("name", "elicitation/create", &params).await;
                asked.answer_to("name").await;
                answered.store(true, Ordering::SeqCst);
                stream.result(&format!(r#"{{"content":[],{RELATED}}}"#)).await;
            })
        }
        _ => call.error(200, r#"{"code":-32601,"message":"only as a task"}"#),
    }
}

#[tokio::test]
async fn a_modern_client_follows_the_task_of_an_older_server() {
    let server = asking().await;
    let gateway = Gateway::before(&server).await;
    let client = Modern::of(&gateway).able(ABLE);

    let created = client.call("job", "{}").await.result();
    let id = created["taskId"].clone();
    let about = json!({ "taskId": id }).to_string();
    let waiting = client.request("2", "tasks/get", &about).await.result();

    assert_eq!((&created["resultType"], &created["ttlMs"]), (&json!("task"), &json!(60000)));
    assert_eq!(waiting["status"], "input_required", "{waiting}");
    let (key, question) = waiting["inputRequests"].as_object().unwrap().iter().next().unwrap();
    assert_eq!(question["params"]["message"], "Name?");

    let given = json!({ "action": "accept", "content": { "name": "Ada" } });
    let update = json!({ "taskId": id, "inputResponses": { key: given } }).to_string();
    let acknowledged = client.request("3", "tasks/update", &update).await.result();
    let heard = server.seen("response").await.json;
    let ended = loop {
        let state = client.request("4", "tasks/get", &about).await.result();
        if state["status"] == "completed" {
            break state;
        }
    };

    assert_eq!(acknowledged, json!({ "resultType": "complete" }));
    assert_eq!(heard["result"], given);
    assert_eq!(ended["result"], json!({ "content": [], "_meta": {} }));
}

#[tokio::test]
async fn a_listener_is_not_promised_what_an_older_server_need_not_tell() {
    let (server, other) = (asking().await, asking().await);
    for (entries, tool) in [
        (server.entry("up", ""), "job"),
        ([server.entry("up", ""), other.entry("other", "")].join(","), "up_job"),
    ] {
        let gateway = Gateway::serve(format!("servers: [{entries}]")).await;
        let client = Modern::of(&gateway).able(ABLE);
        let id = client.call(tool, "{}").await.result()["taskId"].clone();

        let filter = json!({ "notifications": { "toolsListChanged": true, "taskIds": [id] } });
        let listen = client.ask("2", "subscriptions/listen", &filter.to_string());
        let mut wire = client.send(&listen).await;
        assert_eq!(wire.head().await.unwrap().status, 200);
        let acknowledged = wire.message().await;
        for (method, params) in [
            ("tasks/status", format!("{{{}}}", state("input_required"))),
            ("tools/list_changed", "{}".to_owned()),
        ] {
            let method = format!("notifications/{method}");
            server
                .announce(&format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#))
                .await;
        }

        // Neither acknowledged nor told: the client goes on looking, as it has to anyway.
        let granted = &acknowledged["params"]["notifications"];
        assert_eq!(*granted, json!({ "toolsListChanged": true }));
        assert_eq!(wire.message().await["method"], "notifications/tools/list_changed");
        let about = json!({ "taskId": id }).to_string();
        let found = client.request("3", "tasks/get", &about).await.result();
        assert_eq!(found["status"], "input_required");
    }
}

#[tokio::test]
async fn a_modern_client_without_the_extension_is_asked_and_gets_the_result_itself() {
    let server = asking().await;
    let gateway = Gateway::before(&server).await;
    let client = Modern::of(&gateway).able(r#"{"elicitation":{}}"#);

    let round = client.call("job", "{}").await.result();
    let (key, _) = round["inputRequests"].as_object().unwrap().iter().next().unwrap();
    let answers = json!({ key: { "action": "decline" } }).to_string();
    let ended = client.retry("job", "{}", &round["requestState"], &answers).await.result();

    assert_eq!(round["resultType"], "input_required");
    assert_eq!(ended["resultType"], "complete", "{ended}");
    assert_eq!(ended["content"], json!([]));
}

#[tokio::test]
async fn an_older_client_follows_its_task_and_nobody_else_hears_of_it() {
    let server = asking().await;
    let gateway = Gateway::before(&server).await;
    let able = r#"{"elicitation":{}}"#;
    let ada = Legacy::open(&gateway, "2025-11-25", able).await;
    let eve = Legacy::open(&gateway, "2025-11-25", able).await;
    let (mut own, mut others) = (ada.listen(None).await, eve.listen(None).await);
    own.head().await.unwrap();
    others.head().await.unwrap();

    let created = ada.request("1", "tools/call", r#"{"name":"job","task":{}}"#).await.result();
    let about = r#"{"taskId":"t-1"}"#;
    let mut result = ada.send(&ada.ask("2", "tasks/result", about)).await;
    result.head().await.unwrap();
    let question = result.message().await;
    ada.reply(&question, r#""result":{"action":"decline"}"#).await;
    let ended = result.message().await;
    for (method, params) in [
        ("tasks/status", format!("{{{}}}", state("completed"))),
        ("tools/list_changed", "{}".to_owned()),
    ] {
        server
            .announce(&format!(
                r#"{{"jsonrpc":"2.0","method":"notifications/{method}","params":{params}}}"#
            ))
            .await;
    }

    assert_eq!(created["task"]["taskId"], "t-1");
    assert_eq!(question["method"], "elicitation/create");
    assert_eq!(ended["result"]["content"], json!([]));
    assert_eq!(own.message().await["method"], "notifications/tasks/status");
    assert_eq!(own.message().await["method"], "notifications/tools/list_changed");
    assert_eq!(others.message().await["method"], "notifications/tools/list_changed");
}

#[tokio::test]
async fn among_several_modern_servers_the_id_leads_back_and_the_header_says_so() {
    let script = |call: Call| async move {
        match call.method() {
            "tools/call" => call.result(r#"{"resultType":"task","taskId":"t 1","status":"working","createdAt":"A","lastUpdatedAt":"B","ttlMs":null}"#),
            _ => call.result(r#"{"resultType":"complete","taskId":"t 1","status":"completed","result":{"content":[{"type":"resource_link","uri":"file:///a","name":"a"}]}}"#),
        }
    };
    let (one, two) = (modern_with(NEW, script).await, modern_with(NEW, script).await);
    let entries = [one.entry("one", ""), two.entry("two", "")].join(",");
    let gateway = Gateway::serve(format!("servers: [{entries}]")).await;
    let client = Modern::of(&gateway).able(ABLE);

    let id = client.call("two_job", "{}").await.result()["taskId"].clone();
    let about = json!({ "taskId": id }).to_string();
    let found: Value = client.request("2", "tasks/get", &about).await.result();
    let heard = two.seen("tasks/get").await;

    assert_eq!(found["taskId"], id);
    assert_eq!(found["result"]["content"][0]["uri"], "two+file:///a");
    assert_eq!(heard.json["params"]["taskId"], "t 1");
    assert_eq!(heard.header("mcp-name"), Some("t 1"));
}
