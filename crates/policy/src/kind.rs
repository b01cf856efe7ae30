//! What is it that a caller wants to use?

use std::fmt;

/// The kinds of things that callers use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A tool, which is called.
    Tool,
    /// A resource, which is read; its name is its URI.
    Resource,
    /// A prompt, which is got.
    Prompt,
    /// A method or notification that MCP does not define, which is sent.
    Method,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 4] = [Kind::Tool, Kind::Resource, Kind::Prompt, Kind::Method];
    /// Those that servers have lists of.
    pub const LISTED: [Kind; 3] = [Kind::Tool, Kind::Resource, Kind::Prompt];

    /// The entity type in policies.
    pub fn entity(self) -> &'static str {
        match self {
            Kind::Tool => "Tool",
            Kind::Resource => "Resource",
            Kind::Prompt => "Prompt",
            Kind::Method => "Method",
        }
    }

    /// The action in policies.
    pub fn action(self) -> &'static str {
        match self {
            Kind::Tool => "call",
            Kind::Resource => "read",
            Kind::Prompt => "get",
            Kind::Method => "send",
        }
    }

    /// Whether policies read arguments of it.
    pub(crate) fn has_arguments(self) -> bool {
        matches!(self, Kind::Tool | Kind::Prompt)
    }

    pub(crate) fn of_entity(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.entity() == name)
    }

    pub(crate) fn of_action(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.action() == name)
    }
}

/// One thing of one server, by the server's own name for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Thing<'a> {
    /// What kind of thing.
    pub kind: Kind,
    /// The server's name in the configuration.
    pub server: &'a str,
    /// The name of a tool, prompt or method, the URI of a resource.
    pub name: &'a str,
}

impl<'a> Thing<'a> {
    /// A tool of a server.
    pub fn tool(server: &'a str, name: &'a str) -> Thing<'a> {
        Thing { kind: Kind::Tool, server, name }
    }

    /// A resource of a server, by its URI.
    pub fn resource(server: &'a str, uri: &'a str) -> Thing<'a> {
        Thing { kind: Kind::Resource, server, name: uri }
    }

    /// A prompt of a server.
    pub fn prompt(server: &'a str, name: &'a str) -> Thing<'a> {
        Thing { kind: Kind::Prompt, server, name }
    }

    /// A method or notification that MCP does not define.
    pub fn method(server: &'a str, name: &'a str) -> Thing<'a> {
        Thing { kind: Kind::Method, server, name }
    }
}

/// As policies name it: `server/name`.
impl fmt::Display for Thing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.server, self.name)
    }
}
