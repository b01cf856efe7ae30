//! Does a value fit a schema, and does what has one schema fit another?

use serde_json::Value;
use toolgate_screen::schema::Compiled;

use super::super::EXPRESSION;

/// Whether anything in a value is known only when it runs.
pub(super) fn holds_expression(value: &Value) -> bool {
    match value {
        Value::Array(entries) => entries.iter().any(holds_expression),
        Value::Object(members) => {
            members.contains_key(EXPRESSION) || members.values().any(holds_expression)
        }
        _ => false,
    }
}

/// What is wrong with a plain value. Definitions that its schema refers to are those of the whole.
pub(super) fn misfit(whole: &Value, expected: &Value, value: &Value) -> Option<String> {
    let mut schema = expected.clone();
    for key in ["$defs", "definitions"] {
        if let (Some(definitions), Some(members)) = (whole.get(key), schema.as_object_mut()) {
            members.insert(key.to_owned(), definitions.clone());
        }
    }
    let compiled = Compiled::new(schema.to_string().as_bytes()).ok()?;
    let hints = compiled.check(value.to_string().as_bytes()).err()?;
    let hints: Vec<_> = hints.iter().map(ToString::to_string).collect();
    Some(format!("it does not fit the tool: {}", hints.join("; ")))
}

/// Why no type of the schema `given` meets one of `expected`, as far as both say them outright. What is
/// null is not handed on.
pub(super) fn other_type(
    what: &str,
    given: &Value,
    expected: &Value,
    meets: fn(&str, &str) -> bool,
) -> Option<String> {
    let (mut given, wanted) = (kinds(given)?, kinds(expected)?);
    given.retain(|kind| *kind != "null");
    let fits = given.iter().any(|given| wanted.iter().any(|wanted| meets(given, wanted)));
    let (given, wanted) = (given.join(" or "), wanted.join(" or "));
    (!fits && !given.is_empty())
        .then(|| format!("{what} is of type {given}, and the tool wants {wanted}"))
}

/// Whether what is of this type is of another.
pub(super) fn is(given: &str, wanted: &str) -> bool {
    given == wanted || (given == "integer" && wanted == "number")
}

/// Whether it may be, as a number may be a whole one.
pub(super) fn may_be(given: &str, wanted: &str) -> bool {
    is(given, wanted) || is(wanted, given)
}

/// The types that a schema allows.
fn kinds(schema: &Value) -> Option<Vec<&str>> {
    match schema.get("type")? {
        Value::String(one) => Some(vec![one]),
        Value::Array(several) => Some(several.iter().filter_map(Value::as_str).collect()),
        _ => None,
    }
}
