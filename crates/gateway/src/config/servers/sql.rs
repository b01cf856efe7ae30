//! A database as a server: each tool is one statement with parameters.

mod statement;

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};
use toolgate_values::{Secret, Size, Span};

use crate::config::bind::Bound;
pub use statement::{Dialect, Malformed, Statement};

/// A database as a server. Each tool is one statement that is written here; there is none that takes
/// SQL of a model.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Sql")]
pub(in crate::config) struct SqlEntry {
    /// Which database: `sqlite:PATH` (relative to this file), `postgres://USER:PASSWORD@HOST/NAME` or
    /// `mysql://USER:PASSWORD@HOST/NAME` (MariaDB too).
    pub(in crate::config) url: Secret,
    /// The connections that calls share.
    #[serde(default)]
    pub(in crate::config) pool: Pool,
    /// What the database's session knows of the caller while a call runs. Each is text with references
    /// to the caller, as in `bind`. PostgreSQL: settings, with a dot in their names, or `role`. MySQL:
    /// variables, `caller_tenant` for `@caller_tenant`.
    #[serde(default)]
    pub(in crate::config) session: BTreeMap<String, Secret>,
    /// The tools, by name.
    #[serde(default)]
    pub(in crate::config) tools: BTreeMap<String, ToolEntry>,
    /// Tables and views whose columns are published as resources.
    #[serde(default)]
    pub(in crate::config) schema_resources: Vec<String>,
    /// Offer the tool `explore` as well: one SELECT of the model's own over these tables, read and held
    /// to what is known to be harmless. Without it there is no such tool.
    pub(in crate::config) explore: Option<ExploreRules>,
}

/// A tool that takes a SELECT.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct ExploreRules {
    /// The tables and views that it may read, as TABLE or SCHEMA.TABLE.
    pub tables: Vec<String>,
    /// How much one call may take.
    #[serde(default)]
    pub limit: Limit,
}

impl ExploreRules {
    /// What the tool is called.
    pub const NAME: &str = "explore";
}

/// The connections that calls share.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(inline)]
pub struct Pool {
    /// How many there are at most.
    pub max: NonZeroU32,
    /// One that nobody has used for so long is closed.
    pub idle: Span,
    /// How long a call waits for one.
    pub connect: Span,
}

impl Default for Pool {
    fn default() -> Self {
        let max = NonZeroU32::new(20).unwrap_or(NonZeroU32::MIN);
        Self { max, idle: Span::seconds(30), connect: Span::seconds(2) }
    }
}

/// One tool.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SqlTool")]
pub(in crate::config) struct ToolEntry {
    /// Its name for people.
    pub(in crate::config) title: Option<String>,
    /// What it does, in a sentence or two for the model.
    pub(in crate::config) description: String,
    /// When to use it, and when not.
    pub(in crate::config) when: Option<String>,
    /// What a row is, for the model.
    pub(in crate::config) returns: Option<String>,
    /// One statement. `:name` stands for a parameter.
    pub(in crate::config) statement: String,
    /// Its parameters, by name.
    #[serde(default)]
    pub(in crate::config) parameters: BTreeMap<String, ParameterEntry>,
    /// What columns of the result mean, by name.
    #[serde(default)]
    pub(in crate::config) columns: BTreeMap<String, String>,
    /// How much one call may take.
    #[serde(default)]
    pub(in crate::config) limit: Limit,
    /// Columns by which the result is ordered and cut into pages. Together they are unique, and none
    /// is ever NULL.
    #[serde(default)]
    pub(in crate::config) page_by: Vec<String>,
    /// Pages begin with the largest of `page_by`.
    #[serde(default)]
    pub(in crate::config) descending: bool,
    /// It changes what is stored. Without it, the database itself refuses to change anything.
    #[serde(default)]
    pub(in crate::config) writes: bool,
    /// Called twice with the same arguments it does no more than once (with `writes`).
    #[serde(default)]
    pub(in crate::config) idempotent: bool,
    /// What it changes may be lost (with `writes`). Without it: true.
    pub(in crate::config) destructive: Option<bool>,
}

/// How much one call may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(inline)]
pub struct Limit {
    /// Rows of one answer; at most 10000.
    pub rows: NonZeroU32,
    /// The size of one answer's rows as JSON.
    pub bytes: Size,
    /// How long the database may take.
    pub time: Span,
}

impl Default for Limit {
    fn default() -> Self {
        let rows = NonZeroU32::new(100).unwrap_or(NonZeroU32::MIN);
        Self { rows, bytes: Size::kib(256), time: Span::seconds(5) }
    }
}

