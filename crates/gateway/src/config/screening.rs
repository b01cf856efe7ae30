//! What is checked in arguments and results, as it is written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toolgate_screen::bounds::Bounds;
use toolgate_screen::neutral::Treatment;
use toolgate_screen::redact::Rules;
use toolgate_screen::size::Over;
use toolgate_values::{Size, Span};

/// What is checked in the arguments of tools, and what is done to results before they go out.
/// What is not written costs nothing: such calls are passed on byte for byte.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Screening {
    /// Whether arguments and results are held to the schemas of their tools.
    pub validate: Validate,
    /// What arguments may be, beyond the schemas of their tools. Those of a server come before
    /// those of the whole gateway; all of them hold.
    pub bounds: Bounds,
    /// What is taken out of results, errors, messages and logs. Of the rules that fit, the first
    /// decides; those of a server come before those of the whole gateway. What those of the whole
    /// gateway detect of secrets and persons is taken out of its log too.
    pub redaction: Rules,
    /// Escape sequences of terminals, control characters, and characters that nobody sees.
    pub characters: Option<Characters>,
    /// Markup that hides something or loads something when it is shown: comments, hidden elements,
    /// images, links that lead elsewhere than they say.
    pub markup: Option<Markup>,
    /// Results that imitate the voice of a system, such as `<|im_start|>system`.
    pub imitation: Option<Imitation>,
    /// How much text of one result goes out at once.
    pub size: Option<SizePolicy>,
}

/// Whether arguments and results are held to the schemas of their tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Validate {
    /// Arguments that do not fit `inputSchema` are refused, with what to change. Without it: they
    /// are passed on, and the server decides; those of servers of this program are refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arguments: Option<bool>,
    /// What happens to structured results that do not fit `outputSchema`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub results: Option<Misfits>,
    /// What happens to a call of a tool whose schema is not known: the server does not list it, or
    /// cannot be asked, or its schema cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unlisted: Option<Unlisted>,
}

/// What happens to structured results that do not fit `outputSchema`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Misfits {
    /// Nobody looks.
    #[default]
    Pass,
    /// They go out, with a line in the log and a mark in `_meta`.
    Warn,
    /// They are refused.
    Refuse,
}

/// What happens to a call of a tool whose schema is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Unlisted {
    /// The server decides.
    #[default]
    Forward,
    /// It is refused.
    Refuse,
}

/// What happens to characters that deceive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Characters {
    /// They go out as they are.
    #[default]
    Keep,
    /// They are taken out.
    Remove,
    /// They are shown, as in `<U+202E>`.
    Show,
}

impl Characters {
    pub(crate) fn treatment(self) -> Option<Treatment> {
        match self {
            Characters::Keep => None,
            Characters::Remove => Some(Treatment::Remove),
            Characters::Show => Some(Treatment::Show),
        }
    }
}

/// What happens to markup that deceives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Markup {
    /// It goes out as it is.
    #[default]
    Keep,
    /// It becomes plain text that everybody sees.
    Defuse,
}

/// What happens to results that imitate the voice of a system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Imitation {
    /// Nobody looks.
    #[default]
    Keep,
    /// `_meta` says so.
    Label,
    /// `_meta` says so, and a sentence before the result tells the model to take it as data.
    Notice,
    /// The result is refused.
    Refuse,
}

/// How much text of one result goes out at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SizePolicy {
    /// The most text of one result, of all its parts together, as UTF-8. At least 256B.
    pub max: Size,
    /// What happens to more.
    #[serde(default)]
    pub over: Over,
    /// How long the rest is kept for its caller (`page` and `link`).
    #[serde(default = "SizePolicy::default_keep")]
    pub keep: Span,
    /// What happens to structured results that are larger than `max`.
    #[serde(default)]
    pub structured: Structured,
}

impl SizePolicy {
    const fn default_keep() -> Span {
        Span::seconds(600)
    }
}

/// What happens to structured results that are too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Structured {
    /// They are left out; the text that says the same is bounded like any text. Lists then show no
    /// `outputSchema`, as clients would insist on what it promises.
    #[default]
    Drop,
    /// They go out whole: for clients that do not show them to a model.
    Keep,
}

impl Screening {
    /// The rules for one server: its own first, then those of the whole gateway.
    pub(super) fn over(mut self, whole: &Screening) -> Screening {
        self.bounds.0.extend(whole.bounds.0.iter().cloned());
        self.redaction.0.extend(whole.redaction.0.iter().cloned());
        Screening {
            validate: Validate {
                arguments: self.validate.arguments.or(whole.validate.arguments),
                results: self.validate.results.or(whole.validate.results),
                unlisted: self.validate.unlisted.or(whole.validate.unlisted),
            },
            characters: self.characters.or(whole.characters),
            markup: self.markup.or(whole.markup),
            imitation: self.imitation.or(whole.imitation),
            size: self.size.or(whole.size),
            ..self
        }
    }
}
