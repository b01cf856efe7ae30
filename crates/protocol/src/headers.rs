//! What the body says, said again in HTTP headers (2026-07-28, Streamable HTTP, "Request
//! Metadata"), so that a proxy can route without parsing. Whoever reads the body has to check that
//! both say the same.

mod mirror;
mod received;
mod sentinel;

pub use mirror::{InvalidAnnotation, Mirror, Unmirrorable, mirrors};
pub use received::{Mismatch, Received};
pub use sentinel::{decode, encode};

use std::borrow::Cow;

use crate::json::Value;
use crate::jsonrpc::{Kind, Message};

/// Equals the revision in `_meta`.
pub const VERSION: &str = "MCP-Protocol-Version";
/// Equals `method`.
pub const METHOD: &str = "Mcp-Method";
/// Equals the member of `params` that [`name_key`] tells.
pub const NAME: &str = "Mcp-Name";
/// Begins the name of a header that mirrors an argument of a tool.
pub const PARAM_PREFIX: &str = "Mcp-Param-";

/// Where `_meta` of a modern request names its revision.
pub const VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";

/// Which member of `params` a method mirrors as [`NAME`]: that of the core methods, and of the
/// tasks extension (SEP-2663).
#[must_use]
pub fn name_key(method: &str) -> Option<&'static str> {
    match method {
        "tools/call" | "prompts/get" => Some("name"),
        "resources/read" => Some("uri"),
        "tasks/get" | "tasks/update" | "tasks/cancel" => Some("taskId"),
        _ => None,
    }
}

/// The name, URI or task id that a message mirrors as [`NAME`].
#[must_use]
pub fn name(message: &Message) -> Option<Cow<'_, str>> {
    let key = name_key(message.method()?)?;
    message.params()?.get(key)?.string()
}

/// The standard headers that go with a request, encoded. Notifications and responses have none,
/// because the specification does not define them there.
#[must_use]
pub fn standard(message: &Message) -> Vec<(&'static str, String)> {
    let (Kind::Request, Some(method)) = (message.kind(), message.method()) else {
        return Vec::new();
    };
    let mut headers = vec![(METHOD, method.to_owned())];
    if let Some(version) = version(message) {
        headers.push((VERSION, version.into_owned()));
    }
    if let Some(name) = name(message) {
        headers.push((NAME, encode(&name).into_owned()));
    }
    headers
}

fn version(message: &Message) -> Option<Cow<'_, str>> {
    message.meta()?.get(VERSION_KEY).as_ref().and_then(Value::string)
}
