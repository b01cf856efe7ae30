//! Prompts and resources, as they are written.

pub mod template;
pub mod uri;

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Number;
use toolgate_values::Size;

use super::Anything;

/// Prompts and resources that are written here, or in files beside this one. Texts are templates
/// (MiniJinja, like Jinja): `{{ name }}` stands for an argument, `{{ caller.subject }}` for who
/// asks.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// Prompts by name.
    #[serde(default)]
    pub prompts: BTreeMap<String, Prompt>,
    /// Resources by name.
    #[serde(default)]
    pub resources: BTreeMap<String, DeclaredResource>,
    /// Bounds of what is read and written.
    #[serde(default)]
    pub limits: ContentLimits,
}

/// Messages to begin a conversation with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prompt {
    /// Its name for people.
    pub title: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// What it takes, by name.
    #[serde(default)]
    pub arguments: BTreeMap<String, DeclaredArgument>,
    /// The messages, in order.
    #[schemars(length(min = 1))]
    pub messages: Vec<PromptMessage>,
}

/// One message: exactly one of `text`, `template`, `file` and `resource`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PromptMessage {
    /// Whose message it is.
    #[serde(default)]
    pub role: Role,
    /// A template.
    pub text: Option<String>,
    /// A file with a template, relative to this file.
    pub template: Option<PathBuf>,
    /// A file as it is, relative to this file: an image, a sound or a text, by its name.
    pub file: Option<PathBuf>,
    /// A template for the URI of one of `resources`, which the message then holds.
    pub resource: Option<String>,
}

/// Whose message it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Role {
    /// The person's.
    #[default]
    User,
    /// The model's, as an example of what it should say.
    Assistant,
}

/// Something to read: exactly one of `text`, `template` and `file`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeclaredResource {
    /// Where it is: a URI, or a template of URIs (RFC 6570, levels 1 and 2) whose variables are
    /// arguments.
    #[schemars(example = &"readme://{owner}/{repo}")]
    pub uri: String,
    /// Its name for people.
    pub title: Option<String>,
    /// What it holds.
    pub description: Option<String>,
    /// Its type. Without it: as the name of the file says, or `text/plain`. In templates of
    /// `text/html` values are escaped for HTML; in those of `application/json` they are written as
    /// JSON.
    pub mime_type: Option<String>,
    /// A template.
    pub text: Option<String>,
    /// A file with a template, relative to this file.
    pub template: Option<PathBuf>,
    /// A file as it is, relative to this file.
    pub file: Option<PathBuf>,
    /// What the variables of the URI may be, by name. Without it: any text.
    #[serde(default)]
    pub arguments: BTreeMap<String, DeclaredArgument>,
    /// For whom it is.
    #[serde(default)]
    pub audience: Vec<Audience>,
    /// How much it matters, from 0 to 1.
    pub priority: Option<Number>,
}

/// For whom a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Audience {
    /// The person.
    User,
    /// The model.
    Assistant,
}

/// What an argument may be. It comes as text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DeclaredArgument {
    /// Its name for people.
    pub title: Option<String>,
    /// What it means.
    pub description: Option<String>,
    /// What it is.
    pub r#type: ArgumentType,
    /// Whether it has to be given. Without it: true, unless there is a default.
    pub required: Option<bool>,
    /// What it is where it is not given. Without it: nothing, an empty text.
    pub default: Option<Anything>,
    /// The only texts that it may be; they are offered while somebody types.
    pub r#enum: Vec<String>,
    /// Texts that are offered while somebody types; others may be given.
    pub suggest: Vec<String>,
    /// The same from a file, one a line, relative to this file.
    pub suggest_file: Option<PathBuf>,
    /// The smallest whole number.
    pub minimum: Option<i64>,
    /// The largest whole number.
    pub maximum: Option<i64>,
    /// The fewest characters.
    pub min_length: Option<usize>,
    /// The most characters. Without it: 2000.
    pub max_length: Option<usize>,
    /// What a text has to look like, as a regular expression that matches the whole of it.
    pub pattern: Option<String>,
}

impl DeclaredArgument {
    /// The most characters of a text unless `max_length` says otherwise.
    pub const LONGEST: usize = 2000;

    /// Whether it has to be given.
    pub fn is_required(&self) -> bool {
        self.required.unwrap_or(self.default.is_none())
    }
}

/// What an argument is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ArgumentType {
    /// A text.
    #[default]
    String,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
}

/// Bounds of what is read and written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ContentLimits {
    /// The largest file that is read.
    pub file: Size,
    /// The most that one template may write.
    pub output: Size,
}

impl Default for ContentLimits {
    fn default() -> Self {
        Self { file: Size::mib(4), output: Size::kib(256) }
    }
}
