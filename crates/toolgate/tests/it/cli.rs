//! The commands of a person at a terminal.

use std::sync::Mutex;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::peer::{self, Reply, Seen, said, toolgate};

fn check(yaml: &str, more: &[&str]) -> peer::Ended {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("gateway.yaml");
    std::fs::write(&path, yaml).unwrap();
    let mut words = vec!["check", path.to_str().unwrap()];
    words.extend(more);
    toolgate(&words)
}

#[test]
fn a_good_configuration_is_ok() {
    let ended = check("servers: [{ name: a, upstream: 'https://a.example/mcp' }]", &[]);

    assert_eq!((ended.code, &*ended.out), (0, "ok: 1 server\n"), "{}", ended.err);
}

#[test]
fn every_mistake_is_told_with_its_line() {
    let wrong = "listen: nowhere\nservers:\n  - nam: a\n";

    let ended = check(wrong, &[]);
    let report = check(wrong, &["--json"]).json();

    assert_eq!(ended.code, 1);
    assert!(ended.out.contains("gateway.yaml:1: listen:"), "{}", ended.out);
    assert_eq!(report["ok"], false);
    assert_eq!(report["warnings"], json!([]));
    let problems = report["problems"].as_array().unwrap();
    assert_eq!(problems.len(), ended.out.lines().count());
    assert_eq!((&problems[0]["line"], &problems[0]["path"]), (&json!(1), &json!("listen")));
    assert!(problems[0]["file"].as_str().unwrap().ends_with("gateway.yaml"));
    assert!(problems[0]["message"].as_str().unwrap().contains("address"));
}

#[test]
fn a_workflow_is_drawn_without_what_it_would_take_to_run_it() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("gateway.yaml");
    let yaml = |step: &str| {
        format!(
            "keys: ['${{file:not-there}}']
servers:
  - {{ name: crm, upstream: '${{env:NOT_SET}}', headers: {{ Authorization: 'Bearer ${{env:NOT_SET}}' }} }}
  - {{ name: notes, files: {{ root: not-there }} }}
  - name: flow
    workflow:
      tools:
        welcome:
          description: Welcomes ${{env:NOT_SET}}.
          steps: [{{ id: find, {step} }}]
"
        )
    };
    let graph = |step: &str| {
        std::fs::write(&path, yaml(step)).unwrap();
        toolgate(&["workflow", "graph", "flow.welcome", "-c", path.to_str().unwrap()])
    };

    let drawn = graph("call: crm.find");
    let wrong = graph("cal: crm.find");

    assert_eq!(drawn.code, 0, "{}", drawn.err);
    assert!(drawn.out.contains("crm.find"), "{}", drawn.out);
    assert_eq!(wrong.code, 1);
    assert!(wrong.err.contains("gateway.yaml:10: servers[2].workflow.tools.welcome.steps[0].cal"));
    assert!(wrong.err.contains("did you mean call?"), "{}", wrong.err);
}

#[test]
fn the_schema_is_one() {
    let schema = toolgate(&["schema"]).json();

    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
}

/// Entries with odd spacing, in two pages.
fn odd_pages() -> String {
    peer::serve(|seen| match (seen.method(), seen.param("cursor").as_str()) {
        ("server/discover", _) => seen.result(json!({
            "supportedVersions": ["2026-07-28"], "capabilities": { "tools": {} },
        })),
        (_, None) => {
            page(seen, r#"{ "name":"a","x":1.0, "description":"First.\nSecond." }"#, r#""""#)
        }
        (_, Some("")) => page(
            seen,
            r#"{"name":"b\u001b[2J","description":"\u200bhidden","inputSchema":{"properties":{"n":{"type":"integer"}},"required":["n"]}}"#,
            "null",
        ),
        _ => seen.error(-32602, "no such page"),
    })
}

fn page(seen: &Seen, entry: &str, next: &str) -> Reply {
    let (id, next) = (&seen.message["id"], format!(r#","nextCursor":{next}"#));
    let next = if next.ends_with("null") { "" } else { &next };
    Reply::Text(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"tools":[{entry}]{next}}}}}"#))
}

