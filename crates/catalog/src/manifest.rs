//! What servers offer, as it is scanned: saved by `toolgate inspect --json`, or asked for just now.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use toolgate_protocol::json::{Document, Items, Limits, Mode, Object, Value};

use crate::definition::{Definition, Kind, Unreadable};
use crate::tree::Tree;

/// All that one server offers.
#[derive(Debug, Clone, Default)]
pub struct Manifest {
    /// What the server is called: a name of the configuration, a file or a host.
    pub server: String,
    /// What the server tells models to do with it.
    pub instructions: Option<String>,
    /// Its definitions, in its order.
    pub definitions: Vec<Definition>,
    /// Entries that are no definitions: the list they were in, their position, and why.
    pub unreadable: Vec<(Kind, usize, Unreadable)>,
    /// Arguments that no client gives, and no model sees, as the gateway gives them: by tool.
    pub given: BTreeMap<String, BTreeSet<String>>,
}

impl Manifest {
    /// Of a server called `server`, so far without definitions.
    #[must_use]
    pub fn new(server: &str) -> Manifest {
        Manifest { server: server.to_owned(), ..Manifest::default() }
    }

    /// Adds the entries of a list, as the server wrote them.
    pub fn add(&mut self, kind: Kind, entries: impl IntoIterator<Item = Bytes>) {
        for (at, entry) in entries.into_iter().enumerate() {
            match Definition::read(kind, entry) {
                Ok(definition) => self.definitions.push(definition),
                Err(why) => self.unreadable.push((kind, at, why)),
            }
        }
    }

    /// All that can be approved: its definitions, and its instructions as one more.
    #[must_use]
    pub fn pinnable(&self) -> Vec<Definition> {
        let instructions = self.instructions.iter().map(|text| Definition::instructions(text));
        self.definitions.iter().cloned().chain(instructions.flatten()).collect()
    }

    /// A definition as a client is shown it. What a person approves is the whole of it.
    pub(crate) fn seen(&self, definition: &Definition) -> Tree {
        let mut tree = definition.tree();
        let given = self.given.get(definition.name());
        if let Some(given) = given.filter(|_| definition.kind() == Kind::Tool)
            && let Some(schema) = tree.get_mut("inputSchema")
        {
            if let Some(Tree::Object(properties)) = schema.get_mut("properties") {
                properties.retain(|(name, _)| !given.contains(&**name));
            }
            if let Some(Tree::List(required)) = schema.get_mut("required") {
                required.retain(|name| !name.text().is_some_and(|name| given.contains(name)));
            }
        }
        tree
    }

    /// How many tools there are.
    #[must_use]
    pub fn tools(&self) -> usize {
        self.definitions.iter().filter(|it| it.kind() == Kind::Tool).count()
    }
}

/// Reads a saved manifest: the output of `toolgate inspect --json`, the answer to `tools/list` with
/// or without its envelope, a bare array of tools, or several of these as `{"servers": {NAME: ...}}`
/// or `{"servers": [{"name": ..., "tools": [...]}]}`. A server without a name is called `name`.
///
/// # Errors
/// One sentence, when it is none of these.
pub fn parse(name: &str, text: Bytes) -> Result<Vec<Manifest>, String> {
    let limits = Limits { depth: Limits::DEPTH, ..Limits::default() };
    // Trusted: an entry that repeats a key must not hide the good ones beside it.
    let document = Document::parse(text, &limits, Mode::Trusted)
        .map_err(|error| format!("not a saved manifest: {error}"))?;
    let missing = || "not a saved manifest: no list of tools, prompts or resources".to_owned();
    let root = document.root();
    let Some(servers) = root.object().and_then(|object| object.get("servers")) else {
        return Ok(vec![one(&document, name, &root).ok_or_else(missing)?]);
    };
    let mut all = Vec::new();
    for (name, server) in servers.object().iter().flat_map(Object::iter) {
        all.push(one(&document, &name, &server).ok_or_else(missing)?);
    }
    for server in servers.items().into_iter().flatten() {
        let own = server.object().and_then(|object| object.get("name")?.string());
        all.push(one(&document, own.as_deref().unwrap_or(name), &server).ok_or_else(missing)?);
    }
    Ok(all)
}

fn one(document: &Document, name: &str, value: &Value<'_>) -> Option<Manifest> {
    let mut manifest = Manifest::new(name);
    let entries =
        |list: Items<'_>| list.map(|entry| document.slice(entry.span())).collect::<Vec<_>>();
    if let Some(tools) = value.items() {
        manifest.add(Kind::Tool, entries(tools));
        return Some(manifest);
    }
    let object = value.object()?;
    let object = object.get("result").and_then(|result| result.object()).unwrap_or(object);
    manifest.instructions =
        object.get("instructions").and_then(|text| text.string()).map(Cow::into_owned);
    let mut any = false;
    for kind in Kind::ALL {
        let Some(list) = object.get(kind.list()).and_then(|list| list.items()) else { continue };
        any = true;
        manifest.add(kind, entries(list));
    }
    any.then_some(manifest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_known_in_every_form_it_is_saved_in() {
        let tool = r#"{"name":"a","description":"d"}"#;
        for text in [
            format!(r#"[{tool}]"#),
            format!(r#"{{"tools":[{tool}],"prompts":[]}}"#),
            format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{tool}]}}}}"#),
            format!(r#"{{"servers":{{"s":{{"tools":[{tool}]}}}}}}"#),
            format!(r#"{{"servers":[{{"name":"s","tools":[{tool}]}}]}}"#),
        ] {
            let found = parse("s", text.clone().into()).unwrap();
            assert_eq!((found.len(), &*found[0].server, found[0].tools()), (1, "s", 1), "{text}");
        }
        for text in ["{}", "1", "{", r#"{"servers":{"s":{"command":"x"}}}"#] {
            assert!(parse("s", text.into()).is_err(), "{text}");
        }
    }

    #[test]
    fn what_the_gateway_gives_is_not_shown() {
        let tool = r#"{"name":"a","inputSchema":{"type":"object","properties":{"id":{},"tenant":{}},"required":["tenant","id"]}}"#;
        let mut manifest = parse("s", format!("[{tool}]").into()).unwrap().remove(0);
        assert_eq!(manifest.seen(&manifest.definitions[0]).compact(), tool);

        manifest.given = [("a".to_owned(), ["tenant".to_owned()].into())].into();

        let shown = manifest.seen(&manifest.definitions[0]).compact();
        assert_eq!(
            shown,
            r#"{"name":"a","inputSchema":{"type":"object","properties":{"id":{}},"required":["id"]}}"#
        );
        assert_eq!(&manifest.definitions[0].raw()[..], tool.as_bytes());
    }

    #[test]
    fn an_entry_that_cannot_be_read_does_not_hide_the_others() {
        let text = r#"{"tools":[{"name":"a"},{"name":"b","name":"c"},{"title":"d"},{"name":"e\ud800"},{"name":"f"}]}"#;

        let found = parse("s", text.into()).unwrap().remove(0);

        let names: Vec<_> = found.definitions.iter().map(Definition::name).collect();
        assert_eq!(names, ["a", "f"]);
        let at: Vec<_> = found.unreadable.iter().map(|(_, at, _)| *at).collect();
        assert_eq!(at, [1, 2, 3]);
    }
}
