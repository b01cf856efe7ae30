//! One thing, made ready for decisions: what is known of it and which rules apply.

use std::collections::BTreeMap;
use std::sync::Arc;

use cedar_policy::{Entity, EntityUid, PolicySet};
use serde_json::Value;

use crate::compile::Policy;
use crate::context::Reading;
use crate::entity;
use crate::kind::{Kind, Thing};
use crate::types::Field;

/// What the catalog knows of a thing.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) tags: Vec<String>,
    pub(crate) toolsets: Vec<String>,
    pub(crate) labels: Vec<Arc<str>>,
    pub(crate) declared: Value,
}

/// A thing, made ready for decisions.
#[derive(Debug)]
pub(crate) struct Target {
    /// Differs between any two.
    pub(crate) id: u64,
    kind: Kind,
    server: Box<str>,
    name: Box<str>,
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

impl Policy {
    /// A thing, made ready for decisions.
    pub(crate) fn aim(&self, thing: &Thing<'_>, id: u64) -> Option<Target> {
        let mut known = self.catalog.known(thing);
        for mark in self.marks.iter().filter(|mark| mark.pattern.matches(thing)) {
            known.tags.extend(mark.tags.iter().cloned());
            known.labels.extend(mark.labels.iter().cloned());
        }
        known.labels.sort();
        known.labels.dedup();
        let rules = self.rules.iter().enumerate();
        let rules: Vec<_> = rules.filter(|(_, rule)| rule.applies(thing, &known)).collect();
        let mut calls = PolicySet::new();
        let mut lists = PolicySet::new();
        let mut scopes = Vec::new();
        let mut roles = Vec::new();
        for (_, rule) in &rules {
            calls.add(rule.call.clone()).ok()?;
            lists.add(rule.list.clone()).ok()?;
            scopes.extend(rule.scopes.iter().cloned());
            roles.extend(rule.role.clone());
        }
        for names in [&mut scopes, &mut roles] {
            names.sort();
            names.dedup();
        }
        let entity = entity::thing(thing, &known, &scopes, &self.names)?;
        Some(Target {
            id,
            kind: thing.kind,
            server: thing.server.into(),
            name: thing.name.into(),
            action: self.names.action(thing.kind),
            uid: entity.uid(),
            entity,
            calls,
            lists,
            reads_context: rules.iter().any(|(_, rule)| rule.reads.context),
            reads_touched: rules.iter().any(|(_, rule)| rule.reads.touched),
            reads_claims: rules.iter().any(|(_, rule)| rule.reads.claims),
            arguments: self.arguments(rules.iter().map(|(index, _)| *index)),
            labels: known.labels,
            scopes,
            roles,
            rules: rules.into_iter().map(|(index, _)| index).collect(),
        })
    }

    /// The arguments that these rules read. Rules that were checked for different types cannot
    /// both be right about a thing that no catalog knew.
    fn arguments(
        &self,
        rules: impl Iterator<Item = usize>,
    ) -> Result<BTreeMap<String, Field>, String> {
        let mut all: BTreeMap<String, Field> = BTreeMap::new();
        for (name, field) in rules.filter_map(|index| self.arguments.get(index)).flatten() {
            match all.get(name) {
                Some(other) if other.of != field.of => {
                    return Err(format!("policies differ about the type of arguments.{name}"));
                }
                _ => all.insert(name.clone(), field.clone()),
            };
        }
        Ok(all)
    }
}
