//! Rules that were compiled, and what is remembered of their decisions.

use std::collections::{BTreeMap, HashMap};
use std::hash::RandomState;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use cedar_policy::Authorizer;

use crate::cache::Cache;
use crate::catalog::Catalog;
use crate::decision::Decision;
use crate::entity::{Claims, Names};
use crate::principal::Principal;
use crate::reach::Pattern;
use crate::rules::Disclose;
use crate::sight::Sight;
use crate::source::Rule;
use crate::target::Target;
use crate::types::Field;

/// Compiled rules. Immutable but for what it remembers; share it in an `Arc`.
#[derive(Debug)]
pub struct Policy {
    pub(crate) rules: Vec<Rule>,
    /// The types of the arguments each rule reads.
    pub(crate) arguments: Vec<BTreeMap<String, Field>>,
    pub(crate) catalog: Catalog,
    pub(crate) inherits: HashMap<Arc<str>, Vec<Arc<str>>>,
    pub(crate) claims: Claims,
    /// What the rules say that things are.
    pub(crate) marks: Vec<Mark>,
    pub(crate) disclose: Disclose,
    pub(crate) names: Names,
    pub(crate) authorizer: Authorizer,
    pub(crate) hasher: RandomState,
    pub(crate) counter: AtomicU64,
    pub(crate) principals: Cache<u64, Arc<Principal>>,
    pub(crate) targets: Cache<u64, Arc<Target>>,
    pub(crate) decisions: Cache<(u64, u64), Arc<Decision>>,
    pub(crate) sights: Cache<(u64, u64), Arc<Sight>>,
    pub(crate) version: Arc<str>,
}

/// What the rules say that things are.
#[derive(Debug)]
pub(crate) struct Mark {
    pub(crate) pattern: Pattern,
    pub(crate) tags: Vec<String>,
    pub(crate) labels: Vec<Arc<str>>,
}

impl Policy {
    /// A short hash of the rules, for records: the same rules have the same version.
    pub fn version(&self) -> &Arc<str> {
        &self.version
    }

    /// Every label that something has.
    pub fn labels(&self) -> impl Iterator<Item = &Arc<str>> {
        self.marks.iter().flat_map(|mark| &mark.labels)
    }
}
