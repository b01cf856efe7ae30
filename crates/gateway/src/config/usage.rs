//! What may be used within a day or month, and where it is counted, as it is written.

use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use toolgate_values::{Size, Span};

/// Where it is counted what tools are used: calls, failures, time, bytes and weight, for each
/// day, tenant, server and tool. `toolgate usage` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Usage {
    /// The file that keeps it, relative to this file. One process writes it. Without it: memory
    /// alone, and all is forgotten at the end of the process.
    #[schemars(example = &"usage.json")]
    pub file: Option<PathBuf>,
    /// How often the file is written. A crash loses what was counted since; an orderly end loses
    /// nothing.
    pub save: Span,
    /// How long the days are kept.
    #[schemars(range(min = 1, max = 3660))]
    pub keep_days: u32,
}

impl Default for Usage {
    fn default() -> Self {
        Self { file: None, save: Span::seconds(5), keep_days: 92 }
    }
}

/// What may be used within a day or a month. A call that counts against several quotas must fit
/// into all of them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// What refusals, headers and metrics call it. Unique.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// Whose calls are counted together.
    #[serde(default)]
    pub per: Per,
    /// When it begins anew, in UTC.
    pub every: Every,
    /// Only for callers of these tenants. Without it: for all.
    pub tenants: Option<Vec<String>>,
    /// Only for tools of this server.
    pub server: Option<String>,
    /// Only for these tools, by the server's own names. Needs `server`.
    pub tools: Option<Vec<String>>,
    /// How many calls.
    pub calls: Option<NonZeroU32>,
    /// How much weight, by `cost` of the servers.
    pub cost: Option<NonZeroU64>,
    /// How much time of servers. The call that reaches it is the last.
    pub time: Option<Span>,
    /// How many bytes of calls and answers. The call that reaches it is the last.
    pub bytes: Option<Size>,
}

impl Quota {
    /// Whether a call counts against it.
    pub(crate) fn covers(&self, server: &str, tool: &str, tenant: Option<&str>) -> bool {
        let named = |names: &Option<Vec<String>>, name: Option<&str>| {
            names.as_ref().is_none_or(|names| {
                name.is_some_and(|name| names.iter().any(|known| known == name))
            })
        };
        self.server.as_ref().is_none_or(|own| own == server)
            && named(&self.tools, Some(tool))
            && named(&self.tenants, tenant)
    }
}

/// Whose calls are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Per {
    /// Each caller's own.
    Caller,
    /// Those of all callers of one tenant. A caller without a tenant is one of its own.
    #[default]
    Tenant,
    /// All.
    Everyone,
}

/// When a quota begins anew, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Every {
    /// At midnight.
    Day,
    /// On the first of the month.
    Month,
}
