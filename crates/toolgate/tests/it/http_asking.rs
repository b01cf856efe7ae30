//! Servers that ask back in the middle of a call: older ones with requests of their own, modern
//! ones with `input_required`; and clients of both eras that answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::{
    Answer, Call, Gateway, Legacy, Modern, Reply, Script, Server, Wire, legacy, modern, sse,
};

const ALL: &str = r#"{"elicitation":{"form":{},"url":{}},"sampling":{},"roots":{}}"#;
const FORM: &str = r#"{"message":"Who?","requestedSchema":{"type":"object","properties":{"n":{"type":"number","default":1.10}}}}"#;
const ANSWER: &str = r#"{"action":"accept","content":{"n":9007199254740993,"s":"\u00e9"}}"#;

fn said(text: &str) -> String {
    json!({"content": [{"type": "text", "text": text}]}).to_string()
}

fn text_of(answer: &Answer) -> String {
    answer.result()["content"][0]["text"].as_str().unwrap().to_owned()
}

/// An older server whose tools ask; each says in the end what it was answered.
async fn asking() -> Server {
    legacy(|call: Call| async move { asks(&call) }).await
}

fn asks(call: &Call) -> Reply {
    let this = call.clone();
    call.stream(|stream| async move {
        let mut heard = Vec::new();
        match this.name() {
            "form" => {
                stream.question("e1", "elicitation/create", FORM).await;
                heard.push(this.answer_to("e1").await);
            }
            "three" => {
                for id in ["e1", "e2", "e3"] {
                    stream.question(id, "elicitation/create", FORM).await;
                    heard.push(this.answer_to(id).await);
                }
            }
            "both" => {
                stream.question("r", "roots/list", "{}").await;
                stream
                    .question("s", "sampling/createMessage", r#"{"messages":[],"maxTokens":1}"#)
                    .await;
                heard.push(this.answer_to("r").await);
                heard.push(this.answer_to("s").await);
            }
            "strange" => {
                stream.question("x", "vendor/ask", "{}").await;
                heard.push(this.answer_to("x").await);
            }
            other => panic!("unscripted: {other}"),
        }
        let outcomes: Vec<_> =
            heard.iter().map(|one| one.get("result").or(one.get("error")).unwrap()).collect();
        stream.result(&said(&serde_json::to_string(&outcomes).unwrap())).await;
    })
}

/// The questions and the state of an answer that asks back.
fn asked(answer: &Answer) -> (Value, Value) {
    assert_eq!(answer.status, 200, "{answer:?}");
    let result = answer.result();
    assert_eq!(result["resultType"], "input_required", "{result}");
    for absent in ["ttlMs", "cacheScope", "content"] {
        assert!(result.get(absent).is_none(), "{absent}");
    }
    (result["inputRequests"].clone(), result["requestState"].clone())
}

#[tokio::test]
async fn what_an_older_server_asks_a_modern_client_answers_with_its_retry() {
    let server = asking().await;
    let gateway = Gateway::before(&server).await;
    let client = Modern::of(&gateway).able(ALL);

    let first = client.call("form", r#"{"a":1}"#).await;
    let (questions, state) = asked(&first);
    assert_eq!(questions["q1"]["method"], "elicitation/create");
    assert!(first.body.contains(&format!(r#""params":{FORM}"#)), "{}", first.body);
    let answer = client.retry("form", r#"{"a":1}"#, &state, &format!(r#"{{"q1":{ANSWER}}}"#)).await;

    assert_eq!(answer.result()["resultType"], "complete");
    assert_eq!(server.count("tools/call"), 1, "the call waited, it was not made again");
    let response = server.seen("response").await;
    assert!(response.body.contains(&format!(r#""result":{ANSWER}"#)), "{}", response.body);
    assert_eq!(text_of(&answer), format!("[{}]", ANSWER.replace("\\u00e9", "é")));
}

/// Case C3: what an answer made of it is nobody else's, and not kept.
#[tokio::test]
async fn what_came_of_an_answer_may_not_be_kept() {
    let server = legacy(|call: Call| async move {
        let this = call.clone();
        call.stream(|stream| async move {
            if this.json["params"]["uri"] == "test://asks" {
                stream.question("e1", "elicitation/create", FORM).await;
                this.answer_to("e1").await;
            }
            stream.result(r#"{"contents":[]}"#).await;
        })
    })
    .await;
    let entry = server.entry("up", ", cache_scope: public, cache_ttl: 60s");
    let gateway = Gateway::serve(format!("servers: [{entry}]")).await;
    let client = Modern::of(&gateway).able(ALL);
    let hint = |answer: &Answer| {
        let result = answer.result();
        (result["ttlMs"].clone(), result["cacheScope"].clone())
    };

    let plain = client.request("1", "resources/read", r#"{"uri":"test://plain"}"#).await;
    assert_eq!(hint(&plain), (json!(60_000), json!("public")));
    let (_, state) =
        asked(&client.request("2", "resources/read", r#"{"uri":"test://asks"}"#).await);
    let retry = format!(
        r#"{{"uri":"test://asks","inputResponses":{{"q1":{ANSWER}}},"requestState":{state}}}"#
    );
    let answered = client.request("3", "resources/read", &retry).await;

    assert_eq!(hint(&answered), (json!(0), json!("private")));
}

#[tokio::test]
async fn questions_one_after_the_other_are_rounds_and_questions_at_once_are_one() {
    let server = asking().await;
    let gateway = Gateway::before(&server).await;
    let client = Modern::of(&gateway).able(ALL);

    let mut answer = client.call("three", "{}").await;
    let mut states = Vec::new();
    for _ in 0..3 {
        let (_, state) = asked(&answer);
        answer = client.retry("three", "{}", &state, r#"{"q1":{"action":"decline"}}"#).await;
        states.push(state);
    }
    assert_eq!(
        text_of(&answer),
        r#"[{"action":"decline"},{"action":"decline"},{"action":"decline"}]"#
    );
    states.dedup();
    assert_eq!(states.len(), 3, "each round has a state of its own");

    let (questions, state) = asked(&client.call("both", "{}").await);
    assert_eq!(questions["q1"]["method"], "roots/list");
    assert_eq!(questions["q2"]["method"], "sampling/createMessage");
    let answers = r#"{"q2":{"role":"assistant","model":"m","content":{"type":"text","text":"hi"}},"q1":{"roots":[]},"unasked":{}}"#;
    let answer = client.retry("both", "{}", &state, answers).await;
    assert!(text_of(&answer).starts_with(r#"[{"roots":[]},{"role":"assistant""#), "{answer:?}");
}

#[tokio::test]
async fn a_question_left_open_is_asked_again() {
    let server = asking().await;
    let gateway = Gateway::before(&server).await;
    let client = Modern::of(&gateway).able(ALL);

    let (_, state) = asked(&client.call("both", "{}").await);
    let (open, state) = asked(&client.retry("both", "{}", &state, r#"{"q1":{"roots":[]}}"#).await);
    assert_eq!(open.as_object().unwrap().keys().collect::<Vec<_>>(), ["q2"]);
    let answer = client.retry("both", "{}", &state, r#"{"q2":{"role":"x"}}"#).await;

    assert_eq!(text_of(&answer), r#"[{"roots":[]},{"role":"x"}]"#);
}

/// Case J21: a state for another request, or one that was changed.
#[tokio::test]
async fn a_retry_must_be_the_very_request_that_was_asked_about() {
    let server = asking().await;
    let gateway = Gateway::before(&server).await;
    let client = Modern::of(&gateway).able(ALL);
    let (_, state) = asked(&client.call("form", r#"{"a":1,"b":2}"#).await);
    let answers = r#"{"q1":{"action":"accept","content":{}}}"#;

    for (tool, arguments) in
        [("form", r#"{"a":2,"b":2}"#), ("form", "{}"), ("three", r#"{"a":1,"b":2}"#)]
    {
        let answer = client.retry(tool, arguments, &state, answers).await;
        assert_eq!(answer.code(), -32602, "{tool} {arguments}");
    }
    let text = state.as_str().unwrap();
    for at in (0..text.len()).step_by(11) {
        let mut changed = text.to_owned().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = Value::String(String::from_utf8(changed).unwrap());
        let answer = client.retry("form", r#"{"a":1,"b":2}"#, &changed, answers).await;
        assert_eq!(answer.code(), -32602, "byte {at}");
    }
    for forged in [json!(""), json!(7), json!("AAAA")] {
        assert_eq!(client.retry("form", r#"{"a":1,"b":2}"#, &forged, answers).await.code(), -32602);
    }

    // The same request in other words is the same request.
    let answer = client.retry("form", r#"{ "b": 2, "a": 1 }"#, &state, answers).await;
    assert_eq!(text_of(&answer), r#"[{"action":"accept","content":{}}]"#);
    assert_eq!(server.count("tools/call"), 1);
}

#[tokio::test]
async fn an_answered_call_is_never_run_again() {
    let server = asking().await;
    let gateway = Gateway::before(&server).await;
    let client = Modern::of(&gateway).able(ALL);
    let (_, state) = asked(&client.call("form", "{}").await);
    let answers = r#"{"q1":{"action":"decline"}}"#;
    client.retry("form", "{}", &state, answers).await.result();

    let again = client.retry("form", "{}", &state, answers).await.result();

    assert_eq!(again["isError"], true);
    assert_eq!(again["_meta"]["dev.toolgate/error"]["category"], "expired");
    assert_eq!(server.count("tools/call"), 1);
}

#[tokio::test]
async fn a_call_that_nobody_comes_back_to_is_given_up() {
    let server = asking().await;
    let entry = server.entry("up", "");
    let gateway = Gateway::serve(format!("parking: {{ttl: 1s}}\nservers: [{entry}]")).await;
    let client = Modern::of(&gateway).able(ALL);
    let (_, state) = asked(&client.call("form", "{}").await);

    let question = server.seen("response").await;
    assert!(question.json["error"].is_object(), "the server is told that no answer comes");
    server.seen("notifications/cancelled").await;
    let late = client.retry("form", "{}", &state, r#"{"q1":{"action":"accept"}}"#).await;

    let refused = late.last();
    assert!(refused["error"].is_object() || refused["result"]["isError"] == true, "{refused}");
    assert_eq!(server.count("tools/call"), 1);
}

#[tokio::test]
async fn no_more_calls_wait_than_there_is_room_for() {
    let server = asking().await;
    let entry = server.entry("up", "");
    let gateway = Gateway::serve(format!("parking: {{max: 1}}\nservers: [{entry}]")).await;
    let client = Modern::of(&gateway).able(ALL);
    asked(&client.call("form", "{}").await);

    let second = client.call("form", "{}").await.result();

    assert_eq!(second["_meta"]["dev.toolgate/error"]["category"], "overloaded");
    server.seen("notifications/cancelled").await;
}

#[tokio::test]
async fn a_modern_client_is_not_asked_what_it_cannot_answer() {
    let server = asking().await;
    let gateway = Gateway::before(&server).await;

    for (able, tool, needed) in [
        (r#"{"roots":{}}"#, "form", "elicitation"),
        (r#"{"elicitation":{"url":{}}}"#, "form", "elicitation"),
        (r#"{"elicitation":{},"roots":{}}"#, "both", "sampling"),
        ("{}", "form", "elicitation"),
    ] {
        let answer = Modern::of(&gateway).able(able).call(tool, "{}").await;

        assert_eq!((answer.status, answer.code()), (400, -32021), "{able} {tool}");
        let data = &answer.json()["error"]["data"]["requiredCapabilities"];
        assert!(data[needed].is_object(), "{able} {tool}: {data}");
    }
    server.nth("notifications/cancelled", 3).await;
}

#[tokio::test]
async fn a_question_that_only_its_server_understands_reaches_who_can_be_asked_anything() {
    let server = asking().await;
    let gateway = Gateway::before(&server).await;

    // The modern era has no form for it: the server is told, and goes on without.
    let answer = Modern::of(&gateway).able(ALL).call("strange", "{}").await;
    assert!(text_of(&answer).contains(r#""code":-32603"#), "{answer:?}");

    let old = Legacy::open(&gateway, "2025-11-25", ALL).await;
    let mut wire = old.begin("strange", "{}").await;
    let question = question_on(&mut wire).await;
    assert_eq!(question["method"], "vendor/ask");
    old.reply(&question, r#""result":{"x":1}"#).await;
    assert_eq!(wire.message().await["result"]["content"][0]["text"], r#"[{"x":1}]"#);
}

#[tokio::test]
async fn servers_on_a_shared_channel_can_ask_too() {
    let script = Script::legacy(
        r#"
waiting = {}
def on(m):
    if m.get("method") == "tools/call":
        waiting["q"] = m
        send({"jsonrpc": "2.0", "id": "q", "method": "elicitation/create", "params": {"message": "Who?", "requestedSchema": {}}})
    elif m.get("id") in waiting:
        text(waiting.pop(m["id"]), json.dumps(m.get("result") or m.get("error")))
"#,
    );
    let stdio = Gateway::serve(format!("servers: [{}]", script.entry("up", ""))).await;
    let server = sse(|call: Call| async move {
        let hall = call.clone();
        let question = r#"{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{"message":"Who?","requestedSchema":{}}}"#;
        hall.say(question).await;
        let answer = call.answer_to("q").await;
        call.result(&said(&answer["result"].to_string()))
    })
    .await;
    let oldest = Gateway::before(&server).await;

    for gateway in [stdio, oldest] {
        let client = Modern::of(&gateway).able(ALL);
        let (questions, state) = asked(&client.call("form", "{}").await);
        assert_eq!(questions["q1"]["params"]["message"], "Who?");
        let answer = client.retry("form", "{}", &state, r#"{"q1":{"action":"cancel"}}"#).await;
        assert_eq!(json_of(&text_of(&answer)), json!({"action": "cancel"}));

        let old = Legacy::open(&gateway, "2025-11-25", ALL).await;
        let mut wire = old.begin("form", "{}").await;
        wire.head().await.unwrap();
        let question = wire.message().await;
        assert_eq!(question["params"]["message"], "Who?");
        old.reply(&question, r#""result":{"action":"decline"}"#).await;
        let end = wire.message().await;
        let text = end["result"]["content"][0]["text"].as_str().unwrap();
        assert_eq!(json_of(text), json!({"action": "decline"}));
    }
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Reads the head of a stream and the first message on it.
async fn question_on(wire: &mut Wire) -> Value {
    let head = wire.head().await.unwrap();
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    wire.message().await
}

#[tokio::test]
async fn older_clients_answer_older_servers() {
    let server = asking().await;
    let gateway = Gateway::before(&server).await;
    for version in ["2025-06-18", "2025-11-25"] {
        let client = Legacy::open(&gateway, version, ALL).await;

        let mut wire = client.begin("form", "{}").await;
        let question = question_on(&mut wire).await;
        assert!(wire.last.contains(&format!(r#""params":{FORM}"#)), "{}", wire.last);
        assert_ne!(question["id"], "e1", "the id is the gateway's own");
        let accepted = client.reply(&question, &format!(r#""result":{ANSWER}"#)).await;
        assert_eq!((accepted.status, accepted.body.as_str()), (202, ""));
        let end = wire.message().await;
        assert!(end["result"]["content"][0]["text"].as_str().unwrap().contains("9007199254740993"));
        assert_eq!(wire.event().await, None);

        // An error of the client is the server's to read, as it is.
        let mut wire = client.begin("form", "{}").await;
        let question = question_on(&mut wire).await;
        client
            .reply(&question, r#""error":{"code":-1,"message":"user said no","data":[1.10]}"#)
            .await;
        let end = wire.message().await;
        assert_eq!(
            end["result"]["content"][0]["text"],
            r#"[{"code":-1,"message":"user said no","data":[1.1]}]"#
        );
    }
}

#[tokio::test]
async fn an_older_client_is_not_asked_what_it_did_not_declare() {
    let server = asking().await;
    let gateway = Gateway::before(&server).await;
    for able in ["{}", r#"{"roots":{}}"#] {
        let client = Legacy::open(&gateway, "2025-11-25", able).await;

        let answer = client.call("form", "{}").await;

        assert_eq!(answer.messages().len(), 1, "{answer:?}");
        assert!(text_of(&answer).contains(r#""code":-32603"#), "{answer:?}");
    }
}

#[tokio::test]
async fn a_question_reaches_the_session_it_belongs_to_and_no_other_may_answer_it() {
    let server = asking().await;
    let gateway = Gateway::before(&server).await;
    let asked = Legacy::open(&gateway, "2025-11-25", ALL).await;
    let other = Legacy::open(&gateway, "2025-11-25", ALL).await;
    let mut own = other.listen(None).await;
    own.head().await.unwrap();
    let mut wire = asked.begin("form", "{}").await;
    let question = question_on(&mut wire).await;

    other.reply(&question, r#""result":{"action":"accept","content":{"forged":true}}"#).await;
    asked.reply(&question, r#""result":{"action":"decline"}"#).await;

    let end = wire.message().await;
    assert_eq!(end["result"]["content"][0]["text"], r#"[{"action":"decline"}]"#);
}

/// A modern server that asks as often as its tool says, and tells in the end what it heard.
async fn modern_asking() -> Server {
    modern(|call: Call| async move {
        let params = &call.json["params"];
        let state = params["requestState"].as_str().map(str::to_owned);
        let heard = params["inputResponses"].to_string();
        match (call.name(), state.as_deref()) {
            ("form" | "twice" | "roots" | "url", None) => {
                let (method, ask) = match call.name() {
                    "roots" => ("roots/list", "{}".to_owned()),
                    "url" => {
                        let ask = r#"{"mode":"url","message":"Go","url":"https://x.example/1"}"#;
                        ("elicitation/create", ask.to_owned())
                    }
                    _ => ("elicitation/create", FORM.to_owned()),
                };
                call.result(&format!(
                    r#"{{"resultType":"input_required","requestState":"s1 \"é\"","inputRequests":{{"who":{{"method":"{method}","params":{ask}}}}}}}"#
                ))
            }
            ("twice", Some("s1 \"é\"")) => call.result(&format!(
                r#"{{"resultType":"input_required","requestState":"s2","inputRequests":{{"again":{{"method":"elicitation/create","params":{FORM}}}}}}}"#
            )),
            ("later", None) => call.result(r#"{"resultType":"input_required","requestState":"wait"}"#),
            ("stateless", None) if params.get("inputResponses").is_none() => call.result(&format!(
                r#"{{"resultType":"input_required","inputRequests":{{"k":{{"method":"elicitation/create","params":{FORM}}}}}}}"#
            )),
            (_, state) => {
                let text = json!({"heard": heard, "state": state}).to_string();
                call.result(&format!(
                    r#"{{"resultType":"complete","content":[{{"type":"text","text":{}}}]}}"#,
                    Value::String(text)
                ))
            }
        }
    })
    .await
}

#[tokio::test]
async fn what_a_modern_server_asks_an_older_client_answers_on_its_stream() {
    let server = modern_asking().await;
    let gateway = Gateway::before(&server).await;
    let client = Legacy::open(&gateway, "2025-11-25", ALL).await;

    let mut wire = client.begin("twice", r#"{"a":1.10}"#).await;
    let first = question_on(&mut wire).await;
    assert_eq!(first["method"], "elicitation/create");
    assert!(wire.last.contains(&format!(r#""params":{FORM}"#)), "{}", wire.last);
    client.reply(&first, &format!(r#""result":{ANSWER}"#)).await;
    let second = wire.message().await;
    assert_ne!(first["id"], second["id"]);
    client.reply(&second, r#""result":{"action":"decline"}"#).await;
    let end = wire.message().await;

    assert_eq!(end["id"], 1);
    assert!(end["result"].get("resultType").is_none());
    let told = json_of(end["result"]["content"][0]["text"].as_str().unwrap());
    assert_eq!(told, json!({"heard": r#"{"again":{"action":"decline"}}"#, "state": "s2"}));
    let (call, retry) = (server.seen("tools/call").await, server.nth("tools/call", 1).await);
    assert_ne!(call.id(), retry.id(), "a retry has an id of its own");
    assert!(
        retry.body.contains(&format!(r#""inputResponses":{{"who":{ANSWER}}}"#)),
        "{}",
        retry.body
    );
    assert!(retry.body.contains(r#"{"a":1.10}"#), "{}", retry.body);
    assert_eq!(retry.json["params"]["requestState"], "s1 \"é\"");
    assert_eq!(server.count("tools/call"), 3);
}

#[tokio::test]
async fn an_older_client_that_fails_to_answer_cancels_or_ends_the_call() {
    let server = modern_asking().await;
    let gateway = Gateway::before(&server).await;
    let client = Legacy::open(&gateway, "2025-11-25", ALL).await;
    let error = r#""error":{"code":-1,"message":"no"}"#;

    let mut wire = client.begin("form", "{}").await;
    let question = question_on(&mut wire).await;
    client.reply(&question, error).await;
    let told = wire.message().await["result"]["content"][0]["text"].clone();
    assert!(told.as_str().unwrap().contains(r#"{\"who\":{\"action\":\"cancel\"}}"#), "{told}");

    let mut wire = client.begin("roots", "{}").await;
    let question = question_on(&mut wire).await;
    client.reply(&question, error).await;
    let end = wire.message().await;
    assert_eq!(end["result"]["isError"], true);
    assert_eq!(server.count("tools/call"), 3, "there is no form for an error in a retry");
}

#[tokio::test]
async fn an_older_client_is_not_asked_by_a_modern_server_what_it_did_not_declare() {
    let server = modern_asking().await;
    let gateway = Gateway::before(&server).await;

    for (version, able, tool) in [
        ("2025-11-25", "{}", "form"),
        ("2025-11-25", r#"{"elicitation":{}}"#, "roots"),
        ("2025-11-25", r#"{"elicitation":{}}"#, "url"),
        ("2025-06-18", r#"{"elicitation":{"url":{}}}"#, "url"),
    ] {
        let client = Legacy::open(&gateway, version, able).await;
        let answer = client.call(tool, "{}").await;
        assert_eq!(answer.code(), -32603, "{version} {able} {tool}");
        assert_eq!(answer.messages().len(), 1);
    }
}

#[tokio::test]
async fn a_modern_server_that_only_wants_time_gets_it() {
    let server = modern_asking().await;
    let gateway = Gateway::before(&server).await;
    let client = Legacy::open(&gateway, "2025-06-18", "{}").await;

    let told = json_of(&text_of(&client.call("later", "{}").await));

    assert_eq!(told, json!({"heard": "null", "state": "wait"}));
}

#[tokio::test]
async fn a_url_to_consent_at_gets_the_id_that_older_clients_want() {
    let server = modern_asking().await;
    let gateway = Gateway::before(&server).await;
    let client = Legacy::open(&gateway, "2025-11-25", ALL).await;

    let mut wire = client.begin("url", "{}").await;
    let question = question_on(&mut wire).await;
    assert_eq!(question["params"]["url"], "https://x.example/1");
    assert!(question["params"]["elicitationId"].as_str().is_some_and(|id| !id.is_empty()));
    client.reply(&question, r#""result":{"action":"accept"}"#).await;

    assert!(wire.message().await["result"]["content"].is_array());
}

#[tokio::test]
async fn between_modern_peers_questions_pass_and_the_state_is_sealed() {
    let server = modern_asking().await;
    let gateway = Gateway::before(&server).await;
    let client = Modern::of(&gateway).able(ALL);

    let first = client.call("form", "{}").await;
    let (_, state) = asked(&first);
    assert!(first.body.contains(&format!(r#""params":{FORM}"#)), "{}", first.body);
    assert!(!state.to_string().contains("s1 "));
    let answer = client.retry("form", "{}", &state, &format!(r#"{{"who":{ANSWER}}}"#)).await;
    let told = json_of(&text_of(&answer));
    assert_eq!(told["state"], "s1 \"é\"", "the server's own state, as it was");
    assert!(server.nth("tools/call", 1).await.body.contains(ANSWER));

    // What was not sealed for this request never reaches the server.
    for (tool, arguments, state) in [
        ("form", r#"{"x":1}"#, state.clone()),
        ("twice", "{}", state.clone()),
        ("form", "{}", json!("s1 \"é\"")),
    ] {
        let refused = client.retry(tool, arguments, &state, "{}").await;
        assert_eq!(refused.code(), -32602);
    }
    assert_eq!(server.count("tools/call"), 2);
}

#[tokio::test]
async fn where_a_server_gave_no_state_none_is_added() {
    let server = modern_asking().await;
    let gateway = Gateway::before(&server).await;
    let client = Modern::of(&gateway).able(ALL);

    let (_, state) = asked(&client.call("stateless", "{}").await);
    assert_eq!(state, Value::Null);
    let params =
        format!(r#"{{"name":"stateless","arguments":{{}},"inputResponses":{{"k":{ANSWER}}}}}"#);
    let told = json_of(&text_of(&client.request("2", "tools/call", &params).await));

    assert_eq!(told["state"], Value::Null);
}

/// An older server that wants consent at a URL first.
async fn wants_consent() -> Server {
    let calls = Arc::new(AtomicUsize::new(0));
    legacy(move |call: Call| {
        let first = calls.fetch_add(1, Ordering::SeqCst) == 0 || call.name() == "always";
        async move {
            if first {
                return call.error(
                    200,
                    r#"{"code":-32042,"message":"consent","data":{"elicitations":[{"mode":"url","elicitationId":"e-1","url":"https://x.example/ok","message":"Please"}]}}"#,
                );
            }
            call.result(&said("done"))
        }
    })
    .await
}

#[tokio::test]
async fn consent_at_a_url_is_asked_for_in_each_revisions_own_way() {
    let server = wants_consent().await;
    let gateway = Gateway::before(&server).await;
    let client = Modern::of(&gateway).able(r#"{"elicitation":{"url":{}}}"#);
    let (questions, state) = asked(&client.call("t", "{}").await);
    let params = &questions["url-0"]["params"];
    assert_eq!((&params["mode"], &params["url"]), (&json!("url"), &json!("https://x.example/ok")));
    assert!(params.get("elicitationId").is_none());
    assert_eq!(state, Value::Null);
    let params = r#"{"name":"t","arguments":{},"inputResponses":{"url-0":{"action":"accept"}}}"#;
    assert_eq!(text_of(&client.request("2", "tools/call", params).await), "done");
    let retry = server.nth("tools/call", 1).await;
    assert!(retry.json["params"].get("inputResponses").is_none());

    let answer = Modern::of(&gateway).able(r#"{"elicitation":{}}"#).call("always", "{}").await;
    assert_eq!((answer.status, answer.code()), (400, -32021));

    let newer = Legacy::open(&gateway, "2025-11-25", ALL).await.call("always", "{}").await;
    assert_eq!(newer.code(), -32042);
    assert_eq!(newer.last()["error"]["data"]["elicitations"][0]["elicitationId"], "e-1");
    let older = Legacy::open(&gateway, "2025-06-18", ALL).await.call("always", "{}").await;
    assert_eq!(older.result()["isError"], true);
    assert!(text_of(&older).contains("https://x.example/ok"));
}
