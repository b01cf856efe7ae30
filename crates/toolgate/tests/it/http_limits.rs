//! Limits: how often somebody may call, and what whoever calls more often is told.

use crate::support::{Answer, Gateway, Legacy, Modern, Reply, Server, modern, quick};

async fn echoing() -> Server {
    quick().await
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
async fn whoever_is_refused_again_and_again_fills_no_log() {
    let server = echoing().await;
    let gateway = Gateway::serve(format!(
        "rate_limits: {{ caller: 1/h }}\nservers: [{}]",
        server.entry("crm", "")
    ))
    .await;
    let client = Modern::of(&gateway);
    client.call("t", "{}").await.result();

    for _ in 0..20 {
        assert_eq!(client.call("t", "{}").await.result()["isError"], true);
    }

    let log = gateway.whole_log().await;
    assert!(!log.contains("tool=t"), "{log}");
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

/// Case Q1: a forwarded address of no trusted proxy counts for nothing.
#[tokio::test]
async fn an_invented_address_does_not_buy_another_bucket() {
    let server = echoing().await;
    let gateway = Gateway::serve(format!(
        "rate_limits: {{ ip: 20/h }}\nservers: [{}]",
        server.entry("crm", "")
    ))
    .await;

    let mut refused = 0;
    for n in 0..1000 {
        let address = format!("198.51.{}.{}", n / 250, n % 250);
        let answer = call_from(&gateway, &address).await;
        if answer.status == 429 {
            refused += 1;
            let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!(wait <= 180, "{wait}");
        }
    }

    assert_eq!(refused, 980);
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

/// One caller's two calls, with a limit of one an hour: what the heads of the answers say.
fn assert_told(first: &Answer, second: &Answer) {
    assert_eq!(first.status, 200);
    assert_eq!(first.header("ratelimit-policy"), Some(r#""caller";q=1;w=3600"#));
    assert_eq!(first.header("ratelimit"), Some(r#""caller";r=0;t=3600"#));
    assert_eq!(first.header("retry-after"), None);
    assert_eq!(second.result()["isError"], true);
    let wait: u64 = second.header("retry-after").unwrap().parse().unwrap();
    assert!((3500..=3600).contains(&wait), "{wait}");
    assert_eq!(second.header("ratelimit"), Some(&*format!(r#""caller";r=0;t={wait}"#)));
    for answer in [first, second] {
        assert!(!answer.headers.iter().any(|(name, _)| name.starts_with("x-ratelimit")));
    }
}

#[tokio::test]
async fn the_head_of_an_answer_says_what_is_left() {
    let server = echoing().await;
    let limits = "rate_limits: { caller: 1/h }";
    let serve = || Gateway::serve(format!("{limits}\nservers: [{}]", server.entry("crm", "")));
    let gateway = serve().await;
    let client = Modern::of(&gateway);
    assert_told(&client.call("t", "{}").await, &client.call("t", "{}").await);

    let gateway = serve().await;
    let client = Legacy::open(&gateway, "2025-11-25", "{}").await;
    assert_told(&client.call("t", "{}").await, &client.call("t", "{}").await);
    // What is not limited says nothing of limits.
    assert_eq!(client.request("2", "tools/list", "{}").await.header("ratelimit"), None);
}

#[tokio::test]
async fn how_busy_a_server_is_by_others_is_not_told() {
    let server = echoing().await;
    let entry = server.entry("crm", ", rate_limit: { requests_per_minute: 1, tools: { t: 9/m } }");
    let gateway = Gateway::serve(format!("servers: [{entry}]")).await;
    let client = Modern::of(&gateway);

    assert_eq!(client.call("t", "{}").await.header("ratelimit"), Some(r#""tool";r=8;t=7"#));
    let refused = client.call("t", "{}").await;

    assert_eq!(refused.result()["isError"], true);
    assert!(refused.header("retry-after").is_some());
    assert!(!refused.header("ratelimit-policy").unwrap().contains("server"));
}

#[tokio::test]
async fn a_refused_call_has_status_429_where_that_is_wanted() {
    let server = echoing().await;
    let limits = "rate_limits: { caller: 1/h, http_429: true }";
    let gateway = Gateway::serve(format!("{limits}\nservers: [{}]", server.entry("crm", ""))).await;
    let (modern, old) = (Modern::of(&gateway), Legacy::open(&gateway, "2025-11-25", "{}").await);
    assert_eq!(modern.call("t", "{}").await.status, 200);

    for refused in [modern.call("t", "{}").await, old.call("t", "{}").await] {
        assert_eq!(refused.status, 429);
        assert!(refused.header("retry-after").is_some());
        assert_eq!(refused.result()["isError"], true);
    }
}

#[tokio::test]
async fn a_session_and_tool_have_a_limit_together() {
    let server = echoing().await;
    let entry = server.entry("crm", ", rate_limit: { session_tools: { find: 1/h } }");
    let gateway = Gateway::serve(format!("servers: [{entry}]")).await;
    for _ in 0..2 {
        let session = Legacy::open(&gateway, "2025-11-25", "{}").await;
        assert_eq!(session.call("find", "{}").await.result()["isError"], serde_json::Value::Null);
        assert_eq!(session.call("find", "{}").await.result()["isError"], true);
        assert_eq!(session.call("other", "{}").await.result()["isError"], serde_json::Value::Null);
    }
    // A client without sessions is limited by who calls.
    let modern = Modern::of(&gateway);
    assert_eq!(modern.call("find", "{}").await.result()["isError"], serde_json::Value::Null);
    assert_eq!(modern.call("find", "{}").await.result()["isError"], true);
}

#[tokio::test]
async fn a_limit_can_come_from_the_environment() {
    let server = echoing().await;
    let yaml = format!(
        "rate_limits: {{ ip: \"${{file:rpm}}/m\" }}\nservers: [{}]",
        server.entry("crm", "")
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rpm");
    std::fs::write(&path, "1").unwrap();
    let gateway =
        Gateway::serve(yaml.replace("${file:rpm}", &format!("${{file:{}}}", path.display()))).await;

    assert_eq!(call_from(&gateway, "198.51.100.1").await.status, 200);
    assert_eq!(call_from(&gateway, "198.51.100.1").await.status, 429);
}

/// Case Q4: the gateway adds nothing to a storm of retries.
#[tokio::test]
async fn a_call_that_a_busy_server_refuses_is_not_sent_again() {
    let server =
        modern(|_| async { Reply::text(503, "text/plain", "busy").header("retry-after", "1") })
            .await;
    let gateway = Gateway::before(&server).await;
    let client = Modern::of(&gateway);
    for calls in 1..=3 {
        let failed = client.call("t", "{}").await.result();
        assert_eq!(failed["isError"], true, "{failed}");
        assert_eq!(server.count("tools/call"), calls);
    }
    let old = Legacy::open(&gateway, "2025-11-25", "{}").await;
    assert_eq!(old.call("t", "{}").await.result()["isError"], true);
    assert_eq!(server.count("tools/call"), 4);
}
