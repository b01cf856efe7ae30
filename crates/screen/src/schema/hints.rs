//! What is wrong with an instance, in words that an agent can act on.
//!
//! Values are never repeated: they may be secrets, and the caller knows them.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde_json::Value;

/// One thing to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// Where, as a JSON pointer (RFC 6901); empty for the whole.
    pub pointer: String,
    /// What is wrong there.
    pub problem: String,
    /// What to do about it.
    pub fix: String,
    /// The type that was found there, where it matters; never the value.
    pub found: Option<&'static str>,
    /// What was most likely meant: a name or a value of the schema.
    pub suggestion: Option<String>,
}

/// No name or value in a hint is longer, in characters.
const LONGEST: usize = 40;
/// No list in a hint is longer.
const LISTED: usize = 10;

impl Hint {
    /// At most so many are told at once.
    pub const MOST: usize = 8;

    pub(crate) fn new(pointer: &str, problem: &str, fix: &str) -> Self {
        let parts: Vec<_> = pointer.split('/').map(short).collect();
        Self {
            pointer: parts.join("/"),
            problem: problem.to_owned(),
            fix: fix.to_owned(),
            found: None,
            suggestion: None,
        }
    }

    pub(crate) fn unreadable(error: &serde_json::Error) -> Self {
        let problem = format!("is not JSON that can be read: {error}");
        Self::new("", &problem, "send one JSON object, numbers within the range of a double")
    }
}

impl std::fmt::Display for Hint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = if self.pointer.is_empty() { "the whole" } else { &self.pointer };
        write!(f, "{name} {}: {}", self.problem, self.fix)
    }
}

pub(super) fn hint(error: &ValidationError<'_>, schema: &Value) -> Hint {
    let (problem, fix) = words(error, schema);
    Hint {
        found: Some(type_of(error.instance())),
        suggestion: suggestion(error, schema),
        ..Hint::new(error.instance_path().as_str(), &problem, &fix)
    }
}

/// What was most likely meant: the nearest of the allowed values, or of the known members.
fn suggestion(error: &ValidationError<'_>, schema: &Value) -> Option<String> {
    match error.kind() {
        Kind::Enum { options } => {
            let options = options.as_array()?.iter().filter_map(Value::as_str);
            nearest(error.instance().as_str()?, options, 0.7)
        }
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            let [wrong] = unexpected.as_slice() else { return None };
            nearest(wrong, siblings(error, schema)?.as_object()?.keys().map(String::as_str), 0.8)
        }
        _ => None,
    }
}

fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>, least: f64) -> Option<String> {
    // A long text is nobody's misspelling, and comparing costs its square.
    if wrong.len() > 4 * LONGEST {
        return None;
    }
    let wrong = wrong.to_lowercase();
    let likeness = |name: &str| strsim::jaro_winkler(&name.to_lowercase(), &wrong);
    let scored = known.take(1000).filter(|name| name.len() <= 4 * LONGEST);
    let scored = scored.map(|name| (likeness(name), name));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 >= least).then(|| short(best.1))
}

