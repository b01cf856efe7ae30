//! Calls of tools and resources, with an API that answers from a script.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};
use toolgate_api::{Engine, HttpApi, Lost, Transport};
use toolgate_gateway::call::{Boxed, Reply, Request};
use toolgate_gateway::testing::{self, client};
use toolgate_gateway::upstream::Upstream;
use toolgate_hosted::Hosted;
use toolgate_protocol::jsonrpc::{self, Message};
use toolgate_protocol::version::Version;

/// What the API answers to one request after the other.
enum Said {
    Answer(u16, String),
    Lost,
    Silence,
}

/// The URLs and bodies of requests.
type Heard = Arc<Mutex<Vec<(String, String)>>>;

struct Script {
    answers: Mutex<VecDeque<Said>>,
    heard: Heard,
}

impl Transport for Script {
    fn send(&self, request: http::Request<Bytes>) -> Boxed<'_, Result<Response<Bytes>, Lost>> {
        let body = String::from_utf8(request.body().to_vec()).unwrap();
        self.heard.lock().unwrap().push((request.uri().to_string(), body));
        let said = self.answers.lock().unwrap().pop_front();
        Box::pin(async {
            match said {
                Some(Said::Answer(status, json)) => {
                    let answer = Response::builder().status(status);
                    Ok(answer.header("content-type", "application/json").body(json.into()).unwrap())
                }
                Some(Said::Silence) => std::future::pending().await,
                Some(Said::Lost) | None => Err(Lost::Unreachable("nobody is there".to_owned())),
            }
        })
    }
}

const LARGEST: usize = 2 << 20;
const LIST: &str = r#"{"name":"list"}"#;

/// A server with one tool of each kind, and what it asks for.
fn server(script: Vec<Said>) -> (Hosted, Heard) {
    let api = json!({
        "base": "https://api.example/v1",
        "tools": {
            "list": {
                "description": "Lists.", "get": "/things", "result": "things",
                "pages": { "kind": "cursor", "next": "next", "limit": 3 },
                "output": { "type": "array", "items": { "type": "object" } },
            },
            "add": {
                "description": "Adds.", "post": "/things",
                "parameters": { "name": {}, "size": { "type": "integer", "default": 7 } },
            },
            "tree": {
                "description": "Reads.", "get": "/tree", "output": { "type": "array", "items": { "$ref": "#/$defs/T" }, "$defs": { "T": { "type": "integer" } } },
                "parameters": { "near": { "schema": { "$ref": "#/$defs/T", "$defs": { "T": { "type": "integer" } } } } },
            },
            "between": {
                "description": "Reads.", "get": "/from/{a}/to/{b}",
                "parameters": { "a": { "name": "b" }, "b": { "name": "a" } },
            },
            "read": {
                "description": "Reads.", "get": "/things/{id}", "result": "things",
                "parameters": { "id": { "schema": {} } },
            },
            "put": { "description": "Puts.", "put": "/thing" },
            "set": { "description": "Sets.", "put": "/thing", "idempotent": true },
            "ask": { "description": "Asks.", "post": "/search", "read_only": true },
            "visit": { "description": "Counts a visit.", "get": "/visit", "read_only": false },
        },
        "resources": { "all": { "uri": "things://all", "get": "/things", "result": "things", "max_size": "2MiB" } },
    });
    let heard = Heard::default();
    let engine = Engine {
        name: "hub".into(),
        transport: Arc::new(Script { answers: Mutex::new(script.into()), heard: heard.clone() }),
        budget: Duration::from_secs(60),
        largest: LARGEST,
    };
    let api = HttpApi::new(&serde_json::from_value(api).unwrap(), engine).unwrap();
    (Hosted::new("hub", Arc::new(api)), heard)
}

