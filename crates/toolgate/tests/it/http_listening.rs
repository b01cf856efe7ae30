//! Many who listen, and what they cost: connections to servers, and room in the gateway.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::support::{Call, Gateway, Legacy, Modern, Server, Wire, legacy, modern, soon};

const TOOLS: &str = r#"{"notifications":{"toolsListChanged":true}}"#;
const CHANGED: &str = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;

/// A modern server that grants all that is asked of it, and counts who listens now.
pub async fn announcing(open: Arc<AtomicUsize>) -> Server {
    modern(move |call: Call| {
        let open = open.clone();
        async move {
            if call.method() != "subscriptions/listen" {
                return call.result(r#"{"resultType":"complete","content":[]}"#);
            }
            let wanted = call.json["params"]["notifications"].clone();
            let mut said = call.listen();
            call.stream(|stream| async move {
                open.fetch_add(1, Ordering::SeqCst);
                let granted = format!(
                    r#"{{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{{"notifications":{wanted}}}}}"#
                );
                stream.message(&granted).await;
                loop {
                    tokio::select! {
                        said = said.recv() => drop(stream.message(&said.unwrap()).await),
                        () = stream.closed() => break,
                    }
                }
                open.fetch_sub(1, Ordering::SeqCst);
            })
        }
    })
    .await
}

/// What a modern client that listens is granted, and the stream.
pub async fn listen(client: &Modern, filter: &str) -> (Wire, Value) {
    let mut wire = client.send(&client.ask("1", "subscriptions/listen", filter)).await;
    assert_eq!(wire.head().await.unwrap().status, 200);
    let granted = wire.message().await;
    (wire, granted["params"]["notifications"].clone())
}

/// What a listener hears, once it listens: an older client's stream is open a little earlier.
async fn heard(server: &Server, wire: &mut Wire) -> Value {
    let hearing = async {
        loop {
            server.announce(CHANGED).await;
            let patience = std::time::Duration::from_millis(200);
            if let Ok(message) = tokio::time::timeout(patience, wire.message()).await {
                return message;
            }
        }
    };
    soon("the change", hearing).await
}

/// Waits until so many listen at the server.
async fn until(open: &AtomicUsize, count: usize) {
    let waiting = async {
        while open.load(Ordering::SeqCst) != count {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    soon(&format!("{count} listens at the server"), waiting).await;
}

#[tokio::test]
async fn fifty_listeners_of_both_eras_hold_one_connection_to_a_modern_server() {
    let open = Arc::new(AtomicUsize::new(0));
    let server = announcing(open.clone()).await;
    let gateway = Gateway::before(&server).await;
    let client = Modern::of(&gateway);
    let (mut wires, mut sessions) = (Vec::new(), Vec::new());
    for _ in 0..25 {
        wires.push(listen(&client, TOOLS).await.0);
        let old = Legacy::open(&gateway, "2025-06-18", "{}").await;
        let mut own = old.listen(None).await;
        own.head().await.unwrap();
        wires.push(own);
        sessions.push(old);
    }
    // The older clients ask for more than the first modern one did: one change of the listen.
    until(&open, 1).await;
    assert!(server.count("subscriptions/listen") <= 3, "{}", server.count("subscriptions/listen"));

    for wire in &mut wires {
        assert_eq!(heard(&server, wire).await["method"], "notifications/tools/list_changed");
    }
    assert_eq!(open.load(Ordering::SeqCst), 1);

    drop(wires);
    for session in sessions {
        session.end().await;
    }
    until(&open, 0).await;
}

#[tokio::test]
async fn each_listener_is_granted_and_told_its_own_part() {
    let open = Arc::new(AtomicUsize::new(0));
    let server = announcing(open.clone()).await;
    let gateway = Gateway::before(&server).await;
    let client = Modern::of(&gateway);
    let only = |uri: &str| format!(r#"{{"notifications":{{"resourceSubscriptions":["{uri}"]}}}}"#);

    let (mut a, granted_a) = listen(&client, &only("file:///a")).await;
    let (mut b, granted_b) = listen(&client, &only("file:///b")).await;

    assert_eq!(granted_a["resourceSubscriptions"], serde_json::json!(["file:///a"]));
    assert_eq!(granted_b["resourceSubscriptions"], serde_json::json!(["file:///b"]));
    until(&open, 1).await;
    for uri in ["file:///b", "file:///a"] {
        let updated = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{{"uri":"{uri}"}}}}"#
        );
        server.announce(&updated).await;
    }
    assert_eq!(a.message().await["params"]["uri"], "file:///a");
    assert_eq!(b.message().await["params"]["uri"], "file:///b");
}

#[tokio::test]
async fn a_flood_of_listens_is_refused_while_calls_go_on() {
    let server = announcing(Arc::default()).await;
    let entry = server.entry("up", "");
    let gateway = Gateway::serve(format!("servers: [{entry}]\nlimits: {{in_flight: 20}}")).await;
    let client = Modern::of(&gateway);
    let mut wires = Vec::new();
    for _ in 0..20 {
        wires.push(listen(&client, TOOLS).await.0);
    }

    let refused = client.request("1", "subscriptions/listen", TOOLS).await;

    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("10")));
    client.call("t", "{}").await.result();
    // Who leaves makes room.
    wires.pop();
    let again = async {
        loop {
            let mut wire = client.send(&client.ask("1", "subscriptions/listen", TOOLS)).await;
            if wire.head().await.unwrap().status == 200 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    soon("a free place", again).await;
}

#[tokio::test]
async fn an_older_client_that_comes_back_soon_has_missed_nothing_and_hears_on() {
    let server = legacy(|call: Call| async move { call.result("{}") }).await;
    let gateway = Gateway::before(&server).await;
    let client = Legacy::open(&gateway, "2025-11-25", "{}").await;
    let mut wire = client.listen(None).await;
    wire.head().await.unwrap();
    let priming = wire.event().await.unwrap();
    let log = |at: u32| {
        format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/vendor/said","params":{{"at":{at}}}}}"#
        )
    };

    drop(wire);
    for at in 1..=3 {
        server.announce(&log(at)).await;
    }
    let mut again = client.listen(priming.id.as_deref()).await;
    again.head().await.unwrap();
    server.announce(&log(4)).await;

    for at in 1..=4 {
        assert_eq!(again.message().await["params"]["at"], at);
    }
}

