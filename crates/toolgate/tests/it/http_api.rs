//! Endpoints of an HTTP API as tools: what the API is asked, and what the model is told.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::{Call, Gateway, Legacy, Modern, Reply, Server};

/// An API with a few repositories.
async fn api() -> Server {
    Server::start(|call| async move { answer(&call) }).await
}

fn answer(call: &Call) -> Reply {
    match (call.verb.as_str(), call.path.split('?').next().unwrap()) {
        ("GET", "/v1/search/repositories") => {
            let last = call.path.contains("page=2");
            let items = match last {
                false => {
                    r#"[{"id":12345678901234567890123,"full_name":"a/b","stargazers_count":7,"x":1}]"#
                }
                true => r#"[{"id":2,"full_name":"c/d","stargazers_count":1,"x":1}]"#,
            };
            let reply = Reply::json(200, format!(r#"{{"total_count":2,"items":{items}}}"#));
            if last {
                return reply;
            }
            reply.header("link", r#"<https://evil.example/v1?page=2&x=y>; rel="next""#)
        }
        ("GET", "/v1/repos/a/b") => {
            Reply::json(200, r#"{"id":12345678901234567890123,"name":"b"}"#)
        }
        ("POST", "/v1/repos/a/b/issues") => Reply::json(201, call.body.clone()),
        ("GET", "/v1/moved") => Reply::json(301, "").header("location", "/v1/repos/a/b"),
        ("GET", "/v1/away") => Reply::json(302, "").header("location", "http://127.0.0.1:1/x"),
        ("GET", "/v1/limited") => Reply::json(429, "{}").header("retry-after", "30"),
        ("GET", "/v1/key") => Reply::json(401, r#"{"message":"Bad credentials"}"#),
        ("GET", "/v1/picture") => Reply::text(200, "image/png", "PNG"),
        ("GET", "/v1/words") => Reply::json(200, json!({ "path": call.path }).to_string()),
        ("GET", "/v1/notes/7") => Reply::text(200, "text/html; charset=utf-8", "<p>Seven</p>"),
        ("GET", "/v1/limits") => Reply::json(200, r#"{"rate":{"left":3}}"#),
        ("DELETE", _) => Reply::json(204, ""),
        _ => Reply::json(404, r#"{"message":"Not Found"}"#),
    }
}

const TOOLS: &str = r#"
        search:
          description: Searches repositories.
          get: /search/repositories
          parameters: { query: { in: query, name: q, required: true, max_length: 20 } }
          result: "items[].{name: full_name, stars: stargazers_count}"
          pages: { kind: link }
          output: { type: array, items: { type: object } }
        repo:
          description: Reads a repository.
          get: "/repos/{owner}/{repo}"
          parameters: { owner: {}, repo: {}, note: { in: header, name: X-Note } }
          errors: { 404: "no such repository" }
        open:
          description: Opens an issue.
          post: "/repos/{owner}/{repo}/issues"
          parameters: { owner: {}, repo: {}, title: { in: body, required: true }, labels: { in: body, type: array, items: { type: string } } }
          body: { title: "{title}", labels: "{labels}", by: "toolgate for {owner}" }
        moved: { description: Moved., get: /moved }
        away: { description: Away., get: /away }
        limited: { description: Limited., get: /limited }
        key: { description: Key., get: /key }
        picture: { description: Picture., get: /picture }
        words:
          description: Words.
          get: /words
          parameters:
            words: {}
            user: {}
            labels: { type: array, items: { type: string } }
            size: { type: integer, default: 10 }
          query: { sort: name, q: "{words} in:name user:{user}", label: "{labels}", per_page: "{size}", only: "{words}" }
        drop: { description: Drops., delete: "/things/{id}", parameters: { id: { type: integer } } }
"#;

const RESOURCES: &str = r#"
      resources:
        note:
          uri: "note://{kind}/{number}"
          get: /notes/{number}
          parameters: { number: { type: integer, minimum: 1 }, kind: { in: query, enum: [draft, done] } }
        limits: { uri: "api://limits", description: What is left., get: /limits, result: rate }
        small: { uri: "api://small", get: /limits, max_size: 10B }
        key: { uri: "api://key", get: /key }
        busy: { uri: "api://busy", get: /limited }
"#;

async fn before(api: &Server) -> Gateway {
    Gateway::serve(format!(
        "servers:\n  - name: hub\n    http:\n      base: {}/v1\n      headers: {{ authorization: \"Bearer the-key\" }}\n      tools:{TOOLS}{RESOURCES}",
        api.origin()
    ))
    .await
}

async fn call(gateway: &Gateway, tool: &str, arguments: Value) -> Value {
    Modern::of(gateway).call(tool, &arguments.to_string()).await.result()
}

fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap()
}

#[tokio::test]
async fn endpoints_are_listed_with_what_they_take_and_do() {
    let api = api().await;
    let gateway = before(&api).await;

    let listed = Modern::of(&gateway).request("1", "tools/list", "{}").await.result();

    let tool = |name: &str| {
        listed["tools"].as_array().unwrap().iter().find(|it| it["name"] == name).unwrap().clone()
    };
    let search = tool("search");
    assert_eq!(search["inputSchema"]["required"], json!(["query"]));
    assert_eq!(search["inputSchema"]["additionalProperties"], false);
    assert_eq!(search["inputSchema"]["properties"]["query"]["maxLength"], 20);
    assert_eq!(search["annotations"]["readOnlyHint"], true);
    assert_eq!(tool("drop")["annotations"]["destructiveHint"], true);
    assert_eq!(tool("open")["annotations"]["idempotentHint"], false);
    assert!(!listed.to_string().contains("the-key"), "{listed}");
}

#[tokio::test]
async fn a_client_of_either_era_gets_what_the_api_answers() {
    let api = api().await;
    let gateway = before(&api).await;
    let legacy = Legacy::open(&gateway, "2025-11-25", "{}").await;

    let modern = call(&gateway, "repo", json!({ "owner": "a", "repo": "b", "note": "hi" })).await;
    let old = legacy.call("repo", r#"{"owner":"a","repo":"b"}"#).await;

    // The number is larger than any that is commonly read.
    assert_eq!(text(&modern), r#"{"id":12345678901234567890123,"name":"b"}"#);
    assert!(old.body.contains(r#""structuredContent":{"id":12345678901234567890123,"name":"b"}"#));
    let seen = &api.every()[0];
    assert_eq!(
        (seen.header("authorization"), seen.header("x-note")),
        (Some("Bearer the-key"), Some("hi"))
    );
}

#[tokio::test]
async fn results_are_mapped_and_paged_by_a_parameter_alone() {
    let api = api().await;
    let gateway = before(&api).await;

    let first = call(&gateway, "search", json!({ "query": "x&y" })).await;
    let cursor = first["structuredContent"]["next_cursor"].clone();
    let second = call(&gateway, "search", json!({ "query": "x&y", "cursor": cursor })).await;

    let items = json!([{ "name": "a/b", "stars": 7 }]);
    assert_eq!(
        first["structuredContent"],
        json!({ "items": items, "has_more": true, "next_cursor": "2" })
    );
    assert_eq!(
        second["structuredContent"],
        json!({ "items": [{ "name": "c/d", "stars": 1 }], "has_more": false })
    );
    let seen: Vec<_> = api.every().iter().map(|call| call.path.clone()).collect();
    assert_eq!(seen, ["/v1/search/repositories?q=x%26y", "/v1/search/repositories?q=x%26y&page=2"]);
}

#[tokio::test]
async fn bodies_are_filled_in() {
    let api = api().await;
    let gateway = before(&api).await;
    let arguments = json!({ "owner": "a", "repo": "b", "title": "{\"x\"}", "labels": ["p", "q"] });

    let result = call(&gateway, "open", arguments).await;

    let sent = json!({ "title": "{\"x\"}", "labels": ["p", "q"], "by": "toolgate for a" });
    assert_eq!(result["structuredContent"], sent);
}

#[tokio::test]
async fn failures_say_what_to_do() {
    let api = api().await;
    let gateway = before(&api).await;
    for (tool, arguments, told, category) in [
        (
            "repo",
            json!({ "owner": "a", "repo": "none" }),
            "no such repository (404)",
            "invalid_arguments",
        ),
        (
            "repo",
            json!({ "owner": "..", "repo": "b" }),
            "owner cannot stand in a path",
            "invalid_arguments",
        ),
        ("repo", json!({ "owner": "a" }), "the arguments do not fit", "invalid_arguments"),
        (
            "repo",
            json!({ "owner": "a", "repo": "b", "note": "x\r\ny: z" }),
            "goes into a header",
            "invalid_arguments",
        ),
        ("key", json!({}), "ask the user to check the key", "refused"),
        ("limited", json!({}), "wait 30 s", "rate_limited"),
        ("away", json!({}), "not followed", "refused"),
    ] {
        let result = call(&gateway, tool, arguments).await;

        assert_eq!(result["isError"], true, "{result}");
        assert!(text(&result).contains(told), "{tool}: {result}");
        let error = &result["_meta"]["dev.toolgate/error"];
        assert_eq!(error["category"], category, "{result}");
        if tool == "limited" {
            assert_eq!(error["retryAfterMs"], 30_000);
        }
    }
    // What is wrong is not even sent.
    assert_eq!(api.every().len(), 4);
}

#[tokio::test]
async fn redirects_within_the_host_pictures_and_nothing_at_all_are_understood() {
    let api = api().await;
    let gateway = before(&api).await;

    assert_eq!(call(&gateway, "moved", json!({})).await["structuredContent"]["name"], "b");
    let picture = call(&gateway, "picture", json!({})).await;
    assert_eq!(
        picture["content"][0],
        json!({ "type": "image", "data": "UE5H", "mimeType": "image/png" })
    );
    let dropped = call(&gateway, "drop", json!({ "id": 7 })).await;
    assert_eq!(text(&dropped), "done (204, without content)");
}

#[tokio::test]
async fn reads_are_tried_again_and_writes_never() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (log, failures) = (asked.clone(), AtomicUsize::new(0));
    let api = Server::start(move |call| {
        log.lock().unwrap().push(call.verb.clone());
        let reply = match (call.verb.as_str(), failures.fetch_add(1, Ordering::SeqCst)) {
            ("GET", 1) => Reply::json(200, r#"{"well":true}"#),
            _ => Reply::json(503, r#"{"message":"busy"}"#),
        };
        async move { reply }
    })
    .await;
    let gateway = before(&api).await;

    let read = call(&gateway, "repo", json!({ "owner": "a", "repo": "b" })).await;
    let written = call(&gateway, "open", json!({ "owner": "a", "repo": "b", "title": "t" })).await;

    assert_eq!(read["structuredContent"]["well"], true);
    let error = &written["_meta"]["dev.toolgate/error"];
    assert_eq!((&error["category"], &error["sideEffect"]), (&json!("broken"), &json!("unknown")));
    assert_eq!(*asked.lock().unwrap(), ["GET", "GET", "POST"]);
}

#[tokio::test]
async fn values_of_the_query_take_arguments_or_are_left_out() {
    let api = api().await;
    let gateway = before(&api).await;
    for (arguments, query) in [
        (json!({}), "per_page=10&sort=name"),
        (json!({ "words": "a&b=c", "size": 5 }), "only=a%26b%3Dc&per_page=5&sort=name"),
        (
            json!({ "words": "a", "user": "é", "labels": ["x y", "z"] }),
            "label=x%20y&label=z&only=a&per_page=10&q=a%20in%3Aname%20user%3A%C3%A9&sort=name",
        ),
    ] {
        let result = call(&gateway, "words", arguments).await;

        let path = format!("/v1/words?{query}");
        assert_eq!(result["structuredContent"]["path"], path);
    }
}

#[tokio::test]
async fn endpoints_are_resources_with_what_the_api_says_or_is_asked_for() {
    let api = api().await;
    let gateway = before(&api).await;
    let read = async |uri: &str| {
        let params = json!({ "uri": uri }).to_string();
        Modern::of(&gateway).request("1", "resources/read", &params).await
    };

    let listed = Modern::of(&gateway).request("1", "resources/list", "{}").await.result();
    let note = read("note://draft/7").await.result();
    let limits = read("api://limits").await.result();

    let uris = listed["resources"].as_array().unwrap().iter().map(|it| it["uri"].as_str().unwrap());
    assert_eq!(
        uris.collect::<Vec<_>>(),
        ["api://busy", "api://key", "api://limits", "api://small"]
    );
    let expected =
        json!([{ "uri": "note://draft/7", "mimeType": "text/html", "text": "<p>Seven</p>" }]);
    assert_eq!(note["contents"], expected);
    let expected =
        json!([{ "uri": "api://limits", "mimeType": "application/json", "text": r#"{"left":3}"# }]);
    assert_eq!(limits["contents"], expected);
    let seen = &api.every()[0];
    assert_eq!(
        (seen.path.as_str(), seen.header("authorization")),
        ("/v1/notes/7?kind=draft", Some("Bearer the-key"))
    );

    let params = r#"{"ref":{"type":"ref/resource","uri":"note://{kind}/{number}"},"argument":{"name":"kind","value":"d"}}"#;
    let completed = Modern::of(&gateway).request("1", "completion/complete", params).await.result();
    assert_eq!(completed["completion"]["values"], json!(["draft", "done"]));
}

#[tokio::test]
async fn resources_that_cannot_be_read_say_why() {
    let api = api().await;
    let gateway = before(&api).await;
    for (uri, code, told) in [
        (
            "note://draft/8",
            -32602,
            "resource not found: \"hub\" has no such thing (404): Not Found: check number",
        ),
        ("note://draft/x", -32602, "resource not found: the arguments do not fit"),
        ("note://other/7", -32602, "resource not found: the arguments do not fit"),
        ("note://draft/0", -32602, "resource not found: the arguments do not fit"),
        ("api://none", -32602, "resource not found"),
        ("api://small", -32603, "the resource is larger than 10 bytes"),
        ("api://key", -32603, "ask the user to check the key"),
        ("api://busy", -32603, "wait 30 s"),
    ] {
        let params = json!({ "uri": uri }).to_string();

        let answer = Modern::of(&gateway).request("1", "resources/read", &params).await;

        assert_eq!(answer.code(), code, "{uri}: {}", answer.body);
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(told), "{uri}: {message}");
    }
    // What is no resource is not even asked for.
    assert_eq!(api.every().len(), 4);
}
