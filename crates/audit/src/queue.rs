//! What waits to be written: many callers on one side, the writer's thread on the other.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use tokio::sync::oneshot;

use crate::ledger::{Refused, Ticket};
use crate::record::{Intent, Outcome};

/// Something to write.
pub(crate) enum Job {
    Intent {
        intent: Box<Intent>,
        answer: oneshot::Sender<Result<Ticket, Refused>>,
    },
    Outcome {
        of: u64,
        time: SystemTime,
        outcome: Box<Outcome>,
    },
    Event {
        intent: Box<Intent>,
        outcome: Box<Outcome>,
    },
    /// The process began; the fields of its line.
    Start {
        torn: u64,
        lost: u64,
        head: &'static str,
    },
    /// Answered when everything before is on the disk.
    Flush(oneshot::Sender<()>),
}

/// Jobs in the order in which they came.
pub(crate) struct Queue {
    state: Mutex<State>,
    ready: Condvar,
    /// Intents and events that are not written yet. Outcomes need no bound of their own: there is
    /// one for each intent that was written.
    held: AtomicUsize,
    capacity: usize,
}

struct State {
    jobs: Vec<Job>,
    closed: bool,
    /// The writer sleeps.
    idle: bool,
}

impl Queue {
    pub(crate) fn new(capacity: usize) -> Queue {
        let state = State { jobs: Vec::new(), closed: false, idle: false };
        let held = AtomicUsize::new(0);
        Queue { state: Mutex::new(state), ready: Condvar::new(), held, capacity }
    }

    /// Takes a place for an intent or an event; false if there is none.
    pub(crate) fn hold(&self) -> bool {
        let held = self.held.fetch_add(1, Ordering::Relaxed);
        if held >= self.capacity {
            self.release(1);
            return false;
        }
        true
    }

    pub(crate) fn release(&self, places: usize) {
        self.held.fetch_sub(places, Ordering::Relaxed);
    }

    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Adds a job; false if nothing is written any more.
    pub(crate) fn push(&self, job: Job) -> bool {
        let mut state = self.lock();
        if state.closed {
            // What the job drops must not find the lock taken.
            drop(state);
            drop(job);
            return false;
        }
        state.jobs.push(job);
        let wake = std::mem::take(&mut state.idle);
        drop(state);
        if wake {
            self.ready.notify_one();
        }
        true
    }

    /// Moves all jobs to the end of `jobs`; waits for one, but not longer than `until`. Returns
    /// whether the queue is closed.
    pub(crate) fn take(&self, jobs: &mut Vec<Job>, until: Option<Instant>) -> bool {
        let mut state = self.lock();
        while state.jobs.is_empty() && !state.closed {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                break;
            }
            state.idle = true;
            state = match left {
                Some(left) => {
                    let woken = self.ready.wait_timeout(state, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.ready.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
            state.idle = false;
        }
        jobs.append(&mut state.jobs);
        state.closed
    }

    /// Lets nothing more in.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.ready.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
