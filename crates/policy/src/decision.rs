//! What was decided, and why.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What happens with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// It goes on.
    Allow,
    /// It ends here.
    Deny,
    /// It waits for a person.
    Approve,
}

/// The decision on one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What happens.
    pub effect: Effect,
    /// The rules that decided, by name, sorted; empty if none applied.
    pub rules: Vec<Arc<str>>,
    /// What to ask the person, from `@approve("...")`.
    pub approve: Vec<Arc<str>>,
    /// Why a rule could not be evaluated; the call is then denied. For logs: it may name
    /// arguments.
    pub error: Option<String>,
    /// What the forbids that decided say of themselves, from `@description("...")`: the caller may
    /// be told.
    pub told: Vec<Arc<str>>,
    /// All scopes that the thing asks for, held or not.
    pub required: Vec<String>,
    /// The labels that whoever uses the thing is touched by.
    pub labels: Vec<Arc<str>>,
    /// Whether the caller may know that the thing exists. If not, the answer is the one for an
    /// unknown name.
    pub visible: bool,
    pub(crate) missing: Missing,
}

impl Decision {
    /// What the caller lacks, as far as it may be told.
    pub fn missing(&self) -> Option<&Missing> {
        (self.visible && !self.missing.is_empty()).then_some(&self.missing)
    }
}

/// What a caller lacks for something.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Missing {
    /// All of these scopes.
    pub scopes: Vec<String>,
    /// One of these roles.
    pub roles: Vec<String>,
}

impl Missing {
    /// Whether nothing is missing, or nothing that can be named.
    pub fn is_empty(&self) -> bool {
        self.scopes.is_empty() && self.roles.is_empty()
    }
}