/// One parameter.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SqlParameter")]
pub(in crate::config) struct ParameterEntry {
    /// What it takes.
    #[serde(default, rename = "type")]
    pub(in crate::config) kind: ParameterType,
    /// What it means, for the model.
    pub(in crate::config) description: Option<String>,
    /// A list of such values. PostgreSQL gets an array, the others JSON text.
    #[serde(default)]
    pub(in crate::config) list: bool,
    /// Values of a list. Without it: 100.
    pub(in crate::config) max_items: Option<NonZeroU64>,
    /// The fewest characters of a text.
    pub(in crate::config) min_length: Option<u64>,
    /// The most characters of a text. Without it: 500.
    pub(in crate::config) max_length: Option<NonZeroU64>,
    /// A regular expression that a text has to match.
    pub(in crate::config) pattern: Option<String>,
    /// The only texts that it takes.
    #[serde(default, rename = "enum")]
    pub(in crate::config) words: Vec<String>,
    /// The smallest number.
    pub(in crate::config) min: Option<Number>,
    /// The largest number.
    pub(in crate::config) max: Option<Number>,
    /// What it is without an argument.
    #[schemars(schema_with = "scalar")]
    #[serde(default)]
    pub(in crate::config) default: Option<Value>,
    /// It is NULL without an argument.
    #[serde(default)]
    pub(in crate::config) optional: bool,
    /// Where its value comes from, outside of the model's arguments: text with references to the
    /// caller or to secrets, as in `bind`.
    pub(in crate::config) from: Option<Secret>,
}

fn scalar(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "anyOf": [{ "type": "string" }, { "type": "number" }, { "type": "boolean" }],
    })
}

/// What a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ParameterType {
    /// Text.
    #[default]
    String,
    /// A whole number of 64 bits.
    Integer,
    /// A number in binary floating point.
    Number,
    /// A decimal number without loss, written as text.
    Decimal,
    /// `true` or `false`.
    Boolean,
    /// A day, as in `2026-01-31`.
    Date,
    /// A point in time (RFC 3339), as in `2026-01-31T12:00:00Z`.
    Timestamp,
    /// A UUID (RFC 9562).
    Uuid,
}

/// A database server, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlRules {
    /// Where the database is.
    pub place: Place,
    /// The connections that calls share.
    pub pool: Pool,
    /// Settings of the session while a call runs.
    pub session: BTreeMap<String, Bound>,
    /// The tools.
    pub tools: Vec<ToolRules>,
    /// Tables whose columns are published.
    pub schema_resources: Vec<String>,
    /// The tool that takes a SELECT, if there is one.
    pub explore: Option<ExploreRules>,
}

/// Where a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A file.
    Sqlite(PathBuf),
    /// The URL of a server.
    Postgres(Secret),
    /// The same for MySQL or MariaDB.
    MySql(Secret),
}

impl Place {
    /// How SQL is written there.
    pub fn dialect(&self) -> Dialect {
        match self {
            Place::Sqlite(_) => Dialect::Sqlite,
            Place::Postgres(_) => Dialect::Postgres,
            Place::MySql(_) => Dialect::MySql,
        }
    }
}

/// One tool, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolRules {
    /// Its name.
    pub name: String,
    /// Its name for people.
    pub title: Option<String>,
    /// What it does.
    pub description: String,
    /// When to use it, and when not.
    pub when: Option<String>,
    /// What a row is.
    pub returns: Option<String>,
    /// The statement; each of its parameters is among `parameters`, and none of those is left over.
    pub statement: Statement,
    /// The parameters.
    pub parameters: Vec<ParameterRules>,
    /// What columns mean.
    pub columns: BTreeMap<String, String>,
    /// How much one call may take.
    pub limit: Limit,
    /// By what the result is cut into pages; empty for not at all.
    pub page_by: Vec<String>,
    /// Pages begin with the largest.
    pub descending: bool,
    /// What it may change.
    pub effect: Effect,
}

/// What a tool may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    Reads,
    /// What is stored.
    Writes {
        /// Twice is no more than once.
        idempotent: bool,
        /// Something may be lost.
        destructive: bool,
    },
}

/// One parameter, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterRules {
    /// Its name.
    pub name: String,
    /// What it takes.
    pub kind: ParameterType,
    /// What it means.
    pub description: Option<String>,
    /// The most values, if it is a list.
    pub list: Option<u64>,
    /// The fewest characters.
    pub min_length: u64,
    /// The most characters.
    pub max_length: u64,
    /// What a text matches.
    pub pattern: Option<String>,
    /// The only texts; empty for all.
    pub words: Vec<String>,
    /// The smallest number.
    pub min: Option<Number>,
    /// The largest number.
    pub max: Option<Number>,
    /// What it is without an argument.
    pub default: Option<Value>,
    /// It is NULL without an argument.
    pub optional: bool,
    /// The gateway gives it, and the model does not know of it.
    pub given: bool,
}
