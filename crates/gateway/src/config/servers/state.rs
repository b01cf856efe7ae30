//! Values that agents keep between their calls, as it is written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toolgate_values::{Size, Span};

use super::Anything;

/// Values that agents keep between their calls, each under a handle that nobody can guess.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// What one value is called, in the names of the tools too: `cart` gives `create_cart`.
    #[serde(default = "State::noun")]
    #[schemars(length(min = 1, max = 32), example = &"cart")]
    pub noun: String,
    /// What several are called, in the name of the tool that lists them. Without it: the noun and
    /// `s`.
    #[schemars(length(min = 1, max = 32))]
    pub plural: Option<String>,
    /// What a value is for, in one sentence for the model.
    #[schemars(length(max = 500), example = &"What a customer wants to buy.")]
    pub description: Option<String>,
    /// Who meets in the same values.
    #[serde(default)]
    pub scope: Scope,
    /// The shape of every value, as JSON Schema 2020-12. References lead to `#/$defs/NAME`. Without
    /// it: any JSON.
    pub schema: Option<Anything>,
    /// How long a value is kept.
    #[serde(default = "State::ttl")]
    #[schemars(example = &"24h")]
    pub ttl: Span,
    /// From when that is counted.
    #[serde(default)]
    pub expiry: Expiry,
    /// Bounds of values.
    #[serde(default)]
    pub limits: StateLimits,
}

impl State {
    /// The longest that a value may be kept.
    pub const LONGEST: Span = Span::seconds(366 * 24 * 3600);

    fn noun() -> String {
        "state".to_owned()
    }

    const fn ttl() -> Span {
        Span::seconds(24 * 3600)
    }

    /// What several values are called.
    pub fn plural(&self) -> String {
        self.plural.clone().unwrap_or_else(|| format!("{}s", self.noun))
    }

    /// What its tools are called, in the order in which they are listed.
    pub fn tools(&self) -> [String; 5] {
        let named = |verb: &str| format!("{verb}_{}", self.noun);
        let list = format!("list_{}", self.plural());
        [named("create"), named("delete"), named("get"), list, named("update")]
    }
}

/// Who meets in the same values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Scope {
    /// Each caller has its own.
    #[default]
    Caller,
    /// Each session of a caller has its own. Clients of 2026-07-28 and later have no sessions.
    Session,
    /// All callers of a tenant share them.
    Tenant,
    /// All callers share them.
    Shared,
}

/// From when the time of a value is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Expiry {
    /// From when it was last read or changed.
    #[default]
    Sliding,
    /// From when it was created.
    Fixed,
}

/// Bounds of values.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StateLimits {
    /// Values of one owner: of a caller, session or tenant, or of all, as `scope` says.
    #[schemars(range(min = 1, max = 1000))]
    pub count: usize,
    /// The largest value, as JSON.
    pub value: Size,
    /// All values of one owner together, as they are kept: sealed, about a third more than their
    /// JSON.
    pub bytes: Size,
}

impl Default for StateLimits {
    fn default() -> Self {
        Self { count: 100, value: Size::kib(64), bytes: Size::mib(2) }
    }
}
