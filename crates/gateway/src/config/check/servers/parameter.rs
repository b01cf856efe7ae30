//! What a model gives to a tool that the operator describes: do the words about it fit each other?

use serde_json::{Map, Number, Value, json};

use super::schema;
use crate::config::check::Checks;
use crate::config::servers::http::Kind;
use crate::config::servers::{Anything, http, workflow};

/// What is said of one parameter, whatever kind of tool it belongs to.
pub(super) struct Said<'a> {
    kind: Option<Kind>,
    default: Option<&'a Anything>,
    values: &'a [Anything],
    minimum: Option<&'a Number>,
    maximum: Option<&'a Number>,
    min_length: Option<u32>,
    max_length: Option<u32>,
    max_items: Option<u32>,
    pattern: Option<&'a str>,
    items: Option<&'a Anything>,
    schema: Option<&'a Anything>,
}

impl<'a> From<&'a http::Parameter> for Said<'a> {
    fn from(it: &'a http::Parameter) -> Said<'a> {
        Said {
            kind: it.kind,
            default: it.default.as_ref(),
            values: &it.values,
            minimum: it.minimum.as_ref(),
            maximum: it.maximum.as_ref(),
            min_length: it.min_length,
            max_length: it.max_length,
            max_items: None,
            pattern: it.pattern.as_deref(),
            items: it.items.as_ref(),
            schema: it.schema.as_ref(),
        }
    }
}

impl<'a> From<&'a workflow::Parameter> for Said<'a> {
    fn from(it: &'a workflow::Parameter) -> Said<'a> {
        Said {
            kind: it.kind,
            default: it.default.as_ref(),
            values: &it.values,
            minimum: it.minimum.as_ref(),
            maximum: it.maximum.as_ref(),
            min_length: it.min_length,
            max_length: it.max_length,
            max_items: it.max_items,
            pattern: it.pattern.as_deref(),
            items: it.items.as_ref(),
            schema: it.schema.as_ref(),
        }
    }
}

/// Checks what is said of the parameter at `at`.
pub(super) fn check(checks: &mut Checks<'_>, at: &str, said: &Said<'_>) {
    let whole = match said.schema {
        Some(schema) => {
            only_the_schema(checks, at, said);
            schema.0.clone()
        }
        None => {
            only_for_its_type(checks, at, said);
            in_order(checks, at, said);
            said.written()
        }
    };
    let key = if said.schema.is_some() { format!("{at}.schema") } else { at.to_owned() };
    let Some(compiled) = schema(checks, &key, &whole) else { return };
    let Some(default) = said.default else { return };
    if let Err(hints) = compiled.check(default.to_string().as_bytes()) {
        let hints: Vec<_> = hints.iter().map(ToString::to_string).collect();
        let message = format!("the default does not fit: {} (correct it)", hints.join("; "));
        checks.problem(&format!("{at}.default"), message);
    }
}

impl Said<'_> {
    /// Keys that are part of a schema, with the only types that they are for.
    fn keys(&self) -> [(&'static str, bool, &'static [Kind]); 8] {
        const NUMBERS: &[Kind] = &[Kind::Integer, Kind::Number];
        [
            ("enum", !self.values.is_empty(), &[]),
            ("minimum", self.minimum.is_some(), NUMBERS),
            ("maximum", self.maximum.is_some(), NUMBERS),
            ("min_length", self.min_length.is_some(), &[Kind::String]),
            ("max_length", self.max_length.is_some(), &[Kind::String]),
            ("pattern", self.pattern.is_some(), &[Kind::String]),
            ("items", self.items.is_some(), &[Kind::Array]),
            ("max_items", self.max_items.is_some(), &[Kind::Array]),
        ]
    }

    /// Its JSON Schema, without words for people.
    fn written(&self) -> Value {
        let mut schema =
            Map::from_iter([("type".to_owned(), json!(self.kind.unwrap_or_default().word()))]);
        let values: Vec<_> = self.values.iter().map(|value| &value.0).collect();
        for (key, value) in [
            ("enum", (!values.is_empty()).then(|| json!(values))),
            ("minimum", self.minimum.map(|it| json!(it))),
            ("maximum", self.maximum.map(|it| json!(it))),
            ("minLength", self.min_length.map(Value::from)),
            ("maxLength", self.max_length.map(Value::from)),
            ("maxItems", self.max_items.map(Value::from)),
            ("pattern", self.pattern.map(Value::from)),
            ("items", self.items.map(|it| it.0.clone())),
        ] {
            if let Some(value) = value {
                schema.insert(key.to_owned(), value);
            }
        }
        Value::Object(schema)
    }
}

fn only_the_schema(checks: &mut Checks<'_>, at: &str, said: &Said<'_>) {
    let kind = ("type", said.kind.is_some(), &[][..]);
    for (key, _, _) in said.keys().into_iter().chain([kind]).filter(|(_, written, _)| *written) {
        checks.problem(&format!("{at}.{key}"), "schema says all of that (write it there)");
    }
}

fn only_for_its_type(checks: &mut Checks<'_>, at: &str, said: &Said<'_>) {
    let kind = said.kind.unwrap_or_default();
    for (key, written, kinds) in said.keys() {
        if written && !kinds.is_empty() && !kinds.contains(&kind) {
            let kinds: Vec<_> = kinds.iter().map(|kind| kind.word()).collect();
            let message = format!("only for type: {} (remove it)", kinds.join(" and "));
            checks.problem(&format!("{at}.{key}"), message);
        }
    }
}

fn in_order(checks: &mut Checks<'_>, at: &str, said: &Said<'_>) {
    let number = |it: Option<&Number>| it.and_then(Number::as_f64);
    let numbers = number(said.minimum).zip(number(said.maximum));
    if numbers.is_some_and(|(least, most)| least > most) {
        checks.problem(&format!("{at}.minimum"), "larger than maximum (swap them)");
    }
    if said.min_length.zip(said.max_length).is_some_and(|(least, most)| least > most) {
        checks.problem(&format!("{at}.min_length"), "larger than max_length (swap them)");
    }
}
