//! One entry of `servers`, as it is written.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::cache::Cache;
use super::definitions::Definitions;
use super::rates::ServerLimits;
use super::screening::Screening;
use super::servers::content::Content;
use super::servers::files::FilesEntry;
use super::servers::http::HttpApi;
use super::servers::knowledge::Knowledge;
use super::servers::openapi::OpenApi;
use super::servers::sql::SqlEntry;
use super::servers::state::State;
use super::servers::transform::Transform;
use super::servers::workflow::Workflow;
use super::upstream_auth::UpstreamAuth;
use toolgate_values::Secret;
use toolgate_values::{Name, Span, Url};

/// One MCP server behind the gateway: exactly one of `upstream`, `command`, `files`, `knowledge`,
/// `sql`, `http`, `openapi`, `state`, `content`, `transform`, `workflow` and `hosted`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Server")]
pub(super) struct Entry {
    /// What operators, logs and metrics call this server. Unique, whatever the case, and `_` counts
    /// as `-`.
    pub(super) name: Name,
    /// The URL of a remote server.
    pub(super) upstream: Option<Url>,
    /// The program of a stdio server with its arguments. One string is split into words the way a
    /// shell does it, but no shell runs.
    #[serde(default)]
    #[schemars(schema_with = "command_schema")]
    pub(super) command: Option<Vec<String>>,
    /// Serve directories of files: to read, and to write where that is turned on.
    pub(super) files: Option<FilesEntry>,
    /// Serve a database: each tool is one statement that is written here.
    pub(super) sql: Option<SqlEntry>,
    /// Make tools of the endpoints of an HTTP API.
    pub(super) http: Option<HttpApi>,
    /// Make tools of the operations of an OpenAPI document.
    pub(super) openapi: Option<OpenApi>,
    /// Serve a directory of documents to search and to read.
    pub(super) knowledge: Option<Knowledge>,
    /// Make tools of calls of other tools, one after the other.
    pub(super) workflow: Option<Workflow>,
    /// A server of the program that this gateway is built into, by its name there.
    pub(super) hosted: Option<Hosted>,
    /// Keep values for agents between their calls.
    pub(super) state: Option<State>,
    /// Offer prompts and resources that are written here.
    pub(super) content: Option<Content>,
    /// Convert texts, data and images.
    pub(super) transform: Option<Transform>,
    /// Headers sent with every request (`upstream` only).
    #[serde(default)]
    pub(super) headers: BTreeMap<String, Secret>,
    /// Environment variables of the process (`command` only).
    #[serde(default)]
    pub(super) env: BTreeMap<String, Secret>,
    /// Names of our own environment variables that the process also gets (`command` only). Without
    /// it: what programs need to run at all, such as PATH and HOME, and no secrets.
    pub(super) inherit_env: Option<Vec<String>>,
    /// Start the program in whatever version its command stands for, such as `x@latest` (`command`
    /// only). Without it a version that floats is refused.
    #[serde(default)]
    pub(super) unpinned: bool,
    /// The directory the process starts in, relative to this file (`command` only). Without it: our
    /// own.
    pub(super) cwd: Option<PathBuf>,
    /// How the server is shown who calls. Without it: not at all.
    #[serde(default)]
    pub(super) upstream_auth: UpstreamAuth,
    /// Tell the server who calls, from which session and until when, in
    /// `_meta["dev.toolgate/context"]` and, over HTTP, signed in the header `Toolgate-Context`
    /// (`upstream` and `command`).
    #[serde(default)]
    pub(super) context: bool,
    /// Which generation of MCP the server speaks (`upstream` and `command`).
    #[serde(default)]
    pub(super) era: EraChoice,
    /// Which HTTP transport the server speaks (`upstream` only).
    #[serde(default)]
    pub(super) transport: Transport,
    /// Who shares a session or process of the server. Without it: shared when nothing authenticates
    /// callers, per_caller otherwise.
    pub(super) sessions: Option<Sessions>,
    /// The only tools to offer, by the server's own names. Without it: all.
    pub(super) tools: Option<Vec<String>>,
    /// Tools not to offer, by the server's own names.
    #[serde(default)]
    pub(super) hide: Vec<String>,
    /// New names of tools, by the server's own names. The prefix still comes before them.
    #[serde(default)]
    pub(super) rename: BTreeMap<String, String>,
    /// New descriptions of tools, by the server's own names.
    #[serde(default)]
    pub(super) describe: BTreeMap<String, String>,
    /// What is done about definitions of this server that are not as in the lock file. Without it:
    /// quarantine; allow for what this file or a file beside it describes whole (`files`,
    /// `knowledge`, `sql`, `http`, `state`, `content`, `workflow`, `openapi` with a file), and for
    /// what is part of this program.
    pub(super) definitions: Option<Definitions>,
    /// Arguments that the gateway gives, by the server's own names of tool and argument. The model
    /// neither sees nor sets them. A value is text with `${caller.subject}`, `${caller.tenant}`,
    /// `${caller.principal}`, `${caller.actor}`, `${caller.claims.NAME}`, `${session.id}`,
    /// `${env:NAME}` or `${file:PATH}`.
    #[serde(default)]
    pub(super) bind: BTreeMap<String, BTreeMap<String, Secret>>,
    /// What comes before each published name. Without it: the name and `_` when there are several
    /// servers, nothing when there is one.
    pub(super) prefix: Option<String>,
    /// How long one call may stay silent. Without it: 10s, and `timeout_total` for `workflow`.
    #[serde(default = "Entry::default_timeout")]
    pub(super) timeout: Span,
    /// How long one call may take, progress or not.
    #[serde(default = "Entry::default_timeout_total")]
    pub(super) timeout_total: Span,
    /// Scopes without which nothing of this server can be used.
    #[serde(default)]
    #[schemars(example = ["mcp:tools"])]
    pub(super) required_scopes: Vec<String>,
    /// Scopes without which single tools cannot be used, beside those of the server, by the
    /// server's own names; `*` stands for any text.
    #[serde(default)]
    pub(super) tool_scopes: BTreeMap<String, Vec<String>>,
    /// How often its tools may be called.
    #[serde(default)]
    pub(super) rate_limit: ServerLimits,
    /// What is checked in arguments, and what is done to results, beyond `screening` of the whole
    /// gateway. Lists of rules are added to its lists; other keys take the place of its keys.
    #[serde(default)]
    pub(super) screening: Screening,
    /// Answers of tools that are kept here. Without it: none.
    pub(super) cache: Option<Cache>,
    /// Whether lists, resources, prompts and completions of this server go on while audit records
    /// cannot be written. Calls of tools never do.
    #[serde(default)]
    pub(super) audit_reads: AuditReads,
    /// The gateway is not ready while this server cannot be reached.
    #[serde(default)]
    pub(super) required: bool,
    /// Stop a process nobody has used for this long; 0s for never (`command` only).
    pub(super) idle: Option<Span>,
    /// Whether clients may keep lists and resources for all callers or for the one who asked.
    #[serde(default)]
    pub(super) cache_scope: CacheScope,
    /// How long clients may keep lists and resources of this server; 0s for not at all.
    #[serde(default = "Entry::default_cache_ttl")]
    pub(super) cache_ttl: Span,
}

