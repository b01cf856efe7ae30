//! One server of a configuration that passed every check.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use toolgate_values::{Name, Secret, Url};

use super::bind::Bindings;
use super::cache::Cache;
use super::definitions::Definitions;
use super::entry::{AuditReads, CacheScope, EraChoice, Sessions, Transport};
use super::rates::ServerLimits;
use super::servers::content::Content;
use super::servers::files::Files;
use super::servers::http::HttpApi;
use super::servers::knowledge::Knowledge;
use super::servers::openapi::OpenApi;
use super::servers::sql::SqlRules;
use super::servers::state::State;
use super::servers::transform::Transform;
use super::servers::workflow::Workflow;
use super::upstream_auth::Onwards;
use crate::screening::screen::Screen;

/// One MCP server behind the gateway.
#[derive(Debug, Clone)]
pub struct Server {
    /// What operators, logs and metrics call it.
    pub name: Name,
    /// What it is and how to reach it.
    pub kind: Kind,
    /// Who shares a session or process of it.
    pub sessions: Sessions,
    /// Which tools are offered, and how.
    pub tools: Tools,
    /// What is done about definitions that nobody approved.
    pub definitions: Definitions,
    /// Arguments that the gateway gives.
    pub bind: Bindings,
    /// How long one call may stay silent.
    pub timeout: Duration,
    /// How long one call may take.
    pub timeout_total: Duration,
    /// Scopes without which nothing of it can be used.
    pub required_scopes: Vec<String>,
    /// Scopes without which single tools of it cannot be used.
    pub tool_scopes: BTreeMap<String, Vec<String>>,
    /// How often its tools may be called.
    pub limits: ServerLimits,
    /// What is checked in its arguments and done to its results; `None` for nothing.
    pub screen: Option<Arc<Screen>>,
    /// Answers of its tools that are kept; `None` for none.
    pub cache: Option<Cache>,
    /// What happens to its reads that cannot be recorded.
    pub audit_reads: AuditReads,
    /// Whether the gateway is ready without it.
    pub required: bool,
    /// Who may be given a kept answer of it.
    pub cache_scope: CacheScope,
    /// How long its lists and resources may be kept; zero for not at all.
    pub cache_ttl: Duration,
    /// What it gets with each request of a caller.
    pub onwards: Onwards,
    /// Whether it is told who calls, by us.
    pub context: bool,
    pub(super) prefix: String,
}

impl Server {
    /// What comes before each published name; may be empty.
    pub fn published_prefix(&self) -> &str {
        &self.prefix
    }

    /// The tools that the rules of this server name and that are not `there`, each with the key that
    /// names it.
    pub fn absent<'a>(
        &'a self,
        there: &'a BTreeSet<String>,
    ) -> impl Iterator<Item = (&'static str, &'a str)> {
        let bound = self.bind.keys().map(|it| ("bind", it));
        let cached = self.cache.iter().flat_map(|it| &it.tools).map(|it| ("cache.tools", it));
        let scoped = self.tool_scopes.keys().map(|it| ("tool_scopes", it));
        // With a star it may be for tools that are still to come.
        let is_name = |(_, name): &(_, &String)| !name.contains('*');
        let own = self.tools.named().chain(bound).chain(cached.chain(scoped).filter(is_name));
        own.map(|(key, name)| (key, name.as_str())).filter(|(_, name)| !there.contains(*name))
    }
}

/// What a server is and how to reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A remote server.
    Http {
        /// Its endpoint.
        url: Url,
        /// Sent with every request.
        headers: BTreeMap<String, Secret>,
        /// The generation of MCP it speaks.
        era: EraChoice,
        /// The HTTP transport it speaks.
        transport: Transport,
    },
    /// A child process.
    Stdio {
        /// The program; found in PATH unless it has a separator.
        program: String,
        /// Its arguments.
        arguments: Vec<String>,
        /// Environment variables set for it.
        env: BTreeMap<String, Secret>,
        /// Names of our own variables it also gets; `env` wins.
        inherit_env: Vec<String>,
        /// Where it starts; our own directory if unset.
        cwd: Option<PathBuf>,
        /// Stopped after this long without use; `None` for never.
        idle: Option<Duration>,
        /// The generation of MCP it speaks.
        era: EraChoice,
    },
    /// Folders of files.
    Files(Files),
    /// A database.
    Sql(SqlRules),
    /// Endpoints of an HTTP API.
    HttpApi(Box<HttpApi>),
    /// The operations of an OpenAPI document.
    OpenApi(Box<OpenApi>),
    /// A server of the program that the gateway is built into.
    Hosted,
    /// A folder of documents to search and to read.
    Knowledge(Box<Knowledge>),
    /// Values that agents keep between their calls.
    State(Box<State>),
    /// Prompts and resources.
    Content(Box<Content>),
    /// Conversions.
    Transform(Transform),
    /// Calls of other tools, one after the other.
    Workflow(Box<Workflow>),
}

/// Our own environment variables that a child process gets unless `inherit_env` says otherwise:
/// what programs need to find themselves, their user and their certificates, and no secrets.
pub(super) const INHERITED: [&str; 14] = [
    "HOME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "LOGNAME",
    "NODE_EXTRA_CA_CERTS",
    "PATH",
    "SHELL",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TERM",
    "TMPDIR",
    "TZ",
    "USER",
];

/// Which tools of a server are offered, and how. All keys are the server's own names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tools {
    pub(super) allow: Option<BTreeSet<String>>,
    pub(super) hide: BTreeSet<String>,
    pub(super) rename: BTreeMap<String, String>,
    pub(super) describe: BTreeMap<String, String>,
}

impl Tools {
    /// Whether the tool is offered at all.
    pub fn offers(&self, original: &str) -> bool {
        self.allow.as_ref().is_none_or(|allow| allow.contains(original))
            && !self.hide.contains(original)
    }

    /// The name to publish after the prefix.
    pub fn published<'a>(&'a self, original: &'a str) -> &'a str {
        self.rename.get(original).map_or(original, String::as_str)
    }

    /// Whether the name of any tool could be covered by `pattern` once `prefix` stands before it, as
    /// far as these rules tell.
    pub(crate) fn may_publish(&self, pattern: &str, prefix: &str) -> bool {
        self.allow.as_ref().is_none_or(|allow| {
            let offered = allow.iter().filter(|tool| self.offers(tool));
            let mut names = offered.map(|tool| format!("{prefix}{}", self.published(tool)));
            names.any(|name| toolgate_values::covers(pattern, &name))
        })
    }

    /// What the server calls the tool that is published under `named`; `None` for the old name
    /// of a renamed tool.
    pub fn original<'a>(&'a self, named: &'a str) -> Option<&'a str> {
        match self.rename.iter().find(|(_, new)| *new == named) {
            Some((original, _)) => Some(original),
            None => (!self.rename.contains_key(named)).then_some(named),
        }
    }

    /// The tools that these rules name, each with the key that names it.
    fn named(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let tools = self.allow.iter().flatten().map(|it| ("tools", it));
        let hide = self.hide.iter().map(|it| ("hide", it));
        let rename = self.rename.keys().map(|it| ("rename", it));
        let describe = self.describe.keys().map(|it| ("describe", it));
        tools.chain(hide).chain(rename).chain(describe)
    }

    /// The description that replaces the server's own.
    pub fn description(&self, original: &str) -> Option<&str> {
        self.describe.get(original).map(String::as_str)
    }
}