fn words(error: &ValidationError<'_>, schema: &Value) -> (String, String) {
    let instance = error.instance();
    let say = |problem: &str, fix: String| (problem.to_owned(), fix);
    match error.kind() {
        Kind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            (format!("lacks `{}`", short(name)), add(name, error, schema))
        }
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            (format!("has unknown {}", names(unexpected)), rename(error, schema))
        }
        Kind::Type { kind } => {
            let wanted = match kind {
                TypeKind::Single(kind) => kind.to_string(),
                TypeKind::Multiple(kinds) => {
                    kinds.iter().map(|kind| kind.to_string()).collect::<Vec<_>>().join(" or ")
                }
            };
            (format!("is of type {}", type_of(instance)), format!("use {wanted}"))
        }
        Kind::Enum { options } => {
            let list = options.as_array().map_or_else(Vec::new, |list| shown(list));
            let meant = suggestion(error, schema);
            let meant = meant.map(|name| format!("did you mean {name:?}? ")).unwrap_or_default();
            say("is none of the allowed values", format!("{meant}use one of {}", list.join(", ")))
        }
        Kind::Constant { expected_value } => {
            let only = shown(std::slice::from_ref(&**expected_value)).join("");
            say("is not the one allowed value", format!("use {only}"))
        }
        Kind::Minimum { limit } => say("is too small", format!("use {limit} or more")),
        Kind::ExclusiveMinimum { limit } => say("is too small", format!("use more than {limit}")),
        Kind::Maximum { limit } => say("is too large", format!("use {limit} or less")),
        Kind::ExclusiveMaximum { limit } => say("is too large", format!("use less than {limit}")),
        Kind::MultipleOf { multiple_of } => {
            say("has no allowed step", format!("use a multiple of {multiple_of}"))
        }
        Kind::MinLength { limit } => say("is too short", format!("use {limit} characters or more")),
        Kind::MaxLength { limit } => say("is too long", format!("use {limit} characters or fewer")),
        Kind::MinItems { limit } => say("has too few items", format!("give {limit} or more")),
        Kind::MaxItems { limit } => say("has too many items", format!("give {limit} or fewer")),
        Kind::AdditionalItems { limit } => {
            say("has too many items", format!("give {limit} at most"))
        }
        Kind::MinProperties { limit } => {
            say("has too few members", format!("give {limit} or more"))
        }
        Kind::MaxProperties { limit } => {
            say("has too many members", format!("give {limit} or fewer"))
        }
        Kind::UniqueItems => say("repeats an item", "give each item once".to_owned()),
        Kind::Pattern { pattern } => {
            let pattern: String = pattern.chars().take(120).collect();
            say("has not the required form", format!("match the expression `{pattern}`"))
        }
        Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } => {
            say("fits none of the allowed forms", alternatives(error.kind()))
        }
        Kind::OneOfMultipleValid { .. } => {
            say("fits several forms at once", "leave out what belongs to the other form".to_owned())
        }
        Kind::PropertyNames { .. } => {
            say("has a member whose name is not allowed", "rename or remove it".to_owned())
        }
        Kind::FalseSchema => say("is not allowed here", "leave it out".to_owned()),
        other => {
            let fix = format!("see `{}` in the tool's schema", error.schema_path());
            (format!("breaks the rule `{}`", other.keyword()), fix)
        }
    }
}

/// What to add, with its type and description if the schema gives them.
fn add(name: &str, error: &ValidationError<'_>, schema: &Value) -> String {
    let mut fix = format!("add `{}`", short(name));
    let Some(property) = siblings(error, schema).and_then(|all| all.get(name)) else { return fix };
    if let Some(kind) = property.get("type").and_then(Value::as_str) {
        fix.push_str(&format!(", of type {kind}"));
    }
    if let Some(text) = property.get("description").and_then(Value::as_str) {
        let text: String = text.chars().filter(|c| !c.is_control()).take(120).collect();
        fix.push_str(&format!(": {text}"));
    }
    fix
}

/// What a member that is not known may have been meant to be.
fn rename(error: &ValidationError<'_>, schema: &Value) -> String {
    if let Some(name) = suggestion(error, schema) {
        return format!("did you mean `{name}`?");
    }
    let known: Vec<&str> = siblings(error, schema)
        .and_then(Value::as_object)
        .map(|all| all.keys().map(String::as_str).collect())
        .unwrap_or_default();
    if known.is_empty() {
        return "leave it out".to_owned();
    }
    let known: Vec<_> =
        known.into_iter().take(LISTED).map(|name| format!("`{}`", short(name))).collect();
    format!("leave it out; known are {}", known.join(", "))
}

/// `properties` beside the keyword that spoke.
fn siblings<'a>(error: &ValidationError<'_>, schema: &'a Value) -> Option<&'a Value> {
    let path = error.schema_path().as_str();
    let (parent, _) = path.rsplit_once('/')?;
    schema.pointer(parent)?.get("properties")
}

/// The first thing that each form asks for.
fn alternatives(kind: &Kind) -> String {
    let (Kind::AnyOf { context } | Kind::OneOfNotValid { context }) = kind else {
        return String::new();
    };
    let forms = context.iter().take(3).filter_map(|errors| errors.first());
    let forms: Vec<_> = forms.map(|error| words(error, &Value::Null).1).collect();
    if forms.is_empty() { "see the tool's schema".to_owned() } else { forms.join("; or ") }
}

fn names(list: &[String]) -> String {
    let shown: Vec<_> = list.iter().take(LISTED).map(|name| format!("`{}`", short(name))).collect();
    shown.join(", ")
}

fn shown(list: &[Value]) -> Vec<String> {
    list.iter().take(LISTED).map(|value| short(&value.to_string())).collect()
}

fn short(text: &str) -> String {
    if text.chars().nth(LONGEST).is_none() {
        return text.to_owned();
    }
    let head: String = text.chars().take(LONGEST).collect();
    format!("{head}...")
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