/// How long an older client that lost its stream is listened for: until the next sign of life,
/// which comes every 15 s, and a little more.
const AWAY: std::time::Duration = std::time::Duration::from_secs(60);

#[tokio::test]
async fn an_older_client_that_comes_back_late_is_told_to_look_again_and_hears_on() {
    let open = Arc::new(AtomicUsize::new(0));
    let server = announcing(open.clone()).await;
    let gateway = Gateway::before(&server).await;
    let client = Legacy::open(&gateway, "2025-11-25", "{}").await;
    client.request("1", "resources/subscribe", r#"{"uri":"file:///a"}"#).await.result();
    let mut wire = client.listen(None).await;
    wire.head().await.unwrap();
    let priming = wire.event().await.unwrap();
    until(&open, 1).await;

    drop(wire);
    // Nobody listens at the server for a client that stays away.
    let unheard = async {
        while open.load(Ordering::SeqCst) != 0 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(AWAY, unheard).await.expect("the end of the listen at the server");
    let mut again = client.listen(priming.id.as_deref()).await;
    assert_eq!(again.head().await.unwrap().status, 200);

    for what in ["tools/list_changed", "prompts/list_changed", "resources/list_changed"] {
        assert_eq!(again.message().await["method"], format!("notifications/{what}"));
    }
    assert_eq!(again.message().await["params"]["uri"], "file:///a");
    until(&open, 1).await;
    assert_eq!(heard(&server, &mut again).await["method"], "notifications/tools/list_changed");
}

#[tokio::test]
async fn a_server_that_streams_its_answers_keeps_its_connection() {
    let script = |call: Call| async move {
        match call.method() {
            "tools/call" => call.stream(|stream| async move {
                // The body ends right after the last event, as keep-alive servers end it.
                stream.result(r#"{"resultType":"complete","content":[]}"#).await;
            }),
            _ => call.result("{}"),
        }
    };
    for server in [modern(script).await, legacy(script).await] {
        let gateway = Gateway::before(&server).await;
        let client = Modern::of(&gateway);

        for _ in 0..50 {
            client.call("t", "{}").await.result();
        }

        assert!(server.connections() <= 3, "{} connections", server.connections());
    }
}