/// A server of the program that the gateway is built into. There is nothing to say of it here.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Hosted {}

impl Entry {
    /// How long an unused process lives unless `idle` says otherwise.
    pub(super) const IDLE: Span = Span::seconds(600);

    const fn default_timeout() -> Span {
        Span::seconds(10)
    }

    const fn default_timeout_total() -> Span {
        Span::seconds(300)
    }

    const fn default_cache_ttl() -> Span {
        Span::seconds(0)
    }
}

/// The words of a command, or one string, which is split before the tree is read.
fn command_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "anyOf": [
            { "type": "array", "items": { "type": "string" }, "minItems": 1 },
            { "type": "string", "minLength": 1 },
        ],
        "examples": [["npx", "-y", "@modelcontextprotocol/server-everything"], "uvx mcp-server-time"],
    })
}

/// Which generation of MCP to speak with a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum EraChoice {
    /// Find out.
    #[default]
    Auto,
    /// Revisions up to 2025-11-25, with a handshake.
    Legacy,
    /// Revision 2026-07-28 and later, without one.
    Modern,
}

/// Which HTTP transport to speak with a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Transport {
    /// Find out: streamable first, then sse.
    #[default]
    Auto,
    /// Streamable HTTP, since 2025-03-26.
    Streamable,
    /// HTTP+SSE of 2024-11-05.
    Sse,
}

/// Who shares an upstream session or process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Sessions {
    /// Everyone.
    Shared,
    /// One for each authenticated caller.
    PerCaller,
    /// One for each session of a client.
    PerSession,
}

/// What happens to reads that cannot be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum AuditReads {
    /// They are refused.
    #[default]
    Required,
    /// They go on, and are counted.
    BestEffort,
}

/// Who may be given a kept answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum CacheScope {
    /// The caller who asked.
    #[default]
    Private,
    /// Everyone.
    Public,
}
