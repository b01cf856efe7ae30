//! `workflow`: tools that are calls of other tools, one after the other.

pub mod fit;

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value, json};
use toolgate_values::Span;

use super::http::Kind;
use super::{Anything, Bounds, Said, placed};

/// Tools that call other tools of this gateway, step by step, as whoever called them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Workflow {
    /// The tools by name.
    pub tools: BTreeMap<String, WorkflowTool>,
}

/// One tool. An expression is JMESPath over `{arguments, steps, caller}`: `steps.ID.output` is what
/// an earlier step gave.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkflowTool {
    /// Its name for people.
    pub title: Option<String>,
    /// What it does, in a sentence or two for the model.
    #[schemars(example = &"Orders a machine and puts it into a network of its own.")]
    pub description: String,
    /// When to use it, and when not.
    pub when: Option<String>,
    /// What `result` is, for the model.
    pub returns: Option<String>,
    /// What the model gives, by the names that it sees.
    #[serde(default)]
    pub parameters: BTreeMap<String, Parameter>,
    /// What is done, in this order.
    pub steps: Vec<Step>,
    /// The result: any value, in which `{$: EXPRESSION}` stands for what the expression gives. Without
    /// it: the output of the last step that calls a tool.
    pub output: Option<Anything>,
    /// The JSON Schema of the result.
    pub output_schema: Option<Anything>,
    /// None of its steps changes anything: all that call a tool have `reads`.
    #[serde(default)]
    pub read_only: bool,
    /// What it changes may be lost. Without it: true, unless `read_only` is.
    pub destructive: Option<bool>,
    /// Called twice with the same arguments it does no more than once.
    #[serde(default)]
    pub idempotent: bool,
    /// Whether a run is a task, which a client begins and asks about later.
    #[serde(default)]
    pub task: AsTask,
}

impl WorkflowTool {
    /// The JSON Schema of its arguments.
    pub fn input_schema(&self) -> Value {
        let parameters = self.parameters.iter();
        let at = |name: &str, it: &Parameter| placed(&it.schema(), &["properties", name]);
        let properties: Map<String, Value> =
            parameters.map(|(name, it)| (name.clone(), at(name, it))).collect();
        let required = self.parameters.iter().filter(|(_, it)| it.is_required());
        let required: Vec<_> = required.map(|(name, _)| name).collect();
        json!({
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        })
    }
}

/// Whether a run is a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum AsTask {
    /// A client that asks for it gets one (2025-11-25).
    #[default]
    Optional,
    /// Every client that knows tasks gets one; for any other the gateway waits. For runs that are
    /// slow.
    Required,
    /// Clients wait for the answer.
    Never,
}

/// Something that the model gives.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "WorkflowParameter")]
pub struct Parameter {
    /// What it is. Without it: a string.
    #[serde(rename = "type")]
    pub kind: Option<Kind>,
    /// What it means, for the model.
    pub description: Option<String>,
    /// It need not be given. With a default it never has to.
    pub optional: bool,
    /// What counts where it is not given.
    pub default: Option<Anything>,
    /// The only values.
    #[serde(rename = "enum")]
    pub values: Vec<Anything>,
    /// The least number.
    pub minimum: Option<Number>,
    /// The greatest number.
    pub maximum: Option<Number>,
    /// The least number of characters.
    pub min_length: Option<u32>,
    /// The greatest number of characters. Without it: 1024.
    pub max_length: Option<u32>,
    /// A regular expression that a text matches somewhere.
    pub pattern: Option<String>,
    /// The greatest number of entries of a list. Without it: 100.
    pub max_items: Option<u32>,
    /// The JSON Schema of the entries of a list.
    pub items: Option<Anything>,
    /// Its whole JSON Schema, instead of the keys from `type` to `items`.
    pub schema: Option<Anything>,
}

/// The greatest length of a text, and number of entries of a list, for which the operator gives none.
const LENGTH: u32 = 1024;
const ITEMS: u32 = 100;

impl Parameter {
    /// Whether it has to be given.
    fn is_required(&self) -> bool {
        !self.optional && self.default_value().is_none()
    }

    /// What counts where it is not given.
    pub fn default_value(&self) -> Option<&Value> {
        match (&self.default, &self.schema) {
            (Some(default), _) => Some(&default.0),
            (None, Some(schema)) => schema.get("default"),
            (None, None) => None,
        }
    }

    /// Its JSON Schema.
    pub fn schema(&self) -> Value {
        self.said().listed(Bounds { length: Some(LENGTH), entries: Some(ITEMS) })
    }

