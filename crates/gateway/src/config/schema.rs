//! The JSON Schema of the file, made from the tree itself.

use std::sync::OnceLock;

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use serde_json::{Value as Json, json};

use super::tree::Config;

/// The published JSON Schema (draft 2020-12) of a configuration file, for editors.
pub fn schema() -> String {
    // `Value`'s alternate form is its pretty form.
    format!("{:#}\n", tree())
}

/// The same as a value, which is also what files are checked against.
pub(super) fn tree() -> &'static Json {
    static TREE: OnceLock<Json> = OnceLock::new();
    TREE.get_or_init(|| {
        let settings = SchemaSettings::draft2020_12().with_transform(NoNulls);
        let mut schema = settings.into_generator().into_root_schema_for::<Config>();
        schema.insert("title".to_owned(), json!("Toolgate configuration"));
        schema.insert("examples".to_owned(), examples());
        schema.to_value()
    })
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
