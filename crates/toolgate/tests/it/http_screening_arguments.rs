//! Arguments: held to the tool's schema and to what the operator allows, before a byte leaves.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Call, Gateway, Legacy, Modern, Reply, Server, legacy, modern};

const WEATHER: &str = r#"{"type":"object","properties":{"city":{"type":"string","description":"name of the city"},"unit":{"enum":["celsius","fahrenheit"]},"days":{"type":"integer","minimum":1,"maximum":14},"range":{"type":"string","pattern":"^\\d+[hdm]$"}},"required":["city"],"additionalProperties":false}"#;

async fn answer(call: Call, schema: &str) -> Reply {
    match call.method() {
        "tools/list" => call.result(&format!(
            r#"{{"resultType":"complete","tools":[{{"name":"weather","inputSchema":{schema}}}],"ttlMs":0,"cacheScope":"private"}}"#
        )),
        _ => call.result(r#"{"resultType":"complete","content":[]}"#),
    }
}

async fn of_both_eras(schema: &'static str) -> [Server; 2] {
    [legacy(move |call| answer(call, schema)).await, modern(move |call| answer(call, schema)).await]
}

async fn gateway(server: &Server, screening: &str) -> Gateway {
    Gateway::serve(format!("screening: {{ {screening} }}\nservers: [{}]", server.entry("up", "")))
        .await
}

/// The same call by clients of both eras.
async fn results(gateway: &Gateway, tool: &str, arguments: &Value) -> [Value; 2] {
    let arguments = arguments.to_string();
    let old = Legacy::open(gateway, "2025-11-25", "{}").await;
    [
        old.call(tool, &arguments).await.result(),
        Modern::of(gateway).call(tool, &arguments).await.result(),
    ]
}

#[tokio::test]
async fn arguments_that_do_not_fit_are_refused_with_what_to_change() {
    for server in of_both_eras(WEATHER).await {
        let gateway = gateway(&server, "validate: { arguments: true }").await;
        for result in results(&gateway, "weather", &json!({ "city": "Bern", "days": 3 })).await {
            assert_eq!(result["isError"], Value::Null, "{result}");
        }
        let sent = server.count("tools/call");

        let secret = "hunter2-hunter2";
        for (arguments, hint) in [
            (
                json!({}),
                json!({ "path": "", "problem": "lacks `city`", "found": "object",
                    "expected": "add `city`, of type string: name of the city" }),
            ),
            (
                json!({ "city": "x", "unit": "celcius" }),
                json!({ "path": "/unit", "problem": "is none of the allowed values",
                    "expected": r#"did you mean "celsius"? use one of "celsius", "fahrenheit""#,
                    "found": "string", "suggestion": "celsius" }),
            ),
            (
                json!({ "city": "x", "dayz": 1 }),
                json!({ "path": "", "problem": "has unknown `dayz`", "found": "object",
                    "expected": "did you mean `days`?", "suggestion": "days" }),
            ),
            (
                json!({ "city": "x", "days": secret }),
                json!({ "path": "/days", "problem": "is of type string", "found": "string",
                    "expected": "use integer" }),
            ),
            (
                json!({ "city": "x", "range": "7x" }),
                json!({ "path": "/range", "problem": "has not the required form",
                    "expected": r"match the expression `^\d+[hdm]$`", "found": "string" }),
            ),
        ] {
            for result in results(&gateway, "weather", &arguments).await {
                assert_eq!(result["isError"], true, "{result}");
                let error = &result["_meta"]["dev.toolgate/error"];
                assert_eq!(error["category"], "invalid_arguments");
                assert_eq!(
                    (&error["retryable"], &error["sideEffect"]),
                    (&json!(false), &json!("none"))
                );
                assert_eq!(error["paramHints"], json!([hint]), "{arguments}");
                let text = result["content"][0]["text"].as_str().unwrap();
                assert!(text.contains(hint["expected"].as_str().unwrap()), "{text}");
                assert!(!result.to_string().contains(secret));
            }
        }
        assert_eq!(server.count("tools/call"), sent, "nothing was sent");
        assert_eq!(server.count("tools/list"), 1, "the list is read once");
    }
}

/// Case J25: a pattern that takes a backtracking engine years takes no time.
#[tokio::test]
async fn a_hostile_pattern_in_a_schema_costs_nothing() {
    for (schema, is_ours) in [
        (r#"{"type":"object","properties":{"a":{"type":"string","pattern":"^(a+)+$"}}}"#, true),
        // What only a backtracking engine could match is left to the server.
        (
            r#"{"type":"object","properties":{"a":{"type":"string","pattern":"^(?=a)(a+)+\\1$"}}}"#,
            false,
        ),
    ] {
        for server in of_both_eras(schema).await {
            let gateway = gateway(&server, "validate: { arguments: true }").await;
            let client = Modern::of(&gateway);
            client.call("weather", r#"{"a":"a"}"#).await.result();
            let arguments = json!({ "a": format!("{}!", "a".repeat(50_000)) }).to_string();

            let mut best = Duration::MAX;
            for _ in 0..5 {
                let start = Instant::now();
                let result = client.call("weather", &arguments).await.result();
                best = best.min(start.elapsed());
                assert_eq!(result["isError"] == true, is_ours, "{schema}");
            }

            assert!(best < Duration::from_millis(50), "{schema}: {best:?}");
        }
    }
}

/// Case J23: what a schema refers to is not fetched, not even of a server that may say what it likes.
#[tokio::test]
async fn what_a_schema_refers_to_is_never_fetched() {
    let inside = modern(|call: Call| async move { call.result("{}") }).await;
    let (ours, place) = (inside.connections(), inside.url.clone());
    let listing = modern(move |call: Call| {
        let schema = json!({ "type": "object", "properties": { "a": { "$ref": place } } });
        async move { answer(call, &schema.to_string()).await }
    })
    .await;
    let entry = listing.entry("up", ", definitions: allow");
    let rules = "screening: { validate: { arguments: true, results: refuse } }";
    let gateway = Gateway::serve(format!("{rules}\nservers: [{entry}]")).await;

    for result in results(&gateway, "weather", &json!({ "a": 1 })).await {
        assert_eq!(result["isError"], Value::Null, "{result}");
    }

    assert_eq!(inside.connections(), ours);
}

#[tokio::test]
async fn a_schema_that_cannot_be_used_is_for_the_server_to_check_or_refused() {
    for schema in [
        r#"{"$ref":"http://169.254.169.254/"}"#,
        r##"{"$ref":"#"}"##,
        r#"{"properties":{"a":{"pattern":"^(?!x)(.)\\1$"}}}"#,
    ] {
        for server in of_both_eras(schema).await {
            // Such a tool is hidden otherwise.
            let serve = |rules: &str| {
                let entry = server.entry("up", ", definitions: allow");
                Gateway::serve(format!(
                    "screening: {{ validate: {{ {rules} }} }}\nservers: [{entry}]"
                ))
            };
            let lenient = serve("arguments: true").await;
            let strict = serve("arguments: true, unlisted: refuse").await;

            for result in results(&lenient, "weather", &json!({ "a": 1 })).await {
                assert_eq!(result["isError"], Value::Null, "{result}");
            }
            for result in results(&strict, "weather", &json!({ "a": 1 })).await {
                assert_eq!(result["_meta"]["dev.toolgate/error"]["category"], "unchecked");
            }
        }
    }
}

#[tokio::test]
async fn a_tool_that_is_not_listed_is_looked_for_once() {
    for server in of_both_eras(WEATHER).await {
        let strict = gateway(&server, "validate: { arguments: true, unlisted: refuse }").await;
        for _ in 0..3 {
            for result in results(&strict, "other", &json!({})).await {
                assert_eq!(result["isError"], true, "{result}");
            }
        }
        assert_eq!(server.count("tools/call"), 0);
        assert_eq!(server.count("tools/list"), 1);
    }
}

#[tokio::test]
async fn a_tool_that_has_changed_is_not_refused_by_what_it_was() {
    let lists = Arc::new(AtomicUsize::new(0));
    let server = modern(move |call: Call| {
        let lists = lists.clone();
        async move {
            let listed = call.method() == "tools/list" && lists.fetch_add(1, Ordering::Relaxed) > 0;
            let schema = if listed { r#"{"type":"object"}"# } else { WEATHER };
            answer(call, schema).await
        }
    })
    .await;
    let gateway = gateway(&server, "validate: { arguments: true }").await;
    let client = Modern::of(&gateway);
    // A client reads the list, so that the gateway knows it without having asked.
    client.request("1", "tools/list", "{}").await.result();

    let result = client.call("weather", r#"{"new":1}"#).await.result();

    assert_eq!(result["isError"], Value::Null, "{result}");
    assert_eq!(server.count("tools/list"), 2);
}

#[tokio::test]
async fn an_operator_bounds_arguments_beyond_their_schema() {
    let bounds = r#"bounds: [
        { tools: ["*weather"], argument: "/**", deny: ['drop\s+table'], max_length: 20 },
        { argument: /days, min: 1, max: 5 },
        { argument: /unit, allow: [celsius] },
        { argument: /range, deny: ['[^0-9hdm]'] }]"#;
    for server in of_both_eras("{}").await {
        let gateway = gateway(&server, bounds).await;
        for (arguments, path) in [
            (json!({ "q": { "deep": ["x; DROP  TABLE users"] } }), "/q/deep/0"),
            (json!({ "q": "a very long text that goes on" }), "/q"),
            (json!({ "days": 6 }), "/days"),
            (json!({ "unit": "kelvin" }), "/unit"),
            (json!({ "range": "7 days" }), "/range"),
        ] {
            for result in results(&gateway, "weather", &arguments).await {
                let error = &result["_meta"]["dev.toolgate/error"];
                assert_eq!(error["category"], "invalid_arguments", "{result}");
                assert_eq!(error["paramHints"][0]["path"], path, "{error}");
            }
        }
        assert_eq!(server.count("tools/call"), 0);
        for result in results(&gateway, "weather", &json!({ "days": 5, "unit": "celsius" })).await {
            assert_eq!(result["isError"], Value::Null, "{result}");
        }
        assert_eq!(server.count("tools/list"), 0, "bounds need no schema");
    }
}

#[tokio::test]
async fn rules_of_one_server_hold_for_it_alone() {
    let [one, other] = of_both_eras("{}").await;
    let rules = ", screening: { bounds: [{ argument: /q, max_length: 3 }] }";
    let gateway = Gateway::serve(format!(
        "screening: {{ bounds: [{{ argument: /q, deny: [secret] }}] }}\nservers: [{}, {}]",
        one.entry("one", rules),
        other.entry("other", "")
    ))
    .await;
    for (tool, text, refused) in [
        ("one_weather", "four", true),
        ("other_weather", "four", false),
        ("one_weather", "abc", false),
        ("other_weather", "Secret", true),
    ] {
        for result in results(&gateway, tool, &json!({ "q": text })).await {
            assert_eq!(result["isError"] == true, refused, "{tool} {text}: {result}");
        }
    }
}
