//! Does the file have the shape of the schema? A walker over the schema's own words.
//!
//! Our schema uses a dozen keywords, so this is shorter than a general validator, and its sentences
//! can say what to write. A test holds the schema to the keywords that are understood here.

pub(super) mod unknown;
mod wording;

use serde_json::{Map, Value as Json};

use super::node::{Member, Node, Value};
use super::problem::Report;

/// Reports everything under `root` that does not fit `schema` and takes it out, so that the rest
/// can still be checked. Whether anything is left.
pub(super) fn fit(root: &mut Node, schema: &Json, report: &mut Report) -> bool {
    Walker { root: schema, report }.fit(root, schema)
}

struct Walker<'a> {
    root: &'a Json,
    report: &'a mut Report,
}

impl<'a> Walker<'a> {
    fn fit(&mut self, node: &mut Node, schema: &'a Json) -> bool {
        let (schema, name) = self.resolve(schema);
        if is_anything(schema) {
            return !matches!(node.value, Value::Broken);
        }
        let schema = choose(schema, node);
        adopt(node, schema);
        match &mut node.value {
            Value::Broken => return false,
            Value::Null => {
                let message = match schema["properties"].is_object() && schema["required"].is_null()
                {
                    true => "the key has no value (write {} for its defaults, or remove the key)",
                    false => "the key has no value (give it one, or remove the key)",
                };
                self.report.problem(&node.place, message);
                return false;
            }
            _ => {}
        }
        if let Some(expected) = mismatch(schema, node) {
            let message = wording::misfit_message(node, schema, name, expected);
            self.report.problem(&node.place, message);
            return false;
        }
        match &node.value {
            Value::Map(_) => self.map(node, schema),
            Value::List(_) => self.list(node, schema),
            _ => match wording::scalar_message(node, schema, name) {
                Some(message) => {
                    self.report.problem(&node.place, message);
                    false
                }
                None => true,
            },
        }
    }

    /// Follows a reference; also says the name of what it led to.
    fn resolve(&self, schema: &'a Json) -> (&'a Json, &'a str) {
        let name = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix("#/$defs/"));
        match name {
            Some(name) => (&self.root["$defs"][name], name),
            None => (schema, ""),
        }
    }

    fn map(&mut self, node: &mut Node, schema: &'a Json) -> bool {
        let place = node.place.clone();
        let Value::Map(members) = &mut node.value else { return true };
        let known = schema["properties"].as_object();
        let written: Vec<String> = members.iter().map(|member| member.key.clone()).collect();
        members.retain_mut(|member| self.member(member, schema, known, &written));
        let mut whole = true;
        for key in schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str) {
            whole &= members.iter().any(|member| member.key == key);
            if !written.iter().any(|written| written == key) {
                let message = format!(
                    "{key} is missing (add {key}: {})",
                    unknown::example(self.resolve(&schema["properties"][key]).0)
                );
                self.report.problem(&place, message);
            }
        }
        whole
    }

    fn member(
        &mut self,
        member: &mut Member,
        schema: &'a Json,
        known: Option<&'a Map<String, Json>>,
        written: &[String],
    ) -> bool {
        if let Some(schema) = known.and_then(|known| known.get(&member.key)) {
            return self.fit(&mut member.node, schema);
        }
        if schema["additionalProperties"].is_object() {
            return self.fit(&mut member.node, &schema["additionalProperties"]);
        }
        let known = known.into_iter().flat_map(Map::keys).map(String::as_str);
        let message = format!("unknown key ({})", unknown::way_out(&member.key, known, written));
        self.report.problem(&member.node.place, message);
        false
    }

    fn list(&mut self, node: &mut Node, schema: &'a Json) -> bool {
        let Value::List(items) = &mut node.value else { return true };
        if items.is_empty() && schema["minItems"].as_u64() > Some(0) {
            self.report.problem(&node.place, "the list is empty (write at least one entry)");
            return false;
        }
        items.retain_mut(|item| self.fit(item, &schema["items"]));
        true
    }
}

/// Whether nothing is said of the value.
fn is_anything(schema: &Json) -> bool {
    const SAYING: [&str; 6] = ["$ref", "anyOf", "const", "enum", "oneOf", "type"];
    schema.as_object().is_none_or(|keys| !SAYING.iter().any(|word| keys.contains_key(*word)))
}

/// Of several allowed types, the one the value has; otherwise the schema itself.
fn choose<'a>(schema: &'a Json, node: &Node) -> &'a Json {
    let choices = schema["anyOf"].as_array();
    choices.into_iter().flatten().find(|choice| mismatch(choice, node).is_none()).unwrap_or(schema)
}

/// A text from the environment becomes the number or truth value that is wanted: there it cannot be
/// written any other way.
fn adopt(node: &mut Node, schema: &Json) {
    if node.written.is_none() {
        return;
    }
    let Value::Text(text) = &node.value else { return };
    let value = match schema["type"].as_str() {
        Some("integer") => {
            text.trim().parse::<u64>().ok().map(|number| Value::Number(number.into()))
        }
        Some("boolean") => text.trim().parse().ok().map(Value::Bool),
        _ => None,
    };
    if let Some(value) = value {
        node.value = value;
    }
}

/// What was expected, if the value is of another type.
fn mismatch(schema: &Json, node: &Node) -> Option<&'static str> {
    let fits = |name: &str| match &node.value {
        Value::Bool(_) => name == "boolean",
        Value::Number(number) => {
            name == "number" || (name == "integer" && (number.is_u64() || number.is_i64()))
        }
        Value::Text(_) => name == "string",
        Value::List(_) => name == "array",
        Value::Map(_) => name == "object",
        Value::Null | Value::Broken => false,
    };
    // The words of an enumeration stand under `oneOf`, each with its own type and description.
    let words = schema["oneOf"].is_array().then_some("string");
    let Some(name) = schema["type"].as_str().or(words) else {
        return schema["anyOf"].is_array().then_some("text or a list");
    };
    let expected = match name {
        "boolean" => "true or false",
        "integer" => "a whole number",
        "number" => "a number",
        "array" => "a list",
        "object" => "a map of keys",
        _ => "text",
    };
    (!fits(name)).then_some(expected)
}
