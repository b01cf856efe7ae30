//! The open questions of tasks, by whose clients come for them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use toolgate_protocol::client::key;
use toolgate_protocol::json::{Document, Limits, Mode, quote};
use toolgate_protocol::splice::Edits;

use crate::call::Ask;
use crate::fault::{Fault, Reason};

/// The open questions of all tasks, by the published ids of these: a server may use an id of its
/// own more than once, in several sessions.
#[derive(Default)]
pub(crate) struct Questions(Mutex<HashMap<Box<str>, Arc<Open>>>);

/// The open questions of one task.
pub(crate) struct Open {
    asked: Mutex<Vec<(String, Ask)>>,
    pub(super) changed: Notify,
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
    pub(super) fn open(&self, id: &str, most: usize) -> Result<(Arc<Open>, bool), Fault> {
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

    pub(super) fn end(&self, id: &str, open: &Arc<Open>) {
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

    pub(super) fn put(&self, ask: Ask) -> Result<(), Fault> {
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
    pub(super) fn snapshot(&self) -> Option<String> {
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

    pub(super) fn touch(&self) {
        *self.looked.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Resolves when the client has not looked in for so long.
    pub(super) async fn forgotten(&self, ttl: Duration) {
        loop {
            let until = *self.looked.lock().unwrap_or_else(PoisonError::into_inner) + ttl;
            if until <= Instant::now() {
                return;
            }
            sleep_until(until).await;
        }
    }

    pub(super) fn asked(&self) -> MutexGuard<'_, Vec<(String, Ask)>> {
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
