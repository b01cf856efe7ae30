//! The requests of one client that are running, by their ids: what it can cancel.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// What is running.
#[derive(Default)]
pub struct Calls(Mutex<HashMap<Box<str>, Arc<Cancel>>>);

/// The end of a request by its client's wish.
#[derive(Default)]
struct Cancel {
    wished: AtomicBool,
    notify: Notify,
}

impl Cancel {
    fn wish(&self) {
        self.wished.store(true, Ordering::Release);
        self.notify.notify_one();
    }
}

/// Why a request is not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Another request with this id is running.
    SameId,
    /// The client has too many requests running.
    TooMany,
}

impl Refused {
    /// What the client is told.
    pub fn sentence(self) -> &'static str {
        match self {
            Refused::SameId => "a request with this id is running already",
            Refused::TooMany => "too many requests of this client are running",
        }
    }
}

impl Calls {
    /// Registers a request by its id as raw JSON.
    ///
    /// # Errors
    /// When its id is in use, or `most` run already.
    pub fn run(self: &Arc<Self>, id: &str, most: usize) -> Result<Running, Refused> {
        let cancel = Arc::<Cancel>::default();
        let mut calls = self.lock();
        if calls.len() >= most {
            return Err(Refused::TooMany);
        }
        if calls.contains_key(id) {
            return Err(Refused::SameId);
        }
        calls.insert(id.into(), cancel.clone());
        Ok(Running { calls: self.clone(), id: id.into(), cancel })
    }

    /// Cancels one; false when it does not run.
    pub fn cancel(&self, id: &str) -> bool {
        self.lock().get(id).inspect(|cancel| cancel.wish()).is_some()
    }

    /// Cancels all.
    pub fn cancel_all(&self) {
        for cancel in self.lock().values() {
            cancel.wish();
        }
    }

    /// Whether nothing runs.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Box<str>, Arc<Cancel>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is running; it is forgotten when this is dropped.
pub struct Running {
    calls: Arc<Calls>,
    id: Box<str>,
    cancel: Arc<Cancel>,
}

impl Running {
    /// Resolves when the client cancels the request.
    pub async fn cancelled(&self) {
        self.cancel.notify.notified().await;
    }

    /// Whether the client has cancelled the request, for what is just about to answer it.
    pub fn is_cancelled(&self) -> bool {
        self.cancel.wished.load(Ordering::Acquire)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.calls.lock().remove(&self.id);
    }
}
