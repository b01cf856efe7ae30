//! Null beside a value: JSON Schema 2020-12 has no word like `nullable` of OpenAPI 3.0.

use serde_json::{Map, Value, json};

/// The same or null, also where values are listed.
pub(super) fn nullable(mut out: Map<String, Value>) -> Value {
    if let Some(values) = out.get_mut("enum").and_then(Value::as_array_mut)
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
    or_null(Value::Object(out))
}

/// The same or null.
pub(super) fn or_null(mut schema: Value) -> Value {
    let Some(members) = schema.as_object_mut() else { return schema };
    let says_nothing = members.is_empty();
    match members.get_mut("type") {
        Some(Value::String(name)) if name != "null" => {
            let both = json!([name, "null"]);
            members.insert("type".into(), both);
            // A combination would have to allow it too.
            if members.contains_key("allOf") || members.contains_key("anyOf") {
                return json!({ "anyOf": [schema, { "type": "null" }] });
            }
            schema
        }
        Some(Value::Array(names)) => {
            if !names.iter().any(|name| name == "null") {
                names.push("null".into());
            }
            schema
        }
        None if says_nothing => schema,
        _ => json!({ "anyOf": [schema, { "type": "null" }] }),
    }
}