    /// What is said of it.
    pub(in crate::config) fn said(&self) -> Said<'_> {
        Said {
            kind: self.kind,
            description: self.description.as_deref(),
            default: self.default.as_ref(),
            values: &self.values,
            minimum: self.minimum.as_ref(),
            maximum: self.maximum.as_ref(),
            min_length: self.min_length,
            max_length: self.max_length,
            max_items: self.max_items,
            pattern: self.pattern.as_deref(),
            items: self.items.as_ref(),
            schema: self.schema.as_ref(),
        }
    }
}

/// One step: exactly one of `call`, `require` and `approve`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WorkflowStep")]
pub struct Step {
    /// What later steps, reports and records call it.
    pub id: String,
    /// The tool that it calls: the server's name here, a dot, and the tool's name at that server.
    #[schemars(example = &"crm.find_customer")]
    pub call: Option<String>,
    /// What the tool gets, by argument: any value, in which `{$: EXPRESSION}` stands for what the
    /// expression gives; one that gives nothing leaves its entry out.
    #[serde(default)]
    pub arguments: BTreeMap<String, Anything>,
    /// The workflow goes on only if this expression is true.
    #[schemars(example = &"steps.quota.output.free > `0`")]
    pub require: Option<String>,
    /// The workflow goes on only if the caller agrees to this text, in which `{{ EXPRESSION }}` stands
    /// for what the expression gives.
    #[schemars(example = &"Create the machine {{ arguments.name }}?")]
    pub approve: Option<String>,
    /// What the model is told where `require` is not true; as text with `{{ EXPRESSION }}`.
    pub message: Option<String>,
    /// The step is skipped unless this expression is true.
    pub when: Option<String>,
    /// An expression that gives a list: the tool is called for each entry, which is `item`. The output
    /// is the list of all outputs, in the same order.
    pub for_each: Option<String>,
    /// How many of these calls run at once, 1 to 32.
    pub parallel: Option<NonZeroU32>,
    /// When a failed call is made again: only where nothing took effect, or with `idempotent`.
    #[serde(default)]
    pub retry: Retry,
    /// How long one call may take, each time. Without it: what is left of the time of the workflow.
    pub timeout: Option<Span>,
    /// The tool changes nothing: there is nothing to undo, and it may be called again whenever it fails.
    #[serde(default)]
    pub reads: bool,
    /// The call does no more when it is made twice, so it is made again also where nobody knows
    /// whether it took effect.
    #[serde(default)]
    pub idempotent: bool,
    /// What happens when it fails.
    #[serde(default)]
    pub on_error: OnError,
    /// What undoes it when a later step fails.
    pub compensate: Option<Compensate>,
}

/// How often and when a failed call is made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(inline)]
pub struct Retry {
    /// How often it is made in all, 1 to 10.
    #[schemars(range(min = 1, max = 10))]
    pub attempts: u32,
    /// How long is waited before the second time, and twice as long each time after; longer where the
    /// failure says so.
    pub after: Span,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 1, after: Span::seconds(1) }
    }
}

/// What happens when a step fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum OnError {
    /// No further step runs, and what was done is undone.
    #[default]
    Fail,
    /// The next step runs, and the result says what is missing.
    Continue,
}

/// A call that undoes a step.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Compensate {
    /// The tool.
    pub call: String,
    /// What it gets. Expressions also see `output`, what the call to undo gave, and its `item`.
    #[serde(default)]
    pub arguments: BTreeMap<String, Anything>,
    /// When it is made again.
    #[serde(default)]
    pub retry: Retry,
    /// How long it may take. Without it: what is left of a minute for all of them.
    pub timeout: Option<Span>,
    /// It does no more when it is made twice.
    #[serde(default)]
    pub idempotent: bool,
}

impl Step {
    /// Every tool that it calls, with the key that says so.
    pub fn calls(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let own = self.call.as_deref().map(|call| ("call", call));
        let undo = self.compensate.as_ref().map(|undo| ("compensate.call", undo.call.as_str()));
        own.into_iter().chain(undo)
    }
}

/// The server and the tool of a `call`. Names of servers have no dots.
pub fn target(call: &str) -> Option<(&str, &str)> {
    call.split_once('.').filter(|(server, tool)| !server.is_empty() && !tool.is_empty())
}

/// The key of a map that stands for an expression.
pub const EXPRESSION: &str = "$";

/// The expressions within a text, in `{{ }}`, and the text around them.
///
/// # Errors
/// Braces that are not closed.
pub fn pieces(text: &str) -> Result<Vec<Piece<'_>>, &'static str> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while let Some((before, after)) = rest.split_once("{{") {
        let (expression, after) = after.split_once("}}").ok_or("a {{ without }}")?;
        if !before.is_empty() {
            pieces.push(Piece::Text(before));
        }
        pieces.push(Piece::Expression(expression.trim()));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    Ok(pieces)
}

/// A piece of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// As it is.
    Text(&'a str),
    /// What it gives takes its place.
    Expression(&'a str),
}
