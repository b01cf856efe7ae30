//! Which arguments of a tool travel in headers too (2026-07-28, transports: custom headers).
//! It is learnt from the lists of tools that pass by.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use toolgate_protocol::headers::{Mirror, Received, mirrors};
use toolgate_protocol::json::Object;
use toolgate_protocol::jsonrpc::Message;
use toolgate_protocol::version::Era;

use crate::call::Request;
use crate::fault::{Fault, Reason};

/// Tools with mirrored arguments remembered for one server at most.
const MOST: usize = 10_000;

/// The mirrored arguments of one server's tools, by the server's own names.
#[derive(Default)]
pub struct Mirrors(Mutex<HashMap<String, Known>>);

struct Known {
    mirrors: Vec<Mirror>,
    /// Whose duty it is to check the headers: a legacy server knows nothing of them.
    ours: bool,
}

impl Mirrors {
    /// Looks through a page of `tools/list`.
    pub(crate) fn learn(&self, page: &Message, era: Era) {
        // Nearly no list has any: one look saves the walk.
        if memchr::memmem::find(page.bytes(), b"x-mcp-header").is_none() {
            return;
        }
        let tools = page.result_object().and_then(|result| result.get("tools")?.items());
        for tool in tools.into_iter().flatten().filter_map(|tool| tool.object()) {
            let name = tool.get("name").and_then(|name| name.string());
            let schema = tool.get("inputSchema").and_then(|schema| schema.object());
            let (Some(name), Some(schema)) = (name, schema) else { continue };
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match mirrors(&schema) {
                Ok(found) if found.is_empty() => {
                    known.remove(&*name);
                }
                Ok(found) if known.len() < MOST => {
                    let ours = era == Era::Legacy;
                    known.insert(name.into_owned(), Known { mirrors: found, ours });
                }
                Ok(_) => {}
                Err(invalid) => tracing::warn!(tool = %name, %invalid, "an annotation is ignored"),
            }
        }
    }

    /// Checks the headers of a modern client's call, where no server will.
    ///
    /// # Errors
    /// When a header and its argument disagree.
    pub(crate) fn check(&self, request: &Request) -> Result<(), Fault> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_empty() {
            return Ok(());
        }
        let Some(tool) = request.named() else { return Ok(()) };
        let Some(known) = known.get(&*tool).filter(|known| known.ours) else { return Ok(()) };
        let received: Received<'_> =
            request.params_headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        let arguments = arguments(request);
        received
            .check_arguments(&known.mirrors, arguments.as_ref())
            .map_err(|mismatch| Fault::new(Reason::Mismatch, mismatch.to_string()))
    }

    /// Makes the headers anew whose arguments are mirrored; others stay as the client sent them.
    pub(crate) fn renew(&self, request: &mut Request) {
        let own = self.names(request);
        request
            .params_headers
            .retain(|(name, _)| !own.iter().any(|own| own.eq_ignore_ascii_case(name)));
        let headers = self.headers(request);
        request.params_headers.extend(headers);
    }

    fn names(&self, request: &Request) -> Vec<Box<str>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tool = request.named();
        let known = tool.and_then(|tool| known.get(&*tool));
        known.into_iter().flat_map(|known| &known.mirrors).map(|m| m.header.clone()).collect()
    }

    /// The headers that a modern server wants to find beside a call.
    pub(crate) fn headers(&self, request: &Request) -> Vec<(String, Bytes)> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_empty() {
            return Vec::new();
        }
        let Some(tool) = request.named() else { return Vec::new() };
        let Some(known) = known.get(&*tool) else { return Vec::new() };
        let arguments = arguments(request);
        let carried = known.mirrors.iter().filter_map(|mirror| {
            // An argument that no header can carry is for the server to refuse.
            let value = mirror.value(arguments.as_ref()).ok()??;
            Some((mirror.header.to_string(), Bytes::from(value)))
        });
        carried.collect()
    }
}

fn arguments(request: &Request) -> Option<Object<'_>> {
    request.message.params()?.get("arguments")?.object()
}
