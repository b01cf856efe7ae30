//! Tasks of servers: relayed within an era, bridged from legacy servers to modern clients, and
//! followed by the gateway itself for clients that cannot.
//!
//! The fourth way, from a modern server to a legacy client, needs nothing: the extension is never
//! declared for such a client, so the server answers its calls directly.

mod bridge;
mod errand;
mod handle;
mod list;
pub(crate) mod open;
pub(crate) mod origins;
mod questions;
pub(crate) mod support;

use std::sync::Arc;

use toolgate_protocol::client::Abilities;
use toolgate_protocol::method::Method;
use toolgate_protocol::tasks::Task;
use toolgate_protocol::version::{Era, Version};

use crate::authorize::permit::Permit;
use crate::call::{Reply, Request};
use crate::discover::describe;
use crate::fault::Fault;
use crate::gateway::{Gateway, Route};
use crate::parking::missing;
use crate::routing::{member, no_method, rename, unknown_task};

pub(crate) use handle::Handle;
pub use origins::Origins;
pub use support::Support;

impl Gateway {
    /// Answers a request that concerns a task.
    pub(crate) async fn task(self: &Arc<Self>, mut request: Box<Request>) -> Result<Reply, Fault> {
        let client = request.client.era();
        // Declared with each request (tasks extension, protocol errors).
        if client == Era::Modern && !request.client.abilities().has(Abilities::TASKS) {
            return Err(missing(Abilities::TASKS));
        }
        if request.method == Method::TasksList {
            return self.list_tasks(&request).await;
        }
        let (route, handle) = self.route_task(&mut request)?;
        let permit = self.permit_task(route, &request, handle.as_ref())?;
        request.permitted(&permit);
        let bridge = handle.and_then(|handle| handle.bridge);
        if let Some(bridge) = &bridge {
            bridge.enter(&mut request.client);
        }
        let server = describe(route, &request.who, request.client.abilities()).await?;
        match (client, server.era) {
            (Era::Modern, Era::Modern) => self.send(&permit, route, &request).await,
            (Era::Legacy, Era::Legacy) if request.client.version >= Version::V2025_11_25 => {
                self.send(&permit, route, &request).await
            }
            (Era::Modern, Era::Legacy) if bridge.is_some() => {
                self.bridge(&permit, route, request).await
            }
            (Era::Modern, Era::Legacy) => Err(unknown_task()),
            (Era::Legacy, _) => Err(no_method(&request.method)),
        }
    }

    /// Whether the caller may go on with a task: as long as it may use the tool that began it.
    fn permit_task(
        &self,
        route: &Route,
        request: &Request,
        handle: Option<&Handle>,
    ) -> Result<Permit, Fault> {
        let tool = handle.and_then(|handle| handle.tool.as_deref());
        let permit = self.authorize_task(route, &request.who, tool)?;
        if let (Some(handle), Some(tool)) = (handle, tool) {
            // What its server says of it without being asked has to get the same id.
            let origins = &self.lasting.origins;
            origins.note(&route.name, &request.who.caller, &handle.task, tool.into());
        }
        Ok(permit)
    }

    /// The server of a task, and what its id says; one server alone keeps its ids.
    pub(crate) fn route_task(
        &self,
        request: &mut Request,
    ) -> Result<(&Route, Option<Handle>), Fault> {
        let id = member(request, "taskId")?.into_owned();
        if let Some((route, handle)) = self.owner_of_task(&id, &request.who.caller) {
            rename(request, "taskId", &id, handle.task.as_str().into());
            return Ok((route, Some(handle)));
        }
        self.only().map(|route| (route, None)).ok_or_else(unknown_task)
    }

    /// The replica where a bridged task has its session with the server, if that is another one.
    pub(crate) fn task_elsewhere(&self, request: &Request) -> Option<String> {
        let id = member(request, "taskId").ok()?;
        let handle = Handle::open(&id, &request.who.caller, self.keys())?;
        let replica = handle.bridge?.replica?;
        (self.replica.as_deref() != Some(&*replica)).then_some(replica)
    }

    /// Whether the tool runs only as a task, while the call is a plain one. Then the gateway makes
    /// a task of it, whatever the client knows of tasks.
    pub(crate) async fn must_become_task(
        &self,
        route: &Route,
        request: &Request,
    ) -> Result<bool, Fault> {
        let params = request.message.params();
        let is_legacy = request.client.era() == Era::Legacy;
        // A modern server ignores the older parameter, and so do we on its behalf.
        if is_legacy && params.is_some_and(|params| params.get("task").is_some()) {
            return Ok(false);
        }
        let Some(tool) = request.named() else { return Ok(false) };
        match route.tasks.requires(&tool) {
            Some(known) => Ok(known),
            None => {
                // Once for each server, so all other calls need no room for it.
                Box::pin(self.learn_support(route, request)).await?;
                Ok(route.tasks.requires(&tool).unwrap_or(false))
            }
        }
    }

    async fn learn_support(&self, route: &Route, request: &Request) -> Result<(), Fault> {
        let server = describe(route, &request.who, request.client.abilities()).await?;
        if server.offers_tasks() {
            self.relist(&[route], request).await;
        }
        route.tasks.settle();
        Ok(())
    }

    /// Calls a tool as a task. A client that declared the extension is handed the task; for any
    /// other the gateway waits, and answers with what comes of it.
    pub(crate) async fn call_as_task(
        self: &Arc<Self>,
        permit: &Permit,
        route: &Route,
        mut request: Box<Request>,
    ) -> Result<Reply, Fault> {
        if let Some(params) = request.message.params() {
            request.edits.set(&params, "task", "{}");
        }
        let end = self.send(permit, route, &request).await?.end().await?;
        let Some(task) = Task::created(&end.message) else { return Ok(Reply::Whole(end)) };
        let client = &request.client;
        if client.era() == Era::Modern && client.abilities().has(Abilities::TASKS) {
            let handle = Handle::bridged(self, route, &request, self.original(&task.id));
            let id = handle.seal(self.keys());
            return self.own_result(&request, &task.to_created(&id));
        }
        let id = self.original(&task.id);
        errand::begin(self, permit, route, &request, id, task.poll_interval()).await
    }

    /// What the server called the task in an answer that was translated already.
    fn original(&self, id: &str) -> String {
        Handle::peek(id, self.keys()).map_or_else(|| id.to_owned(), |handle| handle.task)
    }
}

#[cfg(test)]
mod tests;
