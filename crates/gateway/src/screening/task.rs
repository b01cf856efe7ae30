//! Tasks: which tool began one, and the state of one with what it brings along.

use std::sync::Arc;

use bytes::Bytes;
use toolgate_protocol::json::{Document, Limits, Mode, Span};
use toolgate_protocol::jsonrpc::{Kind, Message};
use toolgate_protocol::method::Method;
use toolgate_protocol::splice::Edits;

use super::result::Subject;
use crate::call::{Caller, Request};
use crate::fault::{Fault, Reason};
use crate::gateway::{Gateway, Route};
use crate::tasks::Origins;

/// What of a state is the outcome of the call that began the task (tasks extension, getting tasks).
const BROUGHT: [(&str, Kind); 2] = [("result", Kind::Result), ("error", Kind::Error)];

/// The tool, by its server's own name, whose call or task a request is about.
pub(super) fn tool_of(gateway: &Gateway, route: &Route, request: &Request) -> Option<Arc<str>> {
    match &request.method {
        Method::ToolsCall => Some((*request.named()?).into()),
        method if method.is_task() => {
            gateway.lasting.origins.of(&route.name, &request.who.caller, &request.named()?)
        }
        _ => None,
    }
}

/// The same for an event, if it tells of a task.
pub(super) fn tool_of_event(
    gateway: &Gateway,
    route: &Route,
    caller: &Caller,
    event: &Message,
) -> Option<Arc<str>> {
    let id = event.params()?.get("taskId")?.string()?;
    gateway.lasting.origins.of(&route.name, caller, &id)
}

/// Whether a notification tells of a task: `notifications/tasks`, which has its whole state, or the
/// older `notifications/tasks/status`.
pub(super) fn is_about_task(event: &Message) -> bool {
    matches!(event.method(), Some("notifications/tasks" | "notifications/tasks/status"))
}

/// What began with a call of a tool: later answers only name the task.
#[derive(Clone)]
pub(super) struct Beginning {
    pub origins: Arc<Origins>,
    pub tool: Arc<str>,
}

impl Beginning {
    /// Notes the tool, if the answer to its call is a task of either form.
    pub(super) fn note(&self, server: &str, caller: &Caller, answer: &Message) {
        let Some(result) = answer.result_object() else { return };
        let older = result.get("task").and_then(|task| task.object());
        let id = older.as_ref().unwrap_or(&result).get("taskId").and_then(|id| id.string());
        if let Some(id) = id {
            self.origins.note(server, caller, &id, self.tool.clone());
        }
    }
}

impl Subject {
    /// A task's state as it goes out. The outcome in it is looked at as if the call had ended with
    /// it, and the rest of the state by itself.
    pub(super) fn state(&self, came: Bytes) -> Result<Bytes, Fault> {
        let brought = brought(&came);
        if brought.is_empty() {
            return self.part(&self.method, came, Kind::Result, false);
        }
        let (mut bare, mut outcomes) = (Edits::default(), Vec::new());
        for Brought { member, kind, span, is_error } in brought {
            let outcome = came.slice(span.range());
            outcomes.push((member, self.part(&Method::ToolsCall, outcome, kind, is_error)?));
            bare.replace(span, "null");
        }
        let bare = bare.apply(&came);
        with(self.part(&self.method, bare, Kind::Result, false)?, outcomes)
    }
}

struct Brought {
    member: &'static str,
    kind: Kind,
    span: Span,
    is_error: bool,
}

fn brought(state: &Bytes) -> Vec<Brought> {
    let parsed = Document::parse(state.clone(), &Limits::default(), Mode::Trusted);
    let Some(state) = parsed.as_ref().ok().and_then(|parsed| parsed.root().object()) else {
        return Vec::new();
    };
    let found = BROUGHT.into_iter().filter_map(|(member, kind)| {
        let outcome = state.get(member)?.object()?;
        let failed = || outcome.get("isError").and_then(|is| is.as_bool()) == Some(true);
        Some(Brought {
            member,
            kind,
            span: outcome.span(),
            is_error: kind == Kind::Error || failed(),
        })
    });
    found.collect()
}

fn with(state: Bytes, outcomes: Vec<(&'static str, Bytes)>) -> Result<Bytes, Fault> {
    let document = Document::parse(state, &Limits::default(), Mode::Trusted).map_err(|error| {
        Fault::new(Reason::Internal, "a screened task is malformed").because(error)
    })?;
    let Some(state) = document.root().object() else { return Ok(document.bytes().clone()) };
    let mut edits = Edits::default();
    for (member, outcome) in outcomes {
        // A rule may have taken it out of the state.
        if let Some(place) = state.get(member) {
            edits.replace(place.span(), outcome);
        }
    }
    Ok(edits.apply(document.bytes()))
}
