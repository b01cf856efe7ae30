//! A modern server on stdio: one channel for many clients, each with its own ids.

use serde_json::{Value, json};

use crate::support::{Gateway, Legacy, Modern, Script, soon};

const CHILD: &str = r#"
import json, sys
def send(m): sys.stdout.write(json.dumps(m) + "\n"); sys.stdout.flush()
def note(method, params): send({"jsonrpc": "2.0", "method": "notifications/" + method, "params": params})
STAMP = "io.modelcontextprotocol/subscriptionId"
cancelled, listening, pending = [], {}, None
for line in sys.stdin:
    m = json.loads(line)
    method, p = m.get("method"), m.get("params", {})
    def done(value): send({"jsonrpc": "2.0", "id": m["id"], "result": dict(value, resultType="complete")})
    if method == "server/discover":
        done({"supportedVersions": ["2026-07-28"], "ttlMs": 0, "cacheScope": "private",
              "capabilities": {"tools": {"listChanged": True}, "resources": {"subscribe": True}}})
    elif method == "subscriptions/listen":
        listening[m["id"]] = p["notifications"]
        note("subscriptions/acknowledged", {"notifications": p["notifications"], "_meta": {STAMP: m["id"]}})
    elif method == "notifications/cancelled":
        cancelled.append(p["requestId"]); listening.pop(p["requestId"], None)
    elif method == "tools/call":
        name, meta = p["name"], p["_meta"]
        if name == "never": pending = m["id"]
        elif name == "cancelled":
            done({"content": [], "structuredContent": {"cancelled": cancelled, "pending": pending, "listening": len(listening)}})
        elif name == "change":
            for id, wanted in listening.items():
                for uri in wanted.get("resourceSubscriptions", []):
                    note("resources/updated", {"uri": uri, "_meta": {STAMP: id}})
            done({"content": []})
        elif name == "ask" and "inputResponses" not in p:
            send({"jsonrpc": "2.0", "id": m["id"], "result": {"resultType": "input_required",
                  "inputRequests": {"k": {"method": "roots/list", "params": {}}}}})
        else:
            if "progressToken" in meta:
                note("progress", {"progressToken": meta["progressToken"], "progress": 1})
            done({"content": [], "structuredContent": {"got": p.get("arguments"), "heard": p.get("inputResponses")}})
    elif "id" in m: send({"jsonrpc": "2.0", "id": m["id"], "error": {"code": -32601, "message": "what?"}})
"#;

async fn with_child() -> (Gateway, Script) {
    let script = Script::plain(CHILD);
    let gateway = Gateway::serve(format!("servers: [{}]", script.entry("up", ""))).await;
    (gateway, script)
}

#[tokio::test]
async fn many_clients_with_the_same_ids_share_a_modern_child() {
    let (gateway, _script) = with_child().await;
    let client = Modern::of(&gateway).meta(r#""progressToken":"p""#);

    let calls = (0..10).map(|who| {
        let client = client.clone();
        tokio::spawn(async move { client.call("t", &format!(r#"{{"who":{who}}}"#)).await })
    });
    for (who, call) in calls.collect::<Vec<_>>().into_iter().enumerate() {
        let messages = call.await.unwrap().messages();
        assert_eq!(messages.len(), 2, "{messages:?}");
        assert_eq!(messages[0]["params"]["progressToken"], "p");
        assert_eq!(messages[1]["id"], 1);
        assert_eq!(messages[1]["result"]["structuredContent"]["got"], json!({"who": who}));
    }
    let unknown = client.request("1", "vendor/x", "{}").await;
    assert_eq!((unknown.status, unknown.code()), (404, -32601));
}

/// What the child knows of what is going on, once it knows enough.
async fn noted(client: &Modern, enough: impl Fn(&Value) -> bool) -> Value {
    let asking = async {
        loop {
            let noted = client.call("cancelled", "{}").await.result()["structuredContent"].clone();
            if enough(&noted) {
                return noted;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    soon("the child's word of it", asking).await
}

#[tokio::test]
async fn a_client_that_leaves_cancels_its_call_at_a_modern_child() {
    let (gateway, _script) = with_child().await;
    let client = Modern::of(&gateway);
    let wire = client.begin("never", "{}").await;
    noted(&client, |noted| !noted["pending"].is_null()).await;

    drop(wire);

    let noted = noted(&client, |noted| noted["cancelled"] != json!([])).await;
    assert_eq!(noted["cancelled"], json!([noted["pending"]]));
}

#[tokio::test]
async fn listeners_of_a_modern_child_hear_their_own_under_their_own_ids() {
    let (gateway, _script) = with_child().await;
    let client = Modern::of(&gateway);
    let mut wires = Vec::new();
    for uri in ["file:///a", "file:///b"] {
        let filter = format!(r#"{{"notifications":{{"resourceSubscriptions":["{uri}"]}}}}"#);
        let mut wire = client.send(&client.ask(r#""same""#, "subscriptions/listen", &filter)).await;
        wire.head().await.unwrap();
        let acknowledged = wire.message().await;
        assert_eq!(acknowledged["params"]["notifications"]["resourceSubscriptions"], json!([uri]));
        wires.push((uri, wire));
    }

    client.call("change", "{}").await.result();

    for (uri, wire) in &mut wires {
        let updated = wire.message().await;
        assert_eq!(updated["params"]["uri"], *uri);
        assert_eq!(updated["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], "same");
    }
    drop(wires);
    noted(&client, |noted| noted["listening"] == 0).await;
}

#[tokio::test]
async fn an_older_client_is_asked_what_a_modern_child_wants_to_know() {
    let (gateway, _script) = with_child().await;
    let client = Legacy::open(&gateway, "2025-06-18", r#"{"roots":{}}"#).await;

    let mut wire = client.begin("ask", "{}").await;
    wire.head().await.unwrap();
    let question = wire.message().await;
    assert_eq!(question["method"], "roots/list");
    client.reply(&question, r#""result":{"roots":[]}"#).await;

    let end = wire.message().await;
    assert_eq!(end["result"]["structuredContent"]["heard"], json!({"k": {"roots": []}}));
}
