//! A running gateway gets another configuration: a good one wholly, a bad one not at all.

use std::time::Duration;

use crate::support::{Call, Gateway, Legacy, Modern, Server, legacy, modern};

const DONE: &str = r#"{"resultType":"complete","content":[{"type":"text","text":"done"}]}"#;

async fn quick() -> Server {
    modern(|call: Call| async move { call.result(DONE) }).await
}

fn one(server: &Server, name: &str) -> String {
    format!("servers: [{}]", server.entry(name, ""))
}

/// Case S7: a configuration with a mistake in it.
#[tokio::test]
async fn a_bad_file_changes_nothing_and_says_so() {
    let server = quick().await;
    let gateway = Gateway::before(&server).await;

    gateway.rewrite("servers: [{ name: up, upsteam: 'http://x' }]");

    let line = gateway.logged("the new configuration is not used").await;
    assert!(line.contains("did you mean upstream?"), "{line}");
    let answer = Modern::of(&gateway).call("tool", "{}").await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_changed_file_is_in_use_as_soon_as_it_is_seen() {
    let (before, after) = (quick().await, quick().await);
    let gateway = Gateway::before(&before).await;

    gateway.rewrite(one(&after, "other"));
    gateway.logged("the new configuration is in use").await;

    assert_eq!(Modern::of(&gateway).call("tool", "{}").await.status, 200);
    after.nth("tools/call", 0).await;
}

#[tokio::test]
async fn a_call_that_runs_ends_where_it_began() {
    let slow = modern(|call: Call| async move {
        tokio::time::sleep(Duration::from_millis(500)).await;
        call.result(DONE)
    })
    .await;
    let other = quick().await;
    let gateway = Gateway::before(&slow).await;
    let mut running = Modern::of(&gateway).begin("tool", "{}").await;
    slow.nth("tools/call", 0).await;

    gateway.rewrite(one(&other, "other"));
    gateway.logged("the new configuration is in use").await;

    assert_eq!(running.answer().await.status, 200);
}

#[tokio::test]
async fn an_older_clients_session_lives_on_with_the_unchanged_server() {
    let server = legacy(|call: Call| async move { call.result(DONE) }).await;
    let gateway = Gateway::before(&server).await;
    let client = Legacy::open(&gateway, "2025-11-25", "{}").await;
    client.call("tool", "{}").await;
    let handshakes = server.count("initialize");

    gateway.hang_up();
    gateway.logged("the new configuration is in use").await;

    assert_eq!(client.call("tool", "{}").await.status, 200);
    assert_eq!(server.count("initialize"), handshakes);
}
