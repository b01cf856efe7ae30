use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn compiled(schema: Value) -> Compiled {
    Compiled::new(schema.to_string().as_bytes()).unwrap()
}

fn hints(schema: Value, instance: Value) -> Vec<String> {
    let hints = compiled(schema).check(instance.to_string().as_bytes()).err().unwrap_or_default();
    hints.iter().map(Hint::to_string).collect()
}

#[test]
fn hints_say_what_to_change() {
    let schema = json!({
        "type": "object",
        "properties": {
            "city": { "type": "string", "description": "name of the city" },
            "unit": { "enum": ["celsius", "fahrenheit"] },
            "days": { "type": "integer", "minimum": 1, "maximum": 14 },
            "code": { "type": "string", "pattern": "^[A-Z]{3}$" },
        },
        "required": ["city"],
        "additionalProperties": false,
    });
    for (instance, hint) in [
        (json!({}), "the whole lacks `city`: add `city`, of type string: name of the city"),
        (json!({ "city": "x", "dayz": 1 }), "the whole has unknown `dayz`: did you mean `days`?"),
        (json!({ "city": 7 }), "/city is of type number: use string"),
        (json!({ "city": "x", "days": 15 }), "/days is too large: use 14 or less"),
        (
            json!({ "city": "x", "unit": "kelvin" }),
            r#"/unit is none of the allowed values: use one of "celsius", "fahrenheit""#,
        ),
        (
            json!({ "city": "x", "code": "abc" }),
            "/code has not the required form: match the expression `^[A-Z]{3}$`",
        ),
    ] {
        assert_eq!(hints(schema.clone(), instance.clone()), [hint], "{instance}");
    }
    assert!(hints(schema, json!({ "city": "Bern", "days": 3 })).is_empty());
}

#[test]
fn hints_are_few_and_repeat_no_long_value() {
    let secret = "s3cret".repeat(20);
    let schema = json!({ "additionalProperties": { "type": "integer" } });
    let members = (0..50).map(|i| (format!("{secret}{i}"), json!(secret))).collect();

    let hints = hints(schema, Value::Object(members));

    assert_eq!(hints.len(), Hint::MOST);
    assert!(hints.iter().all(|hint| !hint.contains(&secret)), "{hints:?}");
}

#[test]
fn nothing_outside_is_fetched() {
    for reference in [
        "http://169.254.169.254/",
        "https://example.com/x.json#/a",
        "file:///etc/passwd",
        "other.json",
    ] {
        let schema = json!({ "properties": { "a": { "$ref": reference } } }).to_string();

        let error = Compiled::new(schema.as_bytes()).unwrap_err();

        assert!(matches!(error, Error::Remote(_)), "{reference}: {error}");
    }
}

