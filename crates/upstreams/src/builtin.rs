//! Servers that run inside the gateway: MCP semantics as values, without a wire.

pub mod files;
pub mod hosted;

use serde_json::Value;

/// A JSON-RPC error: the request itself is wrong. A tool that merely fails answers with a result
/// whose `isError` is true.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The JSON-RPC code.
    pub code: i64,
    /// For a person.
    pub message: String,
    /// For a program.
    pub data: Option<Value>,
}

impl Refusal {
    /// −32602 (JSON-RPC 2.0, 5.1; MCP also uses it for unknown tools, resources and cursors).
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self { code: -32602, message: message.into(), data: None }
    }

    /// −32601: no such method.
    pub(crate) fn no_method(method: &str) -> Self {
        Self { code: -32601, message: format!("method not found: {method}"), data: None }
    }

    /// −32603: our own fault.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self { code: -32603, message: message.into(), data: None }
    }

    pub(crate) fn with(self, data: Value) -> Self {
        Self { data: Some(data), ..self }
    }
}
