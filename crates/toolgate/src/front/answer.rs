//! How a call's end, or its failure, looks to the client that asked.

use std::sync::Arc;

use bytes::Bytes;
use toolgate_gateway::call::End;
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_protocol::jsonrpc::{self, Kind, codes};
use toolgate_protocol::method::Method;
use toolgate_protocol::modern::{self, Hint};
use toolgate_protocol::splice::Edits;
use toolgate_protocol::version::{Era, Version};
use toolgate_protocol::{legacy, modern as protocol};

/// The end of a call as a modern client reads it, and the HTTP status that belongs to it.
pub fn to_modern(end: &End, id: &str, method: &Method, hint: Hint) -> (u16, Bytes) {
    let mut edits = with_id(end, id);
    let mut code = None;
    match end.message.kind() {
        Kind::Error => {
            if end.era == Era::Legacy {
                protocol::adopt_error(&end.message, &mut edits);
            }
            code = end.message.error().and_then(|error| error.get("code")?.as_i64());
        }
        _ if end.era == Era::Legacy => {
            protocol::adopt_result(&end.message, method, hint, &mut edits);
        }
        _ => {}
    }
    let status = end.status.unwrap_or_else(|| code.map_or(200, modern::status_of));
    (status, edits.apply(end.message.bytes()))
}

/// The end of a call as a legacy client of this revision reads it.
pub fn to_legacy(end: &End, id: &str, method: &Method, version: Version) -> Bytes {
    let mut edits = with_id(end, id);
    legacy::degrade_result(&end.message, method, version, &mut edits);
    if end.era == Era::Modern {
        match end.message.kind() {
            Kind::Error => legacy::adopt_error(&end.message, method, &mut edits),
            _ => legacy::adopt_result(&end.message, &mut edits),
        }
    }
    edits.apply(end.message.bytes())
}

fn with_id(end: &End, id: &str) -> Edits {
    let mut edits = Edits::default();
    if end.message.id() != Some(id)
        && let Some(span) = end.message.id_span()
    {
        edits.replace(span, id.to_owned());
    }
    edits
}

/// A failure as a client of this era reads it, with the HTTP status of the modern era. What the
/// model can act on is a result that it gets to see.
pub fn failure(fault: &Fault, id: &str, method: &Method, era: Era, trace: &str) -> (u16, Bytes) {
    if *method == Method::ToolsCall && fault.reason.speaks_to_model() {
        let mut result = fault.tool_result(trace);
        if era == Era::Modern {
            result.insert_str(1, r#""resultType":"complete","#);
        }
        return (200, jsonrpc::result(id, &result));
    }
    let status = match fault.reason {
        Reason::Overloaded | Reason::RateLimited | Reason::QuotaExceeded => 429,
        Reason::Draining | Reason::Unrecorded | Reason::Unavailable => 503,
        Reason::Forbidden => 403,
        reason => modern::status_of(reason.code()),
    };
    (status, error(fault, id, era, trace))
}

/// A failure as a JSON-RPC error, whatever was asked.
fn error(fault: &Fault, id: &str, era: Era, trace: &str) -> Bytes {
    let mut code = fault.reason.code();
    if era == Era::Legacy {
        code = match fault.reason {
            Reason::NoResource => codes::RESOURCE_NOT_FOUND,
            Reason::MissingCapability => codes::INTERNAL_ERROR,
            _ => code,
        };
    }
    let data = fault.data.clone().unwrap_or_else(|| fault.structured(trace));
    jsonrpc::error(Some(id), code, &fault.message, Some(&data))
}

/// A request that lacks scopes: a client over HTTP is told so by the status and a challenge
/// (2026-07-28, authorization: scope challenge handling).
pub struct Refused {
    /// All scopes that the request needs.
    pub scopes: Vec<Arc<str>>,
    /// The body of the answer.
    pub body: Bytes,
}

impl Refused {
    /// From a failure; nothing if it is of another kind.
    pub fn of(fault: Fault, id: &str, era: Era, trace: &str) -> Option<Box<Refused>> {
        if fault.scopes().is_empty() {
            return None;
        }
        let body = error(&fault, id, era, trace);
        Some(Box::new(Refused { scopes: fault.scopes().to_vec(), body }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_client_reads_a_modern_result_in_its_own_form() {
        let text = r#"{"jsonrpc":"2.0","id":7,"result":{"resultType":"complete","content":[{"type":"audio","data":"AAAA","mimeType":"audio/wav"}],"structuredContent":{"a":1e2}}}"#;
        let message = jsonrpc::Message::scan_reply(text.into(), &Default::default()).unwrap();
        let end = End { message, era: Era::Modern, status: None };

        let old = to_legacy(&end, "\"x\"", &Method::ToolsCall, Version::V2024_11_05);
        let newer = to_legacy(&end, "\"x\"", &Method::ToolsCall, Version::V2025_11_25);

        let old = String::from_utf8_lossy(&old);
        assert!(
            old.starts_with(r#"{"jsonrpc":"2.0","id":"x","result":{"content":[{"type":"text","#)
        );
        assert!(old.ends_with(r#","structuredContent":{"a":1e2}}}"#), "{old}");
        assert!(String::from_utf8_lossy(&newer).contains(r#""type":"audio""#));
    }
}
