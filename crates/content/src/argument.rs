//! From the texts that a client sends to values within their bounds.

use std::collections::BTreeMap;
use std::path::Path;

use regex::Regex;
use serde_json::{Value, json};
use toolgate_gateway::config::servers::content::{ArgumentType, DeclaredArgument};

/// Texts that are offered from a file at most.
const OFFERED: usize = 10_000;

/// An argument, ready to be checked.
pub(crate) struct Argument {
    pub(crate) rules: DeclaredArgument,
    pattern: Option<Regex>,
    /// What is offered while somebody types.
    pub(crate) offered: Vec<String>,
}

impl Argument {
    /// `read` gives the text of a file.
    pub(crate) fn load(
        rules: &DeclaredArgument,
        read: &mut dyn FnMut(&Path) -> Result<String, String>,
    ) -> Result<Argument, String> {
        let pattern = rules.pattern.as_ref().map(|it| Regex::new(&format!("^(?:{it})$")));
        let mut offered = [&rules.r#enum[..], &rules.suggest[..]].concat();
        if rules.r#type == ArgumentType::Boolean {
            offered = vec!["false".to_owned(), "true".to_owned()];
        }
        if let Some(file) = &rules.suggest_file {
            let text = read(file)?;
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            offered.extend(lines.take(OFFERED).map(str::to_owned));
        }
        let pattern = pattern.transpose().map_err(|error| error.to_string())?;
        Ok(Argument { rules: rules.clone(), pattern, offered })
    }

    /// One that may be any text.
    pub(crate) fn any() -> Argument {
        Argument { rules: DeclaredArgument::default(), pattern: None, offered: Vec::new() }
    }

    /// Its value.
    ///
    /// # Errors
    /// What it should be.
    fn value(&self, given: &Value) -> Result<Value, String> {
        let text = match given {
            Value::String(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) => given.to_string(),
            _ => return Err("has to be a text".to_owned()),
        };
        match self.rules.r#type {
            ArgumentType::String => self.text(text),
            ArgumentType::Integer => self.number(text.trim()),
            ArgumentType::Boolean => match text.trim() {
                "true" => Ok(json!(true)),
                "false" => Ok(json!(false)),
                _ => Err("has to be true or false".to_owned()),
            },
        }
    }

    fn text(&self, text: String) -> Result<Value, String> {
        let rules = &self.rules;
        if !rules.r#enum.is_empty() && !rules.r#enum.contains(&text) {
            return Err(format!("has to be one of {}", rules.r#enum.join(", ")));
        }
        let length = text.chars().count();
        let least = rules.min_length.unwrap_or(0);
        let most = rules.max_length.unwrap_or(DeclaredArgument::LONGEST);
        if length < least || length > most {
            return Err(format!("has to have {least} to {most} characters"));
        }
        match (&self.pattern, &rules.pattern) {
            (Some(pattern), Some(written)) if !pattern.is_match(&text) => {
                Err(format!("has to look like {written}"))
            }
            _ => Ok(text.into()),
        }
    }

    fn number(&self, text: &str) -> Result<Value, String> {
        let least = self.rules.minimum.unwrap_or(i64::MIN);
        let most = self.rules.maximum.unwrap_or(i64::MAX);
        match text.parse::<i64>() {
            Ok(number) if (least..=most).contains(&number) => Ok(number.into()),
            _ if least == i64::MIN && most == i64::MAX => {
                Err("has to be a whole number".to_owned())
            }
            _ => Err(format!("has to be a whole number from {least} to {most}")),
        }
    }
}

/// The values of arguments: each that is declared has one.
///
/// # Errors
/// What is wrong, one sentence that names each argument.
pub(crate) fn values(
    arguments: &BTreeMap<String, Argument>,
    mut given: BTreeMap<String, Value>,
) -> Result<BTreeMap<&str, Value>, String> {
    let (mut values, mut wrong) = (BTreeMap::new(), Vec::new());
    for (name, argument) in arguments {
        let value = match given.remove(name) {
            Some(given) => argument.value(&given),
            None if argument.rules.is_required() => Err("has to be given".to_owned()),
            None => Ok(argument.rules.default.as_ref().map_or(json!(""), |it| it.0.clone())),
        };
        match value {
            Ok(value) => _ = values.insert(&**name, value),
            Err(why) => wrong.push(format!("{name} {why}")),
        }
    }
    wrong.extend(given.keys().map(|name| format!("{name} is none of its arguments")));
    if wrong.is_empty() { Ok(values) } else { Err(wrong.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argument(rules: Value) -> Argument {
        let rules = serde_json::from_value(rules).unwrap();
        Argument::load(&rules, &mut |_| Ok("red\n\n green \n".to_owned())).unwrap()
    }

    #[test]
    fn a_text_becomes_what_is_declared_or_says_what_it_should_be() {
        let rows = argument(json!({ "type": "integer", "minimum": 1, "maximum": 9 }));
        let depth = argument(json!({ "enum": ["short", "long"] }));
        let code = argument(json!({ "pattern": "[A-Z]{2}", "max_length": 2 }));
        let flag = argument(json!({ "type": "boolean" }));
        for (argument, given, expected) in [
            (&rows, json!("7"), Ok(json!(7))),
            (&rows, json!(7), Ok(json!(7))),
            (&rows, json!("10"), Err("has to be a whole number from 1 to 9")),
            (&rows, json!("x"), Err("has to be a whole number from 1 to 9")),
            (&depth, json!("short"), Ok(json!("short"))),
            (&depth, json!("deep"), Err("has to be one of short, long")),
            (&code, json!("DE"), Ok(json!("DE"))),
            (&code, json!("De"), Err("has to look like [A-Z]{2}")),
            (&code, json!("DEU"), Err("has to have 0 to 2 characters")),
            (&flag, json!("true"), Ok(json!(true))),
            (&flag, json!("yes"), Err("has to be true or false")),
            (&flag, json!(["true"]), Err("has to be a text")),
        ] {
            assert_eq!(argument.value(&given), expected.map_err(str::to_owned), "{given}");
        }
        assert_eq!(argument(json!({ "suggest_file": "x" })).offered, ["red", "green"]);
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let all: BTreeMap<_, _> = [
            ("a".to_owned(), argument(json!({}))),
            ("b".to_owned(), argument(json!({ "type": "integer", "default": 5 }))),
            ("c".to_owned(), argument(json!({ "required": false }))),
        ]
        .into();

        let values_of = |given: Value| values(&all, serde_json::from_value(given).unwrap());

        let fine = values_of(json!({ "a": "x" })).unwrap();
        assert_eq!(fine, [("a", json!("x")), ("b", json!(5)), ("c", json!(""))].into());
        let wrong = values_of(json!({ "b": "x", "d": "1" })).unwrap_err();
        assert_eq!(
            wrong,
            "a has to be given; b has to be a whole number; d is none of its arguments"
        );
    }
}
