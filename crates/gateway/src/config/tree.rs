//! The file as a tree of types: the one source of the keys, their defaults and the published schema.
//!
//! Doc comments here are the descriptions that editors show. Units are in the values.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::approvals::Approvals;
use super::entry::Entry;
use super::metering::Metering;
use super::policy::PolicyRules;
use super::rates::RateLimits;
use super::screening::Screening;
use super::store::StoreRules;
use super::toolsets::Toolset;
use super::upstream_auth::{Signing, Vault};
use super::usage::{Quota, Usage};
use toolgate_audit::Audit;
use toolgate_identity::rules::Authentication;
use toolgate_policy::Role;
use toolgate_values::Secret;
use toolgate_values::{Listen, Network, Size, Span, Url};

/// The configuration of a Toolgate gateway.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The name clients see.
    #[schemars(length(min = 1, max = 128))]
    pub name: String,
    /// A name for people, shown by clients instead of `name`.
    pub title: Option<String>,
    /// What clients tell their model about this gateway. Without it: the instructions of the
    /// upstreams, one after the other.
    pub instructions: Option<String>,
    /// Where to listen for clients: IP:PORT or localhost:PORT.
    pub listen: Listen,
    /// Allows an address that other machines reach while nothing authenticates callers.
    pub insecure_public: bool,
    /// Further `Host` values to accept, as HOST or HOST:PORT. Loopback names and the address of
    /// `listen` are always accepted.
    pub allowed_hosts: Vec<String>,
    /// Further `Origin` values to accept, as https://HOST or https://HOST:PORT. Loopback origins are always
    /// accepted.
    pub allowed_origins: Vec<String>,
    /// Proxies in front of the gateway whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// Serve HTTPS with this certificate.
    pub tls: Option<Tls>,
    /// Keys that seal session ids and cursors, newest first: the first seals, all open. Replicas
    /// share them. At least 32 bytes each. Without any, each process makes its own at start.
    pub keys: Vec<Secret>,
    /// What this process is to other replicas.
    pub replica: Option<Replica>,
    /// What is logged, and how.
    pub log: Log,
    /// Bounds on what a peer can make the gateway hold.
    pub limits: Limits,
    /// Who may come in. Without it: everybody who can reach the listener.
    pub authentication: Option<Authentication>,
    /// What the gateway signs with, for servers that are told who calls.
    pub signing: Signing,
    /// What is recorded of each request, and where. Without it: nothing.
    pub audit: Option<Audit>,
    /// What the callers of a role may use. With any role, what none of them allows is denied.
    pub roles: BTreeMap<String, Role>,
    /// Who may use what, beyond roles and scopes.
    pub policy: Option<PolicyRules>,
    /// Where browsers reach the gateway, as https://HOST. Needed by servers with `upstream_auth`
    /// of type `vault`.
    pub public_url: Option<Url>,
    /// Where what callers allowed is kept.
    pub vault: Option<Vault>,
    /// How often tools may be called.
    pub rate_limits: RateLimits,
    /// What may be used within a day or a month.
    pub quotas: Vec<Quota>,
    /// Where it is counted.
    pub usage: Usage,
    /// What replicas share, and where.
    pub store: StoreRules,
    /// What is checked in arguments, and what is done to results, of all servers.
    pub screening: Screening,
    /// Who is asked where a policy wants a person's consent.
    pub approvals: Approvals,
    /// Sessions of clients that speak a revision before 2026-07-28.
    pub sessions: SessionLimits,
    /// Calls that wait for a client's answer.
    pub parking: Parking,
    /// How long calls in flight may finish after a stop or a reload.
    pub drain: Span,
    /// Child processes of stdio servers.
    pub processes: Processes,
    /// What is measured, and who collects it.
    pub metering: Metering,
    /// Files of other clients, such as mcp.json or claude_desktop_config.json, whose servers join
    /// `servers`. Relative to this file.
    pub import: Vec<PathBuf>,
    /// The file of approved definitions, written by `toolgate approve` and reviewed like code.
    /// Relative to this file. Without it: toolgate.lock, if that is there.
    pub lock: Option<PathBuf>,
    /// Parts of what there is, each an endpoint of its own, by name.
    pub toolsets: BTreeMap<String, Toolset>,
    /// The MCP servers behind the gateway.
    #[serde(rename = "servers")]
    pub(super) entries: Vec<Entry>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: "toolgate".to_owned(),
            title: None,
            instructions: None,
            listen: Listen::default(),
            insecure_public: false,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            tls: None,
            keys: Vec::new(),
            replica: None,
            log: Log::default(),
            limits: Limits::default(),
            authentication: None,
            signing: Signing::default(),
            audit: None,
            roles: BTreeMap::new(),
            policy: None,
            public_url: None,
            vault: None,
            rate_limits: RateLimits::default(),
            quotas: Vec::new(),
            usage: Usage::default(),
            store: StoreRules::default(),
            screening: Screening::default(),
            approvals: Approvals::default(),
            sessions: SessionLimits::default(),
            parking: Parking::default(),
            drain: Span::seconds(10),
            processes: Processes::default(),
            metering: Metering::default(),
            import: Vec::new(),
            lock: None,
            toolsets: BTreeMap::new(),
            entries: Vec::new(),
        }
    }
}

