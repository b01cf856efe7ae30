use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use toolgate_protocol::caller::Identity;

use super::*;

const TOKEN: &str = "ghp_0123456789abcdefghijABCDEFGHIJ012345";

fn rules(value: Value) -> Compiled {
    serde_json::from_value::<Rules>(value).unwrap().compile().unwrap()
}

fn everything(action: &str) -> Compiled {
    let all: Vec<_> = Detector::ALL.iter().map(|detector| detector.as_str()).collect();
    rules(json!([{ "detect": all, "action": action }]))
}

fn scope() -> Scope<'static> {
    Scope { caller: None, tool: Some("crm_find"), is_error: false, key: b"a key of the test" }
}

fn redact(rules: &Compiled, text: &str) -> (String, Vec<Hit>) {
    let redacted = rules.json(&Bytes::copy_from_slice(text.as_bytes()), scope()).unwrap();
    let text = String::from_utf8(redacted.bytes.to_vec()).unwrap();
    serde_json::from_str::<serde::de::IgnoredAny>(&text)
        .unwrap_or_else(|error| panic!("{error}: {text}"));
    (text, redacted.hits)
}

fn hit(rule: &str, path: &str, count: u32) -> Hit {
    Hit { rule: rule.to_owned(), path: path.to_owned(), count }
}

