//! Callers and things, made ready for decisions by the rules.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cedar_policy::{PolicySet, RestrictedExpression};
use toolgate_protocol::caller::Caller;

use crate::kind::Thing;
use crate::policy::Policy;
use crate::principal::Principal;
use crate::target::Target;
use crate::types::Field;
use crate::{arguments, entity};

impl Policy {
    /// A caller, made ready for decisions.
    pub(crate) fn prepare(&self, caller: &Caller, id: u64) -> Option<Principal> {
        let roles = self.closure(&caller.roles);
        let (claims, unfit) = match arguments::record(&caller.claims, &self.claims, "claims") {
            Ok(claims) => (claims, None),
            Err(error) => (RestrictedExpression::new_record([]).ok()?, Some(error)),
        };
        let entity = entity::caller(caller, &roles, claims, &self.names)?;
        let uid = entity.uid();
        Some(Principal { id, caller: caller.clone(), roles, entity, uid, unfit })
    }

    /// These roles and all that they inherit.
    fn closure(&self, roles: &[Arc<str>]) -> BTreeSet<Arc<str>> {
        let mut all = BTreeSet::new();
        let mut rest = roles.to_vec();
        while let Some(role) = rest.pop() {
            if !all.contains(&role) {
                rest.extend(self.inherits.get(&role).into_iter().flatten().cloned());
                all.insert(role);
            }
        }
        all
    }

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
