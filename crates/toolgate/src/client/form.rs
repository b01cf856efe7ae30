//! A form that a server asks to be filled in (2025-06-18 to 2026-07-28, elicitation: a flat
//! object of simple values).

use serde_json::{Map, Value};

/// The fields, in order.
#[derive(Debug)]
pub struct Form(pub Vec<Field>);

/// One field.
#[derive(Debug)]
pub struct Field {
    /// Its key in the answer.
    pub name: String,
    /// What a person is shown.
    pub label: String,
    /// What it holds when nothing is said.
    pub default: Option<Value>,
    /// Whether it must be filled in.
    pub required: bool,
    /// What fits.
    pub kind: Kind,
}

/// What fits into a field.
#[derive(Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// Yes or no.
    Boolean,
    /// One of these.
    One(Vec<String>),
    /// Any of these.
    Many(Vec<String>),
}

impl Form {
    /// Reads a `requestedSchema`.
    pub fn read(schema: &Value) -> Form {
        let required = schema["required"].as_array();
        let is_required =
            |name: &str| required.is_some_and(|list| list.iter().any(|known| known == name));
        let properties = schema["properties"].as_object();
        let field = |(name, schema): (&String, &Value)| Field {
            name: name.clone(),
            label: label(name, schema),
            default: schema.get("default").cloned(),
            required: is_required(name),
            kind: kind(schema),
        };
        Form(properties.into_iter().flatten().map(field).collect())
    }

    /// The answer that says nothing but the defaults.
    ///
    /// # Errors
    /// With the name of a field that must be filled in and has no default.
    pub fn defaults(&self) -> Result<Map<String, Value>, &str> {
        let mut content = Map::new();
        for field in &self.0 {
            match &field.default {
                Some(default) => {
                    content.insert(field.name.clone(), default.clone());
                }
                None if field.required => return Err(&field.name),
                None => {}
            }
        }
        Ok(content)
    }
}

fn label(name: &str, schema: &Value) -> String {
    let title = schema["title"].as_str().unwrap_or(name);
    match schema["description"].as_str() {
        Some(description) => format!("{title} ({description})"),
        None => title.to_owned(),
    }
}

fn kind(schema: &Value) -> Kind {
    if let Some(choices) = choices(schema) {
        return Kind::One(choices);
    }
    match schema["type"].as_str() {
        Some("integer") => Kind::Integer,
        Some("number") => Kind::Number,
        Some("boolean") => Kind::Boolean,
        Some("array") => Kind::Many(choices(&schema["items"]).unwrap_or_default()),
        _ => Kind::Text,
    }
}

/// The values of an enumeration, with titles or without (SEP-1330).
fn choices(schema: &Value) -> Option<Vec<String>> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    if let Some(values) = schema["enum"].as_array() {
        return Some(values.iter().filter_map(text).collect());
    }
    let titled = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array())?;
    Some(titled.iter().filter_map(|choice| text(&choice["const"])).collect())
}

impl Field {
    /// What a person typed, as the value of this field.
    ///
    /// # Errors
    /// What would fit.
    pub fn read(&self, typed: &str) -> Result<Value, String> {
        let typed = typed.trim();
        match &self.kind {
            Kind::Text => Ok(typed.into()),
            Kind::Integer => typed.parse::<i64>().map(Value::from).map_err(|_| self.fits()),
            Kind::Number => {
                let number = typed.parse::<f64>().ok().filter(|number| number.is_finite());
                number.map(Value::from).ok_or_else(|| self.fits())
            }
            Kind::Boolean => match typed.to_ascii_lowercase().as_str() {
                "y" | "yes" | "true" => Ok(true.into()),
                "n" | "no" | "false" => Ok(false.into()),
                _ => Err(self.fits()),
            },
            Kind::One(choices) if choices.iter().any(|choice| choice == typed) => Ok(typed.into()),
            Kind::One(_) => Err(self.fits()),
            Kind::Many(choices) => {
                let chosen: Vec<_> =
                    typed.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
                let known = |word: &&str| choices.iter().any(|choice| choice == word);
                if chosen.iter().all(known) { Ok(chosen.into()) } else { Err(self.fits()) }
            }
        }
    }

    /// What fits, in words; empty for text.
    pub fn fits(&self) -> String {
        match &self.kind {
            Kind::Text => String::new(),
            Kind::Integer => "a whole number".to_owned(),
            Kind::Number => "a number".to_owned(),
            Kind::Boolean => "yes or no".to_owned(),
            Kind::One(choices) => format!("one of {}", choices.join(", ")),
            Kind::Many(choices) => format!("any of {}, with commas between", choices.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn form() -> Form {
        Form::read(&json!({
            "type": "object",
            "properties": {
                "name": { "type": "string", "default": "Jo" },
                "age": { "type": "integer", "default": 30 },
                "score": { "type": "number" },
                "ok": { "type": "boolean", "default": false },
                "color": { "type": "string", "oneOf": [{ "const": "r", "title": "Red" }] },
                "tags": { "type": "array", "items": { "enum": ["a", "b"] }, "default": ["a"] },
            },
        }))
    }

    #[test]
    fn the_defaults_answer_for_every_field_that_has_one() {
        let content = Value::Object(form().defaults().unwrap());

        assert_eq!(content, json!({ "name": "Jo", "age": 30, "ok": false, "tags": ["a"] }));
    }

    #[test]
    fn a_required_field_without_a_default_has_to_be_asked_for() {
        let form = Form::read(&json!({ "properties": { "n": {} }, "required": ["n"] }));

        assert_eq!(form.defaults(), Err("n"));
    }

    #[test]
    fn what_is_typed_becomes_what_the_field_holds() {
        for (at, typed, expected) in [
            (0, " Al ", Some(json!("Al"))),
            (1, "7", Some(json!(7))),
            (1, "7.5", None),
            (2, "7.5", Some(json!(7.5))),
            (2, "inf", None),
            (3, "Yes", Some(json!(true))),
            (3, "maybe", None),
            (4, "r", Some(json!("r"))),
            (4, "Red", None),
            (5, "a, b", Some(json!(["a", "b"]))),
            (5, "c", None),
        ] {
            assert_eq!(form().0[at].read(typed).ok(), expected, "{at} {typed}");
        }
    }
}
