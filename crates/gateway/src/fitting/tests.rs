use std::path::Path;

use serde_json::json;
use toolgate_protocol::jsonrpc;
use toolgate_protocol::version::Version;

use super::*;
use crate::config::{self, Fixed};
use crate::testing::{client, request};

/// A workflow whose steps call `find` and `make` of `far`, with further words about `far`.
fn checked(of_far: &str, more: &str) -> Arc<Checked> {
    let text = format!(
        "servers:\n  - {{ name: far, upstream: 'https://far.example/mcp'{of_far} }}\n  - {{ name: flow, workflow: {{ tools: {{ go: {{ description: Goes., steps: [{{ id: a, call: far.find, reads: true }}, {{ id: b, call: far.make, arguments: {{ size: 1 }} }}] }} }} }} }}\n{more}"
    );
    let parsed = config::parse(&text, Path::new("/t.yaml"), &Fixed::default());
    Arc::new(parsed.map_err(|problems| problems.to_string()).unwrap().0)
}

fn fitting() -> Arc<Fitting> {
    Arc::new(Fitting::of(&checked("", ""), &|_| None).unwrap())
}

fn find() -> Value {
    let schema = json!({ "type": "object" });
    json!({ "name": "find", "inputSchema": schema, "annotations": { "readOnlyHint": true } })
}

fn make(kind: &str) -> Value {
    let size = json!({ "size": { "type": kind } });
    json!({ "name": "make", "inputSchema": { "type": "object", "properties": size } })
}

/// A page of the list passes by, as it is shown to a client that can do this.
fn pass(fitting: &Arc<Fitting>, able: &Value, cursor: Option<&str>, page: &Value) {
    let params = cursor.map_or(json!({}), |cursor| json!({ "cursor": cursor }));
    let request = request(&client(Version::V2025_11_25, able), "tools/list", params);
    let bytes = jsonrpc::result("1", &page.to_string());
    let message = Message::scan_reply(bytes, &Default::default()).unwrap();
    fitting.page(&"far".into(), &request, &message);
    // Waits for what is looked at meanwhile, and looks at the rest.
    fitting.look();
}

fn list(fitting: &Arc<Fitting>, tools: &Value) {
    pass(fitting, &json!({}), None, &json!({ "tools": tools }));
}

fn told(fitting: &Fitting) -> Vec<(String, String)> {
    let findings = lock(&fitting.findings);
    findings.iter().map(|it| (it.step.clone(), it.call.clone())).collect()
}

#[tokio::test]
async fn what_is_unknown_is_not_wrong_and_each_list_is_judged_anew() {
    let fitting = fitting();
    assert_eq!(fitting.problems("flow"), 0);

    list(&fitting, &json!([find(), make("string")]));
    assert_eq!(told(&fitting), [("b".to_owned(), "far.make".to_owned())]);
    list(&fitting, &json!([make("integer")]));
    assert_eq!(told(&fitting), [("a".to_owned(), "far.find".to_owned())]);
    assert_eq!((fitting.problems("flow"), fitting.problems("far")), (1, 0));

    list(&fitting, &json!([make("integer"), find(), { "name": "other" }]));
    assert_eq!(told(&fitting), []);
}

#[tokio::test]
async fn a_list_is_judged_when_its_last_page_has_passed_by() {
    let fitting = fitting();
    let page = |tool: Value, next: Option<&str>| json!({ "tools": [tool], "nextCursor": next });
    let able = json!({});

    pass(&fitting, &able, None, &page(find(), Some("2")));
    // Somebody else is elsewhere in a list of another time.
    pass(&fitting, &able, Some("9"), &json!({ "tools": [] }));
    pass(&fitting, &json!({ "sampling": {} }), Some("2"), &json!({ "tools": [] }));
    assert_eq!(told(&fitting), []);
    pass(&fitting, &able, Some("2"), &page(make("string"), None));
    assert_eq!(told(&fitting).len(), 1);

    pass(&fitting, &able, None, &page(find(), Some("3")));
    pass(&fitting, &able, Some("3"), &page(make("integer"), None));
    assert_eq!(told(&fitting), []);
}

/// Servers show some tools only to clients that can be asked: the reference server does.
#[tokio::test]
async fn a_client_that_can_do_less_proves_no_tool_to_be_gone() {
    let fitting = fitting();
    let able = json!({ "elicitation": {} });

    pass(&fitting, &able, None, &json!({ "tools": [find(), make("integer")] }));
    list(&fitting, &json!([make("integer")]));
    assert_eq!(told(&fitting), []);
    // What it is shown is there as it is shown.
    list(&fitting, &json!([make("string")]));
    assert_eq!(told(&fitting).len(), 1);

    pass(&fitting, &able, None, &json!({ "tools": [make("integer")] }));
    assert_eq!(told(&fitting), [("a".to_owned(), "far.find".to_owned())]);
}

#[test]
fn lists_that_may_depend_on_who_asks_are_no_measure() {
    let auth = "authentication: { resource: 'https://g/mcp', jwt: [{ issuer: 'https://i' }] }";
    for (of_far, more, expected) in [
        ("", "", true),
        (", sessions: per_session", "", false),
        ("", auth, true),
        (", sessions: per_session", auth, false),
        (", context: true", auth, false),
        (", upstream_auth: { type: signed }", auth, false),
        (", upstream_auth: { type: passthrough, i_own_this_upstream: true }", auth, false),
        (", upstream_auth: { type: static, value: 'Bearer k' }", auth, true),
    ] {
        let fitting = Fitting::of(&checked(of_far, more), &|_| None);
        assert_eq!(fitting.is_some_and(|it| it.reads("far")), expected, "{of_far} {more}");
    }
    // What the configuration tells was held against when it was read.
    assert!(Fitting::of(&checked("", ""), &|_| Some(vec![find()])).is_none());
}

#[tokio::test]
async fn the_next_gateway_knows_what_servers_listed_that_are_the_same() {
    let former = fitting();
    list(&former, &json!([find()]));
    assert_eq!(told(&former).len(), 1);

    let next = || Fitting::of(&checked("", ""), &|_| None).unwrap();
    assert_eq!(told(&next().after(&former, |name| name == "far")).len(), 1);
    assert_eq!(told(&next().after(&former, |_| false)), []);
}

#[tokio::test]
async fn texts_of_servers_are_told_within_bounds_on_one_line() {
    let fitting = fitting();
    let named = |name: String| json!({ "name": name, "inputSchema": {} });
    let mut tools: Vec<_> = (0..50).map(|at| named(format!("x{at}"))).collect();
    tools.extend([named("long".repeat(100_000)), named("\u{1b}[2J\n".to_owned())]);

    list(&fitting, &json!(tools));

    for finding in &*lock(&fitting.findings) {
        assert!(finding.text.len() < 4000 && !finding.text.contains(['\n', '\u{1b}']));
    }
    assert_eq!(fitting.problems("flow"), 2);
}
