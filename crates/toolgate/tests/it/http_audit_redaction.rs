//! Records say which rules took something out, and never what it was.

use serde_json::{Value, json};

use crate::support::{Call, Gateway, Legacy, Modern, Server, Trail, legacy, modern};

const TOKEN: &str = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
const EMAIL: &str = "ann.lee@mail.example.com";

async fn servers() -> [Server; 2] {
    let script = |call: Call| async move {
        let text = format!("use {TOKEN} or {TOKEN}, and write to {EMAIL}");
        let result = json!({
            "resultType": "complete",
            "content": [{ "type": "text", "text": text }],
            "structuredContent": { "customer": { "salary": 4711 } },
        });
        match call.method() {
            "tools/list" => call.result(r#"{"resultType":"complete","tools":[]}"#),
            _ if call.name() == "clean" => call.result(r#"{"content":[]}"#),
            _ => call.result(&result.to_string()),
        }
    };
    [legacy(script).await, modern(script).await]
}

async fn record(trail: &Trail, gateway: &Gateway, call: &str, arguments: &str) -> Value {
    Modern::of(gateway).call(call, arguments).await;
    trail.records(1).await.remove(0)
}

/// Case D1, the second half.
#[tokio::test]
async fn the_record_of_a_redacted_result_names_the_rules_and_not_what_they_found() {
    for server in servers().await {
        let trail = Trail::new();
        let rules = "screening: { redaction: [{ detect: [token] }, { detect: [email], action: drop }, \
            { paths: [/structuredContent/**/salary], action: hash }] }";
        let gateway = Gateway::serve(trail.before(&server, rules)).await;

        let record = record(&trail, &gateway, "t", "{}").await;

        assert_eq!(
            record["redacted"],
            json!({ "github-token": 2, "email": 1, "/structuredContent/**/salary": 1 })
        );
        assert_eq!((&record["outcome"], &record["decision"]), (&"ok".into(), &"allow".into()));
        assert!(record["arguments_redacted"].is_null());
        for value in [TOKEN, EMAIL, "4711"] {
            assert!(!trail.text().contains(value), "{}", trail.text());
        }
        let csv = trail.run(&["export", "--format", "csv"], 0).await;
        assert!(csv.contains("/structuredContent/**/salary=1 email=1 github-token=2"), "{csv}");
        trail.verify(0).await;
    }
}

#[tokio::test]
async fn the_record_of_a_withheld_result_names_the_rule_that_refused_it() {
    for server in servers().await {
        let trail = Trail::new();
        let rules = "screening: { redaction: [{ detect: [token], action: refuse }] }";
        let gateway = Gateway::serve(trail.before(&server, rules)).await;

        let record = record(&trail, &gateway, "t", "{}").await;

        assert_eq!(
            (&record["outcome"], &record["reason"]),
            (&"refused".into(), &"withheld".into())
        );
        assert_eq!(record["redacted"], json!({ "github-token": 2 }));
        assert!(!trail.text().contains(TOKEN));
    }
}

#[tokio::test]
async fn what_is_taken_out_of_recorded_arguments_is_told_by_rule_too() {
    for server in servers().await {
        let trail = Trail::new();
        let gateway = Gateway::serve(trail.before(&server, "")).await;
        let arguments = json!({ "note": format!("a {TOKEN}"), "plain": 1 }).to_string();

        let record = record(&trail, &gateway, "clean", &arguments).await;

        assert_eq!(record["arguments_redacted"], json!({ "github-token": 1 }));
        assert_eq!(record["arguments"]["plain"], 1);
        assert!(record["redacted"].is_null());
        assert!(!trail.text().contains(TOKEN));
        // The server still gets what the caller sent.
        assert!(server.nth("tools/call", 0).await.body.contains(TOKEN));
    }
}

/// What a server says on the way, and asks, is screened as well.
#[tokio::test]
async fn what_is_taken_out_of_messages_on_the_way_counts_for_the_call() {
    let server = legacy(|call: Call| async move {
        match call.method() {
            "tools/call" => {
                let told = json!({ "jsonrpc": "2.0", "method": "notifications/message",
                    "params": { "level": "info", "data": format!("mail {EMAIL}") } });
                call.stream(|stream| async move {
                    stream.message(&told.to_string()).await;
                    stream.result(r#"{"content":[]}"#).await;
                })
            }
            _ => call.result(r#"{"tools":[]}"#),
        }
    })
    .await;
    let trail = Trail::new();
    let rules = "screening: { redaction: [{ detect: [email] }] }";
    let gateway = Gateway::serve(trail.before(&server, rules)).await;
    let client = Legacy::open(&gateway, "2025-11-25", "{}").await;

    let said = client.call("t", "{}").await;

    assert!(said.body.contains("[redacted:email]") && !said.body.contains(EMAIL), "{}", said.body);
    let record = trail.records(2).await.remove(1);
    assert_eq!(record["redacted"], json!({ "email": 1 }));
}