#[test]
fn a_secret_is_masked_and_all_else_stays() {
    let text =
        format!(r#"{{ "content" : [ {{"type":"text","text":"key: {TOKEN}\n"}} ], "n":1.50 }}"#);

    let (redacted, hits) = redact(&everything("mask"), &text);

    assert_eq!(redacted, text.replace(TOKEN, "[redacted:token]"));
    assert_eq!(hits, [hit("github-token", "/content/0/text", 1)]);
}

#[test]
fn what_is_clean_is_the_same_buffer() {
    let text =
        Bytes::from_static(br#"{"id":"550e8400-e29b-41d4-a716-446655440000","t":"caf\u00e9"}"#);

    let redacted = everything("mask").json(&text, scope()).unwrap();

    assert_eq!(redacted.bytes.as_ptr(), text.as_ptr());
    assert!(redacted.hits.is_empty());
}

#[test]
fn no_spelling_hides_a_secret() {
    let escaped: String = TOKEN.bytes().map(|byte| format!("\\u{byte:04x}")).collect();
    for spelling in [
        TOKEN.replace("ghp", "\\u0067hp"),
        TOKEN.replace("ghp_", "ghp\\u200b_"),
        TOKEN.replace("ghp_", "gh\u{200b}p_"),
        TOKEN.replace("ghp_", "ｇｈｐ＿"),
        format!("\\ud800 {TOKEN}"),
        escaped,
    ] {
        let (redacted, hits) =
            redact(&everything("mask"), &format!(r#"{{"a":["x {spelling} y"]}}"#));

        assert!(redacted.ends_with(r#"[redacted:token] y"]}"#), "{spelling}: {redacted}");
        assert_eq!(hits, [hit("github-token", "/a/0", 1)], "{spelling}");
    }
}

#[test]
fn keys_and_numbers_and_repeated_members_are_looked_at() {
    let text = r#"{"a@b.io":1,"c@d.io":2,"n":4111111111111111,"x":"e@f.io","x":"g@h.io"}"#;

    let (redacted, hits) = redact(&everything("mask"), text);

    assert_eq!(
        redacted,
        r#"{"[redacted:email:1]":1,"[redacted:email:2]":2,"n":"[redacted:card]","x":"[redacted:email]","x":"[redacted:email]"}"#
    );
    assert_eq!(hits[0], hit("email", "/[redacted]", 1));
    assert!(hits.contains(&hit("card", "/n", 1)));
}

#[test]
fn json_inside_text_is_opened_twice() {
    let inner = json!({ "mail": "a@b.io", "password": "hunter2!" }).to_string();
    let middle = json!({ "inner": inner, "n": 4111111111111111_u64 }).to_string();
    let text = json!({ "text": middle }).to_string();

    let (redacted, hits) = redact(&everything("mask"), &text);

    let outer: Value = serde_json::from_str(&redacted).unwrap();
    let middle: Value = serde_json::from_str(outer["text"].as_str().unwrap()).unwrap();
    let inner: Value = serde_json::from_str(middle["inner"].as_str().unwrap()).unwrap();
    assert_eq!(inner, json!({ "mail": "[redacted:email]", "password": "[redacted:named_secret]" }));
    assert_eq!(middle["n"], "[redacted:card]");
    assert!(hits.contains(&hit("email", "/text/inner/mail", 1)), "{hits:?}");
}

#[test]
fn base64_of_text_is_opened() {
    use base64::Engine;
    let pack = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let once = pack(&format!("the key is {TOKEN} ok"));
    let text = json!({ "t": once, "u": pack(&once), "blob": once }).to_string();

    let (redacted, hits) = redact(&everything("mask"), &text);

    // A blob has to stay base64.
    let mark = pack("[redacted:token]");
    let expected =
        json!({ "t": "[redacted:token]", "u": "[redacted:token]", "blob": mark }).to_string();
    assert_eq!(redacted, expected);
    assert_eq!(hits[0], hit("github-token", "/t", 1));
    assert_eq!(hits.len(), 3);
}

#[test]
fn declared_members_are_treated_whatever_they_hold() {
    let rules = |action: &str| {
        rules(json!([{ "paths": ["/structuredContent/*/salary", "/**/dob"], "action": action }]))
    };
    let text = r#"{"structuredContent":{"a":{"salary":[1,{"x":2}],"dob":"1970","name":"A"}},
        "content":[{"type":"text","text":"{\"a\":{\"salary\":5,\"name\":\"A\"}}"}]}"#;

    let (masked, hits) = redact(&rules("mask"), text);
    let (dropped, _) = redact(&rules("drop"), text);

    assert!(
        masked.contains(r#"{"salary":"[redacted:value]","dob":"[redacted:value]","name":"A"}"#),
        "{masked}"
    );
    assert!(masked.contains(r#"{\"salary\":\"[redacted:value]\",\"name\":\"A\"}"#), "{masked}");
    assert!(dropped.contains(r#"{"a":{"name":"A"}}"#), "{dropped}");
    assert!(dropped.contains(r#"{\"a\":{\"name\":\"A\"}}"#), "{dropped}");
    assert!(hits.contains(&hit("/**/dob", "/structuredContent/a/dob", 1)), "{hits:?}");
}

#[test]
fn dropping_takes_the_right_comma() {
    let rules = rules(json!([{ "paths": ["/d", "/e", "/l/0", "/l/2"], "action": "drop" }]));
    for (text, left) in [
        (r#"{"d":1}"#, "{}"),
        (r#"{"d":1,"e":2}"#, "{}"),
        (r#"{"a":0, "d":1, "e":2}"#, r#"{"a":0}"#),
        (r#"{"d":1, "a":0, "e":2}"#, r#"{"a":0}"#),
        (r#"{"d":1, "e":2, "a":0}"#, r#"{"a":0}"#),
        (r#"{"l":[1,2,3,4]}"#, r#"{"l":[2,4]}"#),
        (r#"{"l":[1]}"#, r#"{"l":[]}"#),
    ] {
        assert_eq!(redact(&rules, text).0, left, "{text}");
    }
}

#[test]
fn equal_values_have_equal_hashes_under_one_key_only() {
    let rules = everything("hash");
    let text = Bytes::from_static(br#"["a@b.io","\u0061@b.io","c@d.io"]"#);

    let of = |key: &[u8]| -> Vec<String> {
        let redacted = rules.json(&text, Scope { key, ..scope() }).unwrap();
        serde_json::from_slice(&redacted.bytes).unwrap()
    };

    let (one, other) = (of(b"one"), of(b"other"));
    assert_eq!(one[0], one[1]);
    assert_ne!(one[0], one[2]);
    assert_ne!(one[0], other[0]);
    assert_eq!(one[0].len(), "[email:0123456789ab]".len());
}

#[test]
fn a_rule_can_refuse_the_whole_result() {
    let text = Bytes::from_static(br#"{"a":"x@y.io"}"#);

    let error = everything("refuse").json(&text, scope()).unwrap_err();

    let Error::Refused(hits) = error else { panic!("{error}") };
    assert_eq!(hits, [hit("email", "/a", 1)]);
}

#[test]
fn what_is_not_json_is_not_let_through() {
    let text = Bytes::from_static(b"{\"a\":");

    assert!(matches!(everything("mask").json(&text, scope()), Err(Error::Json(_))));
}

#[test]
fn rules_hold_for_their_tools_and_not_for_exempt_roles() {
    let rules = rules(json!([
        { "detect": ["email"], "unless_roles": ["support"], "tools": ["crm_*"], "action": "drop" },
        { "detect": ["email"], "tools": ["mail_*"] },
    ]));
    let with = |roles: &[&str]| {
        let roles = roles.iter().map(|role| Arc::from(*role)).collect();
        Caller::from(Identity { roles, ..Identity::default() })
    };
    let text = Bytes::from_static(br#"["to a@b.io"]"#);
    for (tool, roles, expected) in [
        ("crm_find", &["sales"][..], r#"["to "]"#),
        ("crm_find", &["sales", "support"], r#"["to a@b.io"]"#),
        ("mail_send", &["support"], r#"["to [redacted:email]"]"#),
        ("other", &[], r#"["to a@b.io"]"#),
    ] {
        let caller = with(roles);
        let redacted = rules
            .json(&text, Scope { caller: Some(&caller), tool: Some(tool), ..scope() })
            .unwrap();
        assert_eq!(redacted.bytes, expected, "{tool} {roles:?}");
    }
}

#[test]
fn where_the_tool_is_not_known_the_rules_of_all_tools_hold() {
    let rules = rules(json!([{ "detect": ["email"], "tools": ["crm_*"] }]));
    let text = Bytes::from_static(br#"["a@b.io"]"#);
    for (tool, expected) in [
        (None, r#"["[redacted:email]"]"#),
        (Some(""), r#"["a@b.io"]"#),
        (Some("crm_find"), r#"["[redacted:email]"]"#),
    ] {
        let redacted = rules.json(&text, Scope { tool, ..scope() }).unwrap();
        assert_eq!(redacted.bytes, expected, "{tool:?}");
    }
}

#[test]
fn a_rule_may_hold_for_failures_alone() {
    let rules = rules(json!([{ "detect": ["stack_trace"], "only_errors": true }]));
    let text =
        Bytes::from_static(br#"["boom\n    at f (/srv/x.js:1:2)\n    at g (/srv/y.js:3:4)"]"#);

    let fine = rules.json(&text, scope()).unwrap();
    let failed = rules.json(&text, Scope { is_error: true, ..scope() }).unwrap();

    assert_eq!(fine.bytes, text);
    assert_eq!(failed.bytes, r#"["boom\n[redacted:stack_trace]"]"#);
}

#[test]
fn what_the_protocol_hands_on_is_left_alone() {
    let text = format!(r#"{{"requestState":"{TOKEN}","a":{{"requestState":"{TOKEN}"}}}}"#);

    let (redacted, _) = redact(&everything("mask"), &text);

    let inner = r#""a":{"requestState":"[redacted:token]"}"#;
    assert_eq!(redacted, format!(r#"{{"requestState":"{TOKEN}",{inner}}}"#));
}

#[test]
fn what_is_kept_is_masked_where_it_would_be_refused() {
    let rules = everything("refuse");

    let json = rules.lenient(&Bytes::from_static(br#"{"to":"a@b.io"}"#), scope());
    let text = rules.lenient(&Bytes::from_static(b"{to a@b.io"), scope());

    assert_eq!(json.bytes, r#"{"to":"[redacted:email]"}"#);
    assert_eq!(text.bytes, "{to [redacted:email]");
}

#[test]
fn errors_and_logs_are_redacted_as_text() {
    let rules = everything("refuse");

    let (text, hits) = rules.text("fäiled for a@b.io\u{200b}: 4111\u{200b}111111111111", scope());

    assert_eq!(text, "fäiled for [redacted:email]: [redacted:card]");
    assert_eq!(hits.len(), 2);
    assert!(matches!(rules.text("all is well", scope()).0, Cow::Borrowed(_)));
}

#[test]
fn mistakes_in_rules_are_all_told() {
    let rules: Rules = serde_json::from_value(json!([{}, { "paths": ["email"] }])).unwrap();

    let problems = rules.compile().unwrap_err();

    let paths: Vec<_> = problems.iter().map(|problem| &*problem.path).collect();
    assert_eq!(paths, ["/0", "/1/paths/0"]);
    assert!(serde_json::from_value::<Rules>(json!([{ "detects": ["email"] }])).is_err());
}

/// A JSON value whose strings hold anything.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        "[ -~\\n\\t\\\\\"]{0,24}".prop_map(Value::from),
        Just(json!("{\"a\":[\"x\\n\",1]}")),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec(("[a-z]{0,6}", inner), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Puts a string at every place where one may stand.
fn plant(value: &mut Value, planted: &str, count: &mut u32) {
    match value {
        Value::String(text) => {
            *text = format!("{} {planted} .", text.replace(['{', '['], "("));
            *count += 1;
        }
        Value::Array(list) => list.iter_mut().for_each(|value| plant(value, planted, count)),
        Value::Object(map) => map.values_mut().for_each(|value| plant(value, planted, count)),
        _ => {}
    }
}

proptest! {
    #[test]
    fn a_planted_secret_is_found_in_every_string(value in value(), spelled in any::<bool>()) {
        let (mut planted, mut expected, mut count) = (value.clone(), value, 0);
        plant(&mut planted, TOKEN, &mut count);
        plant(&mut expected, "[redacted:token]", &mut 0);
        let mut text = planted.to_string();
        if spelled {
            text = text.replace("ghp_", "\\u0067hp\\u005f");
        }
        let rules = rules(json!([{ "detect": ["token"] }]));

        let (redacted, hits) = redact(&rules, &text);

        // All other bytes stay, spelling included.
        prop_assert_eq!(redacted, expected.to_string());
        prop_assert_eq!(hits.iter().map(|hit| hit.count).sum::<u32>(), count);
    }

    #[test]
    fn whatever_is_redacted_is_still_json(
        value in value(),
        path in prop::sample::select(vec!["/*", "/**/a", "/*/*", "/0", "/**/*"]),
        action in prop::sample::select(vec!["mask", "hash", "drop"]),
    ) {
        let all: Vec<_> = Detector::ALL.iter().map(|detector| detector.as_str()).collect();
        let rules = rules(json!([{ "detect": all, "paths": [path], "action": action }]));

        redact(&rules, &value.to_string());
        redact(&rules, &json!({ "text": value.to_string() }).to_string());
    }

    #[test]
    fn nothing_that_is_no_json_brings_it_down(text in "[{}\\[\\]\",:0-9a\\\\ ]{0,40}") {
        let _ = everything("drop").json(&Bytes::from(text), scope());
    }
}
