//! A value of the file together with the place it was written.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Number, Value as Json};

use super::problem::{Place, quote};

/// How many levels a file may nest; a sound configuration needs five.
pub(super) const DEEPEST: usize = 32;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
    /// The text before its references were replaced, if it had any: what a message may quote.
    pub(super) written: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Member>),
    /// Something was wrong with it and has been reported.
    Broken,
}

#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) key: String,
    pub(super) node: Node,
}

impl Node {
    pub(super) const fn new(place: Place, value: Value) -> Self {
        Self { place, value, written: None }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn members(&self) -> &[Member] {
        match &self.value {
            Value::Map(members) => members,
            _ => &[],
        }
    }

    pub(super) fn member(&self, key: &str) -> Option<&Node> {
        self.members().iter().find(|member| member.key == key).map(|member| &member.node)
    }

    pub(super) fn member_mut(&mut self, key: &str) -> Option<&mut Node> {
        let Value::Map(members) = &mut self.value else { return None };
        members.iter_mut().find(|member| member.key == key).map(|member| &mut member.node)
    }

    pub(super) fn items_mut(&mut self) -> &mut [Node] {
        match &mut self.value {
            Value::List(items) => items,
            _ => &mut [],
        }
    }

    /// Moves the node, which an alias repeats elsewhere, to `place`; everything under it keeps its
    /// own line.
    pub(super) fn moved(mut self, place: Place) -> Self {
        self.value = match self.value {
            Value::List(items) => {
                let moved = items.into_iter().enumerate().map(|(index, item)| {
                    let place = place.index(index, item.place.line);
                    item.moved(place)
                });
                Value::List(moved.collect())
            }
            Value::Map(members) => {
                let moved = members.into_iter().map(|Member { key, node }| {
                    let place = place.key(&key, node.place.line);
                    Member { key, node: node.moved(place) }
                });
                Value::Map(moved.collect())
            }
            value => value,
        };
        self.place = place;
        self
    }

    /// How many values this is, itself included.
    pub(super) fn count(&self) -> usize {
        match &self.value {
            Value::List(items) => 1 + items.iter().map(Self::count).sum::<usize>(),
            Value::Map(members) => {
                1 + members.iter().map(|member| member.node.count()).sum::<usize>()
            }
            _ => 1,
        }
    }

    /// What a message calls the value. A text that came from elsewhere appears as it was written.
    pub(super) fn describe(&self) -> String {
        match (&self.written, &self.value) {
            (Some(written), _) => quote(written),
            (None, Value::Text(text)) => quote(text),
            (None, Value::Number(number)) => format!("the number {number}"),
            (None, Value::Bool(value)) => value.to_string(),
            (None, Value::List(_)) => "a list".to_owned(),
            (None, Value::Map(_)) => "a map".to_owned(),
            (None, Value::Null | Value::Broken) => "nothing".to_owned(),
        }
    }

    /// What a message calls a value that may be secret.
    pub(super) const fn kind(&self) -> &'static str {
        match &self.value {
            Value::Text(_) => "another text",
            Value::Number(_) => "a number",
            Value::Bool(_) => "a truth value",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
            Value::Null | Value::Broken => "nothing",
        }
    }

    /// The value alone, for serde. What is broken is left out.
    pub(super) fn to_json(&self) -> Json {
        match &self.value {
            Value::Null | Value::Broken => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Number(number) => Json::Number(number.clone()),
            Value::Text(text) => Json::String(text.clone()),
            Value::List(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            Value::Map(members) => Json::Object(
                members
                    .iter()
                    .map(|member| (member.key.clone(), member.node.to_json()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }
}

/// From the path of a value in the checked tree to the place it was written.
///
/// The two differ when the value was imported or when a broken neighbour was left out.
pub(super) struct Places(BTreeMap<String, Origin>);

impl fmt::Debug for Places {
    /// Without the texts, which may hold a secret beside a reference.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Places").field(&self.0.len()).finish()
    }
}

struct Origin {
    place: Place,
    written: Option<String>,
}

impl Places {
    pub(super) fn of(root: &Node) -> Self {
        let mut places = BTreeMap::new();
        let origin = Place { path: String::new(), ..root.place.clone() };
        collect(root, origin, &mut places);
        Self(places)
    }

    /// Where `path` was written, or the nearest thing around it that was.
    pub(super) fn at(&self, path: &str) -> &Place {
        let mut path = path;
        loop {
            match (self.0.get(path), path.rfind(['.', '['])) {
                (Some(origin), _) => return &origin.place,
                (None, Some(end)) => path = &path[..end],
                (None, None) => path = "",
            }
        }
    }

    /// Whether the file has `path` at all.
    pub(super) fn has(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    /// Whether the value stands in the file itself rather than in the environment or another file.
    pub(super) fn is_literal(&self, path: &str) -> bool {
        self.0.get(path).is_some_and(|origin| origin.written.is_none())
    }

    /// The text as written, if it refers to the environment or another file.
    pub(super) fn written(&self, path: &str) -> Option<&str> {
        self.0.get(path)?.written.as_deref()
    }
}

fn collect(node: &Node, at: Place, places: &mut BTreeMap<String, Origin>) {
    match &node.value {
        Value::List(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, item)| collect(item, at.index(index, 0), places));
        }
        Value::Map(members) => {
            members.iter().for_each(|member| collect(&member.node, at.key(&member.key, 0), places));
        }
        _ => {}
    }
    places.insert(at.path, Origin { place: node.place.clone(), written: node.written.clone() });
}
