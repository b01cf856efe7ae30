//! What tasks of legacy servers ask, until their modern clients come for it.
//!
//! Such a server asks on the stream of `tasks/result` (2025-11-25, tasks: input required status),
//! while its client looks in from time to time. So the stream is held open here, for as long as
//! the client keeps looking in.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use toolgate_protocol::client::key;
use toolgate_protocol::json::{Document, Limits, Mode, quote};
use toolgate_protocol::legacy::needed_for;
use toolgate_protocol::method::Method;
use toolgate_protocol::splice::Edits;

use crate::authorize::Permit;
use crate::call::{Ask, Frame, Request};
use crate::fault::{Fault, Reason};
use crate::gateway::{Gateway, Route};
use crate::routing::member;

/// How long a client is kept waiting for the first question of a task that wants input.
const FIRST: Duration = Duration::from_secs(1);
/// How long further ones are waited for: servers ask several in a row.
const FURTHER: Duration = Duration::from_millis(25);

/// The open questions of all tasks, by the published ids of these: a server may use an id of its
/// own more than once, in several sessions.
#[derive(Default)]
pub(crate) struct Questions(Mutex<HashMap<Box<str>, Arc<Open>>>);

/// The open questions of one task.
pub(crate) struct Open {
    asked: Mutex<Vec<(String, Ask)>>,
    changed: Notify,
    looked: Mutex<Instant>,
}

impl Questions {
    /// Those of one task.
    pub(super) fn of(&self, id: &str) -> Option<Arc<Open>> {
        self.lock().get(id).cloned()
    }

    /// How many tasks are listened to.
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Stops listening to all: their servers are told that no answer will come.
    pub(crate) fn clear(&self) {
        let all = std::mem::take(&mut *self.lock());
        for open in all.values() {
            open.asked().clear();
        }
    }

    /// Those of one task, and whether it has to be listened to from now on.
    fn open(&self, id: &str, most: usize) -> Result<(Arc<Open>, bool), Fault> {
        let mut all = self.lock();
        if let Some(open) = all.get(id) {
            return Ok((open.clone(), false));
        }
        if all.len() >= most {
            return Err(Fault::new(Reason::Overloaded, "too many tasks wait for their clients"));
        }
        let open = Arc::new(Open {
            asked: Mutex::default(),
            changed: Notify::new(),
            looked: Mutex::new(Instant::now()),
        });
        all.insert(id.into(), open.clone());
        Ok((open, true))
    }

    fn end(&self, id: &str, open: &Arc<Open>) {
        let mut all = self.lock();
        if all.get(id).is_some_and(|known| Arc::ptr_eq(known, open)) {
            all.remove(id);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Arc<Open>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Takes a question that is answered now.
    pub(super) fn take(&self, key: &str) -> Option<Ask> {
        let mut asked = self.asked();
        let at = asked.iter().position(|(known, _)| known == key)?;
        Some(asked.remove(at).1)
    }

    fn put(&self, ask: Ask) -> Result<(), Fault> {
        // Never the same twice in the life of a task (tasks extension, task update requests),
        // wherever and however often it is listened to.
        let random = getrandom::u64().map_err(|error| {
            Fault::new(Reason::Internal, "no randomness").because(error.to_string())
        })?;
        self.asked().push((format!("{random:016x}"), ask));
        self.changed.notify_one();
        Ok(())
    }

    /// The `inputRequests` of now; `None` when nothing is open.
    fn snapshot(&self) -> Option<String> {
        let mut asked = self.asked();
        // A question that the server has taken back is none.
        asked.retain(|(_, ask)| !ask.answer.is_closed());
        let entries: Vec<_> = asked
            .iter()
            .map(|(key, ask)| {
                let params = params_of(ask);
                format!("\"{key}\":{{\"method\":{},\"params\":{params}}}", quote(&ask.method))
            })
            .collect();
        (!entries.is_empty()).then(|| format!("{{{}}}", entries.join(",")))
    }

    fn touch(&self) {
        *self.looked.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Resolves when the client has not looked in for so long.
    async fn forgotten(&self, ttl: Duration) {
        loop {
            let until = *self.looked.lock().unwrap_or_else(PoisonError::into_inner) + ttl;
            if until <= Instant::now() {
                return;
            }
            sleep_until(until).await;
        }
    }

    fn asked(&self) -> MutexGuard<'_, Vec<(String, Ask)>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The parameters without the older form's mark of the task.
fn params_of(ask: &Ask) -> String {
    let Some(params) = ask.params.clone() else { return "{}".to_owned() };
    let parsed = Document::parse(params, &Limits::default(), Mode::Trusted);
    let Ok(document) = parsed else { return "{}".to_owned() };
    let mut edits = Edits::default();
    let meta = document.root().object().and_then(|params| params.get("_meta")?.object());
    if let Some(meta) = meta {
        edits.remove(&meta, key::RELATED_TASK);
    }
    String::from_utf8_lossy(&edits.apply(document.bytes())).into_owned()
}

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