/// The certificate of an HTTPS listener.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate chain, PEM. Relative to this file.
    #[schemars(example = &"cert.pem")]
    pub certificate: PathBuf,
    /// Its private key, PEM. Relative to this file.
    #[schemars(example = &"key.pem")]
    pub key: PathBuf,
    /// The authorities whose certificates clients may show, PEM: mutual TLS. Relative to this file.
    #[schemars(example = &"clients-ca.pem")]
    pub client_ca: Option<PathBuf>,
    /// Whether clients have to show one.
    #[serde(default)]
    pub client_auth: ClientCertificates,
}

/// Whether clients have to show a certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ClientCertificates {
    /// They are asked for one, and served without.
    #[default]
    Request,
    /// Without one there is no connection.
    Require,
}

/// What this process is to other replicas.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Replica {
    /// How other replicas reach this one. Needs `keys`, which all replicas share.
    #[schemars(example = "http://10.0.0.5:8080")]
    pub url: Url,
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// The least important line that is still written.
    pub level: Level,
    /// Lines for people, or one JSON object a line.
    pub format: LogFormat,
}

/// The least important line that is still written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
#[expect(missing_docs, reason = "the words of every logger")]
pub enum Level {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

/// How a log line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Bounds on what a peer can make the gateway hold.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// One request body.
    pub body: Size,
    /// The head of one request: its line and headers.
    pub headers: Size,
    /// Headers in one request.
    #[schemars(range(min = 1, max = 10_000))]
    pub header_count: usize,
    /// One line of a stdio server.
    pub line: Size,
    /// One event of an event stream.
    pub event: Size,
    /// One whole reply of an upstream.
    pub reply: Size,
    /// How deep objects and lists of a message may nest.
    #[schemars(range(min = 8, max = 1024))]
    pub nesting: usize,
    /// Requests at work in the whole process. As many clients again may listen to changes.
    #[schemars(range(min = 1))]
    pub in_flight: usize,
    /// Requests at work for one client.
    #[schemars(range(min = 1))]
    pub in_flight_per_client: usize,
    /// How long a client may take to send the head of a request.
    pub header_time: Span,
    /// How long a client may take to send the body of a request.
    pub body_time: Span,
    /// Open connections of clients.
    #[schemars(range(min = 1))]
    pub connections: usize,
    /// Entries in one page of a list.
    #[schemars(range(min = 1, max = 100_000))]
    pub page: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: Size::mib(8),
            headers: Size::kib(32),
            header_count: 100,
            line: Size::mib(8),
            event: Size::mib(8),
            reply: Size::mib(64),
            nesting: 128,
            in_flight: 4096,
            in_flight_per_client: 256,
            header_time: Span::seconds(10),
            body_time: Span::seconds(30),
            connections: 10_000,
            page: 1000,
        }
    }
}

/// Sessions of clients that speak a revision before 2026-07-28.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SessionLimits {
    /// Sessions held at once.
    #[schemars(range(min = 1))]
    pub max: usize,
    /// How long a session lives without a request.
    pub idle: Span,
    /// How long a session lives at most.
    pub lifetime: Span,
    /// Bytes of one session's events kept for a client that reconnects.
    pub replay: Size,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            max: 100_000,
            idle: Span::seconds(1800),
            lifetime: Span::seconds(86_400),
            replay: Size::kib(256),
        }
    }
}

/// Calls that wait for a client's answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Parking {
    /// How long a call waits for the answer.
    pub ttl: Span,
    /// Calls that wait at once.
    #[schemars(range(min = 1))]
    pub max: usize,
}

impl Default for Parking {
    fn default() -> Self {
        Self { ttl: Span::seconds(300), max: 1000 }
    }
}

/// Child processes of stdio servers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Processes {
    /// Child processes at once.
    #[schemars(range(min = 1))]
    pub max: usize,
}

impl Default for Processes {
    fn default() -> Self {
        Self { max: 64 }
    }
}
