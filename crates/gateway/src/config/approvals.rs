//! Who is asked where a rule wants a person's consent, as it is written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use toolgate_values::Span;

/// Who is asked, and for how long, where a policy says that a call needs a person's consent.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Approvals {
    /// Who is asked.
    pub by: By,
    /// Roles whose holders may decide on the calls of others, at `/admin/approvals` and by
    /// `toolgate approvals`. Nobody ever decides on a call of their own there.
    pub roles: Vec<String>,
    /// How long a call waits for consent, and how long consent waits for its call.
    pub ttl: Span,
    /// Calls that wait at once.
    #[schemars(range(min = 1, max = 100_000))]
    pub max: usize,
    /// Calls of one caller that wait at once.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_per_caller: usize,
}

impl Default for Approvals {
    fn default() -> Self {
        Self {
            by: By::default(),
            roles: Vec::new(),
            ttl: Span::seconds(600),
            max: 1000,
            max_per_caller: 20,
        }
    }
}

/// Who is asked for consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum By {
    /// The user of the client, by elicitation; somebody with one of `roles` where the client knows
    /// no elicitation.
    #[default]
    Caller,
    /// Somebody else, with one of `roles`.
    Other,
}
