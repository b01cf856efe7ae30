//! Records for a collector (OpenTelemetry protocol, logs over HTTP): a copy beside the chain.
//!
//! Each request reserves its place in a bounded queue before it goes on, and its record takes that
//! place when it ends. A thread of its own sends what waits, in batches, again and again until the
//! collector takes it. When the queue is full, requests are refused: fail closed.

mod encode;
mod send;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::mpsc::{self, OwnedPermit};
use tokio::sync::watch;

use crate::config::OtlpRules;
use crate::ledger::Unusable;
use crate::record::{Intent, Outcome, Status};
use crate::refused::Refused;
use send::Sender;

/// A future of whoever carries batches.
pub type Sending<'a> = std::pin::Pin<Box<dyn Future<Output = Result<Reply, String>> + Send + 'a>>;

/// Who carries batches to the collector.
pub trait Post: Send + Sync {
    /// Sends a POST with a JSON body to the configured endpoint. The error is that no answer came.
    fn post(&self, body: Bytes) -> Sending<'_>;
}

/// What the collector answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// The status of HTTP.
    pub status: u16,
    /// When to come back (`Retry-After`, in seconds).
    pub retry_after: Option<Duration>,
    /// The beginning of its body.
    pub body: Bytes,
}

/// The way to a collector. Cheap to clone; one for each process and endpoint, across reloads.
#[derive(Clone)]
pub(crate) struct Exporter(Arc<Open>);

struct Open {
    queue: Mutex<Option<mpsc::Sender<Record>>>,
    shared: Arc<Shared>,
    ended: watch::Receiver<bool>,
    patience: Duration,
}

/// What both sides see.
#[derive(Default)]
struct Shared {
    /// Records that the collector refused for good, or for which there was no place.
    lost: AtomicU64,
    /// Why the last attempt failed.
    trouble: Mutex<Option<String>>,
}

impl Shared {
    fn trouble(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that has ended.
struct Record {
    intent: Box<Intent>,
    outcome: Outcome,
}

/// A place in the queue. Dropped, its request ends as `cancelled`.
pub(crate) struct Place {
    permit: Option<OwnedPermit<Record>>,
    intent: Option<Box<Intent>>,
    draft: Outcome,
    began: Instant,
}

impl Exporter {
    /// Begins to send.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn open(
        rules: &OtlpRules,
        patience: Duration,
        post: Arc<dyn Post>,
    ) -> Result<Exporter, Unusable> {
        let (queue, records) = mpsc::channel(rules.queue);
        let shared = Arc::new(Shared::default());
        let (end, ended) = watch::channel(false);
        let sender = Sender::new(post, records, shared.clone());
        std::thread::Builder::new().name("audit-otlp".to_owned()).spawn(move || {
            match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime.block_on(sender.run()),
                // The queue closes with it, and nothing more is let through.
                Err(error) => tracing::error!(%error, "audit records cannot be sent"),
            }
            let _ = end.send(true);
        })?;
        Ok(Exporter(Arc::new(Open { queue: Mutex::new(Some(queue)), shared, ended, patience })))
    }

    /// A place for the record of a request.
    ///
    /// # Errors
    /// There is none: the request must be refused.
    pub(crate) fn reserve(&self, intent: &Intent) -> Result<Place, Refused> {
        let queue = self.queue().ok_or(Refused::Closed)?;
        let permit = queue.try_reserve_owned().map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Refused::Full,
            mpsc::error::TrySendError::Closed(_) => Refused::Closed,
        })?;
        Ok(Place {
            permit: Some(permit),
            intent: Some(Box::new(intent.clone())),
            draft: Outcome::new(Status::Cancelled),
            began: Instant::now(),
        })
    }

    /// Takes along what never became a call, if there is room.
    pub(crate) fn record(&self, intent: &Intent, outcome: &Outcome) {
        let record = Record { intent: Box::new(intent.clone()), outcome: outcome.clone() };
        if self.queue().is_none_or(|queue| queue.try_send(record).is_err()) {
            self.0.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What is wrong, once requests have to be refused for it.
    pub(crate) fn trouble(&self) -> Option<String> {
        let is_full = self.queue().is_none_or(|queue| queue.capacity() == 0);
        let why = || self.0.shared.trouble().clone().unwrap_or_else(|| "it is slow".to_owned());
        is_full.then(|| format!("too many records wait for the collector: {}", why()))
    }

    /// Records that the collector will never have.
    pub(crate) fn lost(&self) -> u64 {
        self.0.shared.lost.load(Ordering::Relaxed)
    }

    /// Sends what is left, and stops; false if that does not happen within the patience.
    pub(crate) async fn close(&self) -> bool {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut ended = self.0.ended.clone();
        let ended = ended.wait_for(|ended| *ended);
        matches!(tokio::time::timeout(self.0.patience, ended).await, Ok(Ok(_)))
    }

    fn queue(&self) -> Option<mpsc::Sender<Record>> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Place {
    /// Says on the way what is known already.
    pub(crate) fn note(&mut self, outcome: &Outcome) {
        self.draft = outcome.clone();
    }

    /// The request has ended.
    pub(crate) fn finish(mut self, outcome: Outcome) {
        self.draft = outcome;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let (Some(permit), Some(intent)) = (self.permit.take(), self.intent.take()) else { return };
        let mut outcome = self.draft.clone();
        outcome.duration.get_or_insert_with(|| self.began.elapsed());
        permit.send(Record { intent, outcome });
    }
}
