//! Replies of one server among several: what they name is given its published name.

use std::sync::Arc;

use toolgate_protocol::json::{Object, Value, quote};
use toolgate_protocol::jsonrpc::{Kind, Message};
use toolgate_protocol::method::Method;
use toolgate_protocol::splice::Edits;

use crate::call::{Boxed, End, Frame, Frames, Reply, Request};
use crate::fault::{Fault, Reason};
use crate::gateway::{Gateway, Route};
use crate::names::Names;
use crate::seal::{Keyring, Purpose};

impl Gateway {
    /// Translates the names in the end of a call.
    pub(crate) fn translate(
        &self,
        route: &Route,
        request: &Request,
        end: End,
    ) -> Result<End, Fault> {
        if self.is_plain(route) {
            return Ok(end);
        }
        let tasks = |id: &str| seal_task(self.keys(), &route.name, id);
        translate(&route.names, &request.method, end, &tasks)
    }
}

/// The published id of a task: sealed, so that it leads back to its server.
pub(crate) fn seal_task(keys: &Keyring, server: &Arc<str>, id: &str) -> String {
    keys.seal(Purpose::Task, &(&**server, id))
}

fn translate(
    names: &Names,
    method: &Method,
    end: End,
    seal_task: &dyn Fn(&str) -> String,
) -> Result<End, Fault> {
    let mut edits = Edits::default();
    let bytes = end.message.bytes();
    match end.message.kind() {
        Kind::Error => error_uri(names, &end.message, &mut edits),
        // Nearly all results name nothing: one look for the key saves the walk.
        _ if !mentions(bytes, method) => return Ok(end),
        _ => {
            if let Some(result) = end.message.result_object() {
                walk_result(names, method, &result, seal_task, &mut edits);
            }
        }
    }
    if edits.is_empty() {
        return Ok(end);
    }
    let message =
        Message::scan_reply(edits.apply(bytes), &Default::default()).map_err(|error| {
            Fault::new(Reason::Internal, "a translated result is malformed").because(error)
        })?;
    Ok(End { message, ..end })
}

fn mentions(bytes: &[u8], method: &Method) -> bool {
    let key: &[u8] = match method {
        Method::TasksGet | Method::TasksCancel | Method::TasksUpdate => return true,
        _ => b"\"uri\"",
    };
    memchr::memmem::find(bytes, key).is_some()
        || memchr::memmem::find(bytes, b"\"taskId\"").is_some()
}

fn walk_result(
    names: &Names,
    method: &Method,
    result: &Object<'_>,
    seal_task: &dyn Fn(&str) -> String,
    edits: &mut Edits,
) {
    for holder in [Some(result.clone()), result.get("task").and_then(|task| task.object())] {
        if let Some(id) = holder.and_then(|holder| holder.get("taskId"))
            && let Some(text) = id.string()
        {
            edits.replace(id.span(), quote(&seal_task(&text)));
        }
    }
    match method {
        Method::ResourcesRead => {
            for content in objects(result.get("contents")) {
                publish(names, content.get("uri"), edits);
            }
        }
        Method::PromptsGet => {
            for message in objects(result.get("messages")) {
                if let Some(content) = message.get("content").and_then(|value| value.object()) {
                    block(names, &content, edits);
                }
            }
        }
        _ => {
            for content in objects(result.get("content")) {
                block(names, &content, edits);
            }
        }
    }
}

/// A content block: links and embedded resources carry URIs.
fn block(names: &Names, content: &Object<'_>, edits: &mut Edits) {
    let kind = content.get("type").and_then(|kind| kind.string());
    let uri = match kind.as_deref() {
        Some("resource_link") => content.get("uri"),
        Some("resource") => content
            .get("resource")
            .and_then(|resource| resource.object())
            .and_then(|resource| resource.get("uri")),
        _ => None,
    };
    // Links to the web are for the client to fetch itself.
    let is_web = uri
        .as_ref()
        .and_then(|uri| uri.string())
        .is_some_and(|uri| uri.starts_with("https://") || uri.starts_with("http://"));
    if !is_web {
        publish(names, uri, edits);
    }
}

fn error_uri(names: &Names, message: &Message, edits: &mut Edits) {
    let data = message.error().and_then(|error| error.get("data")?.object());
    publish(names, data.and_then(|data| data.get("uri")), edits);
}

fn publish(names: &Names, uri: Option<Value<'_>>, edits: &mut Edits) {
    if let Some(value) = uri
        && let Some(text) = value.string()
    {
        edits.replace(value.span(), quote(&names.publish_uri(&text)));
    }
}

fn objects<'a>(list: Option<Value<'a>>) -> impl Iterator<Item = Object<'a>> {
    list.and_then(|list| list.items()).into_iter().flatten().filter_map(|item| item.object())
}

/// A reply in frames, its end translated.
pub(crate) struct Rewritten<F> {
    inner: F,
    names: Names,
    method: Method,
    keys: Arc<Keyring>,
    server: Arc<str>,
}

impl<F: Frames> Rewritten<F> {
    pub(crate) fn new(
        inner: F,
        gateway: &Gateway,
        route: &Route,
        request: &Request,
    ) -> Rewritten<F> {
        Rewritten {
            inner,
            names: route.names.for_uris(),
            method: request.method.clone(),
            keys: gateway.lasting.keys.clone(),
            server: route.name.clone(),
        }
    }
}

impl<F: Frames> Frames for Rewritten<F> {
    fn next(&mut self) -> Boxed<'_, Option<Frame>> {
        Box::pin(async {
            Some(match self.inner.next().await? {
                Frame::End(end) => {
                    let tasks = |id: &str| seal_task(&self.keys, &self.server, id);
                    match translate(&self.names, &self.method, end, &tasks) {
                        Ok(end) => Frame::End(end),
                        Err(fault) => Frame::Fail(fault),
                    }
                }
                other => other,
            })
        })
    }
}

/// Lets a whole reply be treated as frames.
impl Frames for Reply {
    fn next(&mut self) -> Boxed<'_, Option<Frame>> {
        Box::pin(Reply::next(self))
    }
}
