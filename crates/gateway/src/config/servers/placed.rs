//! A JSON Schema that becomes a part of another one: its references are read from the root of that.

use serde_json::{Map, Value};

/// The schema as it stands at a place of another one, by the names of the members on the way there.
/// What its references named by themselves, they name there.
///
/// One with an `$id` keeps its references, which are read from itself (JSON Schema 2020-12, 8.2.1).
#[must_use]
pub fn placed(schema: &Value, place: &[&str]) -> Value {
    let base: String = place.iter().map(|name| format!("/{}", escaped(name))).collect();
    moved(schema, &base)
}

fn moved(schema: &Value, base: &str) -> Value {
    match schema {
        Value::Object(members) if !members.get("$id").is_some_and(Value::is_string) => {
            each(members, |name, member| match (name, member) {
                ("$ref", Value::String(target)) => reference(target, base).into(),
                // No schemas, but values.
                ("const" | "default" | "enum" | "examples", _) => member.clone(),
                // Names that somebody chose: none of them is a keyword.
                (
                    "$defs" | "definitions" | "dependentSchemas" | "patternProperties"
                    | "properties",
                    Value::Object(named),
                ) => each(named, |_, schema| moved(schema, base)),
                _ => moved(member, base),
            })
        }
        Value::Array(items) => items.iter().map(|item| moved(item, base)).collect(),
        other => other.clone(),
    }
}

fn each(members: &Map<String, Value>, change: impl Fn(&str, &Value) -> Value) -> Value {
    members.iter().map(|(name, member)| (name.clone(), change(name, member))).collect()
}

/// A reference by JSON pointer; anchors and other documents are named as before.
fn reference(target: &str, base: &str) -> String {
    match target.strip_prefix('#') {
        Some(pointer) if pointer.is_empty() || pointer.starts_with('/') => {
            format!("#{base}{pointer}")
        }
        _ => target.to_owned(),
    }
}

/// A name in a JSON pointer (RFC 6901, 3) in a URI (6).
fn escaped(name: &str) -> String {
    let name = name.replace('~', "~0").replace('/', "~1");
    let escape = |byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    };
    name.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use toolgate_screen::schema::Compiled;

    use super::*;

    #[test]
    fn what_a_schema_refers_to_is_found_where_it_stands() {
        let tree = json!({
            "$defs": { "T": { "type": "integer" } }, "type": "object",
            "properties": {
                "one": { "$ref": "#/$defs/T" }, "next": { "$ref": "#" },
                "default": { "$ref": "#/$defs/T" }, "$id": { "$ref": "#/$defs/T" },
            },
            "default": { "$ref": "#/none" },
        });
        let name = "a/b ~ä";
        let whole = json!({ "properties": { name: placed(&tree, &["properties", name]) } });

        let compiled = Compiled::new(whole.to_string().as_bytes()).unwrap();

        let fits =
            |value: Value| compiled.check(json!({ name: value }).to_string().as_bytes()).is_ok();
        assert!(fits(json!({ "next": { "next": { "one": 1 } } })));
        assert!(!fits(json!({ "next": { "next": { "one": "1" } } })));
        assert!(!fits(json!({ "default": "1" })) && !fits(json!({ "$id": "1" })));
        assert_eq!(whole["properties"][name]["default"], tree["default"]);
        let own = json!({ "$id": "https://a.example/t", "$ref": "#/$defs/T" });
        assert_eq!(placed(&own, &["items"]), own);
    }
}
