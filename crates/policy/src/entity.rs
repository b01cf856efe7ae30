//! Callers and things as Cedar sees them.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::str::FromStr;
use std::sync::Arc;

use cedar_policy::{Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression};
use serde_json::Value;
use toolgate_protocol::caller::Caller;

use crate::kind::{Kind, Thing};
use crate::known::Known;
use crate::types::{Field, Type};

/// A caller as Cedar sees it, with `roles` that it has of its own and that they inherit.
pub(crate) fn caller(
    caller: &Caller,
    roles: &BTreeSet<Arc<str>>,
    claims: RestrictedExpression,
    names: &Names,
) -> Option<Entity> {
    let mut attributes = HashMap::from([
        ("principal".to_owned(), text(&caller.principal)),
        ("subject".to_owned(), text(&caller.subject)),
        ("proof".to_owned(), text(caller.proof.as_str())),
        ("anonymous".to_owned(), RestrictedExpression::new_bool(caller.is_anonymous())),
        ("roles".to_owned(), texts(roles)),
        ("groups".to_owned(), texts(&caller.groups)),
        ("scopes".to_owned(), texts(&caller.scopes)),
        ("claims".to_owned(), claims),
    ]);
    attributes.extend(caller.tenant.iter().map(|tenant| ("tenant".to_owned(), text(tenant))));
    attributes.extend(caller.actor.iter().map(|actor| ("actor".to_owned(), text(actor))));
    let parents: HashSet<EntityUid> = roles
        .iter()
        .map(|role| uid(&names.role, role))
        .chain(caller.groups.iter().map(|group| uid(&names.group, group)))
        .collect();
    Entity::new(uid(&names.caller, &caller.principal), attributes, parents).ok()
}

/// A thing as Cedar sees it.
pub(crate) fn thing(
    thing: &Thing<'_>,
    known: &Known,
    scopes: &[String],
    names: &Names,
) -> Option<Entity> {
    let declared = known.declared.as_object().cloned().unwrap_or_default();
    // An annotation of a wrong type is as good as none: permits do not read them.
    let declared = DECLARED.iter().filter_map(|(name, of)| {
        let fits = match declared.get(*name)? {
            Value::String(said) => (*of == Type::Text).then(|| text(said)),
            Value::Bool(said) => (*of == Type::Flag).then(|| RestrictedExpression::new_bool(*said)),
            _ => None,
        };
        Some(((*name).to_owned(), fits?))
    });
    let attributes = HashMap::from([
        ("server".to_owned(), text(thing.server)),
        ("name".to_owned(), text(thing.name)),
        ("tags".to_owned(), texts(&known.tags)),
        ("toolsets".to_owned(), texts(&known.toolsets)),
        ("labels".to_owned(), texts(&known.labels)),
        ("required_scopes".to_owned(), texts(scopes)),
        ("declared".to_owned(), RestrictedExpression::new_record(declared).ok()?),
    ]);
    let mut parents = HashSet::from([uid(&names.server, thing.server)]);
    parents.extend(known.toolsets.iter().map(|toolset| uid(&names.toolset, toolset)));
    Entity::new(uid(names.thing(thing.kind), &thing.to_string()), attributes, parents).ok()
}

/// What a server may say of a tool.
const DECLARED: [(&str, Type); 5] = [
    ("title", Type::Text),
    ("readOnlyHint", Type::Flag),
    ("destructiveHint", Type::Flag),
    ("idempotentHint", Type::Flag),
    ("openWorldHint", Type::Flag),
];

/// Names of entity types, parsed once.
#[derive(Debug)]
pub(crate) struct Names {
    caller: EntityTypeName,
    role: EntityTypeName,
    group: EntityTypeName,
    server: EntityTypeName,
    toolset: EntityTypeName,
    things: [EntityTypeName; 4],
    action: EntityTypeName,
}

impl Names {
    pub(crate) fn new() -> Option<Names> {
        let name = |name| EntityTypeName::from_str(name).ok();
        Some(Names {
            caller: name("Caller")?,
            role: name("Role")?,
            group: name("Group")?,
            server: name("Server")?,
            toolset: name("Toolset")?,
            things: [name("Tool")?, name("Resource")?, name("Prompt")?, name("Method")?],
            action: name("Action")?,
        })
    }

    pub(crate) fn action(&self, kind: Kind) -> EntityUid {
        uid(&self.action, kind.action())
    }

    fn thing(&self, kind: Kind) -> &EntityTypeName {
        let [tool, resource, prompt, method] = &self.things;
        match kind {
            Kind::Tool => tool,
            Kind::Resource => resource,
            Kind::Prompt => prompt,
            Kind::Method => method,
        }
    }
}

/// Types of claims that policies read.
pub(crate) type Claims = std::collections::BTreeMap<String, Field>;

fn uid(of: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(of.clone(), EntityId::new(id))
}

fn text(text: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(text.to_owned())
}

fn texts<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> RestrictedExpression {
    let texts = texts.into_iter().map(|one| text(one.as_ref()));
    RestrictedExpression::new_set(texts)
}
