//! The JSON Schema of the file.
//!
//! It is made from the types of the tree, but not at every start: that would run through code of
//! each of them, most of which nobody's file mentions. A test holds the published file to the types.

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema};
use serde_json::Value as Json;

/// The published JSON Schema (draft 2020-12) of a configuration file, for editors.
pub const SCHEMA: &str = include_str!("schema.json");

/// The same as a value, which is what files are checked against.
pub(super) fn tree() -> Json {
    serde_json::from_str(SCHEMA).expect("a test has read the same text")
}

/// The schema of another file.
pub(super) fn of<T: JsonSchema>() -> Json {
    root::<T>().to_value()
}

fn root<T: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft2020_12().with_transform(NoNulls).with_transform(Prose);
    settings.into_generator().into_root_schema_for::<T>()
}

/// A key that is left out has its default; one that is written has a value. So `null`, which an
/// `Option` would allow, is nowhere allowed.
#[derive(Clone)]
struct NoNulls;

impl Transform for NoNulls {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        let Some(keys) = schema.as_object_mut() else { return };
        if keys.get("default") == Some(&Json::Null) {
            keys.remove("default");
        }
        if let Some(Json::Array(types)) = keys.get_mut("type") {
            types.retain(|name| name != "null");
            if let [only] = types.as_mut_slice() {
                let only = only.take();
                keys.insert("type".to_owned(), only);
            }
        }
        if let Some(Json::Array(words)) = keys.get_mut("enum") {
            words.retain(|word| !word.is_null());
        }
        if let Some(Json::Array(choices)) = keys.get_mut("anyOf") {
            choices.retain(|choice| choice["type"] != "null");
            if let [Json::Object(only)] = choices.as_mut_slice() {
                let only = std::mem::take(only);
                keys.remove("anyOf");
                for (key, value) in only {
                    keys.entry(key).or_insert(value);
                }
            }
        }
    }
}

/// Descriptions are sentences, not lines of source, and how we hold a number is nobody's business.
#[derive(Clone)]
struct Prose;

impl Transform for Prose {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        let Some(keys) = schema.as_object_mut() else { return };
        keys.remove("format");
        if let Some(Json::String(description)) = keys.get_mut("description") {
            *description = description.replace('\n', " ");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tree::Config;
    use super::*;

    /// The schema as the types have it.
    fn made() -> String {
        let mut schema = root::<Config>();
        schema.insert("title".to_owned(), json!("Toolgate configuration"));
        schema.insert("examples".to_owned(), examples());
        // `Value`'s alternate form is its pretty form.
        format!("{:#}\n", schema.to_value())
    }

    fn examples() -> Json {
        json!([
            { "servers": [{ "name": "time", "command": ["uvx", "mcp-server-time"] }] },
            {
                "listen": "127.0.0.1:8080",
                "servers": [
                    { "name": "docs", "upstream": "https://docs.example.com/mcp" },
                    { "name": "notes", "files": { "root": "notes" } },
                ],
            },
        ])
    }

    #[test]
    fn the_published_schema_is_that_of_the_types() {
        let made = made();
        if made != SCHEMA {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/config/schema.json.new");
            std::fs::write(path, made).unwrap();
            panic!(
                "the types have another schema: review {path}, and put it in the place of the old"
            );
        }
    }

    /// Every keyword of the schema and of what is in it.
    fn keywords(schema: &Json, found: &mut Vec<String>) {
        let Json::Object(keys) = schema else { return };
        for (key, value) in keys {
            match key.as_str() {
                "properties" | "$defs" => {
                    value.as_object().unwrap().values().for_each(|value| keywords(value, found));
                }
                "anyOf" | "oneOf" => {
                    value.as_array().unwrap().iter().for_each(|value| keywords(value, found));
                }
                "items" | "additionalProperties" => keywords(value, found),
                _ => {}
            }
            found.push(key.clone());
        }
    }

    #[test]
    fn the_walker_understands_every_keyword_of_the_schema() {
        let mut found = Vec::new();
        keywords(&tree(), &mut found);
        found.sort();
        found.dedup();

        let annotations = ["$schema", "default", "description", "examples", "title", "writeOnly"];
        let understood = [
            "$defs",
            "$ref",
            "additionalProperties",
            "anyOf",
            "const",
            "enum",
            "items",
            "maxLength",
            "maximum",
            "minItems",
            "minLength",
            "minimum",
            "oneOf",
            "pattern",
            "properties",
            "required",
            "type",
        ];
        found.retain(|key| {
            !annotations.contains(&key.as_str()) && !understood.contains(&key.as_str())
        });
        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn no_key_may_be_null() {
        assert!(!SCHEMA.contains("null"));
    }
}
