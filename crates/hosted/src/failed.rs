//! Why there is no answer.

use std::error::Error;

use serde_json::{Value, json};
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_protocol::jsonrpc::codes;

/// A JSON-RPC error: the request itself is wrong. A tool that merely fails answers with a result
/// whose `isError` is true, or with a fault.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The JSON-RPC code.
    pub code: i64,
    /// For a person.
    pub message: String,
    /// For a program.
    pub data: Option<Value>,
    /// Whether it is for a tool that is not there.
    pub(crate) of_unknown_tool: bool,
}

impl Refusal {
    /// −32602 (JSON-RPC 2.0, 5.1; MCP also uses it for unknown tools, prompts and cursors).
    pub fn invalid(message: impl Into<String>) -> Self {
        Self { code: -32602, message: message.into(), data: None, of_unknown_tool: false }
    }

    /// −32602: there is no such tool, or not for this caller. The caller hears the same in either case,
    /// in the words of the gateway.
    pub fn unknown_tool(name: &str) -> Self {
        Self { of_unknown_tool: true, ..Self::invalid(format!("unknown tool: {name}")) }
    }

    /// Nothing is at this URI, or nothing that the caller may know of. The code is that of
    /// 2025-11-25 (server/resources: error handling); the fronts give modern clients theirs, −32602.
    pub fn no_resource(uri: &str, message: impl Into<String>) -> Self {
        Self { code: codes::RESOURCE_NOT_FOUND, ..Self::invalid(message) }
            .with(json!({ "uri": uri }))
    }

    /// −32601: no such method.
    pub fn no_method(method: &str) -> Self {
        Self { code: -32601, ..Self::invalid(format!("method not found: {method}")) }
    }

    /// −32601: this tool is never called as a task (2025-11-25, tasks: tool-level negotiation).
    pub(crate) fn no_task(tool: &str) -> Self {
        Self { code: -32601, ..Self::invalid(format!("{tool} is not called as a task")) }
    }

    /// −32603: our own fault.
    pub fn internal(message: impl Into<String>) -> Self {
        Self { code: -32603, ..Self::invalid(message) }
    }

    /// The same with data for a program.
    #[must_use]
    pub fn with(self, data: Value) -> Self {
        Self { data: Some(data), ..self }
    }

    /// A mistake of ours, whose cause is for the log alone.
    pub(crate) fn because(self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Failed {
        Failed::Fault(Fault::new(Reason::Internal, self.message).because(cause))
    }
}

/// Why a server does not answer with a result.
#[derive(Debug)]
pub enum Failed {
    /// The request is wrong.
    Refused(Refusal),
    /// It could not be done: the category says whether to try again, and what to do.
    Fault(Fault),
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Failed {
        Failed::Refused(refusal)
    }
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Failed {
        Failed::Fault(fault)
    }
}
