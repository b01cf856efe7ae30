//! Clients of 2024-11-05 over HTTP+SSE: one stream to hear, one address to speak to.

use serde_json::json;

use crate::support::{Ask, Call, Gateway, Oldest, Server, legacy, modern, post, sse};

async fn behaves(call: Call) -> crate::support::Reply {
    let token = call.json["params"]["_meta"]["progressToken"].clone();
    let is_modern = call.header("mcp-method").is_some();
    let done = r#"{"resultType":"complete","content":[{"type":"text","text":"done"}]}"#;
    let this = call.clone();
    match call.name() {
        "reports" => call.stream(|stream| async move {
            stream
                .message(&format!(
                    r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":1}}}}"#
                ))
                .await;
            stream.result(done).await;
        }),
        "asks" if is_modern => match call.json["params"].get("inputResponses") {
            None => call.result(
                r#"{"resultType":"input_required","inputRequests":{"r":{"method":"roots/list","params":{}}}}"#,
            ),
            Some(answers) => call.result(&json!({"resultType": "complete", "content": [], "heard": answers["r"]}).to_string()),
        },
        "asks" => call.stream(|stream| async move {
            stream.question("q", "roots/list", "{}").await;
            let answer = this.answer_to("q").await;
            stream.result(&json!({"content": [], "heard": answer["result"]}).to_string()).await;
        }),
        "never" => std::future::pending().await,
        _ => call.result(done),
    }
}

async fn of_both_eras() -> [Server; 2] {
    [legacy(behaves).await, modern(behaves).await]
}

#[tokio::test]
async fn the_oldest_clients_work_with_servers_of_both_eras() {
    for server in of_both_eras().await {
        let gateway = Gateway::before(&server).await;
        let mut client = Oldest::open(&gateway).await;

        client.call(1, "reports").await;
        let progress = client.hear().await;
        assert_eq!(progress["params"]["progressToken"], "p1");
        let end = client.hear().await;
        assert_eq!((&end["id"], &end["result"]["content"][0]["text"]), (&json!(1), &json!("done")));
        assert!(end["result"].get("resultType").is_some() == (server.count("initialize") > 0));

        client.call(2, "asks").await;
        let question = client.hear().await;
        assert_eq!(question["method"], "roots/list");
        let roots = r#"{"roots":[{"uri":"file:///r"}]}"#;
        client
            .say(&format!(r#"{{"jsonrpc":"2.0","id":{},"result":{roots}}}"#, question["id"]))
            .await;
        let end = client.hear().await;
        assert_eq!(end["result"]["heard"].to_string(), roots);

        client.say(r#"{"jsonrpc":"2.0","id":"x","method":"ping"}"#).await;
        assert_eq!(client.hear().await, json!({"jsonrpc": "2.0", "id": "x", "result": {}}));
        client.say(r#"{"jsonrpc":"2.0","id":4,"method":"no/such"}"#).await;
        assert_eq!(client.hear().await["id"], 4);
    }
}

#[tokio::test]
async fn the_oldest_clients_hear_changes_and_only_their_own_answers() {
    let server = legacy(behaves).await;
    let gateway = Gateway::before(&server).await;
    let mut one = Oldest::open(&gateway).await;
    let mut two = Oldest::open(&gateway).await;
    assert_ne!(one.path, two.path);

    one.call(1, "plain").await;
    two.call(1, "asks").await;
    assert_eq!(one.hear().await["result"]["content"][0]["text"], "done");
    let question = two.hear().await;
    one.say(&format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{"roots":[1]}}}}"#, question["id"]))
        .await;
    two.say(&format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{"roots":[]}}}}"#, question["id"]))
        .await;
    assert_eq!(two.hear().await["result"]["heard"], json!({"roots": []}));

    server.seen("GET").await;
    server.announce(r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#).await;
    for client in [&mut one, &mut two] {
        assert_eq!(client.hear().await["method"], "notifications/tools/list_changed");
    }
}

#[tokio::test]
async fn the_stream_of_an_oldest_client_is_its_session() {
    let server = legacy(behaves).await;
    let gateway = Gateway::before(&server).await;
    let client = Oldest::open(&gateway).await;
    client.call(1, "never").await;
    server.seen("tools/call").await;
    let path = client.path.clone();

    drop(client);

    server.seen("notifications/cancelled").await;
    let ended = async {
        let ask = Ask::new("POST", &path)
            .header("Content-Type", "application/json")
            .body(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#);
        while gateway.ask(&ask).await.status != 404 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    crate::support::soon("the end of the session", ended).await;
}

#[tokio::test]
async fn bad_input_on_the_oldest_transport_is_refused() {
    let server = legacy(behaves).await;
    let gateway = Gateway::before(&server).await;
    let client = Oldest::open(&gateway).await;
    let at = |body: &str| {
        Ask::new("POST", &client.path).header("Content-Type", "application/json").body(body)
    };
    for body in ["", "{", "[]", r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#] {
        assert_eq!(gateway.ask(&at(body)).await.status, 400, "{body}");
    }
    let foreign = at("{}").header("Origin", "http://evil.example.com");
    assert_eq!(gateway.ask(&foreign).await.status, 403);
    assert_eq!(gateway.ask(&at("{}").header("Content-Type", "text/plain")).await.status, 415);
}

#[tokio::test]
async fn the_oldest_servers_work_with_clients_of_every_revision() {
    let server = sse(|call: Call| async move {
        call.result(r#"{"content":[{"type":"text","text":"done"}]}"#)
    })
    .await;
    let gateway = Gateway::before(&server).await;

    let mut oldest = Oldest::open(&gateway).await;
    oldest.call(7, "t").await;
    assert_eq!(oldest.hear().await["result"]["content"][0]["text"], "done");
    for version in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        let client = crate::support::Legacy::open(&gateway, version, "{}").await;
        assert_eq!(client.welcome["protocolVersion"], version);
        assert_eq!(client.call("t", "{}").await.result()["content"][0]["text"], "done");
    }
    let client = crate::support::Modern::of(&gateway);
    assert_eq!(client.call("t", "{}").await.result()["content"][0]["text"], "done");
    assert_eq!(gateway.ask(&post("nonsense")).await.status, 400);
}
