//! What a model gives to a tool that the operator describes: do the words about it fit each other?

use serde_json::{Number, Value};

use super::schema;
use crate::config::check::Checks;
use crate::config::servers::http::Kind;
use crate::config::servers::{Bounds, Said};

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
            Value::Object(said.written(Bounds::default()))
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

/// Keys that are part of a schema, with the only types that they are for.
fn keys(said: &Said<'_>) -> [(&'static str, bool, &'static [Kind]); 8] {
    const NUMBERS: &[Kind] = &[Kind::Integer, Kind::Number];
    [
        ("enum", !said.values.is_empty(), &[]),
        ("minimum", said.minimum.is_some(), NUMBERS),
        ("maximum", said.maximum.is_some(), NUMBERS),
        ("min_length", said.min_length.is_some(), &[Kind::String]),
        ("max_length", said.max_length.is_some(), &[Kind::String]),
        ("pattern", said.pattern.is_some(), &[Kind::String]),
        ("items", said.items.is_some(), &[Kind::Array]),
        ("max_items", said.max_items.is_some(), &[Kind::Array]),
    ]
}

fn only_the_schema(checks: &mut Checks<'_>, at: &str, said: &Said<'_>) {
    let kind = ("type", said.kind.is_some(), &[][..]);
    for (key, _, _) in keys(said).into_iter().chain([kind]).filter(|(_, written, _)| *written) {
        checks.problem(&format!("{at}.{key}"), "schema says all of that (write it there)");
    }
}

fn only_for_its_type(checks: &mut Checks<'_>, at: &str, said: &Said<'_>) {
    let kind = said.kind.unwrap_or_default();
    for (key, written, kinds) in keys(said) {
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