fn page(things: &str, next: Option<&str>) -> Said {
    Said::Answer(200, format!(r#"{{"things":{things},"next":{}}}"#, json!(next)))
}

/// A request with parameters as they are written.
fn request(method: &str, params: &str) -> Box<Request> {
    let mut request =
        testing::request(&client(Version::V2025_11_25, &json!({})), method, json!({}));
    let bytes = jsonrpc::request("1", method, params);
    request.message = Message::scan(bytes, &Default::default()).unwrap();
    request
}

async fn asked(server: &Hosted, method: &str, params: &str) -> Value {
    let request = request(method, params);
    let Ok(Reply::Whole(end)) = server.call(&request).await else { panic!("no whole reply") };
    serde_json::from_slice::<Value>(end.message.bytes()).unwrap()["result"].clone()
}

async fn listed(script: Vec<Said>) -> Value {
    asked(&server(script).0, "tools/call", LIST).await
}

#[tokio::test(start_paused = true)]
async fn pages_before_one_that_fails_are_told_with_the_reason_and_the_way_on() {
    let refused = r#"{"message":"Only the first results are available."}"#;
    for (second, category, told) in [
        (vec![Said::Answer(500, "{}".to_owned())], "unreachable", "\"hub\" failed (500)"),
        (vec![Said::Answer(422, refused.to_owned())], "invalid_arguments", "Only the first"),
        (vec![Said::Answer(404, "{}".to_owned())], "invalid_arguments", "no such thing"),
        (vec![Said::Answer(200, "<html>".to_owned())], "invalid_result", "answered no JSON"),
        (vec![Said::Lost, Said::Lost], "unreachable", "cannot reach \"hub\""),
        (vec![Said::Silence], "timeout", "did not answer in time"),
    ] {
        let mut script = vec![page(r#"[{"id":12345678901234567890123}]"#, Some("b"))];
        script.extend(second);

        let result = listed(script).await;

        assert_eq!(result["isError"], Value::Null, "{result}");
        let structured = &result["structuredContent"];
        assert_eq!(structured["items"].as_array().unwrap().len(), 1, "{result}");
        assert_eq!(
            (&structured["has_more"], &structured["next_cursor"]),
            (&json!(true), &json!("b"))
        );
        assert_eq!(structured["error"]["category"], category);
        let sentence = result["content"][0]["text"].as_str().unwrap();
        assert!(sentence.starts_with("incomplete: page 2 of this call"), "{sentence}");
        assert!(
            sentence.contains(told) && sentence.contains("next_cursor as cursor"),
            "{sentence}"
        );
        let text = result["content"][1]["text"].as_str().unwrap();
        assert_eq!(text.parse::<Value>().unwrap(), *structured);
        let failure = &result["_meta"]["dev.toolgate/error"];
        assert_eq!(
            (&failure["category"], &failure["sideEffect"]),
            (&json!(category), &json!("none"))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_again_is_said_by_the_method_unless_the_operator_knows_better() {
    for (tool, times, side_effect) in [
        ("read", 4, "none"),
        ("ask", 4, "none"),
        ("set", 4, "unknown"),
        ("put", 1, "unknown"),
        ("add", 1, "unknown"),
        ("visit", 1, "unknown"),
    ] {
        let busy = || Said::Answer(503, "{}".to_owned());
        let (server, heard) = server((0..4).map(|_| busy()).collect());
        let arguments = if tool == "read" { r#"{"id":1}"# } else { "{}" };

        let params = format!(r#"{{"name":"{tool}","arguments":{arguments}}}"#);
        let result = asked(&server, "tools/call", &params).await;

        let error = &result["_meta"]["dev.toolgate/error"];
        assert_eq!(error["sideEffect"], side_effect, "{tool}: {result}");
        assert_eq!(heard.lock().unwrap().len(), times, "{tool}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_page_that_fails_is_a_failure() {
    let result = listed(vec![Said::Answer(500, "{}".to_owned())]).await;

    assert_eq!(result["isError"], true, "{result}");
    assert_eq!(result["structuredContent"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn what_is_told_of_a_page_that_failed_is_what_the_tool_promises() {
    let mut script = vec![page("[{}]", Some("b"))];
    script.extend((0..4).map(|_| Said::Answer(429, "{}".to_owned())));
    let (server, _) = server(script);

    let tools = asked(&server, "tools/list", "{}").await;
    let result = asked(&server, "tools/call", LIST).await;

    let list = tools["tools"].as_array().unwrap().iter().find(|tool| tool["name"] == "list");
    let schema = list.unwrap()["outputSchema"].to_string();
    let schema = toolgate_screen::schema::Compiled::new(schema.as_bytes()).unwrap();
    let structured = &result["structuredContent"];
    schema.check(structured.to_string().as_bytes()).unwrap();
    assert_eq!(structured["error"]["retry_after_ms"], 60_000, "{structured}");
    let mut wrong = structured.clone();
    wrong["error"] = json!("why");
    schema.check(wrong.to_string().as_bytes()).unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn pages_that_are_no_lists_take_nothing_from_those_that_are() {
    let result = listed(vec![page("[1]", Some("b")), page(r#"{"a":1}"#, None)]).await;

    assert_eq!(
        result["structuredContent"],
        json!({ "pages": [[1], { "a": 1 }], "has_more": false })
    );
}

#[tokio::test(start_paused = true)]
async fn a_page_without_content_is_the_last_and_empty() {
    let result = listed(vec![page("[1]", Some("b")), Said::Answer(204, String::new())]).await;

    assert_eq!(result["structuredContent"], json!({ "items": [1], "has_more": false }));
}

#[tokio::test]
async fn pages_that_go_round_or_cannot_be_asked_for_are_not_told_as_all_there_is() {
    let round = vec![page("[1]", Some("b")), page("[2]", Some("c")), page("[3]", Some("b"))];
    let long = vec![page("[1]", Some(&"x".repeat(5000)))];
    for (script, items, told) in [
        (round, json!([1, 2, 3]), "goes round in circles"),
        (long, json!([1]), "not how to ask for it"),
    ] {
        let result = listed(script).await;

        let structured = &result["structuredContent"];
        assert_eq!((&structured["items"], &structured["has_more"]), (&items, &json!(true)));
        assert_eq!(structured["next_cursor"], Value::Null);
        let sentence = result["content"][0]["text"].as_str().unwrap();
        assert!(sentence.contains(told) && !sentence.contains("next_cursor"), "{sentence}");
    }
}

#[tokio::test]
async fn what_is_not_given_of_a_body_is_its_default() {
    let (server, heard) = server(vec![page("1", None), page("1", None)]);
    let add = async |arguments: &str| {
        let params = format!(r#"{{"name":"add","arguments":{arguments}}}"#);
        asked(&server, "tools/call", &params).await
    };

    add(r#"{"name":"a"}"#).await;
    add(r#"{"name":"a","size":3}"#).await;

    let heard = heard.lock().unwrap();
    let bodies: Vec<_> = heard.iter().map(|(_, body)| body.as_str()).collect();
    assert_eq!(bodies, [r#"{"name":"a","size":7}"#, r#"{"name":"a","size":3}"#]);
}

#[tokio::test]
async fn a_page_that_makes_the_answer_too_large_is_the_first_of_the_next_call() {
    let half = format!("[{}1]", "1,".repeat(LARGEST / 4));

    let result = listed(vec![page(&half, Some("b")), page(&half, Some("c"))]).await;

    let structured = &result["structuredContent"];
    assert_eq!((&structured["next_cursor"], &structured["error"]), (&json!("b"), &Value::Null));
    assert_eq!(structured["items"].as_array().unwrap().len(), LARGEST / 4 + 1);
}

#[tokio::test]
async fn large_answers_are_not_read_by_the_thread_that_serves_calls() {
    let large = format!("[{}1]", "1,".repeat(LARGEST / 4));
    for (method, params) in [
        ("tools/call", LIST),
        ("tools/call", r#"{"name":"read","arguments":{"id":1}}"#),
        ("resources/read", r#"{"uri":"things://all"}"#),
    ] {
        for (things, waits) in [("[1]", false), (large.as_str(), true)] {
            let (server, _) = server(vec![page(things, None)]);
            let request = request(method, params);
            let mut call = server.call(&request);

            // The API answers at once, so whatever is waited for is another thread.
            let is_pending = poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_pending())).await;

            assert_eq!(is_pending, waits, "{method} {params}");
        }
    }
}

#[tokio::test]
async fn a_number_that_would_arrive_as_another_one_is_not_sent() {
    let (server, heard) = server(vec![page("1", None)]);
    let read = async |id: &str| {
        let params = format!(r#"{{"name":"read","arguments":{{"id":{id}}}}}"#);
        asked(&server, "tools/call", &params).await
    };

    let longer = read("12345678901234567890123").await;
    read("18446744073709551615").await;

    assert_eq!(longer["isError"], true, "{longer}");
    let sentence = longer["content"][0]["text"].as_str().unwrap();
    assert!(
        sentence.contains("id: the number 12345678901234567890123 has more than 64 bits")
            && sentence.contains("give it as a string"),
        "{sentence}"
    );
    let heard = heard.lock().unwrap();
    let urls: Vec<_> = heard.iter().map(|(url, _)| url.as_str()).collect();
    assert_eq!(urls, ["https://api.example/v1/things/18446744073709551615"]);
}

#[tokio::test]
async fn a_write_whose_answer_cannot_be_passed_on_may_have_been_done() {
    let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(600), "]".repeat(600));
    for (tool, status, answer, side_effect) in [
        ("add", 302, "{}", "unknown"),
        ("add", 303, "{}", "unknown"),
        ("put", 301, "{}", "unknown"),
        ("ask", 303, "{}", "none"),
        ("add", 201, &deep, "unknown"),
    ] {
        let (server, _) = server(vec![Said::Answer(status, answer.to_owned())]);
        let request = request("tools/call", &format!(r#"{{"name":"{tool}","arguments":{{}}}}"#));

        let told = match server.call(&request).await {
            Ok(Reply::Whole(end)) => {
                let told = serde_json::from_slice::<Value>(end.message.bytes()).unwrap();
                told["result"]["_meta"]["dev.toolgate/error"]["sideEffect"].clone()
            }
            Ok(_) => panic!("no whole reply"),
            Err(fault) => fault.structured("").parse::<Value>().unwrap()["sideEffect"].clone(),
        };

        assert_eq!(told, side_effect, "{tool} {status}");
    }
}

#[tokio::test]
async fn an_answer_of_too_many_values_is_too_large_for_an_expression() {
    let many = format!("[{}0]", "0,".repeat(1 << 20));
    for (method, params) in [
        ("tools/call", LIST),
        ("tools/call", r#"{"name":"read","arguments":{"id":1}}"#),
        ("resources/read", r#"{"uri":"things://all"}"#),
    ] {
        let (server, _) = server(vec![page(&many, None)]);

        let fault = server.call(&request(method, params)).await.err().unwrap();

        assert_eq!(fault.reason.label(), "too_large", "{method} {params}");
    }
}

#[tokio::test]
async fn a_path_takes_the_arguments_that_it_names_whatever_the_api_calls_them() {
    let (server, heard) = server(vec![page("1", None)]);

    asked(&server, "tools/call", r#"{"name":"between","arguments":{"a":"x","b":"y"}}"#).await;

    assert_eq!(heard.lock().unwrap()[0].0, "https://api.example/v1/from/x/to/y");
}

#[tokio::test]
async fn schemas_of_an_operator_may_refer_to_their_own_definitions() {
    let (server, heard) = server(vec![page("1", None)]);

    let tools = asked(&server, "tools/list", "{}").await;
    let tree = async |near: &str| {
        let params = format!(r#"{{"name":"tree","arguments":{{"near":{near}}}}}"#);
        asked(&server, "tools/call", &params).await
    };
    let refused = tree(r#""x""#).await;
    tree("7").await;

    let tool = tools["tools"].as_array().unwrap().iter().find(|it| it["name"] == "tree").unwrap();
    let output =
        toolgate_screen::schema::Compiled::new(tool["outputSchema"].to_string().as_bytes());
    let output = output.unwrap();
    assert!(
        output.check(br#"{"result":[1]}"#).is_ok() && output.check(br#"{"result":["1"]}"#).is_err()
    );
    assert_eq!(refused["isError"], true, "{refused}");
    assert_eq!(heard.lock().unwrap()[0].0, "https://api.example/v1/tree?near=7");
}
