//! What tasks of legacy servers ask, until their modern clients come for it.
//!
//! Such a server asks on the stream of `tasks/result` (2025-11-25, tasks: input required status),
//! while its client looks in from time to time. So the stream is held open here, for as long as
//! the client keeps looking in.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use toolgate_protocol::json::{Document, Limits, Mode, quote};
use toolgate_protocol::legacy::needed_for;
use toolgate_protocol::method::Method;

use super::open::Open;
use crate::authorize::permit::Permit;
use crate::call::{Frame, Request};
use crate::fault::Fault;
use crate::gateway::{Gateway, Route};
use crate::routing::member;

/// How long a client is kept waiting for the first question of a task that wants input.
const FIRST: Duration = Duration::from_secs(1);
/// How long further ones are waited for: servers ask several in a row.
const FURTHER: Duration = Duration::from_millis(25);

impl Gateway {
    /// What a task that wants input asks, as `inputRequests`; `None` while that is not known.
    pub(super) async fn questions(
        self: &Arc<Self>,
        permit: &Permit,
        route: &Route,
        request: &Request,
        task: &str,
    ) -> Result<Option<String>, Fault> {
        let id = member(request, "taskId")?.into_owned();
        let (open, is_new) = self.lasting.parking.questions.open(&id, self.config.parking.max)?;
        if !is_new {
            open.touch();
            return Ok(open.snapshot());
        }
        let params = format!(r#"{{"taskId":{}}}"#, quote(task));
        let asking = request.asking(Method::TasksResult, &params)?;
        let asking = (permit.clone(), asking);
        tokio::spawn(listen(self.clone(), route.name.clone(), id, asking, open.clone()));
        if timeout(FIRST, open.changed.notified()).await.is_ok() {
            sleep(FURTHER).await;
        }
        Ok(open.snapshot())
    }
}

/// Gathers the questions on the stream of a task's result.
async fn listen(
    gateway: Arc<Gateway>,
    server: Arc<str>,
    id: String,
    (permit, request): (Permit, Box<Request>),
    open: Arc<Open>,
) {
    let ttl = gateway.config.parking.ttl.duration();
    tokio::select! {
        outcome = gather(&gateway, &permit, &server, &request, &open) => if let Err(fault) = outcome {
            tracing::warn!(%server, %fault, "a task cannot ask its client");
        },
        // Dropping the stream and its questions tells the server.
        () = open.forgotten(ttl) => {}
    }
    gateway.lasting.parking.questions.end(&id, &open);
    open.asked().clear();
    // Whoever waits for a first question waits in vain.
    open.changed.notify_one();
}

async fn gather(
    gateway: &Gateway,
    permit: &Permit,
    server: &str,
    request: &Request,
    open: &Open,
) -> Result<(), Fault> {
    let Some(route) = gateway.route_named(server) else { return Ok(()) };
    let mut reply = gateway.send(permit, route, request).await?;
    let abilities = request.client.abilities();
    while let Some(frame) = reply.next().await {
        match frame {
            Frame::Ask(ask) => {
                let params = ask.params.clone().and_then(|params| {
                    Document::parse(params, &Limits::default(), Mode::Trusted).ok()
                });
                let object = params.as_ref().and_then(|params| params.root().object());
                let needed = needed_for(&ask.method, object.as_ref());
                // Dropped otherwise, which tells the server that nobody answers.
                if needed.is_some_and(|needed| abilities.has(needed)) {
                    open.put(ask)?;
                }
            }
            // The next look at the task finds the result.
            Frame::End(_) => return Ok(()),
            Frame::Fail(fault) => return Err(fault),
            Frame::Opened | Frame::Notification(_) | Frame::Pause(_) => {}
        }
    }
    Ok(())
}
