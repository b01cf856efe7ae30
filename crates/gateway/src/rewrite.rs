//! Replies of one server among several: what they name is given its published name.

use std::sync::{Arc, LazyLock};

use memchr::memmem::{self, Finder};
use tokio::sync::oneshot;
use toolgate_protocol::json::{Document, Limits, Mode, Object, Value, quote};
use toolgate_protocol::jsonrpc::{Kind, Message, codes};
use toolgate_protocol::method::Method;
use toolgate_protocol::splice::Edits;
use toolgate_protocol::tasks::related;

use crate::call::{Answer, Ask, Boxed, Caller, End, Frame, Frames, Reply, Request, Who};
use crate::fault::Fault;
use crate::gateway::{Gateway, Route};
use crate::names::Names;
use crate::routing::unknown;
use crate::seal::Keyring;
use crate::tasks::{Handle, Origins};

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
        let sealing = self.sealing(route, request);
        let published = Published { names: &route.names, tasks: &|id| sealing.seal(id) };
        let end = published.end(&request.method, end)?;
        match uri_read(self, request) {
            Some(uri) => read(end, &uri),
            None => Ok(end),
        }
    }

    fn sealing(&self, route: &Route, request: &Request) -> Sealing {
        let hides = self.hides();
        let begun_by = request.named().filter(|_| hides && request.method == Method::ToolsCall);
        Sealing {
            keys: self.lasting.keys.clone(),
            origins: hides.then(|| self.lasting.origins.clone()),
            server: route.name.clone(),
            caller: request.who.caller.clone(),
            begun_by: begun_by.map(|tool| (*tool).into()),
        }
    }

    /// The published id of a task: sealed, so that it leads back to its server and is of use to
    /// its caller alone.
    pub(crate) fn seal_task(&self, route: &Route, who: &Who, id: &str) -> String {
        let origins = self.hides().then_some(&self.lasting.origins);
        let known = origins.and_then(|origins| origins.of(&route.name, &who.caller, id));
        Handle::relayed(&route.name, &who.caller, id).begun_by(known.as_deref()).seal(self.keys())
    }
}

/// Turns the ids of a server's tasks into published ones.
struct Sealing {
    keys: Arc<Keyring>,
    /// The tools of tasks, where not everything is for everybody.
    origins: Option<Arc<Origins>>,
    server: Arc<str>,
    caller: Caller,
    /// The tool that is being called: tasks in the answer are begun by it.
    begun_by: Option<Arc<str>>,
}

impl Sealing {
    fn seal(&self, id: &str) -> String {
        let tool = self.origins.as_ref().and_then(|origins| match &self.begun_by {
            Some(tool) => {
                origins.note(&self.server, &self.caller, id, tool.clone());
                Some(tool.clone())
            }
            None => origins.of(&self.server, &self.caller, id),
        });
        Handle::relayed(&self.server, &self.caller, id).begun_by(tool.as_deref()).seal(&self.keys)
    }
}

/// What is not for everybody is kept for one caller, whatever its server says; and what
/// does not exist is answered as what is hidden.
fn read(end: End, uri: &str) -> Result<End, Fault> {
    let code = end.message.error().and_then(|error| error.get("code")?.as_i64());
    if matches!(code, Some(codes::RESOURCE_NOT_FOUND | codes::INVALID_PARAMS)) {
        return Err(unknown(&Method::ResourcesRead, uri));
    }
    let mut edits = Edits::default();
    let scope = end.message.result_object().and_then(|result| result.get("cacheScope"));
    if let Some(scope) = scope.filter(|scope| scope.raw() != "\"private\"") {
        edits.replace(scope.span(), "\"private\"");
    }
    end.edited(&edits)
}

/// The published URI of a resource that is read where not everything is for everybody.
fn uri_read(gateway: &Gateway, request: &Request) -> Option<String> {
    if !gateway.hides() || request.method != Method::ResourcesRead {
        return None;
    }
    Some(request.message.params()?.get("uri")?.string()?.into_owned())
}

/// What one server's things are called by clients.
pub(crate) struct Published<'a> {
    pub names: &'a Names,
    pub tasks: &'a dyn Fn(&str) -> String,
}

