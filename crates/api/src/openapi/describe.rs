//! What a model is told of an operation: what it does, when to use it, what it takes, what it
//! returns and changes.

use http::Method;
use serde_json::{Value, json};

use super::bounds::within;
use super::document::Document;
use super::prose::{first, sentence, short};

/// How much of the document's own words is kept, in characters.
const WORDS: usize = 500;
/// How much of an example is shown, in characters.
pub(crate) const EXAMPLE: usize = 240;
/// How many names are listed.
const LISTED: usize = 12;

/// What is described.
pub(crate) struct Subject<'a> {
    pub document: &'a Document,
    pub operation: &'a Value,
    pub method: &'a Method,
    /// The arguments, with whether they are required.
    pub arguments: &'a [(String, bool)],
    /// Those in the path.
    pub in_path: &'a [String],
    /// The examples of parameters, as arguments.
    pub given: &'a Value,
    /// The example of a body.
    pub example: Option<&'a Value>,
    /// The schema of the result.
    pub output: Option<&'a Value>,
    /// The name of the operation, for those without any word.
    pub name: &'a str,
}

impl Subject<'_> {
    /// The name for people.
    pub fn title(&self) -> Option<String> {
        let summary = self.operation["summary"].as_str()?;
        let title = short(summary, 80);
        (!title.is_empty()).then_some(title)
    }

    /// The description.
    pub fn description(&self) -> String {
        let mut parts = vec![self.what(), self.when(), self.inputs(), self.returns()];
        let given = Some(self.given).filter(|given| **given != json!({}));
        parts.extend(self.shown("Example of arguments", given));
        parts.extend(self.shown("Example of a body", self.example));
        parts.extend(self.shown("Example of a result", self.result_example()));
        parts.retain(|part| !part.is_empty());
        parts.join(" ")
    }

    fn what(&self) -> String {
        let summary = short(self.operation["summary"].as_str().unwrap_or_default(), WORDS);
        let text = short(self.operation["description"].as_str().unwrap_or_default(), WORDS);
        let is_deprecated = self.operation["deprecated"] == true;
        let said = match (summary.is_empty(), text.is_empty()) {
            (true, true) => {
                let words = self.name.replace(['_', '-', '.'], " ");
                format!("Calls the operation {words} of the API.")
            }
            (false, false) if !text.starts_with(&summary) => {
                format!("{} {}", sentence(&summary), sentence(&text))
            }
            (true | false, false) => sentence(&text),
            (false, true) => sentence(&summary),
        };
        match is_deprecated {
            true => format!("{said} It is deprecated."),
            false => said,
        }
    }

    fn when(&self) -> String {
        let known = listed(self.in_path.iter().map(String::as_str));
        match *self.method {
            Method::GET | Method::HEAD if !self.in_path.is_empty() => {
                format!("Use it when you know {known}; not to change anything.")
            }
            Method::GET | Method::HEAD => {
                "Use it to look things up; not to change anything.".to_owned()
            }
            Method::POST => {
                "Use it only when this is to be done now; not to look things up.".to_owned()
            }
            Method::DELETE => {
                "Use it only when the user wants it removed; not to look things up.".to_owned()
            }
            _ => "Use it only to change what is there; not to look things up.".to_owned(),
        }
    }

    fn inputs(&self) -> String {
        let names = |wanted: bool| {
            let names = self.arguments.iter().filter(|(_, required)| *required == wanted);
            names.map(|(name, _)| name.as_str()).collect::<Vec<_>>()
        };
        let (required, optional) = (names(true), names(false));
        match (required.is_empty(), optional.is_empty()) {
            (true, true) => "Takes nothing.".to_owned(),
            (false, true) => format!("Takes {}.", listed(required)),
            (true, false) => format!("Takes optionally {}.", listed(optional)),
            (false, false) => {
                format!("Takes {}; optionally {}.", listed(required), listed(optional))
            }
        }
    }

    fn returns(&self) -> String {
        let (response, _) = self.success();
        let text = response["description"].as_str().unwrap_or_default();
        let text = first(text, 120);
        let text = text.trim_end_matches('.');
        let members = self.output.map_or(Vec::new(), members);
        let result = match (text.is_empty(), members.is_empty()) {
            (_, false) => format!("an object with {}", listed(members)),
            (false, true) => format!("\"{text}\""),
            (true, true) => "what the API answers".to_owned(),
        };
        let effect = match *self.method {
            Method::GET | Method::HEAD | Method::OPTIONS => "changes nothing",
            Method::PUT => "replaces what was there before",
            Method::DELETE => "what it removes may be lost",
            Method::PATCH => "changes what is there",
            _ => "twice may do it twice",
        };
        format!("Returns {result}; {effect}.")
    }

    /// The response that stands for success, and its status.
    fn success(&self) -> (&Value, &str) {
        let responses = &self.operation["responses"];
        success(self.document, responses).unwrap_or((&Value::Null, ""))
    }

    fn result_example(&self) -> Option<&Value> {
        let (response, _) = self.success();
        let media = Document::members(&response["content"])
            .find(|(kind, _)| crate::answer::is_json(kind.split(';').next().unwrap_or_default()))?
            .1;
        example(self.document, media)
    }

    fn shown(&self, what: &str, example: Option<&Value>) -> Option<String> {
        let text = within(example?, EXAMPLE * 4)?;
        (text.chars().count() <= EXAMPLE).then(|| format!("{what}: {text}"))
    }
}

/// The response of an operation that stands for success.
pub(crate) fn success<'a>(
    document: &'a Document,
    responses: &'a Value,
) -> Option<(&'a Value, &'a str)> {
    let mut good: Vec<_> =
        Document::members(responses).filter(|(status, _)| status.starts_with('2')).collect();
    good.sort_by_key(|(status, _)| status.as_str());
    let with_content = good.iter().find(|(_, response)| {
        document.resolve(response).is_ok_and(|response| response["content"].is_object())
    });
    let (status, response) = with_content.or(good.first())?;
    document.resolve(response).ok().map(|response| (response, status.as_str()))
}

/// An example of a media type or its schema.
pub(crate) fn example<'a>(document: &'a Document, media: &'a Value) -> Option<&'a Value> {
    let schema = document.member(media, "schema");
    let of_schema = || schema.get("example").or_else(|| schema["examples"].get(0));
    own_example(document, media).or_else(of_schema)
}

/// The example that a parameter or media type has beside its schema (OpenAPI 3.1, 4.8.12.2).
pub(crate) fn own_example<'a>(document: &'a Document, holder: &'a Value) -> Option<&'a Value> {
    let named = || {
        Document::members(&holder["examples"])
            .find_map(|(_, example)| document.resolve(example).ok()?.get("value"))
    };
    holder.get("example").or_else(named)
}

/// The names of the members of a result.
fn members(output: &Value) -> Vec<&str> {
    let result = &output["properties"]["result"];
    let described = if result.is_object() { result } else { output };
    let described = if described["items"].is_object() { &described["items"] } else { described };
    Document::members(&described["properties"]).map(|(name, _)| name.as_str()).collect()
}

/// The first names.
fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.into_iter().collect();
    let mut text = names.iter().take(LISTED).copied().collect::<Vec<_>>().join(", ");
    if names.len() > LISTED {
        text.push_str(&format!(" and {} more", names.len() - LISTED));
    }
    text
}
