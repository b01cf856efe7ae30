//! What holds for every definition.

use proptest::prelude::*;
use serde_json::{Map, Value};
use toolgate_catalog::canonical::canonical;
use toolgate_catalog::definition::{Definition, Kind};
use toolgate_catalog::lock::Lock;
use toolgate_catalog::manifest;
use toolgate_catalog::scan::scan;

/// Any JSON that every parser reads alike.
fn json() -> impl Strategy<Value = Value> {
    let text = "[^\u{fffd}]{0,12}";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text.prop_map(Value::from),
        prop::sample::select(vec![
            "$ref",
            "type",
            "object",
            "string",
            "(a+)+$",
            "\u{200b}",
            "<IMPORTANT>"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        let key = prop_oneof![
            text.prop_map(String::from),
            prop::sample::select(vec![
                "name",
                "description",
                "inputSchema",
                "properties",
                "type",
                "annotations",
                "$ref",
                "pattern",
                "x-mcp-header",
                "tools",
                "servers",
                "result",
                "enum",
                "readOnlyHint",
                "$id",
                "instructions",
            ])
            .prop_map(str::to_owned),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn tool(mut value: Map<String, Value>, name: &str) -> Value {
    value.insert("name".to_owned(), name.into());
    Value::Object(value)
}

/// The same value, every object the other way round.
fn reversed(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(reversed).collect(),
        Value::Object(members) => Value::Object(
            members.iter().rev().map(|(key, value)| (key.clone(), reversed(value))).collect(),
        ),
        other => other.clone(),
    }
}

/// The same value with its `nth` string changed by one character; `None` past the last.
fn edited(value: &Value, nth: &mut usize) -> Option<Value> {
    match value {
        Value::String(text) if *nth == 0 => Some(Value::from(format!("{text}."))),
        Value::String(_) => {
            *nth -= 1;
            None
        }
        Value::Array(items) => items.iter().enumerate().find_map(|(at, item)| {
            let mut items = items.clone();
            items[at] = edited(item, nth)?;
            Some(Value::Array(items))
        }),
        Value::Object(members) => members.iter().find_map(|(key, value)| {
            let mut members = members.clone();
            members[key] = edited(value, nth)?;
            Some(Value::Object(members))
        }),
        _ => None,
    }
}

fn read(text: String) -> Definition {
    Definition::read(Kind::Tool, text.into()).unwrap()
}

fn object() -> impl Strategy<Value = Map<String, Value>> {
    json().prop_map(|value| match value {
        Value::Object(members) => members,
        other => [("description".to_owned(), other)].into_iter().collect(),
    })
}

proptest! {
    #[test]
    fn a_hash_does_not_depend_on_order_or_space(members in object()) {
        let value = tool(members, "t");
        let hash = read(value.to_string()).hash();

        prop_assert_eq!(read(reversed(&value).to_string()).hash(), hash);
        prop_assert_eq!(read(serde_json::to_string_pretty(&value).unwrap()).hash(), hash);
    }

    #[test]
    fn a_hash_depends_on_every_string(members in object(), nth in 0_usize..12) {
        let value = tool(members, "t");
        let Some(other) = edited(&value, &mut { nth }) else { return Ok(()) };
        // The name is a string, too, and keeps the definition readable.
        prop_assert_ne!(read(value.to_string()).hash(), read(other.to_string()).hash());
    }

    #[test]
    fn the_canonical_spelling_is_one_and_means_the_same(value in json()) {
        let once = canonical(value.to_string().as_bytes()).unwrap();

        prop_assert_eq!(&canonical(once.as_bytes()).unwrap(), &once);
        let again: Value = serde_json::from_str(&once).unwrap();
        prop_assert_eq!(canonical(again.to_string().as_bytes()).is_ok(), true);
    }

    #[test]
    fn a_lock_comes_back_as_it_was(entries in prop::collection::vec(("[^\u{fffd}]{1,10}", object(), "[^\u{fffd}]{0,10}"), 0..5)) {
        let mut lock = Lock::default();
        for (server, members, name) in entries {
            lock.approve(&server, read(tool(members, &name).to_string()));
        }

        let text = lock.to_text();
        let back = Lock::parse(&text).map_err(|problems| TestCaseError::fail(format!("{problems:?}\n{text}")))?;

        prop_assert_eq!(back.to_text(), text);
        for server in lock.servers() {
            for definition in lock.definitions(server) {
                let same = back.approved(server, definition.kind(), definition.name()).map(Definition::hash);
                prop_assert_eq!(same, Some(definition.hash()));
            }
        }
    }

    #[test]
    fn nothing_panics_on_any_json(value in json(), members in object()) {
        let text = serde_json::json!({ "tools": [value, tool(members, "t")], "prompts": [value], "instructions": "x" });
        let servers = manifest::parse("s", text.to_string().into()).unwrap();
        let report = scan(&servers, Some(&Lock::default()), Vec::new());

        let _ = toolgate_catalog::report::table(&report);
        let _ = toolgate_catalog::report::sarif(&report, "t");
        let _ = manifest::parse("s", value.to_string().into());
    }

    #[test]
    fn nothing_panics_on_any_text(text in ".{0,200}", bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = Lock::parse(&text);
        let _ = canonical(&bytes);
        let _ = manifest::parse("s", bytes.into());
        let _ = toolgate_catalog::rules::secrets::configuration(&text);
    }
}
