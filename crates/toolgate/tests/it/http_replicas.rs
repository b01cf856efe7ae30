//! Two replicas that share nothing but a key, and clients that are sent to either in turn.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::support::{
    Call, Gateway, Legacy, Modern, Oldest, Reply, Server, free_port, legacy, modern, soon,
};

const KEY: &str = "kq3v9Z0eTn1bXw7RyP5sLd2HfJ8mCa4G";
const NEWER: &str = "Zr8uW2xQ6yT4mB1nV9cK7pL5dS3gH0jF";
const ALL: &str = r#"{"elicitation":{},"roots":{}}"#;

fn said(text: &str) -> String {
    json!({"content": [{"type": "text", "text": text}]}).to_string()
}

fn progress(token: &Value, at: u32) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":{at}}}}}"#
    )
}

/// An older server with a tool that asks, one that reports in two steps, and one that is quick.
async fn server(go_on: Arc<Notify>) -> Server {
    legacy(move |call: Call| {
        let go_on = go_on.clone();
        async move {
            let token = call.json["params"]["_meta"]["progressToken"].clone();
            let this = call.clone();
            match call.name() {
                "ask" => call.stream(|stream| async move {
                    stream.question("e", "elicitation/create", r#"{"message":"?"}"#).await;
                    let answer = this.answer_to("e").await;
                    stream.result(&said(&answer["result"].to_string())).await;
                }),
                "sample" => call.stream(|stream| async move {
                    stream.question("s", "sampling/createMessage", r#"{"messages":[]}"#).await;
                    let answer = this.answer_to("s").await;
                    stream.result(&said(&answer["result"].to_string())).await;
                }),
                "steps" => call.stream(|stream| async move {
                    stream.message(&progress(&token, 1)).await;
                    go_on.notified().await;
                    stream.message(&progress(&token, 2)).await;
                    stream.result(&said("done")).await;
                }),
                "logs" => call.stream(|stream| async move {
                    let note = |level: &str| {
                        format!(r#"{{"jsonrpc":"2.0","method":"notifications/message","params":{{"level":"{level}","data":0}}}}"#)
                    };
                    stream.message(&note("debug")).await;
                    stream.message(&note("error")).await;
                    stream.result(&said("done")).await;
                }),
                _ if call.method() == "tools/list" => {
                    call.result(r#"{"tools":[{"name":"t","inputSchema":{"type":"object"}}]}"#)
                }
                _ => call.result(&said("done")),
            }
        }
    })
    .await
}

/// Two replicas in front of a server.
struct Pair {
    a: Gateway,
    b: Gateway,
    server: Server,
    go_on: Arc<Notify>,
}

async fn replica(server: &Server, keys: &[&str]) -> Gateway {
    let port = free_port();
    let yaml = format!(
        "keys: {keys:?}\nreplica: {{url: \"http://127.0.0.1:{port}\"}}\nservers: [{}]",
        server.entry("up", "")
    );
    Gateway::listen(&format!("127.0.0.1:{port}"), yaml).await
}

async fn pair() -> Pair {
    let go_on = Arc::new(Notify::new());
    let server = server(go_on.clone()).await;
    let (a, b) = (replica(&server, &[KEY]).await, replica(&server, &[KEY]).await);
    Pair { a, b, server, go_on }
}

#[tokio::test]
async fn a_session_goes_on_at_every_replica() {
    let pair = pair().await;
    let client = Legacy::open(&pair.a, "2025-06-18", "{}").await;

    for at in [&pair.a, &pair.b, &pair.a, &pair.b] {
        let client = client.at(at);
        assert_eq!(client.request("1", "ping", "{}").await.result(), json!({}));
        assert_eq!(client.call("t", "{}").await.result()["content"][0]["text"], "done");
        assert_eq!(client.say("notifications/initialized", "{}").await.status, 202);
    }
}

#[tokio::test]
async fn a_question_of_one_replica_is_answered_through_the_other() {
    let pair = pair().await;
    let client = Legacy::open(&pair.a, "2025-11-25", ALL).await;

    for (asking, answering) in [(&pair.a, &pair.b), (&pair.b, &pair.a), (&pair.b, &pair.b)] {
        let mut wire = client.at(asking).begin("ask", "{}").await;
        wire.head().await.unwrap();
        let question = wire.message().await;
        let taken = client.at(answering).reply(&question, r#""result":{"action":"decline"}"#).await;
        assert_eq!((taken.status, taken.body.as_str()), (202, ""));
        let end = wire.message().await;
        assert_eq!(end["result"]["content"][0]["text"], r#"{"action":"decline"}"#);
    }
}

#[tokio::test]
async fn a_broken_stream_is_picked_up_at_the_other_replica() {
    let pair = pair().await;
    let client = Legacy::open(&pair.a, "2025-11-25", "{}").await;
    for (calling, resuming) in [(&pair.a, &pair.b), (&pair.b, &pair.a)] {
        let params = r#"{"name":"steps","_meta":{"progressToken":"p"}}"#;
        let calling = client.at(calling);
        let mut wire = calling.send(&calling.ask("1", "tools/call", params)).await;
        wire.head().await.unwrap();
        let first = wire.event().await.unwrap();
        assert_eq!(wire.message().await["params"]["progress"], 1);
        drop(wire);

        let mut again = client.at(resuming).listen(first.id.as_deref()).await;
        assert_eq!(again.head().await.unwrap().status, 200);
        assert_eq!(again.message().await["params"]["progress"], 1);
        pair.go_on.notify_one();
        assert_eq!(again.message().await["params"]["progress"], 2);
        assert_eq!(again.message().await["result"]["content"][0]["text"], "done");
        assert_eq!(again.event().await, None);
    }
    assert_eq!(pair.server.count("tools/call"), 2);
}

#[tokio::test]
async fn what_a_session_listens_to_is_the_same_wherever_it_says_so() {
    let pair = pair().await;
    let client = Legacy::open(&pair.a, "2025-11-25", "{}").await;
    let there = client.at(&pair.b);
    there.request("1", "resources/subscribe", r#"{"uri":"file:///a"}"#).await.result();

    let mut wire = there.listen(None).await;
    assert_eq!(wire.head().await.unwrap().status, 200);
    pair.server.seen("resources/subscribe").await;
    pair.server
        .announce(r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"file:///a"}}"#)
        .await;

    assert_eq!(wire.message().await["params"]["uri"], "file:///a");
}

#[tokio::test]
async fn the_log_level_of_a_session_holds_where_it_was_set_and_where_it_began() {
    let pair = pair().await;
    let client = Legacy::open(&pair.a, "2025-06-18", "{}").await;
    client.at(&pair.b).request("1", "logging/setLevel", r#"{"level":"error"}"#).await.result();

    for at in [&pair.a, &pair.b] {
        let messages = client.at(at).call("logs", "{}").await.messages();
        let levels: Vec<_> =
            messages.iter().filter_map(|one| one["params"]["level"].as_str()).collect();
        assert_eq!(levels, ["error"]);
    }
}

#[tokio::test]
async fn a_call_is_cancelled_wherever_that_is_said() {
    let pair = pair().await;
    let third = replica(&pair.server, &[KEY]).await;
    let client = Legacy::open(&pair.a, "2025-11-25", "{}").await;
    let cases = [(&pair.a, &pair.b), (&pair.b, &pair.a), (&pair.b, &third), (&pair.b, &pair.b)];
    for (at, (calling, cancelling)) in cases.into_iter().enumerate() {
        let params = r#"{"name":"steps","_meta":{"progressToken":1}}"#;
        let calling = client.at(calling);
        let mut wire = calling.send(&calling.ask("7", "tools/call", params)).await;
        wire.head().await.unwrap();
        wire.message().await;

        let taken =
            client.at(cancelling).say("notifications/cancelled", r#"{"requestId":7}"#).await;

        assert_eq!((taken.status, taken.body.as_str()), (202, ""));
        assert_eq!(wire.event().await, None);
        pair.server.nth("notifications/cancelled", at).await;
    }
}

#[tokio::test]
async fn a_parked_call_is_taken_up_through_the_other_replica() {
    let pair = pair().await;
    for (asking, answering) in [(&pair.a, &pair.b), (&pair.b, &pair.a), (&pair.a, &pair.a)] {
        let client = Modern::of(asking).able(ALL);
        let asked = client.call("ask", "{}").await.result();
        assert_eq!(asked["resultType"], "input_required");
        let answers = r#"{"q1":{"action":"decline"}}"#;
        let state = &asked["requestState"];

        let wrong = client.at(answering).retry("ask", r#"{"a":1}"#, state, answers).await;
        assert_eq!(wrong.code(), -32602);
        let answer = client.at(answering).retry("ask", "{}", state, answers).await;

        assert_eq!(answer.result()["content"][0]["text"], r#"{"action":"decline"}"#);
        assert_eq!(answer.json()["id"], 2);
    }
    assert_eq!(pair.server.count("tools/call"), 3);
}

#[tokio::test]
async fn a_call_parked_at_a_replica_that_is_gone_is_not_run_again() {
    let pair = pair().await;
    let client = Modern::of(&pair.a).able(ALL);
    let asked = client.call("ask", "{}").await.result();
    let there = client.at(&pair.b);
    drop(pair.a);

    let answers = r#"{"q1":{"action":"decline"}}"#;
    let answer = there.retry("ask", "{}", &asked["requestState"], answers).await;

    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["id"], 2);
    assert_eq!(pair.server.count("tools/call"), 1);
    assert_eq!(there.call("t", "{}").await.result()["content"][0]["text"], "done");
}

#[tokio::test]
async fn the_state_of_a_modern_server_can_be_brought_back_anywhere() {
    let server = modern(|call: Call| async move {
        match call.json["params"]["requestState"].as_str() {
            None => call.result(r#"{"resultType":"input_required","requestState":"s\u00e9"}"#),
            Some(state) => call.result(&format!(
                r#"{{"resultType":"complete","content":[{{"type":"text","text":"{state}"}}]}}"#
            )),
        }
    })
    .await;
    let (a, b) = (replica(&server, &[KEY]).await, replica(&server, &[KEY]).await);
    let client = Modern::of(&a).able(ALL);
    let asked = client.call("t", "{}").await.result();

    let answer = client.at(&b).retry("t", "{}", &asked["requestState"], "{}").await;

    assert_eq!(answer.result()["content"][0]["text"], "sé");
}

#[tokio::test]
async fn a_cursor_leads_on_at_every_replica() {
    let list = |call: Call| async move {
        let tools = r#"{"name":"t","inputSchema":{}},{"name":"u","inputSchema":{}}"#;
        call.result(&format!(
            r#"{{"resultType":"complete","tools":[{tools}],"ttlMs":0,"cacheScope":"private"}}"#
        ))
    };
    let (one, two) = (modern(list).await, modern(list).await);
    let yaml = format!(
        "keys: [{KEY}]\nlimits: {{page: 1}}\nservers: [{}, {}]",
        one.entry("one", ""),
        two.entry("two", "")
    );
    let (a, b) = (Gateway::serve(&yaml).await, Gateway::serve(&yaml).await);

    let first = Modern::of(&a).request("1", "tools/list", "{}").await.result();
    let params = json!({"cursor": first["nextCursor"]}).to_string();
    let second = Modern::of(&b).request("1", "tools/list", &params).await.result();

    assert_eq!(first["tools"][0]["name"], "one_t");
    assert_eq!(second["tools"][0]["name"], "two_t");
}

#[tokio::test]
async fn a_session_that_was_ended_is_ended_everywhere_wherever_that_was_said() {
    let pair = pair().await;
    let third = replica(&pair.server, &[KEY]).await;
    let all = [&pair.a, &pair.b, &third];
    for said in all {
        let client = Legacy::open(&pair.a, "2025-06-18", "{}").await;
        client.at(&pair.b).request("1", "ping", "{}").await.result();

        assert_eq!(client.at(said).end().await.status, 204);

        for at in all {
            assert_eq!(client.at(at).request("1", "ping", "{}").await.status, 404);
        }
    }
}

#[tokio::test]
async fn what_answers_in_place_of_a_home_that_is_gone_ends_no_session() {
    let server = server(Arc::default()).await;
    let stranger = Server::start(|_| async { Reply::text(404, "text/html", "no page") }).await;
    let home = Gateway::serve(format!(
        "keys: [{KEY}]\nreplica: {{url: \"{}\"}}\nservers: [{}]",
        stranger.url.trim_end_matches("/mcp"),
        server.entry("up", "")
    ));
    let client = Legacy::open(&home.await, "2025-06-18", "{}").await;
    let there = replica(&server, &[KEY]).await;

    for _ in 0..2 {
        assert_eq!(client.at(&there).request("1", "ping", "{}").await.status, 200);
    }
    assert_eq!(stranger.count("ping"), 1, "the home is asked once");
}

#[tokio::test]
async fn the_oldest_clients_hear_at_one_replica_and_speak_to_each_in_turn() {
    let pair = pair().await;
    let mut client = Oldest::among(&[&pair.a, &pair.b]).await;

    for id in [1, 2] {
        client.request(id, "tools/list", "{}").await;
        let list = client.hear().await;
        assert_eq!((&list["id"], &list["result"]["tools"][0]["name"]), (&json!(id), &json!("t")));
        client.call(id, "t").await;
        assert_eq!(client.hear().await["result"]["content"][0]["text"], "done");
    }
    for (id, answer) in [(3, r#"{"role":"user"}"#), (4, r#"{"role":"assistant"}"#)] {
        client.call(id, "sample").await;
        let question = client.hear().await;
        assert_eq!(question["method"], "sampling/createMessage");
        // Now the next word goes to the replica that the call did not come by.
        client
            .say(&format!(r#"{{"jsonrpc":"2.0","id":{},"result":{answer}}}"#, question["id"]))
            .await;
        let end = client.hear().await;
        assert_eq!(
            (&end["id"], &end["result"]["content"][0]["text"]),
            (&json!(id), &json!(answer))
        );
        client.request(id, "ping", "{}").await;
        assert_eq!(client.hear().await["result"], json!({}));
    }
    assert_eq!(pair.server.count("initialize"), 1, "all of it happened at one replica");
}

#[tokio::test]
async fn a_message_for_a_stream_that_is_gone_is_refused_at_every_replica() {
    let pair = pair().await;
    let client = Oldest::among(&[&pair.a, &pair.b]).await;
    let ping = client.ask(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#);
    assert_eq!(pair.b.ask(&ping.clone().header("Toolgate-Forwarded", "x")).await.status, 202);

    drop(client);

    for at in [&pair.b, &pair.a] {
        let ended = async {
            while at.ask(&ping).await.status != 404 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        soon("the end of the session", ended).await;
    }
    let client = Oldest::among(&[&pair.a, &pair.b]).await;
    let lost = client.ask(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#);
    drop(client);
    drop(pair.a);
    assert_eq!(pair.b.ask(&lost).await.status, 503);
}

#[tokio::test]
async fn what_another_replica_sent_on_is_not_sent_on_again() {
    let Pair { mut a, b, server, .. } = pair().await;
    let client = Oldest::open(&a).await;
    let ping = client.ask(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#);
    drop(client);
    a.terminate();
    a.ends_well().await;
    let yaml = format!(
        "keys: [{KEY}]\nreplica: {{url: \"http://127.0.0.1:{}\"}}\nservers: [{}]",
        free_port(),
        server.entry("up", "")
    );
    // Somebody else has moved in at that address.
    let _stranger = Gateway::listen(&a.address.to_string(), yaml).await;

    let refused = soon("an answer", b.ask(&ping)).await;

    assert_eq!((refused.status, refused.body.contains("not here")), (404, true));
}

#[tokio::test]
async fn keys_can_be_rotated_and_other_keys_open_nothing() {
    let server = server(Arc::default()).await;
    let old = replica(&server, &[KEY]).await;
    let both = replica(&server, &[NEWER, KEY]).await;
    let foreign = replica(&server, &[NEWER]).await;
    let began_old = Legacy::open(&old, "2025-06-18", "{}").await;
    let began_new = Legacy::open(&both, "2025-06-18", "{}").await;

    for (client, at, status) in [
        (&began_old, &both, 200),
        (&began_old, &foreign, 404),
        (&began_new, &foreign, 200),
        (&began_new, &old, 404),
    ] {
        assert_eq!(client.at(at).request("1", "ping", "{}").await.status, status);
    }
}

#[tokio::test]
async fn nobody_can_pose_as_a_replica_or_point_one_at_another_address() {
    let pair = pair().await;
    let trap = Server::start(|_| async { Reply::text(200, "text/plain", "trapped") }).await;
    let client = Legacy::open(&pair.a, "2025-11-25", ALL).await;
    for id in
        [format!("{}~1-1", trap.url), "AAAA~1-1".to_owned(), format!("{}~1-1", client.session)]
    {
        let head = client.listen(Some(&id)).await.head().await.unwrap();
        assert!(matches!(head.status, 400 | 404), "{id}: {}", head.status);
        let taken = client.reply(&json!({"id": id}), r#""result":{}"#).await;
        assert_eq!(taken.status, 202);
    }
    let forged = client.at(&pair.b).ask("1", "ping", "{}").header("Toolgate-Forwarded", "x");
    assert_eq!(pair.b.ask(&forged).await.status, 200);
    assert_eq!(trap.count("POST") + trap.count("GET") + trap.count("response"), 0);
}

#[tokio::test]
async fn a_replica_is_served_under_the_address_that_others_reach_it_by() {
    let server = server(Arc::default()).await;
    let yaml = format!(
        "keys: [{KEY}]\nreplica: {{url: \"http://a.internal:8080\"}}\nservers: [{}]",
        server.entry("up", "")
    );
    let gateway = Gateway::serve(yaml).await;
    let ask = Modern::of(&gateway).ask("1", "server/discover", "{}");

    for (host, status) in [("a.internal:8080", 200), ("b.internal:8080", 403)] {
        assert_eq!(gateway.ask(&ask.clone().header("Host", host)).await.status, status, "{host}");
    }
}

#[tokio::test]
async fn a_replica_that_is_gone_takes_only_what_was_going_on_there() {
    let pair = pair().await;
    let client = Legacy::open(&pair.a, "2025-11-25", ALL).await;
    let mut wire = client.begin("ask", "{}").await;
    wire.head().await.unwrap();
    let question = wire.message().await;
    let there = client.at(&pair.b);
    drop(pair.a);

    let lost = there.reply(&question, r#""result":{"action":"decline"}"#).await;
    assert_eq!(lost.status, 503);
    assert_eq!(there.call("t", "{}").await.result()["content"][0]["text"], "done");
    let listening =
        soon("an answer to GET", async { there.listen(None).await.head().await.unwrap().status });
    assert_eq!(listening.await, 200);
}
