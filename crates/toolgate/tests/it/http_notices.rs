//! What is said besides answers: progress, log lines, changes; in all four pairings of the eras.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Call, Gateway, Legacy, Modern, Reply, Script, Server, Wire, legacy, modern};

const DONE: &str = r#"{"resultType":"complete","content":[]}"#;

fn note(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","method":"notifications/{method}","params":{params}}}"#)
}

/// A tool that reports on itself before it ends.
async fn chatty(call: Call) -> Reply {
    match call.method() {
        "tools/call" => {}
        _ => return call.result(DONE),
    }
    let token = call.json["params"]["_meta"]["progressToken"].clone();
    call.stream(|stream| async move {
        for at in 1..=2 {
            let params = format!(
                r#"{{"progressToken":{token},"progress":{at}.50,"total":2,"message":"\u00e9","x":9007199254740993}}"#
            );
            stream.message(&note("progress", &params)).await;
        }
        for level in ["debug", "warning"] {
            let params = format!(r#"{{"level":"{level}","data":{{"b":1.10,"a":null}}}}"#);
            stream.message(&note("message", &params)).await;
        }
        stream.message(&note("vendor/thing", r#"{"z":1,"a":[1.0]}"#)).await;
        stream.message(&note("progress", r#"{"progressToken":"foreign","progress":9}"#)).await;
        stream.result(DONE).await;
    })
}

async fn of_both_eras() -> [Server; 2] {
    [legacy(chatty).await, modern(chatty).await]
}

fn of_method<'a>(messages: &'a [Value], method: &str) -> Vec<&'a Value> {
    let method = format!("notifications/{method}");
    messages.iter().filter(|message| message["method"] == *method).collect()
}

#[tokio::test]
async fn progress_comes_under_the_clients_own_token() {
    for server in of_both_eras().await {
        let gateway = Gateway::before(&server).await;
        let old = Legacy::open(&gateway, "2025-06-18", "{}").await;
        for token in [r#""mine""#, "7"] {
            let meta = format!(r#""progressToken":{token}"#);
            let new = Modern::of(&gateway).meta(&meta).call("t", "{}").await;
            let params = format!(r#"{{"name":"t","_meta":{{{meta}}}}}"#);
            let old = old.request("1", "tools/call", &params).await;
            for answer in [new, old] {
                let messages = answer.messages();
                let all = of_method(&messages, "progress");
                let own: Vec<_> =
                    all.iter().filter(|one| one["params"]["progressToken"] != "foreign").collect();
                assert_eq!(own.len(), 2, "{answer:?}");
                for (at, progress) in own.iter().enumerate() {
                    assert_eq!(progress["params"]["progressToken"].to_string(), token);
                    assert_eq!(progress["params"]["progress"], at as f64 + 1.5);
                }
                assert!(answer.body.contains(
                    r#""progress":1.50,"total":2,"message":"\u00e9","x":9007199254740993}"#
                ));
                assert!(messages.last().unwrap()["result"].is_object());
            }
        }
    }
}

#[tokio::test]
async fn what_a_client_did_not_ask_to_hear_it_does_not_hear() {
    for server in of_both_eras().await {
        let gateway = Gateway::before(&server).await;
        let level = |level: &str| {
            Modern::of(&gateway).meta(&format!(r#""io.modelcontextprotocol/logLevel":"{level}""#))
        };
        let heard = |answer: crate::support::Answer| -> Vec<Value> {
            let messages = answer.messages();
            of_method(&messages, "message")
                .iter()
                .map(|one| one["params"]["level"].clone())
                .collect()
        };

        assert_eq!(heard(Modern::of(&gateway).call("t", "{}").await), Vec::<Value>::new());
        assert_eq!(heard(level("debug").call("t", "{}").await), ["debug", "warning"]);
        assert_eq!(heard(level("error").call("t", "{}").await), Vec::<Value>::new());
        assert_eq!(heard(level("notice").call("t", "{}").await), ["warning"]);

        let old = Legacy::open(&gateway, "2025-06-18", "{}").await;
        old.request("8", "logging/setLevel", r#"{"level":"warning"}"#).await.result();
        let answer = old.call("t", "{}").await;
        assert!(answer.body.contains(r#"{"level":"warning","data":{"b":1.10,"a":null}}"#));
        assert_eq!(heard(answer), ["warning"]);
        old.request("8", "logging/setLevel", r#"{"level":"debug"}"#).await.result();
        assert_eq!(heard(old.call("t", "{}").await), ["debug", "warning"]);
        let refused = old.request("8", "logging/setLevel", r#"{"level":"loud"}"#).await;
        assert_eq!(refused.code(), -32602);
    }
}

#[tokio::test]
async fn a_server_is_told_how_much_to_log_in_its_own_way() {
    let [old_server, new_server] = of_both_eras().await;

    let gateway = Gateway::before(&old_server).await;
    let client = Modern::of(&gateway).meta(r#""io.modelcontextprotocol/logLevel":"info""#);
    client.call("t", "{}").await;
    assert_eq!(old_server.seen("logging/setLevel").await.json["params"], json!({"level": "info"}));
    let call = old_server.seen("tools/call").await;
    assert!(!call.body.contains("io.modelcontextprotocol"), "{}", call.body);

    let gateway = Gateway::before(&new_server).await;
    let client = Legacy::open(&gateway, "2025-06-18", "{}").await;
    client.call("t", "{}").await;
    client.request("8", "logging/setLevel", r#"{"level":"error"}"#).await.result();
    client.call("t", "{}").await;
    let meta = |call: Call| call.json["params"]["_meta"].clone();
    let key = "io.modelcontextprotocol/logLevel";
    assert_eq!(meta(new_server.nth("tools/call", 1).await)[key], "error");
    assert_eq!(new_server.count("logging/setLevel"), 0);
}

#[tokio::test]
async fn what_nobody_knows_passes_all_the_same() {
    for server in of_both_eras().await {
        let gateway = Gateway::before(&server).await;
        let old = Legacy::open(&gateway, "2025-06-18", "{}").await;

        for answer in [Modern::of(&gateway).call("t", "{}").await, old.call("t", "{}").await] {
            let expected = note("vendor/thing", r#"{"z":1,"a":[1.0]}"#);
            assert!(answer.body.contains(&expected), "{}", answer.body);
        }
    }
}

#[tokio::test]
async fn clients_of_one_child_with_the_same_token_and_id_hear_their_own_progress() {
    let script = Script::legacy(
        r#"
def run(m):
    name = m["params"]["arguments"]["who"]
    for i in range(5):
        send({"jsonrpc": "2.0", "method": "notifications/progress", "params": {
            "progressToken": m["params"]["_meta"]["progressToken"], "progress": i, "message": name}})
        time.sleep(0.01)
    text(m, name)
def on(m):
    if m.get("method") == "tools/call": threading.Thread(target=run, args=(m,)).start()
"#,
    );
    let gateway = Gateway::serve(format!("servers: [{}]", script.entry("up", ""))).await;
    let client = Modern::of(&gateway).meta(r#""progressToken":1"#);

    let calls = (0..8).map(|who| {
        let client = client.clone();
        tokio::spawn(async move { client.call("t", &format!(r#"{{"who":"w{who}"}}"#)).await })
    });
    for (who, call) in calls.collect::<Vec<_>>().into_iter().enumerate() {
        let messages = call.await.unwrap().messages();
        let expected = json!(format!("w{who}"));
        let progress = of_method(&messages, "progress");
        assert_eq!(progress.len(), 5);
        assert!(
            progress
                .iter()
                .all(|one| one["params"]["message"] == expected
                    && one["params"]["progressToken"] == 1)
        );
        assert_eq!(messages.last().unwrap()["result"]["content"][0]["text"], expected);
    }
}

#[tokio::test]
async fn a_burst_is_neither_lost_nor_reordered() {
    let script = Script::legacy(
        r#"
def on(m):
    if m.get("method") != "tools/call": return
    count, token = m["params"]["arguments"]["count"], m["params"]["_meta"]["progressToken"]
    lines = [json.dumps({"jsonrpc": "2.0", "method": "notifications/progress", "params": {
        "progressToken": token, "progress": i}}) for i in range(count)]
    lines.append(json.dumps({"jsonrpc": "2.0", "id": m["id"], "result": {"content": []}}))
    raw("\n".join(lines) + "\n")
"#,
    );
    let server = legacy(|call: Call| async move {
        let params = &call.json["params"];
        let count = params["arguments"]["count"].as_u64().unwrap();
        let token = params["_meta"]["progressToken"].clone();
        call.stream(|stream| async move {
            let lines: Vec<_> = (0..count)
                .map(|at| {
                    note("progress", &format!(r#"{{"progressToken":{token},"progress":{at}}}"#))
                })
                .map(|line| format!("data: {line}\n\n"))
                .collect();
            stream.raw(lines.concat()).await;
            stream.result(DONE).await;
        })
    })
    .await;

    for entry in [script.entry("up", ""), server.entry("up", "")] {
        let gateway = Gateway::serve(format!("servers: [{entry}]")).await;
        let old = Legacy::open(&gateway, "2025-06-18", "{}").await;
        for count in [1, 3, 900] {
            let arguments = format!(r#"{{"count":{count}}}"#);
            let new = Modern::of(&gateway).meta(r#""progressToken":"p""#);
            let params = format!(
                r#"{{"name":"t","arguments":{arguments},"_meta":{{"progressToken":"p"}}}}"#
            );
            for answer in
                [new.call("t", &arguments).await, old.request("1", "tools/call", &params).await]
            {
                let messages = answer.messages();
                let heard: Vec<_> = of_method(&messages, "progress")
                    .iter()
                    .map(|one| one["params"]["progress"].as_u64().unwrap())
                    .collect();
                assert_eq!(heard, (0..count).collect::<Vec<_>>(), "{entry}");
                assert!(messages.last().unwrap()["result"].is_object());
            }
        }
    }
}

/// A modern server whose listen streams say what the test announces.
async fn announcing() -> Server {
    modern(|call: Call| async move {
        if call.method() != "subscriptions/listen" {
            return chatty(call).await;
        }
        let id = call.id();
        let mut wanted = call.json["params"]["notifications"].clone();
        wanted.as_object_mut().unwrap().remove("promptsListChanged");
        let mut said = call.listen();
        call.stream(|stream| async move {
            let stamp = format!(r#""_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}}"#);
            let params = format!(r#"{{"notifications":{wanted},{stamp}}}"#);
            stream.message(&note("subscriptions/acknowledged", &params)).await;
            loop {
                tokio::select! {
                    said = said.recv() => {
                        let said = said.unwrap().replacen("\"params\":{", &format!("\"params\":{{{stamp},"), 1);
                        let said = said.replace("},}", "}}");
                        stream.message(&said).await;
                    }
                    () = stream.closed() => return,
                }
            }
        })
    })
    .await
}

const FILTER: &str = r#"{"notifications":{"toolsListChanged":true,"promptsListChanged":true,"resourceSubscriptions":["file:///a","file:///b"]}}"#;

async fn listening(client: &Modern, id: &str, filter: &str) -> (Wire, Value) {
    let mut wire = client.send(&client.ask(id, "subscriptions/listen", filter)).await;
    let head = wire.head().await.unwrap();
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
    assert_eq!(head.header("x-accel-buffering"), Some("no"));
    let acknowledged = wire.message().await;
    assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
    (wire, acknowledged)
}

fn subscription(message: &Value) -> &Value {
    &message["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"]
}

#[tokio::test]
async fn a_modern_client_hears_what_it_subscribed_to_and_nothing_else() {
    for (server, prompts) in [(announcing().await, false), (legacy(chatty).await, true)] {
        let gateway = Gateway::before(&server).await;
        let client = Modern::of(&gateway);

        for id in ["7", r#""l""#] {
            let (mut wire, acknowledged) = listening(&client, id, FILTER).await;
            assert_eq!(subscription(&acknowledged).to_string(), id);
            let granted = &acknowledged["params"]["notifications"];
            assert_eq!(granted["toolsListChanged"], true);
            assert_eq!(granted["promptsListChanged"] == true, prompts, "what the server grants");
            assert_eq!(granted["resourceSubscriptions"], json!(["file:///a", "file:///b"]));
            assert!(granted.get("resourcesListChanged").is_none());

            for said in [
                note("resources/list_changed", "{}"),
                note("resources/updated", r#"{"uri":"file:///c"}"#),
                note("message", r#"{"level":"error","data":1}"#),
                note("resources/updated", r#"{"uri":"file:///b","x":1.10}"#),
                note("tools/list_changed", "{}"),
            ] {
                server.announce(&said).await;
            }
            let updated = wire.message().await;
            assert_eq!(updated["params"]["uri"], "file:///b", "{updated}");
            let changed = wire.message().await;
            assert_eq!(changed["method"], "notifications/tools/list_changed");
            for message in [&updated, &changed] {
                assert_eq!(subscription(message).to_string(), id);
            }
        }
    }
}

#[tokio::test]
async fn an_older_client_hears_changes_on_its_own_stream() {
    for server in [announcing().await, legacy(chatty).await] {
        let gateway = Gateway::before(&server).await;
        let client = Legacy::open(&gateway, "2025-11-25", "{}").await;
        client.request("1", "resources/subscribe", r#"{"uri":"file:///a"}"#).await.result();
        let mut wire = client.listen(None).await;
        assert_eq!(wire.head().await.unwrap().status, 200);

        server.announce(&note("tools/list_changed", r#"{"x":1}"#)).await;
        assert_eq!(wire.message().await["method"], "notifications/tools/list_changed");
        server.announce(&note("resources/updated", r#"{"uri":"file:///zzz"}"#)).await;
        server.announce(&note("resources/updated", r#"{"uri":"file:///a"}"#)).await;
        let updated = wire.message().await;
        assert_eq!(updated["params"]["uri"], "file:///a", "{updated}");

        // What it subscribes to later it hears too.
        client.request("2", "resources/subscribe", r#"{"uri":"file:///b"}"#).await.result();
        let heard = async {
            loop {
                server.announce(&note("resources/updated", r#"{"uri":"file:///b"}"#)).await;
                let next = tokio::time::timeout(Duration::from_millis(100), wire.message()).await;
                if let Ok(message) = next {
                    return message;
                }
            }
        };
        let heard = crate::support::soon("the new subscription", heard).await;
        assert_eq!(heard["params"]["uri"], "file:///b", "{heard}");
    }
}

#[tokio::test]
async fn listeners_of_a_child_share_it_and_each_hears_its_own() {
    let script = Script::legacy(
        r#"
def on(m):
    if m.get("method") != "tools/call": return
    for uri in ["file:///a", "file:///b"]:
        send({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": uri}})
    text(m, "done")
"#,
    );
    let gateway = Gateway::serve(format!("servers: [{}]", script.entry("up", ""))).await;
    let client = Modern::of(&gateway);
    let only = |uri: &str| format!(r#"{{"notifications":{{"resourceSubscriptions":["{uri}"]}}}}"#);
    let (mut a, _) = listening(&client, "1", &only("file:///a")).await;
    let (mut b, _) = listening(&client, "1", &only("file:///b")).await;

    client.call("t", "{}").await.result();

    assert_eq!(a.message().await["params"]["uri"], "file:///a");
    assert_eq!(b.message().await["params"]["uri"], "file:///b");
}

#[tokio::test]
async fn a_listen_without_a_filter_is_refused() {
    let server = announcing().await;
    let gateway = Gateway::before(&server).await;
    let client = Modern::of(&gateway);

    assert_eq!(client.request("1", "subscriptions/listen", "{}").await.code(), -32602);
    let tasks = r#"{"notifications":{"taskIds":["t"]}}"#;
    let undeclared = client.request("1", "subscriptions/listen", tasks).await;
    assert_eq!((undeclared.status, undeclared.code()), (400, -32021));
}

#[tokio::test]
async fn what_a_server_asks_outside_of_any_call_is_refused_for_the_client() {
    let server = legacy(chatty).await;
    let gateway = Gateway::before(&server).await;
    let client = Legacy::open(&gateway, "2025-11-25", r#"{"elicitation":{},"roots":{}}"#).await;
    let mut wire = client.listen(None).await;
    wire.head().await.unwrap();

    server.announce(r#"{"jsonrpc":"2.0","id":"p","method":"ping"}"#).await;
    server
        .announce(
            r#"{"jsonrpc":"2.0","id":"e","method":"elicitation/create","params":{"message":"x"}}"#,
        )
        .await;

    let mut answers = [server.seen("response").await.json, server.nth("response", 1).await.json];
    answers.sort_by_key(|answer| answer["id"].to_string());
    assert!(answers[0]["id"] == "e" && answers[0]["error"].is_object());
    assert!(answers[1]["id"] == "p" && answers[1]["result"].is_object());
}

#[tokio::test]
async fn unknown_notifications_of_an_older_client_reach_its_server_in_the_same_session() {
    let server = legacy(chatty).await;
    let gateway = Gateway::before(&server).await;
    let client = Legacy::open(&gateway, "2025-11-25", r#"{"roots":{}}"#).await;
    client.call("t", "{}").await;

    let said = client.say("notifications/vendor/x", r#"{"b":1.10,"a":[]}"#).await;

    assert_eq!(said.status, 202);
    let heard = server.seen("notifications/vendor/x").await;
    assert!(heard.body.contains(r#""params":{"b":1.10,"a":[]}"#), "{}", heard.body);
    let call = server.seen("tools/call").await;
    assert_eq!(heard.header("mcp-session-id"), call.header("mcp-session-id"));
}
