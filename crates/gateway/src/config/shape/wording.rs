//! The sentences about a value that does not fit, each with a way out.

use serde_json::Value as Json;

use super::unknown::nearest;
use crate::config::node::{Node, Value};
use toolgate_audit::Fsync;
use toolgate_values::{Listen, Misfit, Name, Network, Rate, Size, Span, Url};

/// A value of the wrong type.
pub(super) fn misfit_message(
    node: &Node,
    schema: &Json,
    name: &str,
    expected: &'static str,
) -> String {
    let secret = holds_secrets(schema);
    let choices = choices(schema);
    if !choices.is_empty() {
        return wrong_choice(node, "", &choices);
    }
    if let (Value::Number(number), false, true) = (&node.value, secret, is_word(name))
        && let Some(misfit) = word(name, &number.to_string())
    {
        return sentence(node, &misfit, secret);
    }
    let found = if secret { node.kind().to_owned() } else { node.describe() };
    format!("expected {expected}, found {found} ({})", retype(node, expected, secret))
}

/// How to write the value so that it has the type that was expected.
fn retype(node: &Node, expected: &str, secret: bool) -> String {
    let text = node.text().filter(|_| !secret && node.written.is_none());
    match (expected, &node.value) {
        ("text", Value::Number(number)) if !secret => format!("put it in quotes: \"{number}\""),
        ("text", Value::Bool(value)) if !secret => format!("put it in quotes: \"{value}\""),
        ("text", Value::Number(_) | Value::Bool(_)) => "put it in quotes".to_owned(),
        ("text", _) => "write one value".to_owned(),
        ("true or false", _) => match text.map(str::to_ascii_lowercase).as_deref() {
            Some("yes" | "on" | "true" | "y") => "write true".to_owned(),
            Some("no" | "off" | "false" | "n") => "write false".to_owned(),
            _ => "write true or false".to_owned(),
        },
        ("a whole number", _) => {
            match text.map(str::trim).filter(|text| text.parse::<u64>().is_ok()) {
                Some(digits) => format!("write {digits} without quotes"),
                None => "write digits alone, such as 100".to_owned(),
            }
        }
        ("a list", Value::Map(_)) => "begin each entry with - instead of its name".to_owned(),
        ("a list" | "text or a list", Value::Text(_)) if text.is_some() => {
            format!("write [{}]", node.describe())
        }
        ("a list" | "text or a list", _) => {
            "write [a, b], or one line beginning with - for each entry".to_owned()
        }
        (_, Value::List(_)) => "write KEY: VALUE lines without the dashes".to_owned(),
        _ => "write KEY: VALUE lines below it, indented".to_owned(),
    }
}

/// A value of the right type that is still not right.
pub(super) fn scalar_message(node: &Node, schema: &Json, name: &str) -> Option<String> {
    let secret = holds_secrets(schema);
    match &node.value {
        Value::Text(text) => {
            if let Some(misfit) = word(name, text) {
                return Some(sentence(node, &misfit, secret));
            }
            let choices = choices(schema);
            if !choices.is_empty() && !choices.contains(&text.as_str()) {
                return Some(wrong_choice(node, text, &choices));
            }
            length(text, schema)
        }
        Value::Number(number) => {
            let (least, most) = (schema["minimum"].as_i64(), schema["maximum"].as_i64());
            let below = least.is_some_and(|least| number.as_i64().is_some_and(|n| n < least));
            let above = most.is_some_and(|most| number.as_i64().is_none_or(|n| n > most));
            let range = match (least, most) {
                (Some(least), Some(most)) => format!("{least} to {most}"),
                (Some(least), None) => format!("{least} or more"),
                (None, Some(most)) => format!("at most {most}"),
                (None, None) => return None,
            };
            (below || above).then(|| format!("{} is out of range (write {range})", node.describe()))
        }
        _ => None,
    }
}

fn sentence(node: &Node, misfit: &Misfit, secret: bool) -> String {
    let found = if secret { node.kind().to_owned() } else { node.describe() };
    // A suggestion is made from the value, which must not leave the environment it came from.
    let suggestion = misfit.suggestion.as_ref().filter(|_| !secret && node.written.is_none());
    match suggestion {
        Some(suggestion) => {
            format!("expected {}, found {found} (write {suggestion})", misfit.expected)
        }
        None => format!("expected {}, found {found} ({})", misfit.expected, misfit.advice),
    }
}

/// Whether values of the definition `name` are read by a parser of their own.
fn is_word(name: &str) -> bool {
    matches!(name, "Span" | "Size" | "Rate" | "Fsync" | "Network" | "Listen" | "Url" | "Name")
}

/// What is wrong with `text` as the word that the schema calls `name`.
fn word(name: &str, text: &str) -> Option<Misfit> {
    match name {
        "Span" => text.parse::<Span>().err(),
        "Network" => text.parse::<Network>().err(),
        "Rate" => text.parse::<Rate>().err(),
        "Size" => text.parse::<Size>().err(),
        "Fsync" => text.parse::<Fsync>().err(),
        "Listen" => text.parse::<Listen>().err(),
        "Url" => text.parse::<Url>().err(),
        "Name" => text.parse::<Name>().err(),
        _ => None,
    }
}

fn length(text: &str, schema: &Json) -> Option<String> {
    let count = text.chars().count() as u64;
    if schema["minLength"].as_u64().is_some_and(|least| count < least) {
        return Some("the text is empty (write something, or remove the key)".to_owned());
    }
    let most = schema["maxLength"].as_u64()?;
    (count > most).then(|| format!("the text has {count} characters (write at most {most})"))
}

/// The words of an enumeration, however the schema lists them.
fn choices(schema: &Json) -> Vec<&str> {
    let listed = schema["enum"].as_array().into_iter().flatten();
    let described = schema["oneOf"].as_array().into_iter().flatten();
    let described = described
        .flat_map(|one| one["enum"].as_array().into_iter().flatten().chain(one.get("const")));
    listed.chain(described).filter_map(Json::as_str).collect()
}

fn wrong_choice(node: &Node, text: &str, choices: &[&str]) -> String {
    let all = choices.join(", ");
    let near = nearest(text, choices.iter().copied()).filter(|_| node.written.is_none());
    let way_out =
        near.map_or_else(|| "write one of them".to_owned(), |near| format!("write {near}"));
    format!("expected one of {all}, found {} ({way_out})", node.describe())
}

/// Whether the schema, or what it holds, is never to be shown.
fn holds_secrets(schema: &Json) -> bool {
    let secret = |schema: &Json| schema["writeOnly"] == true || schema["$ref"] == "#/$defs/Secret";
    secret(schema) || secret(&schema["items"]) || secret(&schema["additionalProperties"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::schema;

    #[test]
    fn every_pattern_belongs_to_a_word_with_a_parser() {
        for (name, definition) in schema::tree()["$defs"].as_object().unwrap() {
            assert_eq!(definition.get("pattern").is_some(), is_word(name), "{name}");
        }
    }
}
