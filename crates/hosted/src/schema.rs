//! JSON Schemas of types: how models and the gateway see what a tool takes and returns.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

/// JSON Schema 2020-12 of a type, in one piece.
pub(crate) fn of<T: JsonSchema>() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    let is_object = is_object(&schema);
    if let Some(members) = schema.as_object_mut() {
        // The type's own name says nothing to a model.
        members.remove("title");
        if is_object {
            // Enums leave it to their alternatives, and MCP wants it said.
            members.entry("type").or_insert(json!("object"));
        }
    }
    schema
}

/// Whether nothing but objects fits.
pub(crate) fn is_object(schema: &Value) -> bool {
    let all = |key: &str| {
        let alternatives = schema.get(key).and_then(Value::as_array);
        alternatives.is_some_and(|them| !them.is_empty() && them.iter().all(is_object))
    };
    match schema.get("type") {
        Some(kind) => kind == "object",
        None => all("oneOf") || all("anyOf") || schema.get("properties").is_some(),
    }
}

/// The schema of arguments. Those that a tool does not know are a mistake of the model that it
/// should hear of.
pub(crate) fn closed(mut schema: Value) -> Value {
    let Some(members) = schema.as_object_mut() else { return schema };
    // What alternatives and references allow is not seen by `additionalProperties` (JSON Schema
    // 2020-12, core, 10.3.2.3 and 11.3).
    let is_composed =
        ["allOf", "anyOf", "oneOf", "$ref"].iter().any(|key| members.contains_key(*key));
    if is_composed && !members.contains_key("additionalProperties") {
        members.entry("unevaluatedProperties").or_insert(json!(false));
    } else {
        members.entry("additionalProperties").or_insert(json!(false));
        members.entry("properties").or_insert_with(|| json!({}));
    }
    schema
}

#[cfg(test)]
mod tests {
    use toolgate_screen::schema::Compiled;

    use super::*;

    #[derive(JsonSchema)]
    #[serde(tag = "by", rename_all = "lowercase")]
    #[expect(dead_code, reason = "a schema is all that is wanted of it")]
    enum Search {
        Id { id: u32 },
        Name { name: String },
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "a schema is all that is wanted of it")]
    struct Paged {
        #[serde(flatten)]
        search: Search,
        page: Option<u32>,
    }

    #[derive(JsonSchema)]
    struct Nothing {}

    fn fits(schema: &Value, arguments: &Value) -> bool {
        let compiled = Compiled::new(schema.to_string().as_bytes()).unwrap();
        compiled.check(arguments.to_string().as_bytes()).is_ok()
    }

    #[test]
    fn what_a_type_takes_fits_its_schema_and_what_it_does_not_know_does_not() {
        let (search, paged) = (closed(of::<Search>()), closed(of::<Paged>()));
        let nothing = closed(of::<Nothing>());
        for (schema, arguments, expected) in [
            (&search, json!({ "by": "id", "id": 1 }), true),
            (&search, json!({ "by": "name", "name": "a" }), true),
            (&search, json!({ "by": "name", "id": 1 }), false),
            (&search, json!({ "by": "id", "id": 1, "colour": 1 }), false),
            (&paged, json!({ "by": "id", "id": 1, "page": 2 }), true),
            (&paged, json!({ "by": "id", "id": 1, "size": 2 }), false),
            (&nothing, json!({}), true),
            (&nothing, json!({ "id": 1 }), false),
        ] {
            assert_eq!(fits(schema, &arguments), expected, "{arguments} in {schema}");
            assert_eq!(schema["type"], "object");
        }
    }

    #[test]
    fn what_may_be_no_object_is_told_apart() {
        assert!(is_object(&of::<Paged>()) && is_object(&of::<Search>()));
        for schema in [of::<()>(), of::<String>(), of::<Vec<u8>>(), of::<Option<Search>>()] {
            assert!(!is_object(&schema), "{schema}");
        }
    }
}
