//! Where what replicas share is kept, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use toolgate_values::{Secret, Span};

/// Where limits, quotas and what may be used once are counted, so that several replicas count as
/// one. Without `redis` or `postgres`: in the memory of each process.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StoreRules {
    /// A Redis (6 or later) or Valkey: rediss://USER:PASSWORD@HOST:PORT/DATABASE, or redis:// in the
    /// clear. Needs `keys`, which all replicas share.
    pub redis: Option<Secret>,
    /// A PostgreSQL (14 or later): postgres://USER:PASSWORD@HOST/DATABASE?sslmode=verify-full. Its
    /// tables are made if there are none. Needs `keys`, which all replicas share.
    pub postgres: Option<Secret>,
    /// What tells this deployment apart from others in the same place.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// How long a call waits for an answer of the store.
    pub timeout: Span,
    /// How long a connection may take to come about.
    pub connect_timeout: Span,
    /// What happens to calls while the store does not answer.
    pub when_unavailable: WhenUnavailable,
    /// Speak in the clear to another machine.
    pub insecure: bool,
}

/// What happens to calls while the store does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum WhenUnavailable {
    /// What cannot be counted is refused, to be tried again.
    #[default]
    Refuse,
    /// Rate limits are counted by each replica alone, so that all of them together let more through.
    /// What counts against a quota, or may be used once, is refused all the same.
    Local,
}

impl StoreRules {
    /// The address of the store that replicas share, if there is one.
    pub fn url(&self) -> Option<&Secret> {
        self.redis.as_ref().or(self.postgres.as_ref())
    }
}

impl Default for StoreRules {
    fn default() -> Self {
        Self {
            redis: None,
            postgres: None,
            name: "toolgate".to_owned(),
            timeout: Span::millis(250),
            connect_timeout: Span::seconds(2),
            when_unavailable: WhenUnavailable::default(),
            insecure: false,
        }
    }
}
