//! The servers of other clients' files: `mcpServers` (Claude, Cursor) and `servers` (VS Code).
//!
//! Those files belong to others. What we do not know in them is worth a warning, never a problem.

mod translate;

use std::path::Path;
use std::sync::Arc;

use serde_json::Value as Json;

use super::jsonc;
use super::node::{Member, Node, Value};
use super::problem::Report;
use super::sources::Sources;

use translate::translate;

/// Whether a JSON file is one of another client. `servers` alone does not tell: one of our own keys
/// next to it would be lost if the file were taken for theirs.
pub(super) fn recognises(root: &Node, schema: &Json) -> bool {
    let is_map = |key| root.member(key).is_some_and(|node| matches!(node.value, Value::Map(_)));
    let ours = &schema["properties"];
    let is_ours = |member: &Member| member.key != "servers" && ours.get(&member.key).is_some();
    is_map("mcpServers") || (is_map("servers") && !root.members().iter().any(is_ours))
}

/// A configuration of nothing but the servers of such a file.
pub(super) fn whole(root: Node, sources: &dyn Sources, report: &mut Report) -> Node {
    let place = root.place.clone();
    let servers =
        Node::new(place.key("servers", place.line), Value::List(translate(root, sources, report)));
    Node::new(place, Value::Map(vec![Member { key: "servers".to_owned(), node: servers }]))
}

/// Replaces `import` in our own file by the servers of the files it names.
pub(super) fn join(root: &mut Node, schema: &Json, sources: &dyn Sources, report: &mut Report) {
    let place = root.place.clone();
    let mut found = Vec::new();
    for item in root.member_mut("import").map(Node::items_mut).unwrap_or_default() {
        found.extend(open(item, schema, sources, report).unwrap_or_default());
    }
    if found.is_empty() {
        return;
    }
    match root.member_mut("servers").map(|servers| &mut servers.value) {
        Some(Value::List(servers)) => servers.extend(found),
        Some(_) => {}
        None => {
            let Value::Map(members) = &mut root.value else { return };
            let servers = Node::new(place.key("servers", place.line), Value::List(found));
            members.push(Member { key: "servers".to_owned(), node: servers });
        }
    }
}

fn open(
    item: &Node,
    schema: &Json,
    sources: &dyn Sources,
    report: &mut Report,
) -> Option<Vec<Node>> {
    let path = folder(&item.place.file).join(item.text()?);
    let text = match sources.read(&path) {
        Ok(text) => text,
        Err(error) => {
            let shown = item.describe();
            let message = format!("cannot read {shown}: {error} (paths are relative to this file)");
            report.problem(&item.place, message);
            return None;
        }
    };
    let root = jsonc::read(&text, &Arc::from(path), report)?;
    if !recognises(&root, schema) {
        let shown = item.describe();
        let message =
            format!("{shown} has no servers by name (import only files of other clients)");
        report.problem(&item.place, message);
        return None;
    }
    Some(translate(root, sources, report))
}

fn folder(file: &Path) -> &Path {
    file.parent().unwrap_or_else(|| Path::new(""))
}