#[test]
fn what_is_inspected_as_json_is_what_the_server_wrote() {
    let ended = toolgate(&["inspect", &odd_pages(), "--json"]);

    let found = ended.json();
    assert_eq!(found["era"], "modern");
    assert_eq!(found["protocolVersion"], "2026-07-28");
    assert_eq!(found["capabilities"], json!({ "tools": {} }));
    assert_eq!(found["tools"].as_array().unwrap().len(), 2);
    assert_eq!(found["prompts"], json!([]));
    assert!(ended.out.contains(r#"{ "name":"a","x":1.0, "description":"First.\nSecond." }"#));
}

#[test]
fn what_is_inspected_by_a_person_plays_no_tricks_on_the_terminal() {
    let ended = toolgate(&["inspect", &odd_pages()]);

    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(ended.out.contains("Tools (2)\n  a  First.\n"), "{}", ended.out);
    assert!(ended.out.contains("  b\\u{1b}[2J  \\u{200b}hidden\n      n (integer, required)\n"));
}

#[test]
fn a_command_is_inspected_like_a_url() {
    let url = peer::modern(json!([{ "name": "echo" }]), |seen| seen.error(-32601, "no"));
    let (_folder, file) = peer::gateway_file(&url, "");
    let binary = env!("CARGO_BIN_EXE_toolgate");

    let file = file.to_str().unwrap();
    let line = format!("{binary} stdio {file}");
    for words in [
        &["inspect", "--json", binary, "stdio", file][..],
        &["inspect", "--json", "--", binary, "stdio", file],
        &["inspect", "--json", &line],
    ] {
        let ended = toolgate(words);
        assert_eq!(ended.json()["tools"], json!([{ "name": "echo" }]), "{}", ended.err);
        assert_eq!(ended.json()["server"]["name"], "toolgate");
    }
}

#[test]
fn a_server_that_is_not_there_is_told_with_a_way_out() {
    let ended = toolgate(&["inspect", "http://127.0.0.1:1/mcp"]);
    assert_eq!((ended.code, &*ended.out), (1, ""));
    assert!(ended.err.contains("cannot reach server \"127.0.0.1:1\""), "{}", ended.err);
    assert!(ended.err.contains("does the server run?"));

    let ended = toolgate(&["inspect", "no-such-program-here"]);
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("not found in PATH"), "{}", ended.err);
}

const ADD: &str = r#"[{"name":"add","inputSchema":{"type":"object","properties":{
    "a":{"type":"integer","x-mcp-header":"A"},"zip":{"type":"string","x-mcp-header":"Zip"}}}},
    {"name":"bad","inputSchema":{"type":"object","properties":{"a":{"type":"string","x-mcp-header":"no good"}}}}]"#;

#[test]
fn arguments_are_typed_by_the_schema_and_mirrored_in_headers() {
    let url = peer::modern(serde_json::from_str(ADD).unwrap(), |seen| {
        let headers = json!([seen.header("mcp-param-a"), seen.header("mcp-param-zip")]);
        seen.result(said(&json!([seen.param("arguments"), headers]).to_string()))
    });

    let ended = toolgate(&["call", &url, "add", "a=2", "zip=8001", "more={\"x\":[1]}", "text=a b"]);

    let expected =
        json!([{ "a": 2, "zip": "8001", "more": { "x": [1] }, "text": "a b" }, ["2", "8001"]]);
    assert_eq!(ended.json(), expected, "{}", ended.err);
    assert_eq!(ended.code, 0);
}

#[test]
fn a_tool_with_a_bad_annotation_is_left_out_and_the_others_stay() {
    let url = peer::modern(serde_json::from_str(ADD).unwrap(), |seen| seen.result(said("called")));

    let ended = toolgate(&["inspect", &url, "--json"]);
    assert_eq!(ended.json()["tools"].as_array().unwrap().len(), 1);
    assert!(ended.err.contains("left out: tool bad: x-mcp-header"), "{}", ended.err);

    let ended = toolgate(&["call", &url, "bad", "a=1"]);
    assert_eq!((ended.code, &*ended.out), (2, ""));
    assert!(ended.err.contains("cannot be called"), "{}", ended.err);
}

#[test]
fn the_exit_says_whose_failure_it_was() {
    let url = peer::modern(json!([]), |seen| match seen.param("name").as_str() {
        Some("fails") => {
            let mut result = said("no disk left");
            result["isError"] = true.into();
            seen.result(result)
        }
        _ => seen.error(-32602, "unknown tool"),
    });

    let ended = toolgate(&["call", &url, "fails"]);
    assert_eq!((ended.code, &*ended.out), (1, "no disk left\n"), "{}", ended.err);

    let ended = toolgate(&["call", &url, "missing", "--json"]);
    assert_eq!(ended.code, 2);
    assert_eq!(ended.json(), json!({ "error": { "code": -32602, "message": "unknown tool" } }));
    assert!(ended.err.contains("-32602: unknown tool"), "{}", ended.err);
}