impl Published<'_> {
    fn end(&self, method: &Method, end: End) -> Result<End, Fault> {
        let mut edits = Edits::default();
        match end.message.kind() {
            Kind::Error => error_uri(self.names, end.message.error().as_ref(), &mut edits),
            // Nearly all results name nothing: one look for the keys saves the walk.
            _ if !mentions(end.message.bytes()) => return Ok(end),
            _ => {
                if let Some(result) = end.message.result_object() {
                    self.result(method, &result, &mut edits);
                }
            }
        }
        end.edited(&edits)
    }

    fn result(&self, method: &Method, result: &Object<'_>, edits: &mut Edits) {
        self.task_state(result, edits);
        if let Some(task) = result.get("task").and_then(|task| task.object()) {
            self.task_state(&task, edits);
        }
        if *method == Method::TasksList {
            for task in objects(result.get("tasks")) {
                self.task_state(&task, edits);
            }
        }
        self.relation(result.get("_meta"), edits);
        walk_result(self.names, method, result, edits);
    }

    /// A task with what it brings along: in the extension, its result or error.
    fn task_state(&self, state: &Object<'_>, edits: &mut Edits) {
        let Some(id) = state.get("taskId") else { return };
        self.task(&id, edits);
        if let Some(result) = state.get("result").and_then(|result| result.object()) {
            walk_result(self.names, &Method::ToolsCall, &result, edits);
        }
        error_uri(self.names, state.get("error").and_then(|e| e.object()).as_ref(), edits);
    }

    /// The task that a message of the older form belongs to.
    fn relation(&self, meta: Option<Value<'_>>, edits: &mut Edits) {
        let meta = meta.and_then(|meta| meta.object());
        if let Some(id) = meta.and_then(|meta| related(&meta)) {
            self.task(&id, edits);
        }
    }

    fn task(&self, id: &Value<'_>, edits: &mut Edits) {
        if let Some(text) = id.string() {
            edits.replace(id.span(), quote(&(self.tasks)(&text)));
        }
    }

    /// What a server tells of its own accord, in a call or outside of any.
    pub(crate) fn notification(&self, message: Message) -> Option<Message> {
        if !mentions(message.bytes()) {
            return Some(message);
        }
        let mut edits = Edits::default();
        if let Some(params) = message.params() {
            publish(self.names, params.get("uri"), &mut edits);
            self.task_state(&params, &mut edits);
            self.relation(params.get("_meta"), &mut edits);
        }
        if edits.is_empty() {
            return Some(message);
        }
        Message::scan_reply(edits.apply(message.bytes()), &Default::default()).ok()
    }

    /// A question that belongs to a task; its answer names the task again.
    fn ask(&self, ask: Ask) -> Ask {
        let Some(params) = ask.params.clone().filter(|params| mentions(params)) else { return ask };
        let parsed = Document::parse(params, &Limits::default(), Mode::Trusted);
        let Ok(document) = parsed else { return ask };
        let meta = document.root().object().and_then(|params| params.get("_meta")?.object());
        let id = meta.and_then(|meta| related(&meta));
        let Some((id, original)) = id.and_then(|id| Some((id, id.string()?))) else { return ask };
        let published = quote(&(self.tasks)(&original));
        let mut edits = Edits::default();
        edits.replace(id.span(), published.clone());
        let params = Some(edits.apply(document.bytes()));
        let (answer, answered) = oneshot::channel();
        let original = quote(&original);
        tokio::spawn(async move {
            if let Ok(given) = answered.await {
                let _ = ask.answer.send(renamed(given, &published, &original));
            }
        });
        Ask { params, answer, ..ask }
    }
}

/// An answer with the server's own name for the task. A sealed id cannot stand there by chance.
fn renamed(answer: Answer, published: &str, original: &str) -> Answer {
    let Answer::Result(result) = answer else { return answer };
    if memmem::find(&result, published.as_bytes()).is_none() {
        return Answer::Result(result);
    }
    let text = String::from_utf8_lossy(&result).replace(published, original);
    Answer::Result(text.into())
}

fn mentions(bytes: &[u8]) -> bool {
    static URI: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b"\"uri\""));
    static TASK: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b"\"taskId\""));
    URI.find(bytes).is_some() || TASK.find(bytes).is_some()
}

fn walk_result(names: &Names, method: &Method, result: &Object<'_>, edits: &mut Edits) {
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

fn error_uri(names: &Names, error: Option<&Object<'_>>, edits: &mut Edits) {
    let data = error.and_then(|error| error.get("data")?.object());
    publish(names, data.and_then(|data| data.get("uri")), edits);
}

fn publish(names: &Names, uri: Option<Value<'_>>, edits: &mut Edits) {
    if let Some(value) = uri
        && let Some(text) = value.string()
    {
        let published = names.publish_uri(&text);
        if *published != *text {
            edits.replace(value.span(), quote(&published));
        }
    }
}

fn objects<'a>(list: Option<Value<'a>>) -> impl Iterator<Item = Object<'a>> {
    list.and_then(|list| list.items()).into_iter().flatten().filter_map(|item| item.object())
}

/// A reply in frames, its names translated.
pub(crate) struct Rewritten<F> {
    inner: F,
    names: Names,
    method: Method,
    sealing: Sealing,
    /// The resource that is read, where there are rules.
    reads: Option<String>,
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
            sealing: gateway.sealing(route, request),
            reads: uri_read(gateway, request),
        }
    }

    fn publish(&self, frame: Frame) -> Option<Frame> {
        let seal = |id: &str| self.sealing.seal(id);
        let published = Published { names: &self.names, tasks: &seal };
        Some(match frame {
            Frame::End(end) => {
                match published.end(&self.method, end).and_then(|end| match &self.reads {
                    Some(uri) => read(end, uri),
                    None => Ok(end),
                }) {
                    Ok(end) => Frame::End(end),
                    Err(fault) => Frame::Fail(fault),
                }
            }
            Frame::Notification(message) => Frame::Notification(published.notification(message)?),
            Frame::Ask(ask) => Frame::Ask(published.ask(ask)),
            other => other,
        })
    }
}

impl<F: Frames> Frames for Rewritten<F> {
    fn next(&mut self) -> Boxed<'_, Option<Frame>> {
        Box::pin(async {
            loop {
                let frame = self.inner.next().await?;
                // Without its names a notification says nothing to anybody.
                if let Some(frame) = self.publish(frame) {
                    return Some(frame);
                }
            }
        })
    }
}

/// Lets a whole reply be treated as frames.
impl Frames for Reply {
    fn next(&mut self) -> Boxed<'_, Option<Frame>> {
        Box::pin(Reply::next(self))
    }
}
