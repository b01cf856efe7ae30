//! What operators' probes are told: `/ready` of the servers that must be there, `/health` of the
//! gateway alone.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Ask, Call, Gateway, Modern, Script, Server, free_port, legacy, modern};

const DISCOVERED: &str = r#"{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"ttlMs":60000,"cacheScope":"public"}"#;
const DONE: &str = r#"{"resultType":"complete","content":[{"type":"text","text":"done"}]}"#;

async fn ready(gateway: &Gateway) -> (u16, Value) {
    let answer = gateway.ask(&Ask::new("GET", "/ready")).await;
    gateway.is_well().await;
    (answer.status, answer.json())
}

fn unready(names: &[&str]) -> (u16, Value) {
    (503, json!({ "status": "unready", "servers": names }))
}

fn all_well() -> (u16, Value) {
    (200, json!({ "status": "ready" }))
}

fn at(name: &str, port: u16, more: &str) -> String {
    format!("{{name: {name}, upstream: \"http://127.0.0.1:{port}/mcp\"{more}}}")
}

#[tokio::test]
async fn a_required_server_that_is_down_is_named_until_it_is_back() {
    let steady = modern(|call: Call| async move { call.result(DONE) }).await;
    let (needed, spare) = (free_port(), free_port());
    let entries = [
        steady.entry("steady", ", required: true"),
        at("needed", needed, ", required: true"),
        at("spare", spare, ""),
    ];
    let gateway = Gateway::serve(format!("servers: [{}]", entries.join(","))).await;

    assert_eq!(ready(&gateway).await, unready(&["needed"]));
    // A failed call changes nothing about it, and is not in the way of its return.
    Modern::of(&gateway).call("needed_t", "{}").await;
    assert_eq!(ready(&gateway).await, unready(&["needed"]));

    let _back = Server::at(needed, |call: Call| async move { call.result(DISCOVERED) }).await;
    assert_eq!(ready(&gateway).await, all_well());
}

#[tokio::test]
async fn an_older_server_is_ready_as_well() {
    let server = legacy(|call: Call| async move { call.result("{}") }).await;
    let entry = server.entry("old", ", required: true");
    let gateway = Gateway::serve(format!("servers: [{entry}]")).await;

    assert_eq!(ready(&gateway).await, all_well());
    assert_eq!(server.count("initialize"), 0, "a probe opens no session");
}

#[tokio::test]
async fn a_child_that_nobody_needed_yet_is_not_started_for_it() {
    let folder = tempfile::TempDir::new().unwrap();
    let trace = folder.path().join("started");
    let script = Script::legacy(&format!(
        "open({trace:?}, 'w').close()\ndef on(m):\n    if 'id' in m: text(m, 'done')"
    ));
    let entry = script.entry("child", ", required: true");
    let gateway = Gateway::serve(format!("servers: [{entry}]")).await;

    assert_eq!(ready(&gateway).await, all_well());
    assert!(!trace.exists());

    Modern::of(&gateway).call("t", "{}").await.result();
    assert!(trace.exists());
    assert_eq!(ready(&gateway).await, all_well());
}

#[tokio::test]
async fn a_required_child_that_does_not_start_is_named() {
    let quits = Script::plain("raise SystemExit(7)");
    let entry = quits.entry("child", ", required: true");
    let gateway = Gateway::serve(format!("servers: [{entry}]")).await;
    assert_eq!(ready(&gateway).await, all_well());

    Modern::of(&gateway).call("t", "{}").await;

    assert_eq!(ready(&gateway).await, unready(&["child"]));
}

#[tokio::test]
async fn servers_that_hang_are_waited_for_together_and_not_for_long() {
    let hanging = || Server::start(|_| std::future::pending());
    let (one, two) = (hanging().await, hanging().await);
    let entries =
        [one.entry("one", ", required: true"), two.entry("two", ", required: true")].join(",");
    let gateway = Gateway::serve(format!("servers: [{entries}]")).await;

    let start = Instant::now();
    let found = ready(&gateway).await;

    assert_eq!(found, unready(&["one", "two"]));
    assert!(start.elapsed() < Duration::from_millis(9900), "{:?}", start.elapsed());
}
