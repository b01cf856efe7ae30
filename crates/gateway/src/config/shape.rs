//! Does the file have the shape of the schema? A walker over the schema's own words.
//!
//! Our schema uses a dozen keywords, so this is shorter than a general validator, and its sentences
//! can say what to write. A test holds the schema to the keywords that are understood here.

use serde_json::{Map, Value as Json};

use super::node::{Member, Node, Value};
use super::problem::Report;
use super::values::{Listen, Misfit, Name, Size, Span, Url};

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
        let schema = choose(schema, node);
        adopt(node, schema);
        match &mut node.value {
            Value::Broken => return false,
            Value::Null => {
                self.report
                    .problem(&node.place, "the key has no value (give it one, or remove the key)");
                return false;
            }
            _ => {}
        }
        if let Some(expected) = mismatch(schema, node) {
            let message = misfit_message(node, schema, name, expected);
            self.report.problem(&node.place, message);
            return false;
        }
        match &node.value {
            Value::Map(_) => self.map(node, schema),
            Value::List(_) => self.list(node, schema),
            _ => match scalar_message(node, schema, name) {
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
                    example(self.resolve(&schema["properties"][key]).0)
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
        let message = format!("unknown key ({})", way_out_of_unknown(&member.key, known, written));
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
    let Some(name) = schema["type"].as_str() else {
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

/// A value of the wrong type.
fn misfit_message(node: &Node, schema: &Json, name: &str, expected: &'static str) -> String {
    let secret = holds_secrets(schema);
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
fn scalar_message(node: &Node, schema: &Json, name: &str) -> Option<String> {
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
pub(super) fn is_word(name: &str) -> bool {
    matches!(name, "Span" | "Size" | "Listen" | "Url" | "Name")
}

/// What is wrong with `text` as the word that the schema calls `name`.
fn word(name: &str, text: &str) -> Option<Misfit> {
    match name {
        "Span" => text.parse::<Span>().err(),
        "Size" => text.parse::<Size>().err(),
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

fn example(schema: &Json) -> String {
    match &schema["examples"][0] {
        Json::String(text) => text.clone(),
        _ => "VALUE".to_owned(),
    }
}

/// Keys of other tools that have another name or shape here.
const ELSEWHERE: [(&str, &str, &str); 5] = [
    (
        "mcpServers",
        "servers",
        "write import: [FILE] for a file with such servers, or a list under servers",
    ),
    ("url", "upstream", "write upstream"),
    ("args", "command", "write command: [PROGRAM, ARGUMENT, ...]"),
    ("port", "listen", "write listen: 127.0.0.1:PORT"),
    ("host", "listen", "write listen: HOST:PORT"),
];

fn way_out_of_unknown<'a>(
    key: &str,
    known: impl Iterator<Item = &'a str> + Clone,
    written: &[String],
) -> String {
    let elsewhere = ELSEWHERE
        .iter()
        .find(|(theirs, ours, _)| *theirs == key && known.clone().any(|known| known == *ours));
    if let Some((_, _, advice)) = elsewhere {
        return (*advice).to_owned();
    }
    // A key that is already there was not meant a second time.
    let free = known.clone().filter(|known| !written.iter().any(|written| written == known));
    match nearest(key, free) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("the keys here are {}", known.collect::<Vec<_>>().join(", ")),
    }
}

/// The known word that was probably meant: one begins with the other, or few letters differ.
fn nearest<'a>(text: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let text = text.to_ascii_lowercase().replace('-', "_");
    let distance = |known: &str| match text.len().min(known.len()) > 2
        && (text.starts_with(known) || known.starts_with(&text))
    {
        true => 0,
        false => strsim::damerau_levenshtein(&text, known),
    };
    let near = known.map(|known| (distance(known), known));
    let near = near.filter(|(distance, known)| *distance <= known.len().max(text.len()) / 3);
    near.min_by_key(|(distance, _)| *distance).map(|(_, known)| known)
}
