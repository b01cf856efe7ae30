//! What is known of the servers when the rules are compiled.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use serde_json::Value;

use crate::kind::{Kind, Thing};
use crate::known::Known;

/// The servers and what they offer. Names in rules are checked against it, and the types of
/// arguments come from it.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// Every configured server, by name.
    pub servers: BTreeMap<String, Server>,
    /// The toolsets of the configuration, if there are any.
    pub toolsets: Option<Arc<dyn Toolsets>>,
}

/// What is in which toolset, also of what no list has shown yet.
pub trait Toolsets: Debug + Send + Sync {
    /// The names of all.
    fn names(&self) -> Vec<&str>;

    /// The names of those that this thing is in.
    fn of(&self, thing: &Thing<'_>) -> Vec<String>;
}

/// One configured server.
#[derive(Debug, Clone, Default)]
pub struct Server {
    /// The kinds of which `items` holds everything it offers. Only then is a name that is not among
    /// them a problem.
    pub complete: Vec<Kind>,
    /// What it offers, as far as known.
    pub items: Vec<Item>,
}

/// A tool, resource or prompt.
#[derive(Debug, Clone)]
pub struct Item {
    /// What it is.
    pub kind: Kind,
    /// The name of a tool or prompt, the URI of a resource.
    pub name: String,
    /// Tags from the configuration. Never from the server: a permit may rest on them.
    pub tags: Vec<String>,
    /// The annotations that the server itself declares (`readOnlyHint` and the like). Untrusted:
    /// policies see them as `declared`, and only a `forbid` may.
    pub declared: Option<Value>,
    /// The JSON Schema of its arguments.
    pub input: Option<Value>,
}

impl Item {
    /// A thing of which only the name is known.
    pub fn new(kind: Kind, name: impl Into<String>) -> Item {
        Item { kind, name: name.into(), tags: Vec::new(), declared: None, input: None }
    }
}

impl Catalog {
    pub(crate) fn item(&self, thing: &Thing<'_>) -> Option<&Item> {
        let server = self.servers.get(thing.server)?;
        server.items.iter().find(|item| item.kind == thing.kind && item.name == thing.name)
    }

    /// Everything known, with the name of its server.
    pub(crate) fn items(&self) -> impl Iterator<Item = (&str, &Item)> {
        self.servers
            .iter()
            .flat_map(|(name, server)| server.items.iter().map(move |item| (name.as_str(), item)))
    }

    /// All that is known of a thing.
    pub(crate) fn known(&self, thing: &Thing<'_>) -> Known {
        let item = self.item(thing);
        Known {
            tags: item.map(|item| item.tags.clone()).unwrap_or_default(),
            toolsets: self.toolsets.as_ref().map(|all| all.of(thing)).unwrap_or_default(),
            labels: Vec::new(),
            declared: item.and_then(|item| item.declared.clone()).unwrap_or_default(),
        }
    }

    /// The names of all toolsets.
    pub(crate) fn toolsets(&self) -> Vec<&str> {
        self.toolsets.as_ref().map(|all| all.names()).unwrap_or_default()
    }
}
