//! Which tool began a task?

use std::sync::Arc;

use toolgate_protocol::jsonrpc::Message;
use toolgate_protocol::method::Method;

use crate::call::{Caller, Request};
use crate::gateway::{Gateway, Route};
use crate::tasks::origins::Origins;

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
