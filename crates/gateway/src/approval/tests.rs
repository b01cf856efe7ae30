//! Consent and limits: which of them a refusal costs.

use serde_json::{Value, json};
use toolgate_protocol::version::Version;

use super::*;
use crate::testing::{Fake, Said, client, gateway, request, told};

const RULES: &str = r#"rate_limits: { concurrent: 1 }
policy:
  default: allow
  policies: ['@approve("for good?") permit (principal, action, resource == Tool::"crm/delete");']"#;

async fn call(gateway: &Arc<Gateway>, params: Value) -> Result<Value, Fault> {
    let client = client(Version::V2026_07_28, &json!({ "elicitation": {} }));
    told(gateway.call_modern(request(&client, "tools/call", params)).await).await
}

#[tokio::test]
async fn a_call_that_a_limit_refuses_keeps_its_consent() {
    let fake = Fake::new(Version::V2026_07_28, &json!({ "tools": {} }))
        .on("tools/list", |_| {
            Said::Result(json!({ "tools": [{ "name": "wait" }, { "name": "delete" }] }))
        })
        .on("tools/call", |params| match params["name"].as_str() {
            Some("wait") => Said::Silence,
            _ => Said::Result(json!({ "resultType": "complete", "content": [] })),
        });
    let fake = Arc::new(fake);
    let gateway = gateway(&[("crm", fake.clone())], RULES);
    let asked = call(&gateway, json!({ "name": "delete" })).await.unwrap();
    let agreed = json!({ "name": "delete", "requestState": asked["result"]["requestState"],
        "inputResponses": { QUESTION: { "action": "accept", "content": { "approve": true } } } });
    let busy = tokio::spawn({
        let gateway = gateway.clone();
        async move { call(&gateway, json!({ "name": "wait" })).await }
    });
    while !fake.methods().contains(&"tools/call".to_owned()) {
        tokio::task::yield_now().await;
    }

    let refused = call(&gateway, agreed.clone()).await.unwrap_err();
    assert_eq!(refused.reason, Reason::Overloaded);
    busy.abort();
    let _ = busy.await;
    // The same call, with what the client has or without it; and once.
    let done = call(&gateway, json!({ "name": "delete" })).await.unwrap();
    assert_eq!(done["result"]["content"], json!([]));

    for params in [agreed, json!({ "name": "delete" })] {
        let again = call(&gateway, params).await.unwrap();
        assert_eq!(again["result"]["resultType"], "input_required");
    }
    let calls = fake.heard();
    let deleted = calls.iter().filter(|call| call["params"]["name"] == "delete").count();
    assert_eq!(deleted, 1);
}
