//! One tool as its server describes it, and what of that concerns a call.

use bytes::Bytes;
use std::borrow::Cow;
use toolgate_protocol::headers::{Mirror, mirrors};
use toolgate_protocol::json::{Document, Limits, Mode, Object, Value};

/// A tool.
pub struct Tool {
    document: Document,
}

impl Tool {
    /// Reads an entry of `tools/list`; `None` when it has no name.
    pub fn read(entry: Bytes) -> Option<Tool> {
        let document = Document::parse(entry, &Limits::default(), Mode::Trusted).ok()?;
        let tool = Tool { document };
        tool.text("name").map(|_| tool)
    }

    /// Its name.
    pub fn name(&self) -> String {
        self.text("name").unwrap_or_default()
    }

    /// A member of it that is text.
    pub fn text(&self, member: &str) -> Option<String> {
        Some(self.member(member)?.string()?.into_owned())
    }

    fn member(&self, name: &str) -> Option<Value<'_>> {
        self.document.root().object()?.get(name)
    }

    fn schema(&self) -> Option<Object<'_>> {
        self.member("inputSchema")?.object()
    }

    /// The schema of one argument. References are not followed: it is only a hint.
    fn argument(&self, name: &str) -> Option<Object<'_>> {
        self.schema()?.get("properties")?.object()?.get(name)?.object()
    }

    /// Whether an argument is to be a string, whatever else it looks like.
    pub fn wants_text(&self, argument: &str) -> bool {
        let kind = self.argument(argument).and_then(|schema| schema.get("type"));
        kind.is_some_and(|kind| {
            kind.string().as_deref() == Some("string")
                || kind.items().is_some_and(|mut kinds| {
                    kinds.any(|kind| kind.string().as_deref() == Some("string"))
                })
        })
    }

    /// The arguments that travel as headers, too (2026-07-28, transports: custom headers).
    ///
    /// # Errors
    /// One sentence, when the tool has to be left out.
    pub fn mirrors(&self) -> Result<Vec<Mirror>, String> {
        match self.schema() {
            Some(schema) => mirrors(&schema).map_err(|invalid| invalid.to_string()),
            None => Ok(Vec::new()),
        }
    }

    /// Name, type, whether it is required, and description of every argument, in order.
    pub fn arguments(&self) -> Vec<Argument> {
        let Some(schema) = self.schema() else { return Vec::new() };
        let required: Vec<_> = schema
            .get("required")
            .and_then(|list| list.items())
            .into_iter()
            .flatten()
            .filter_map(|name| name.string())
            .collect();
        let Some(properties) = schema.get("properties").and_then(|value| value.object()) else {
            return Vec::new();
        };
        let argument = |name: &str, schema: Value<'_>| {
            let schema = schema.object();
            let get = |member: &str| schema.as_ref().and_then(|schema| schema.get(member));
            let text = |member| get(member).and_then(|it| it.string().map(Cow::into_owned));
            Argument {
                required: required.iter().any(|known| known == name),
                kind: text("type").unwrap_or_default(),
                description: text("description").or_else(|| text("title")).unwrap_or_default(),
                name: name.to_owned(),
            }
        };
        properties.iter().map(|(name, schema)| argument(&name, schema)).collect()
    }
}

/// An argument of a tool or prompt.
pub struct Argument {
    /// Its name.
    pub name: String,
    /// Its JSON type; empty where the schema says something less simple.
    pub kind: String,
    /// Whether a call without it is refused.
    pub required: bool,
    /// What the server says of it.
    pub description: String,
}
