//! Calls that run as tasks in this process (2025-11-25, tasks), for servers whose tools take their
//! time: begun at once, asked about, answered when there is an answer.
//!
//! What a client of another revision makes of that is the gateway's: it shows such a task through
//! the extension of 2026-07-28, or waits for it where a client knows no tasks.

mod end;
mod progress;
mod question;
mod room;
mod task;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use toolgate_gateway::call::{Reply, Request};
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_protocol::method::Method;

use crate::asked::{Asked, Sent};
use crate::failed::{Failed, Refusal};
use crate::server::Server;
use crate::tool::Tools;
use crate::work::Work;
use room::Room;
use task::Task;

/// How long a task is kept from its beginning, unless the client asks for less or more.
const KEPT: Duration = Duration::from_secs(600);
/// The longest that a client may ask for.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// Tasks of one caller, and of all, that are kept at once.
const MOST_OF_ONE: usize = 100;
const MOST: usize = 10_000;

/// The tasks of one server.
pub(crate) struct Tasks {
    name: Arc<str>,
    all: Mutex<HashMap<Box<str>, Arc<Task>>>,
    room: Room,
}

/// What of the parameters of a call says whether it is to become one.
#[derive(Deserialize)]
struct Wanted {
    name: String,
    task: Option<Kept>,
}

#[derive(Deserialize)]
struct Kept {
    /// In milliseconds.
    ttl: Option<u64>,
}

#[derive(Deserialize)]
struct Named {
    #[serde(rename = "taskId")]
    id: String,
}

impl Tasks {
    pub(crate) fn new(name: Arc<str>) -> Tasks {
        Tasks { name, all: Mutex::default(), room: Room::default() }
    }

    /// What goes into the capabilities of the server. There is no list: who is not told apart from
    /// others would see theirs.
    pub(crate) fn capability() -> Value {
        json!({ "cancel": {}, "requests": { "tools": { "call": {} } } })
    }

    /// How long the call wants to be kept as a task; `None` for a plain call.
    ///
    /// # Errors
    /// −32602: there is no such tool. −32601: it is never called as a task.
    pub(crate) fn wanted(asked: &Asked, tools: &Tools) -> Result<Option<Duration>, Failed> {
        let Wanted { name, task } = asked.params()?;
        let Some(Kept { ttl }) = task else { return Ok(None) };
        if tools.task_support(&name)?.is_none() {
            return Err(Refusal::no_task(&name).into());
        }
        Ok(Some(ttl.map_or(KEPT, Duration::from_millis).min(LONGEST)))
    }

    /// Begins a task, and answers with its state.
    pub(crate) fn begin(
        &self,
        server: &Arc<dyn Server>,
        asked: Asked,
        sent: Sent,
        kept: Duration,
        total: Duration,
    ) -> Result<Value, Failed> {
        let owner = asked.caller().principal.clone();
        let mut all = self.all();
        all.retain(|_, task| !task.is_over());
        let of_one = all.values().filter(|task| task.owner == owner).count();
        if all.len() >= MOST || of_one >= MOST_OF_ONE {
            let fault = Fault::new(Reason::Overloaded, "too many tasks are kept");
            return Err(fault.at(&self.name).unsent().into());
        }
        let known = all.values().find(|task| task.owner == owner);
        let room = known.map_or_else(|| self.room.of_another(), |task| task.room.clone());
        let trace = asked.trace().id().to_owned();
        let work = Work::begin(&self.name, server, asked);
        let task =
            Task::begin(owner, room, trace, (kept, total), work, sent).map_err(Failed::Fault)?;
        let state = task.state();
        all.insert(task.id.clone(), task);
        Ok(json!({ "task": state }))
    }

    /// Answers a request that concerns a task; `None` for any other.
    pub(crate) fn answer(&self, request: &Request, asked: &Asked) -> Option<Result<Reply, Failed>> {
        let known = || self.known(asked);
        Some(match request.method {
            Method::TasksGet => known().and_then(|task| task.told(request)),
            Method::TasksResult => known().map(|task| task.awaited(request)),
            Method::TasksCancel => known().and_then(|task| {
                task.cancel()?;
                task.told(request)
            }),
            _ => return None,
        })
    }

    /// The task that a request names. That of somebody else is like none.
    fn known(&self, asked: &Asked) -> Result<Arc<Task>, Failed> {
        let Named { id } = asked.params()?;
        let all = self.all();
        let is_own = |task: &&Arc<Task>| task.owner == asked.caller().principal && !task.is_over();
        let task = all.get(&*id).filter(is_own).cloned();
        task.ok_or_else(|| Refusal::invalid("unknown task").into())
    }

    /// Ends all that run, whose clients are told.
    pub(crate) fn close(&self) {
        self.all().values().for_each(|task| task.cut_off(&self.name));
    }

    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<Box<str>, Arc<Task>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
