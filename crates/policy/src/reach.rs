//! Which things can a policy apply to? Policies that cannot are not evaluated.

use serde_json::Value;
use toolgate_values::covers;

use crate::kind::{Kind, Thing};
use crate::known::Known;

/// The things that the scope of a policy admits, never fewer than it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reach {
    kinds: Vec<Kind>,
    pub(crate) place: Place,
    /// Whether it says in so many words that it is about methods that MCP does not define. Nobody
    /// thinks of them who writes "everything", so only such a policy permits one.
    names_methods: bool,
}

/// Where they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Everywhere,
    /// One thing, as `server/name`.
    Thing(String),
    /// All of a server.
    Server(String),
    /// All of a toolset.
    Toolset(String),
    /// What a pattern of a short form matches.
    Pattern(Pattern),
}

impl Reach {
    /// Things of every kind, as the short forms have it.
    pub(crate) fn all(place: Place) -> Reach {
        Reach { kinds: Kind::ALL.to_vec(), place, names_methods: false }
    }

    /// What the scope of a policy in JSON form admits.
    pub(crate) fn of_policy(policy: &Value) -> Reach {
        let resource = policy.get("resource").unwrap_or(&Value::Null);
        let named = named(policy.get("action").unwrap_or(&Value::Null));
        let mut kinds = named.clone().unwrap_or_else(|| Kind::ALL.to_vec());
        if let Some(kind) = resource.get("entity_type").and_then(Value::as_str) {
            kinds.retain(|one| Kind::of_entity(kind) == Some(*one));
        }
        let inside = resource.get("in").and_then(|inside| inside.get("entity"));
        let place = match resource.get("entity").or(inside).and_then(entity) {
            Some(("Server", id)) => Place::Server(id.to_owned()),
            Some(("Toolset", id)) => Place::Toolset(id.to_owned()),
            Some((name, id)) => {
                kinds.retain(|one| Kind::of_entity(name) == Some(*one));
                Place::Thing(id.to_owned())
            }
            None => Place::Everywhere,
        };
        let names_methods = named.is_some() || kinds == [Kind::Method];
        Reach { names_methods: names_methods && kinds.contains(&Kind::Method), kinds, place }
    }

    /// Whether a permit that reaches a thing of this kind is meant for it.
    pub(crate) fn means(&self, kind: Kind) -> bool {
        kind != Kind::Method || self.names_methods
    }

    pub(crate) fn admits(&self, thing: &Thing<'_>, known: &Known) -> bool {
        self.kinds.contains(&thing.kind)
            && match &self.place {
                Place::Everywhere => true,
                Place::Thing(id) => id.split_once('/') == Some((thing.server, thing.name)),
                Place::Server(name) => name == thing.server,
                Place::Toolset(name) => known.toolsets.contains(name),
                Place::Pattern(pattern) => pattern.matches(thing),
            }
    }
}

/// The kinds of things that the action of a policy names; `None` if it is open to every action.
fn named(action: &Value) -> Option<Vec<Kind>> {
    let one = action.get("entity").into_iter();
    let many = action.get("entities").and_then(Value::as_array).into_iter().flatten();
    let named: Vec<&Value> = one.chain(many).collect();
    if named.is_empty() && action.get("op").and_then(Value::as_str) == Some("All") {
        return None;
    }
    Some(named.into_iter().filter_map(|named| Kind::of_action(entity(named)?.1)).collect())
}

fn entity(entity: &Value) -> Option<(&str, &str)> {
    let entity = entity.get("__entity").unwrap_or(entity);
    Some((entity.get("type")?.as_str()?, entity.get("id")?.as_str()?))
}

/// `server/name` with `*` for any text in either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    pub(crate) server: String,
    pub(crate) name: String,
}

impl Pattern {
    /// None if there is no `/`. A lone `*` is everything.
    pub(crate) fn parse(text: &str) -> Option<Pattern> {
        let (server, name) = if text == "*" { ("*", "*") } else { text.split_once('/')? };
        Some(Pattern { server: server.to_owned(), name: name.to_owned() })
    }

    pub(crate) fn matches(&self, thing: &Thing<'_>) -> bool {
        covers(&self.server, thing.server) && covers(&self.name, thing.name)
    }
}