#[test]
fn the_server_may_be_named_by_an_option() {
    let url =
        peer::modern(json!([]), |seen| seen.result(said(&seen.param("arguments").to_string())));

    for words in [
        ["call", "t", "--server", &url, r#"{"a":1}"#],
        ["call", "--command", &url, "t", "a=1"],
        ["call", &url, "t", "--args", r#"{"a":1}"#],
    ] {
        let ended = toolgate(&words);
        assert_eq!(ended.out, "{\"a\":1}\n", "{words:?} {}", ended.err);
    }
    let ended = toolgate(&["call", &url]);
    assert_eq!(ended.code, 2);
    assert!(ended.err.contains("no tool is named (write toolgate call"), "{}", ended.err);
}

#[test]
fn what_comes_before_the_result_goes_to_stderr() {
    let url = peer::modern(json!([]), |seen| {
        let token = &seen.param("_meta")["progressToken"];
        let note = |method: &str, params: Value| json!({ "jsonrpc": "2.0", "method": method, "params": params });
        let progress =
            json!({ "progressToken": token, "progress": 1, "total": 3, "message": "hm\u{1b}" });
        let log = json!({ "level": "info", "logger": "l", "data": "warming up" });
        let events =
            vec![note("notifications/progress", progress), note("notifications/message", log)];
        Reply::Events(events, Box::new(seen.result(said("done"))))
    });

    let ended = toolgate(&["call", &url, "slow"]);

    assert_eq!(ended.out, "done\n");
    assert_eq!(ended.err, "progress 1/3 hm\\u{1b}\n[info] l: warming up\n");
}

#[test]
fn content_that_is_no_text_is_told_in_a_line() {
    let url = peer::modern(json!([]), |seen| {
        seen.result(json!({ "resultType": "complete", "content": [
            { "type": "image", "mimeType": "image/png", "data": "A".repeat(16384) },
            { "type": "resource_link", "uri": "x://y", "name": "why" },
            { "type": "resource", "resource": { "uri": "x://z", "text": "inside" } },
            { "type": "hologram" },
        ]}))
    });

    let ended = toolgate(&["call", &url, "all"]);

    let expected =
        "[image: image/png, 12 KB]\n[link: x://y why]\n[resource: x://z]\ninside\n[hologram]\n";
    assert_eq!(ended.out, expected);
}

/// A server that asks once, gives a state, and then tells what it was sent.
fn asking(schema: Value) -> String {
    let first = Mutex::new(Value::Null);
    peer::modern(json!([]), move |seen| {
        let mut first = first.lock().unwrap();
        if seen.param("inputResponses").is_null() {
            *first = seen.message["id"].clone();
            let params = json!({ "message": "who?", "requestedSchema": schema });
            return seen.result(json!({
                "resultType": "input_required",
                "requestState": "s\u{e9} \"1\"",
                "inputRequests": { "who": { "method": "elicitation/create", "params": params } },
            }));
        }
        let report = json!([
            seen.param("inputResponses"),
            seen.param("requestState"),
            *first != seen.message["id"],
        ]);
        seen.result(said(&report.to_string()))
    })
}

#[test]
fn a_question_is_answered_with_its_defaults_or_declined() {
    let url =
        asking(json!({ "properties": { "n": { "type": "integer", "default": 7 }, "m": {} } }));

    let accepted = toolgate(&["call", &url, "t", "--accept-defaults"]);
    let answer = json!({ "who": { "action": "accept", "content": { "n": 7 } } });
    assert_eq!(accepted.json(), json!([answer, "s\u{e9} \"1\"", true]), "{}", accepted.err);
    assert!(accepted.err.contains("who?"));

    let declined = toolgate(&["call", &url, "t"]);
    assert_eq!(declined.json()[0], json!({ "who": { "action": "decline" } }));
}

#[test]
fn a_form_that_its_defaults_do_not_fill_is_declined() {
    let url = asking(json!({ "properties": { "n": { "type": "string" } }, "required": ["n"] }));

    let ended = toolgate(&["call", &url, "t", "--accept-defaults"]);

    assert_eq!(ended.json()[0]["who"]["action"], "decline");
    assert!(ended.err.contains("\"n\" has no default"), "{}", ended.err);
}

#[test]
fn a_server_that_never_stops_asking_is_given_up() {
    let url = peer::modern(json!([]), |seen| {
        let question = json!({ "method": "elicitation/create", "params": {} });
        seen.result(json!({
            "resultType": "input_required", "inputRequests": { "again": question },
        }))
    });

    let ended = toolgate(&["call", &url, "t"]);

    assert_eq!(ended.code, 2);
    assert!(ended.err.contains("more than 10 times"), "{}", ended.err);
}

#[test]
fn a_server_may_not_ask_for_what_was_not_offered() {
    let url = peer::modern(json!([]), |seen| {
        let question = json!({ "method": "sampling/createMessage", "params": {} });
        seen.result(json!({ "resultType": "input_required", "inputRequests": { "s": question } }))
    });

    let ended = toolgate(&["call", &url, "t"]);

    assert_eq!(ended.code, 2);
    assert!(ended.err.contains("asks sampling/createMessage"), "{}", ended.err);
}
