//! What a server says one of its tools, prompts or resources is.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;

use toolgate_protocol::json::quote;

use crate::canonical::{self, Hash};
use crate::tree::Tree;

/// What is defined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the words of the protocol")]
pub enum Kind {
    Tool,
    Prompt,
    Resource,
    Template,
    /// What a server tells models to do with it.
    Instructions,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 5] =
        [Kind::Tool, Kind::Prompt, Kind::Resource, Kind::Template, Kind::Instructions];

    /// The member of a list result, and of saved manifests.
    #[must_use]
    pub fn list(self) -> &'static str {
        match self {
            Kind::Tool => "tools",
            Kind::Prompt => "prompts",
            Kind::Resource => "resources",
            Kind::Template => "resourceTemplates",
            Kind::Instructions => "instructions",
        }
    }

    /// The member that names a definition: requests say it to mean this one.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Kind::Tool | Kind::Prompt | Kind::Instructions => "name",
            Kind::Resource => "uri",
            Kind::Template => "uriTemplate",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Tool => "tool",
            Kind::Prompt => "prompt",
            Kind::Resource => "resource",
            Kind::Template => "template",
            Kind::Instructions => "text",
        })
    }
}

impl FromStr for Kind {
    type Err = ();

    /// Reads the name of its list.
    fn from_str(list: &str) -> Result<Kind, ()> {
        Kind::ALL.into_iter().find(|kind| kind.list() == list).ok_or(())
    }
}

/// Why an entry of a list cannot be pinned or judged. Whoever serves it serves what nobody read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

/// One definition, as its server wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    kind: Kind,
    name: Box<str>,
    raw: Bytes,
    hash: Hash,
}

impl Definition {
    /// Reads an entry of a list.
    ///
    /// # Errors
    /// When it has no name, is no JSON object, repeats a key, has text that is none, or nests deeper
    /// than 64 levels.
    pub fn read(kind: Kind, raw: Bytes) -> Result<Definition, Unreadable> {
        let tree = Tree::parse(raw.clone()).map_err(Unreadable)?;
        let name = tree.get(kind.key()).and_then(Tree::text);
        let name = name.ok_or_else(|| Unreadable(format!("no {}", kind.key())))?.into();
        let hash = Hash::of(&canonical::of(&matters(kind, tree)));
        Ok(Definition { kind, name, raw, hash })
    }

    /// The instructions of a server, as if it was one of its things. A server has one text of them.
    ///
    /// # Errors
    /// Never: the text is quoted here.
    pub fn instructions(text: &str) -> Result<Definition, Unreadable> {
        let raw = format!(r#"{{"name":"instructions","text":{}}}"#, quote(text));
        Definition::read(Kind::Instructions, raw.into())
    }

    /// What a member says that is a text.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<String> {
        self.tree().get(key)?.text().map(str::to_owned)
    }

    /// What is defined.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its name; of a resource the URI, of a template the URI template.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The JSON text as it came.
    #[must_use]
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// Its hash: the same however members are ordered and spaced, another as soon as any value
    /// differs. It covers the whole definition, unknown members and `_meta` included, for a client
    /// may act on any of them; of a resource all but its size and date, which change with its
    /// content.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// The text for people: one member a line in the server's order, hidden characters escaped.
    #[must_use]
    pub fn pretty(&self) -> String {
        self.tree().pretty()
    }

    /// One of its members, as JSON.
    #[must_use]
    pub fn member(&self, key: &str) -> Option<Vec<u8>> {
        Some(self.tree().get(key)?.compact().into_bytes())
    }

    pub(crate) fn tree(&self) -> Tree {
        // It was read once, so it can be read again.
        Tree::parse(self.raw.clone()).unwrap_or(Tree::Null)
    }
}

/// What of a definition a person approves.
fn matters(kind: Kind, mut tree: Tree) -> Tree {
    if let (Kind::Resource, Tree::Object(members)) = (kind, &mut tree) {
        members.retain(|(key, _)| **key != *"size");
        for (key, value) in members {
            if let ("annotations", Tree::Object(annotations)) = (&**key, value) {
                annotations.retain(|(key, _)| **key != *"lastModified");
            }
        }
    }
    tree
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(kind: Kind, text: &str) -> Hash {
        Definition::read(kind, text.to_owned().into()).unwrap().hash()
    }

    #[test]
    fn every_member_of_a_tool_is_pinned() {
        let tool = r#"{"name":"a","title":"t","description":"d","inputSchema":{"type":"object"},
            "outputSchema":{},"annotations":{"readOnlyHint":true},"icons":[{"src":"x"}],"_meta":{"k":1},"new":0}"#;
        let before = hash(Kind::Tool, tool);

        for (old, new) in [
            (r#""name":"a""#, r#""name":"b""#),
            (r#""title":"t""#, r#""title":"T""#),
            (r#""description":"d""#, r#""description":"d ""#),
            (r#""type":"object""#, r#""type":"string""#),
            (r#""outputSchema":{}"#, r#""outputSchema":{"x":null}"#),
            ("true", "false"),
            (r#""src":"x""#, r#""src":"y""#),
            (r#""k":1"#, r#""k":2"#),
            (r#""new":0"#, r#""new":null"#),
        ] {
            assert!(tool.contains(old));
            assert_ne!(hash(Kind::Tool, &tool.replace(old, new)), before, "{new}");
        }
    }

    #[test]
    fn a_resource_whose_content_grows_is_the_same_resource() {
        let one = r#"{"uri":"file:///a","name":"a","size":1,"annotations":{"lastModified":"2026-01-01T00:00:00Z","priority":1}}"#;
        let two = r#"{"uri":"file:///a","name":"a","size":22,"annotations":{"lastModified":"2026-02-01T00:00:00Z","priority":1}}"#;
        let other = one.replace("\"priority\":1", "\"priority\":0");

        assert_eq!(hash(Kind::Resource, one), hash(Kind::Resource, two));
        assert_ne!(hash(Kind::Resource, one), hash(Kind::Resource, &other));
    }

    #[test]
    fn what_has_no_name_is_no_definition() {
        for text in ["{}", "[]", "1", r#"{"name":1}"#, r#"{"name":"a","name":"b"}"#, "{"] {
            assert!(Definition::read(Kind::Tool, text.to_owned().into()).is_err(), "{text}");
        }
    }
}
