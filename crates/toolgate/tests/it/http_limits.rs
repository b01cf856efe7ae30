//! Limits: how often somebody may call, and what whoever calls more often is told.

use crate::support::{Answer, Call, Gateway, Legacy, Modern, Server, modern};

async fn echoing() -> Server {
    modern(|call: Call| async move { call.result(r#"{"resultType":"complete","content":[]}"#) })
        .await
}

/// A call whose request carries one more header.
async fn call_from(gateway: &Gateway, forwarded: &str) -> Answer {
    let ask = Modern::of(gateway).ask("1", "tools/call", r#"{"name":"t","arguments":{}}"#);
    gateway.ask(&ask.header("X-Forwarded-For", forwarded)).await
}

#[tokio::test]
async fn a_call_too_many_is_a_result_that_says_when_to_come_back_and_reaches_nobody() {
    let server = echoing().await;
    let gateway = Gateway::serve(format!(
        "rate_limits: {{ caller: 2/h }}\nservers: [{}]",
        server.entry("crm", "")
    ))
    .await;
    let client = Modern::of(&gateway);
    client.call("t", "{}").await.result();
    client.call("t", "{}").await.result();

    let refused = client.call("t", "{}").await.result();

    assert_eq!(refused["isError"], true, "{refused}");
    let error = &refused["_meta"]["dev.toolgate/error"];
    assert_eq!(error["category"], "rate_limited");
    assert_eq!(error["retryable"], true);
    assert_eq!(error["sideEffect"], "none");
    assert!(error["retryAfterMs"].as_u64().unwrap() <= 1_800_000, "{error}");
    assert_eq!(server.count("tools/call"), 2);
    client.request("2", "tools/list", "{}").await.result();
}

#[tokio::test]
async fn a_session_has_a_limit_of_its_own() {
    let server = echoing().await;
    let gateway = Gateway::serve(format!(
        "rate_limits: {{ session: 1/h }}\nservers: [{}]",
        server.entry("crm", "")
    ))
    .await;
    let first = Legacy::open(&gateway, "2025-11-25", "{}").await;
    assert_eq!(first.call("t", "{}").await.result()["isError"], serde_json::Value::Null);
    assert_eq!(first.call("t", "{}").await.result()["isError"], true);

    let second = Legacy::open(&gateway, "2025-11-25", "{}").await;
    assert_eq!(second.call("t", "{}").await.result()["isError"], serde_json::Value::Null);
}

#[tokio::test]
async fn tools_have_limits_and_weights_by_the_servers_own_names() {
    let server = echoing().await;
    let other = echoing().await;
    let limits =
        ", rate_limit: { requests_per_minute: 4, tools: { find: 1/h }, cost: { export: 3 } }";
    let gateway = Gateway::serve(format!(
        "servers: [{}, {}]",
        server.entry("crm", limits),
        other.entry("other", "")
    ))
    .await;
    let client = Modern::of(&gateway);
    for (tool, refused) in [
        ("crm_find", false),
        ("crm_find", true),
        ("crm_export", false),
        ("crm_export", true),
        ("other_export", false),
    ] {
        let result = client.call(tool, "{}").await.result();
        assert_eq!(result["isError"] == true, refused, "{tool}: {result}");
    }
    assert_eq!(server.count("tools/call"), 2);
}

#[tokio::test]
async fn an_invented_address_does_not_buy_another_bucket() {
    let server = echoing().await;
    let gateway = Gateway::serve(format!(
        "rate_limits: {{ ip: 20/h }}\nservers: [{}]",
        server.entry("crm", "")
    ))
    .await;

    let mut refused = 0;
    for n in 0..200 {
        let answer = call_from(&gateway, &format!("198.51.100.{n}")).await;
        if answer.status == 429 {
            refused += 1;
            let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!(wait <= 180, "{wait}");
        }
    }

    assert_eq!(refused, 180);
    assert_eq!(gateway.ask(&crate::support::Ask::new("GET", "/health")).await.status, 200);
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_client_has_its_own() {
    let server = echoing().await;
    let gateway = Gateway::serve(format!(
        "trusted_proxies: [127.0.0.0/8]\nrate_limits: {{ ip: 1/h }}\nservers: [{}]",
        server.entry("crm", "")
    ))
    .await;

    assert_eq!(call_from(&gateway, "198.51.100.1").await.status, 200);
    assert_eq!(call_from(&gateway, "198.51.100.2").await.status, 200);
    assert_eq!(call_from(&gateway, "6.6.6.6, 198.51.100.1").await.status, 429);
    assert_eq!(call_from(&gateway, "2001:db8:1:2::3").await.status, 200);
    assert_eq!(call_from(&gateway, "2001:db8:1:2:ffff::4").await.status, 429);
}
