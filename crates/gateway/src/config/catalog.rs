//! What is known of the servers when rules are checked: what the file itself tells, and what was
//! approved.

use serde_json::Value;
use toolgate_catalog::definition::{Definition, Kind as Pinned};
use toolgate_catalog::lock::Lock;
use toolgate_policy::{Catalog, Item, Kind, Server as Known};

use super::definitions::Definitions;
use super::server::Server;

/// The servers, each with what it is known to offer.
pub(super) fn catalog<'a>(
    servers: impl IntoIterator<Item = &'a Server>,
    lock: Option<&Lock>,
) -> Catalog {
    let known = servers.into_iter().map(|server| {
        let name = server.name.as_str();
        let approved = lock.into_iter().flat_map(|lock| lock.definitions(name));
        (name.to_owned(), of(server, approved))
    });
    Catalog { servers: known.collect(), toolsets: None }
}

fn of<'a>(server: &Server, approved: impl Iterator<Item = &'a Definition>) -> Known {
    let mut known = Known::default();
    for definition in approved {
        let kind = match definition.kind() {
            Pinned::Tool if !server.tools.offers(definition.name()) => continue,
            Pinned::Tool => Kind::Tool,
            Pinned::Prompt => Kind::Prompt,
            Pinned::Resource | Pinned::Template => Kind::Resource,
            Pinned::Instructions => continue,
        };
        known.items.push(item(kind, definition));
    }
    if !known.items.is_empty() && server.definitions == Definitions::Quarantine {
        // What was not approved is not offered.
        known.complete = vec![Kind::Tool, Kind::Prompt];
        return known;
    }
    let Some(allowed) = &server.tools.allow else { return known };
    let is_known = |items: &[Item], tool: &str| {
        items.iter().any(|item| item.kind == Kind::Tool && item.name == tool)
    };
    for tool in allowed.iter().filter(|tool| server.tools.offers(tool)) {
        if !is_known(&known.items, tool) {
            known.items.push(Item::new(Kind::Tool, tool));
        }
    }
    known.complete = vec![Kind::Tool];
    known
}

fn item(kind: Kind, definition: &Definition) -> Item {
    let written: Value = serde_json::from_slice(definition.raw()).unwrap_or_default();
    let member = |name: &str| written.get(name).cloned();
    Item {
        declared: member("annotations"),
        input: member("inputSchema"),
        ..Item::new(kind, definition.name())
    }
}
