//! What is said of one value: its type, its bounds, its description.

use serde_json::{Map, Value, json};

use super::translator::Translator;
use super::{Way, size};
use crate::openapi::bounds::within;
use crate::openapi::prose;

/// How much of a description is kept, in characters; deep down and in results less.
const TEXT: usize = 400;
const TEXT_BELOW: usize = 120;

/// What is said of an integer that may be one which is not sent.
const WIDE: &str = "Whole numbers of more than 64 bits are refused here.";

impl Translator<'_> {
    /// What a schema is said to be, and which pattern its texts have that is not checked here.
    pub(super) fn described(
        &mut self,
        members: &Map<String, Value>,
        out: &mut Map<String, Value>,
        level: usize,
    ) {
        let own = members.get("description").and_then(Value::as_str);
        let said = self.instead.take().or(own).unwrap_or_default();
        if !self.texts {
            return;
        }
        let most = if level > 2 || self.way == Way::Out { TEXT_BELOW } else { TEXT };
        let mut text = prose::short(said, most);
        let pattern = members.get("pattern").and_then(Value::as_str);
        let pattern = pattern.filter(|_| self.way == Way::In);
        let pattern = pattern.and_then(|pattern| self.document.patterns.remark(pattern));
        let wide = (self.way == Way::In && is_wide(members)).then(|| WIDE.to_owned());
        for remark in pattern.into_iter().chain(wide) {
            text = format!("{} {remark}", prose::sentence(&text)).trim_start().to_owned();
        }
        if !text.is_empty() {
            self.spend("\"description\":\"\"".len() + text.len());
            out.insert("description".into(), text.into());
        }
    }

    pub(super) fn types(&mut self, members: &Map<String, Value>, out: &mut Map<String, Value>) {
        const KNOWN: [&str; 7] =
            ["array", "boolean", "integer", "null", "number", "object", "string"];
        let is_known = |value: &Value| value.as_str().is_some_and(|name| KNOWN.contains(&name));
        match members.get("type") {
            // A file of Swagger 2.0, which converters leave behind.
            Some(Value::String(name)) if name == "file" => {
                out.insert("type".into(), "string".into());
            }
            Some(name @ Value::String(_)) if is_known(name) => {
                out.insert("type".into(), name.clone());
            }
            Some(Value::Array(names)) => {
                // Each stands there once at most.
                let names = names.get(..KNOWN.len()).unwrap_or(names);
                let known = KNOWN.iter().filter(|known| names.iter().any(|it| it == *known));
                let known: Vec<_> = known.copied().collect();
                if !known.is_empty() {
                    out.insert("type".into(), known.into());
                }
            }
            _ if members.contains_key("properties") => {
                out.insert("type".into(), "object".into());
            }
            _ => return,
        }
        self.spend("\"type\":\"null\"".len());
    }

    pub(super) fn keywords(
        &mut self,
        members: &Map<String, Value>,
        out: &mut Map<String, Value>,
        level: usize,
    ) {
        if self.way == Way::Out {
            // APIs add values and loosen bounds without a new document.
            return;
        }
        const SAME: [&str; 12] = [
            "default",
            "enum",
            "const",
            "format",
            "minLength",
            "maxLength",
            "minItems",
            "maxItems",
            "uniqueItems",
            "minProperties",
            "maxProperties",
            "multipleOf",
        ];
        for word in SAME {
            let Some(value) = members.get(word) else { continue };
            // `default: null` is what generators write for none; it fits few types.
            if fits(word, value) && !(word == "default" && value.is_null()) {
                self.spend("\"\":".len() + word.len() + size(value));
                out.insert(word.into(), value.clone());
            }
        }
        if let Some(Value::String(pattern)) = members.get("pattern")
            && self.document.patterns.is_usable(pattern)
        {
            self.spend("\"pattern\":\"\"".len() + pattern.len());
            out.insert("pattern".into(), pattern.clone().into());
        }
        self.bound(members, out, "minimum", "exclusiveMinimum");
        self.bound(members, out, "maximum", "exclusiveMaximum");
        if members.get("deprecated") == Some(&json!(true)) {
            out.insert("deprecated".into(), true.into());
        }
        let example = members.get("example").or_else(|| members.get("examples")?.get(0));
        if let Some(example) = example {
            let text = within(example, TEXT_BELOW);
            if let Some(text) = text.filter(|_| self.texts && level < 3) {
                self.spend("\"examples\":[]".len() + text.len());
                out.insert("examples".into(), json!([example]));
            }
        }
    }

    /// In 3.0 `exclusiveMinimum` says whether `minimum` itself is allowed; in 3.1 it is a bound.
    fn bound(
        &mut self,
        members: &Map<String, Value>,
        out: &mut Map<String, Value>,
        bound: &str,
        exclusive: &str,
    ) {
        let number = |word: &str| members.get(word).filter(|value| value.is_number()).cloned();
        let is_exclusive = members.get(exclusive) == Some(&json!(true));
        if let Some(value) = number(bound) {
            self.spend("\"\":".len() + bound.len() + size(&value));
            out.insert(if is_exclusive { exclusive } else { bound }.into(), value);
        }
        if let Some(value) = number(exclusive) {
            self.spend("\"\":".len() + exclusive.len() + size(&value));
            out.insert(exclusive.into(), value);
        }
    }
}

/// Whether an integer is said to have more than 64 bits, by its bounds or by a format such as `bigint`.
fn is_wide(members: &Map<String, Value>) -> bool {
    // What fits into 64 bits is read as such.
    let bound = |word: &str| members.get(word).filter(|it| it.is_f64()).and_then(Value::as_f64);
    let format = members.get("format").and_then(Value::as_str).unwrap_or_default();
    let is_integer = match members.get("type") {
        Some(Value::Array(names)) => names.iter().any(|name| name == "integer"),
        name => name.and_then(Value::as_str) == Some("integer"),
    };
    is_integer
        && (["bigint", "big-integer", "int128", "uint128", "int256", "uint256"].contains(&format)
            || bound("maximum").is_some_and(|most| most >= u64::MAX as f64)
            || bound("minimum").is_some_and(|least| least <= i64::MIN as f64))
}

/// Whether a keyword has a value that JSON Schema allows.
fn fits(word: &str, value: &Value) -> bool {
    match word {
        "default" | "const" => true,
        "enum" => value.as_array().is_some_and(|values| !values.is_empty()),
        "format" => value.is_string(),
        "uniqueItems" => value.is_boolean(),
        "multipleOf" => value.as_f64().is_some_and(|number| number > 0.0),
        _ => value.is_u64(),
    }
}
