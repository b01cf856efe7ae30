//! What a model gives to a tool that the operator describes: the keys that make a JSON Schema.
//!
//! Each kind of tool has a type of parameters with keys of its own, as strict keys and shared members do
//! not go together (serde: `deny_unknown_fields` and `flatten`). What they have in common is read through
//! one.

use serde_json::{Map, Number, Value, json};

use super::Anything;
use super::http::Kind;

/// What is said of one parameter, whatever kind of tool it belongs to.
pub struct Said<'a> {
    /// What it is. Without it: a string.
    pub kind: Option<Kind>,
    /// What it means, for the model.
    pub description: Option<&'a str>,
    /// What counts where it is not given.
    pub default: Option<&'a Anything>,
    /// The only values.
    pub values: &'a [Anything],
    /// The least number.
    pub minimum: Option<&'a Number>,
    /// The greatest number.
    pub maximum: Option<&'a Number>,
    /// The least number of characters.
    pub min_length: Option<u32>,
    /// The greatest number of characters.
    pub max_length: Option<u32>,
    /// The greatest number of entries.
    pub max_items: Option<u32>,
    /// What a text matches somewhere.
    pub pattern: Option<&'a str>,
    /// The JSON Schema of entries.
    pub items: Option<&'a Anything>,
    /// Its whole JSON Schema.
    pub schema: Option<&'a Anything>,
}

/// Bounds that hold where the operator gives none.
#[derive(Clone, Copy, Default)]
pub struct Bounds {
    /// The greatest number of characters of a text that may be any.
    pub length: Option<u32>,
    /// The greatest number of entries of a list.
    pub entries: Option<u32>,
}

impl Said<'_> {
    /// Its JSON Schema as a tool lists it.
    pub fn listed(&self, bounds: Bounds) -> Value {
        let mut schema = match self.schema {
            Some(schema) => schema.as_object().cloned().unwrap_or_default(),
            None => self.written(bounds),
        };
        if let Some(description) = self.description {
            schema.insert("description".to_owned(), json!(description));
        }
        if let Some(default) = self.default {
            schema.insert("default".to_owned(), default.0.clone());
        }
        Value::Object(schema)
    }

    /// Its JSON Schema by its keys, without words for people.
    pub fn written(&self, bounds: Bounds) -> Map<String, Value> {
        let kind = self.kind.unwrap_or_default();
        let values: Vec<_> = self.values.iter().map(|value| &value.0).collect();
        let length = bounds.length.filter(|_| kind == Kind::String && values.is_empty());
        let entries = bounds.entries.filter(|_| kind == Kind::Array);
        let keys = [
            ("type", Some(json!(kind.word()))),
            ("enum", (!values.is_empty()).then(|| json!(values))),
            ("minimum", self.minimum.map(|it| json!(it))),
            ("maximum", self.maximum.map(|it| json!(it))),
            ("minLength", self.min_length.map(Value::from)),
            ("maxLength", self.max_length.or(length).map(Value::from)),
            ("pattern", self.pattern.map(Value::from)),
            ("maxItems", self.max_items.or(entries).map(Value::from)),
            ("items", self.items.map(|it| it.0.clone())),
        ];
        keys.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::config::servers::{http, workflow};

    use super::*;

    #[test]
    fn the_same_words_are_the_same_schema_but_for_the_bounds_of_their_kind() {
        let listed = |said: Value| {
            let http: http::Parameter = serde_json::from_value(said.clone()).unwrap();
            let workflow: workflow::Parameter = serde_json::from_value(said).unwrap();
            (http.schema(), workflow.schema())
        };

        let bounded = json!({ "description": "A", "default": "b", "enum": ["b"] });
        let expected =
            json!({ "type": "string", "enum": ["b"], "description": "A", "default": "b" });
        assert_eq!(listed(bounded), (expected.clone(), expected));
        let whole = json!({ "schema": { "type": "integer" }, "default": 7 });
        let expected = json!({ "type": "integer", "default": 7 });
        assert_eq!(listed(whole), (expected.clone(), expected));
        let (http, workflow) = listed(json!({}));
        assert_eq!((&http["maxLength"], &workflow["maxLength"]), (&json!(4096), &json!(1024)));
        let (http, workflow) = listed(json!({ "type": "array", "items": {} }));
        assert_eq!((&http["maxItems"], &workflow["maxItems"]), (&Value::Null, &json!(100)));
    }
}
