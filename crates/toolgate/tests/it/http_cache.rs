//! Answers that were given before, through the binary: to clients of both eras, with records and
//! counts that say so.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::support::{Ask, Call, Gateway, Legacy, Modern, Server, Trail, modern};

const TOOLS: &str = r#"{"resultType":"complete","ttlMs":0,"cacheScope":"private","tools":[
    {"name":"get_price","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":true}},
    {"name":"set_price","inputSchema":{"type":"object"}}]}"#;

/// A shop whose price is what was set last.
async fn shop() -> Server {
    let price = Arc::new(AtomicU64::new(10));
    modern(move |call: Call| {
        let price = price.clone();
        async move {
            if call.method() == "tools/list" {
                return call.result(TOOLS);
            }
            if call.name() == "set_price" {
                price.fetch_add(1, Ordering::Relaxed);
            }
            let text = price.load(Ordering::Relaxed);
            call.result(&format!(
                r#"{{"resultType":"complete","content":[{{"type":"text","text":"{text}"}}]}}"#
            ))
        }
    })
    .await
}

#[tokio::test]
async fn what_was_asked_before_is_answered_without_the_server_until_somebody_writes() {
    let server = shop().await;
    let entry = server.entry("shop", ", cache: { tools: ['get_*'] }");
    let gateway = Gateway::serve(format!("servers: [{entry}]")).await;
    let client = Modern::of(&gateway);
    client.request("1", "tools/list", "{}").await.result();

    let first = client.call("get_price", r#"{"of":"tea"}"#).await.result();
    let second = client.call("get_price", r#"{"of":"tea"}"#).await.result();

    assert_eq!(first["content"], second["content"]);
    assert_eq!(first["_meta"]["dev.toolgate/cached"], serde_json::Value::Null);
    assert!(second["_meta"]["dev.toolgate/cached"]["ageMs"].is_u64(), "{second}");
    assert_eq!(server.count("tools/call"), 1);

    client.call("set_price", "{}").await.result();
    let third = client.call("get_price", r#"{"of":"tea"}"#).await.result();
    assert_eq!(third["content"][0]["text"], "11", "whoever writes reads it");

    // A client of the other era asks in another form.
    let legacy = Legacy::open(&gateway, "2025-11-25", "{}").await;
    for expected in [false, true] {
        let result = legacy.call("get_price", r#"{"of":"tea"}"#).await.result();
        assert_eq!(result["content"][0]["text"], "11");
        assert_eq!(result["_meta"]["dev.toolgate/cached"].is_object(), expected);
        assert_eq!(result["resultType"], serde_json::Value::Null, "nothing of the newer form");
    }
    assert_eq!(server.count("tools/call"), 4);
    let metrics = gateway.ask(&Ask::new("GET", "/metrics")).await.body;
    assert!(metrics.contains(r#"toolgate_cache_hits_total{server="shop"} 2"#), "{metrics}");
    assert!(metrics.contains(r#"toolgate_cache_misses_total{server="shop"} 3"#), "{metrics}");
}

#[tokio::test]
async fn the_record_of_a_kept_answer_says_that_no_server_was_asked() {
    let (server, trail) = (shop().await, Trail::new());
    let gateway = Gateway::serve(format!(
        "audit: {{ file: {{ path: '{}' }} }}\nservers: [{}]",
        trail.path().display(),
        server.entry("shop", ", cache: { tools: [get_price] }")
    ))
    .await;
    let client = Modern::of(&gateway);
    client.call("get_price", "{}").await.result();
    client.call("get_price", "{}").await.result();

    let records = trail.records(2).await;

    let asked: Vec<_> =
        records.iter().map(|it| (it["outcome"].as_str(), it["attempts"].as_u64())).collect();
    assert_eq!(asked, [(Some("ok"), Some(1)), (Some("ok"), Some(0))], "{records:?}");
}
