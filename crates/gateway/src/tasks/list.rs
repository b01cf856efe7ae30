//! `tasks/list` of 2025-11-25: where there are rules, the tasks that the caller may go on with.

use std::sync::Arc;

use toolgate_protocol::splice::Edits;
use toolgate_protocol::version::{Era, Version};

use crate::authorize::Permit;
use crate::call::{End, Reply, Request, Who};
use crate::discover::describe;
use crate::fault::{Fault, Reason};
use crate::gateway::Gateway;
use crate::routing::no_method;

impl Gateway {
    /// Answers `tasks/list`.
    pub(super) async fn list_tasks(self: &Arc<Self>, request: &Request) -> Result<Reply, Fault> {
        let unknown = || no_method(&request.method);
        // Each server has a list of its own, and no cursor leads through them all.
        let route = self.only().ok_or_else(unknown)?;
        let server = describe(route, &request.who, request.client.abilities()).await?;
        if server.era == Era::Modern || request.client.version != Version::V2025_11_25 {
            return Err(unknown());
        }
        let reply = self.send(&Permit::to_list(request)?, route, request).await?;
        if !self.hides() {
            return Ok(reply);
        }
        let (gateway, who) = (self.clone(), request.who.clone());
        reply.map_end(move |end| gateway.own_tasks(&who, end))
    }

    /// A page without the tasks that somebody else began, or by a tool that the caller may not use
    /// any more. Fail closed: a task of which nobody remembers what began it is left out.
    fn own_tasks(&self, who: &Who, end: End) -> Result<End, Fault> {
        let list = end.message.result_object().and_then(|result| result.get("tasks"));
        let Some(list) = list else { return Ok(end) };
        let tasks = list.items().ok_or_else(|| {
            // What cannot be read cannot be kept from anybody either.
            Fault::new(Reason::Garbage, "the server listed tasks in no list")
        })?;
        let is_own = |id: &str| {
            self.owner_of_task(id, &who.caller).is_some_and(|(route, handle)| {
                self.authorize_task(route, who, handle.tool.as_deref()).is_ok()
            })
        };
        let mut own = Vec::new();
        for task in tasks {
            let id = task.object().and_then(|task| task.get("taskId")?.string());
            if id.is_some_and(|id| is_own(&id)) {
                own.push(task.raw());
            }
        }
        let mut edits = Edits::default();
        edits.replace(list.span(), format!("[{}]", own.join(",")));
        end.edited(&edits)
    }
}