#[test]
fn a_hostile_pattern_takes_no_time() {
    let schema = compiled(json!({ "type": "string", "pattern": "^(a+)+$" }));
    let instance = json!(format!("{}!", "a".repeat(50_000))).to_string();

    let start = Instant::now();
    let result = schema.check(instance.as_bytes());

    assert!(result.is_err());
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn a_pattern_that_needs_backtracking_is_refused_and_said() {
    let schema = json!({ "pattern": "^(?!admin)(.)\\1$" }).to_string();

    let error = Compiled::new(schema.as_bytes()).unwrap_err();

    assert!(matches!(error, Error::Unsupported(_)), "{error}");
}

#[test]
fn a_schema_that_never_ends_is_refused() {
    for schema in [
        json!({ "$ref": "#" }),
        json!({ "$defs": { "a": { "allOf": [{ "$ref": "#/$defs/b" }] }, "b": { "$ref": "#/$defs/a" } },
            "$ref": "#/$defs/a" }),
    ] {
        let error = Compiled::new(schema.to_string().as_bytes()).unwrap_err();
        assert!(matches!(error, Error::Cost(_)), "{schema}: {error}");
    }
}

#[test]
fn a_schema_that_unfolds_to_too_much_is_refused() {
    let mut defs = serde_json::Map::new();
    for i in 0..40 {
        let next = json!({ "$ref": format!("#/$defs/d{}", i + 1) });
        defs.insert(format!("d{i}"), json!({ "allOf": [next, next] }));
    }
    defs.insert("d40".to_owned(), json!({ "type": "string" }));
    let schema = json!({ "$defs": defs, "$ref": "#/$defs/d0" }).to_string();

    let start = Instant::now();
    let error = Compiled::new(schema.as_bytes()).unwrap_err();

    assert!(matches!(error, Error::Cost(_)), "{error}");
    assert!(start.elapsed() < Duration::from_secs(20));
}

/// Each reference twice, so often: to `leaf` in the end.
fn doubled(times: usize, leaf: Value) -> Value {
    let twice = |n: usize| {
        let next = json!({ "$ref": format!("#/$defs/a{}", n + 1) });
        (format!("a{n}"), json!({ "allOf": [next, next] }))
    };
    let all = (0..times).map(twice).chain([(format!("a{times}"), leaf)]);
    Value::Object(all.collect())
}

#[test]
fn what_unfolds_to_too_much_is_found_wherever_it_is_asked() {
    let first = json!({ "$ref": "#/$defs/a0" });
    let many = doubled(40, json!({ "minLength": 1 }));
    let hidden = |id: &str| {
        let mut inner = json!({ "$ref": "#/$defs/a0", "$defs": many });
        inner[id] = "http://x.example/x".into();
        // At the root the same pointer leads to something small.
        json!({ "$ref": "http://x.example/x", "$defs": { "a0": true, "x": inner } })
    };
    for schema in [
        json!({ "propertyNames": first, "$defs": many }),
        json!({ "$schema": "http://json-schema.org/draft-07/schema#", "dependencies": { "a": first }, "$defs": many }),
        hidden("$id"),
        hidden("id"),
    ] {
        let refused = Compiled::new(schema.to_string().as_bytes()).unwrap_err();
        assert!(matches!(refused, Error::Cost(_)), "{refused}");
    }
    let small = json!({
        "$ref": "x.json#/$defs/a0",
        "$defs": { "x": { "$id": "x.json", "$defs": doubled(3, json!({ "minLength": 2 })) } },
    });
    assert!(hints(small.clone(), json!("ab")).is_empty());
    assert!(!hints(small, json!("a")).is_empty());
}

#[test]
fn trees_are_checked_and_an_explosion_is_not() {
    let tree = compiled(json!({ "type": "object", "properties": {
        "name": { "type": "string" }, "children": { "type": "array", "items": { "$ref": "#" } } } }));
    let doubling = compiled(json!({ "allOf": [
        { "properties": { "a": { "$ref": "#" } } }, { "properties": { "a": { "$ref": "#" } } } ] }));
    let mut nested = json!({ "name": "leaf" });
    let mut chain = json!({});
    for _ in 0..40 {
        nested = json!({ "name": "n", "children": [nested, { "name": "x" }] });
        chain = json!({ "a": chain });
    }

    let start = Instant::now();

    assert_eq!(tree.check(nested.to_string().as_bytes()), Ok(()));
    assert!(tree.check(br#"{"children":[{"name":1}]}"#).is_err());
    assert!(doubling.check(chain.to_string().as_bytes()).is_err());
    assert!(doubling.check(br#"{"a":{"a":{}}}"#).is_ok());
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn earlier_drafts_are_read_as_they_were_meant() {
    let draft4 = json!({ "$schema": "http://json-schema.org/draft-04/schema#",
        "type": "number", "minimum": 1, "exclusiveMinimum": true });

    assert_eq!(hints(draft4.clone(), json!(2)).len(), 0);
    assert_eq!(hints(draft4, json!(1)).len(), 1);
}

#[test]
fn numbers_and_texts_beyond_reading_are_said() {
    let schema = compiled(json!({}));
    for instance in ["1e999999", "{", "[\"\\ud800\"]", ""] {
        let hints = schema.check(instance.as_bytes()).unwrap_err();
        assert!(hints[0].problem.starts_with("is not JSON"), "{instance}");
    }
}

/// A value of JSON with the words of schemas in it.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z(+*)$^\\\\d#/]{0,8}".prop_map(Value::from),
        prop::sample::select(vec!["string", "integer", "object", "#", "#/$defs/a", "#a"])
            .prop_map(Value::from),
    ];
    let key = prop::sample::select(vec![
        "type",
        "properties",
        "items",
        "prefixItems",
        "$ref",
        "$dynamicRef",
        "$defs",
        "a",
        "$id",
        "$anchor",
        "allOf",
        "anyOf",
        "oneOf",
        "not",
        "if",
        "then",
        "enum",
        "const",
        "pattern",
        "patternProperties",
        "additionalProperties",
        "unevaluatedProperties",
        "required",
        "minimum",
        "maxLength",
        "multipleOf",
        "uniqueItems",
        "contains",
        "dependentSchemas",
        "propertyNames",
        "$schema",
        "format",
    ]);
    leaf.prop_recursive(4, 32, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..4).prop_map(|members| {
                Value::Object(members.into_iter().map(|(key, v)| (key.to_owned(), v)).collect())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn no_schema_and_no_instance_brings_it_down(schema in anything(), instance in anything()) {
        let start = Instant::now();
        if let Ok(compiled) = Compiled::new(schema.to_string().as_bytes()) {
            let _ = compiled.check(instance.to_string().as_bytes());
        }
        prop_assert!(start.elapsed() < Duration::from_secs(20), "{schema} {instance}");
    }
}
