//! How often callers may call, as it is written.

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroUsize};

use schemars::JsonSchema;
use serde::Deserialize;

use toolgate_values::Rate;

/// How often tools may be called. Each caller, tenant and session has a bucket of its own, which
/// holds the whole count and fills up evenly.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RateLimits {
    /// Whether what is not written here has a limit all the same: `caller` 60/m, `ip` 100/m and
    /// `concurrent` as many as `limits.in_flight_per_client`.
    /// Without it: when there is `authentication`.
    pub defaults: Option<bool>,
    /// Calls of one caller.
    pub caller: Option<Rate>,
    /// Calls within one session (clients before 2026-07-28).
    pub session: Option<Rate>,
    /// Calls of all callers of one tenant together.
    pub tenant: Option<Rate>,
    /// Requests from one address (of version 6: from one /64) while their caller is not known.
    pub ip: Option<Rate>,
    /// Calls of one caller that are at work at the same time.
    pub concurrent: Option<NonZeroUsize>,
    /// Answer a refused call of a tool with HTTP status 429 instead of 200. The answer says the
    /// same, but the official clients throw it away then, and their model learns nothing of it.
    pub http_429: bool,
}

impl RateLimits {
    /// Whether a caller has limits that it can be told of.
    pub(crate) fn are_told(&self) -> bool {
        self.caller.is_some() || self.session.is_some() || self.tenant.is_some()
    }
}

/// How often the tools of one server may be called.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServerLimits {
    /// Calls of all callers together: what the server, or the service behind it, can bear. Tenants
    /// that call at the same time share it evenly, and so do the callers of one tenant.
    pub requests_per_minute: Option<NonZeroU32>,
    /// Calls of one caller to this server.
    pub per_caller: Option<Rate>,
    /// Calls of one caller to one tool, by the server's own names.
    pub tools: BTreeMap<String, Rate>,
    /// Calls within one session to one tool, by the server's own names. A client of 2026-07-28 has
    /// no sessions: its calls count for its caller.
    pub session_tools: BTreeMap<String, Rate>,
    /// What one call of a tool counts as, by the server's own names. Without it: 1.
    pub cost: BTreeMap<String, NonZeroU32>,
    /// Calls of all callers that are at work at the same time, shared as `requests_per_minute` is.
    pub concurrent: Option<NonZeroUsize>,
}

impl ServerLimits {
    /// Whether a caller has limits here that it can be told of.
    pub(crate) fn are_told(&self) -> bool {
        self.per_caller.is_some() || !self.tools.is_empty() || !self.session_tools.is_empty()
    }

    /// Calls of all callers together.
    pub(crate) fn rate(&self) -> Option<Rate> {
        self.requests_per_minute.map(|count| Rate::per_minute(count.get()))
    }
}
