//! What callers and the writer both see: what waits, how the writing goes, and what has no record.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::answers::Answers;
use crate::config::Plan;
use crate::queue::Queue;

/// The two sides of one ledger, together.
pub(crate) struct Shared {
    pub(crate) queue: Arc<Queue>,
    pub(crate) answers: Answers,
    pub(crate) patience: Duration,
    base: Instant,
    /// Since when the writer waits for the sink, in milliseconds after `base` and one more; 0 if it
    /// does not.
    busy: AtomicU64,
    trouble: Mutex<Option<String>>,
    pub(crate) written: AtomicU64,
    pub(crate) unrecorded: AtomicU64,
    pub(crate) waived: AtomicU64,
    /// Refused requests without a record of their own, by their reason.
    pub(crate) counted: Mutex<BTreeMap<&'static str, u64>>,
    /// There is something to tell of requests without a record.
    pub(crate) untold: AtomicBool,
}

impl Shared {
    pub(crate) fn new(plan: &Plan) -> Shared {
        Shared {
            queue: Arc::new(Queue::new(plan.queue)),
            answers: Answers::here(),
            patience: plan.patience.duration(),
            base: Instant::now(),
            busy: AtomicU64::new(0),
            trouble: Mutex::new(None),
            written: AtomicU64::new(0),
            unrecorded: AtomicU64::new(0),
            waived: AtomicU64::new(0),
            counted: Mutex::default(),
            untold: AtomicBool::new(false),
        }
    }

    /// The writer turns to the sink.
    pub(crate) fn busy(&self) {
        self.busy.store(self.now(), Ordering::Relaxed);
    }

    /// The sink answered.
    pub(crate) fn idle(&self) {
        self.busy.store(0, Ordering::Relaxed);
    }

    /// The chain has to tell of requests without a record. Once is enough to wake the writer.
    pub(crate) fn has_news(&self) {
        if !self.untold.swap(true, Ordering::Relaxed) {
            self.queue.wake();
        }
    }

    pub(crate) fn counted(&self) -> MutexGuard<'_, BTreeMap<&'static str, u64>> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_stalled(&self) -> bool {
        let since = self.busy.load(Ordering::Relaxed);
        since != 0 && u128::from(self.now().saturating_sub(since)) >= self.patience.as_millis()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.base.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1
    }

    pub(crate) fn trouble(&self) -> MutexGuard<'_, Option<String>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
