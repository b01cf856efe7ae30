//! One thing, made ready for decisions: which rules apply to it, and what they read.

use std::collections::BTreeMap;
use std::sync::Arc;

use cedar_policy::{Entity, EntityUid, PolicySet};

use crate::context::Reading;
use crate::kind::{Kind, Thing};
use crate::types::Field;

/// A thing, made ready for decisions.
#[derive(Debug)]
pub(crate) struct Target {
    /// Differs between any two.
    pub(crate) id: u64,
    pub(crate) kind: Kind,
    pub(crate) server: Box<str>,
    pub(crate) name: Box<str>,
    pub(crate) action: EntityUid,
    pub(crate) uid: EntityUid,
    pub(crate) entity: Entity,
    /// The rules that may apply, by index.
    pub(crate) rules: Vec<usize>,
    pub(crate) calls: PolicySet,
    pub(crate) lists: PolicySet,
    pub(crate) reads_context: bool,
    pub(crate) reads_touched: bool,
    pub(crate) reads_claims: bool,
    /// The arguments that rules read; or why they cannot be read.
    pub(crate) arguments: Result<BTreeMap<String, Field>, String>,
    /// What whoever uses it is touched by.
    pub(crate) labels: Vec<Arc<str>>,
    /// All scopes that rules ask for.
    pub(crate) scopes: Vec<String>,
    /// Roles that rules permit something to.
    pub(crate) roles: Vec<String>,
}

impl Target {
    pub(crate) fn is(&self, thing: &Thing<'_>) -> bool {
        self.kind == thing.kind && *self.server == *thing.server && *self.name == *thing.name
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn reading(&self) -> Reading {
        let arguments = self.arguments.as_ref().is_ok_and(|types| !types.is_empty());
        Reading { arguments, touched: self.reads_touched }
    }
}
