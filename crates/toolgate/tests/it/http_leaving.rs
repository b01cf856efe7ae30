//! Clients that leave in the middle of a call: for the modern era that cancels it, for the older
//! ones it does not, and the answer can be picked up.

use std::time::Duration;

use crate::support::{Gateway, Legacy, Modern, Server, legacy, modern};

const DONE: &str = r#"{"resultType":"complete","content":[{"type":"text","text":"done"}]}"#;

fn progress(token: &serde_json::Value, at: u32) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":{at}}}}}"#
    )
}

/// A modern server whose tools never end.
async fn endless() -> Server {
    modern(|call| async move {
        if call.name() == "streamed" {
            let token = call.json["params"]["_meta"]["progressToken"].clone();
            return call.stream(|stream| async move {
                stream.message(&progress(&token, 1)).await;
                stream.closed().await;
            });
        }
        std::future::pending().await
    })
    .await
}

#[tokio::test]
async fn a_modern_client_that_leaves_before_the_answer_begins_cancels_its_call() {
    let server = endless().await;
    let gateway = Gateway::before(&server).await;

    let wire = Modern::of(&gateway).begin("silent", "{}").await;
    server.seen("tools/call").await;
    drop(wire);

    server.left("tools/call").await;
    gateway.is_well().await;
}

