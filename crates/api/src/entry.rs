//! An operation as it is served: its arguments are held to its schema before anything is sent.

use std::sync::OnceLock;

use serde_json::{Map, Value};
use toolgate_screen::schema::Compiled;

use crate::operation::Operation;

/// An operation, and what checks its arguments.
pub(crate) struct Entry {
    pub operation: Operation,
    /// Its input schema, compiled when it is first called; nothing if that cannot be done.
    schema: OnceLock<Option<Compiled>>,
}

impl Entry {
    pub fn new(operation: Operation) -> Entry {
        Entry { operation, schema: OnceLock::new() }
    }

    /// What is wrong with the arguments by the tool's own schema.
    pub fn wrong(&self, arguments: &Map<String, Value>) -> Option<String> {
        let schema = self.schema.get_or_init(|| {
            let schema = self.operation.tool.input_schema.to_string();
            Compiled::new(schema.as_bytes())
                .inspect_err(|error| {
                    let tool = &self.operation.tool.name;
                    tracing::warn!(tool, %error, "arguments cannot be checked");
                })
                .ok()
        });
        let Some(schema) = schema else {
            // What is not checked is not sent.
            return Some("they cannot be checked, as the schema of this tool is broken".to_owned());
        };
        let instance = serde_json::to_vec(arguments).ok()?;
        let hints = schema.check(&instance).err()?;
        let hints: Vec<_> = hints.iter().map(|hint| hint.to_string()).collect();
        Some(format!("the arguments do not fit: {}", hints.join("; ")))
    }
}