#[tokio::test]
async fn a_modern_client_that_leaves_a_stream_cancels_its_call() {
    let (closed, mut was_closed) = tokio::sync::mpsc::unbounded_channel();
    let server = modern(move |call| {
        let closed = closed.clone();
        async move {
            call.stream(|stream| async move {
                stream.message(&progress(&"t".into(), 1)).await;
                stream.closed().await;
                closed.send(()).unwrap();
            })
        }
    })
    .await;
    let gateway = Gateway::before(&server).await;
    let client = Modern::of(&gateway).meta(r#""progressToken":"t""#);

    let mut wire = client.begin("streamed", "{}").await;
    assert_eq!(wire.head().await.unwrap().header("content-type"), Some("text/event-stream"));
    assert_eq!(wire.message().await["params"]["progress"], 1);
    drop(wire);

    crate::support::soon("the end of the server's stream", was_closed.recv()).await;
}

#[tokio::test]
async fn a_modern_client_that_leaves_cancels_a_call_of_an_older_server_by_name() {
    let server = legacy(|_| std::future::pending()).await;
    let gateway = Gateway::before(&server).await;

    let wire = Modern::of(&gateway).begin("silent", "{}").await;
    let call = server.seen("tools/call").await;
    drop(wire);

    let cancelled = server.seen("notifications/cancelled").await;
    assert_eq!(cancelled.json["params"]["requestId"], call.json["id"]);
}

/// Case Q5: a tool hangs and its clients vanish. With all ten thousand of them, which here would be
/// forty thousand sockets:
/// `ten_thousand_clients_that_vanish_hold_nothing` in the crate `gateway`.
#[tokio::test]
async fn many_modern_clients_that_leave_hold_nothing() {
    let server = endless().await;
    let limits = "limits: {in_flight: 20}";
    // No deadline does what the leaving of the client has to do.
    let capped =
        server.entry("up", ", timeout: 60s, timeout_total: 60s, rate_limit: {concurrent: 20}");
    let gateway = Gateway::serve(format!("{limits}\nservers: [{capped}]")).await;
    let client = Modern::of(&gateway);

    for round in 0..3 {
        let mut wires = Vec::new();
        for _ in 0..20 {
            wires.push(client.begin("silent", "{}").await);
        }
        server.nth("tools/call", 20 * (round + 1) - 1).await;
        let next = server.count("tools/call");
        drop(wires);
        // The slots come free as the connections are noticed to be gone.
        let freed = async {
            while client.request("9", "server/discover", "{}").await.status == 429 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        crate::support::soon("free slots", freed).await;
        // The server was told of each, and its own cap has room again.
        let left = async {
            while server.gone("tools/call") < next {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        crate::support::soon("cancelled calls at the server", left).await;
    }
}

#[tokio::test]
async fn one_request_too_many_is_told_to_come_again() {
    let server = endless().await;
    let limits = "limits: {in_flight: 1}";
    let gateway = Gateway::serve(format!("{limits}\nservers: [{}]", server.entry("up", ""))).await;
    let client = Modern::of(&gateway);
    let _first = client.begin("silent", "{}").await;
    server.seen("tools/call").await;

    let second = client.call("silent", "{}").await;

    assert_eq!((second.status, second.header("retry-after")), (429, Some("1")));
    gateway.is_well().await;
}

/// A server of the given era whose tool reports progress, waits to be let go on, and ends.
async fn in_two_steps(old: bool) -> (Server, std::sync::Arc<tokio::sync::Notify>) {
    let go_on = std::sync::Arc::new(tokio::sync::Notify::new());
    let gate = go_on.clone();
    let script = move |call: crate::support::Call| {
        let gate = gate.clone();
        async move {
            let token = call.json["params"]["_meta"]["progressToken"].clone();
            call.stream(|stream| async move {
                stream.message(&progress(&token, 1)).await;
                gate.notified().await;
                stream.message(&progress(&token, 2)).await;
                stream.result(DONE).await;
            })
        }
    };
    let server = if old { legacy(script).await } else { modern(script).await };
    (server, go_on)
}

#[tokio::test]
async fn an_older_client_that_leaves_picks_its_answer_up_where_it_broke() {
    for old in [true, false] {
        let (server, go_on) = in_two_steps(old).await;
        let gateway = Gateway::before(&server).await;
        let client = Legacy::open(&gateway, "2025-11-25", "{}").await;
        let params = r#"{"name":"t","_meta":{"progressToken":"mine"}}"#;

        let mut wire = client.send(&client.ask("5", "tools/call", params)).await;
        wire.head().await.unwrap();
        let priming = wire.event().await.unwrap();
        assert!(priming.id.is_some() && priming.data.is_empty());
        let first = wire.event().await.unwrap();
        assert_eq!(first.json()["params"]["progress"], 1);
        drop(wire);
        go_on.notify_one();

        let mut again = client.listen(first.id.as_deref()).await;
        assert_eq!(again.head().await.unwrap().status, 200);
        let second = again.message().await;
        assert_eq!(second["params"]["progress"], 2);
        assert_eq!(second["params"]["progressToken"], "mine");
        let end = again.message().await;
        assert_eq!((&end["id"], &end["result"]["content"][0]["text"]), (&5.into(), &"done".into()));
        assert_eq!(again.event().await, None);
        assert_eq!(server.count("tools/call"), 1);
        assert_eq!(server.count("notifications/cancelled"), 0);

        // It is kept for a while, for whoever lost the connection again.
        let mut thrice = client.listen(priming.id.as_deref()).await;
        thrice.head().await.unwrap();
        assert_eq!(thrice.message().await["params"]["progress"], 1);
    }
}

#[tokio::test]
async fn a_stream_is_never_continued_for_another_session() {
    let (server, go_on) = in_two_steps(true).await;
    let gateway = Gateway::before(&server).await;
    let client = Legacy::open(&gateway, "2025-11-25", "{}").await;
    let thief = Legacy::open(&gateway, "2025-11-25", "{}").await;
    let params = r#"{"name":"t","_meta":{"progressToken":1}}"#;
    let mut wire = client.send(&client.ask("5", "tools/call", params)).await;
    wire.head().await.unwrap();
    let id = wire.event().await.unwrap().id.unwrap();

    assert_eq!(thief.listen(Some(&id)).await.head().await.unwrap().status, 404);
    for nonsense in ["0-0", "ffff-0", "x", "~", "-", "1-zz"] {
        let head = client.listen(Some(nonsense)).await.head().await.unwrap();
        assert!(matches!(head.status, 400 | 404), "{nonsense}: {}", head.status);
    }
    go_on.notify_one();
}

#[tokio::test]
async fn an_older_client_cancels_by_name() {
    for old in [true, false] {
        let (closed, mut was_closed) = tokio::sync::mpsc::unbounded_channel();
        let script = move |call: crate::support::Call| {
            let closed = closed.clone();
            async move {
                let token = call.json["params"]["_meta"]["progressToken"].clone();
                call.stream(|stream| async move {
                    stream.message(&progress(&token, 1)).await;
                    stream.closed().await;
                    closed.send(()).unwrap();
                })
            }
        };
        let server = if old { legacy(script).await } else { modern(script).await };
        let gateway = Gateway::before(&server).await;
        let client = Legacy::open(&gateway, "2025-11-25", "{}").await;
        let params = r#"{"name":"t","_meta":{"progressToken":1}}"#;
        let mut wire = client.send(&client.ask(r#""c""#, "tools/call", params)).await;
        wire.head().await.unwrap();
        wire.message().await;

        // Somebody else's id stops nothing.
        client.say("notifications/cancelled", r#"{"requestId":"d"}"#).await;
        client.say("notifications/cancelled", r#"{"requestId":"c"}"#).await;

        assert_eq!(wire.event().await, None, "a cancelled call is not answered");
        crate::support::soon("the end of the server's stream", was_closed.recv()).await;
        if old {
            let call = server.seen("tools/call").await;
            let cancelled = server.seen("notifications/cancelled").await;
            assert_eq!(cancelled.json["params"]["requestId"], call.json["id"]);
        }
    }
}

/// An older server that closes each stream after one event, as the revision allows it to.
async fn closing() -> Server {
    let asked = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    legacy(move |call| {
        let asked = asked.clone();
        async move {
            match call.header("last-event-id") {
                None => {
                    *asked.lock().unwrap() = call.id();
                    let token = call.json["params"]["_meta"]["progressToken"].clone();
                    call.stream(|stream| async move {
                        stream.raw("id: e-0\nretry: 20\ndata:\n\n").await;
                        stream.numbered("e-1", &progress(&token, 1)).await;
                    })
                }
                Some("e-1") => call.stream(|stream| async move {
                    let note = r#"{"jsonrpc":"2.0","method":"notifications/x","params":{}}"#;
                    stream.numbered("e-2", note).await;
                }),
                Some(_) => {
                    let id = asked.lock().unwrap().clone();
                    call.stream(|stream| async move {
                        let end = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{DONE}}}"#);
                        stream.numbered("e-3", &end).await;
                    })
                }
            }
        }
    })
    .await
}

#[tokio::test]
async fn the_rest_of_a_stream_that_a_server_closes_is_fetched() {
    let server = closing().await;
    let gateway = Gateway::before(&server).await;
    let client = Modern::of(&gateway).meta(r#""progressToken":"t""#);

    let messages = client.call("t", "{}").await.messages();

    assert_eq!(messages[0]["params"]["progressToken"], "t");
    assert_eq!(messages[1]["method"], "notifications/x");
    assert_eq!(messages[2]["result"]["content"][0]["text"], "done");
    assert_eq!(server.count("tools/call"), 1);

    // An older client comes back for it itself, or is spared that if it does not know how.
    let older = Legacy::open(&gateway, "2025-06-18", "{}").await;
    assert_eq!(older.call("t", "{}").await.result()["content"][0]["text"], "done");
    let newer = Legacy::open(&gateway, "2025-11-25", "{}").await;
    let mut wire = newer.begin("t", "{}").await;
    wire.head().await.unwrap();
    let mut last = None;
    let end = loop {
        match wire.event().await {
            Some(event) => {
                last = event.id.clone().or(last);
                if event.data.contains("result") {
                    break event.json();
                }
            }
            None => {
                wire = newer.listen(last.as_deref()).await;
                assert_eq!(wire.head().await.unwrap().status, 200);
            }
        }
    };
    assert_eq!(end["result"]["content"][0]["text"], "done");
}
