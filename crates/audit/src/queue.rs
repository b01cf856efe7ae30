//! What waits to be written, many callers on one side, the writer's thread on the other; and the
//! ticket that a caller gets for it, whose end waits here in turn.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::oneshot;

use crate::record::{Intent, Outcome, Status};
use crate::refused::Refused;

/// How long after its work the writer stays half awake: what nobody waits for is then written
/// together with what somebody waits for, without a wake-up of its own.
const LINGER: Duration = Duration::from_millis(5);

/// What became of an intent.
pub(crate) type Reserved = Result<Ticket, Refused>;

/// Something to write.
pub(crate) enum Job {
    Intent {
        intent: Box<Intent>,
        answer: oneshot::Sender<Reserved>,
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

impl Job {
    /// The outcome of the intent of this line, which is known now.
    pub(crate) fn outcome(of: u64, outcome: Outcome) -> Job {
        Job::Outcome { of, time: SystemTime::now(), outcome: Box::new(outcome) }
    }

    /// Whether somebody waits for it.
    fn is_awaited(&self) -> bool {
        matches!(self, Job::Intent { .. } | Job::Flush(_))
    }
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
    sleep: Sleep,
}

/// What wakes the writer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sleep {
    /// Nothing: it works.
    None,
    /// What somebody waits for.
    Light,
    /// Anything.
    Deep,
}

impl Queue {
    pub(crate) fn new(capacity: usize) -> Queue {
        let state = State { jobs: Vec::new(), closed: false, sleep: Sleep::None };
        let held = AtomicUsize::new(0);
        Queue { state: Mutex::new(state), ready: Condvar::new(), held, capacity }
    }

    /// Takes a place for an intent or an event; false if there is none. Events leave half of the
    /// places to intents: what was refused never keeps out what is not.
    pub(crate) fn hold(&self, job: &Job) -> bool {
        let capacity = if job.is_awaited() { self.capacity } else { self.capacity / 2 };
        let held = self.held.fetch_add(1, Ordering::Relaxed);
        if held >= capacity {
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

    /// Adds a job, and wakes the writer if it sleeps; false if nothing is written any more.
    pub(crate) fn push(&self, job: Job) -> bool {
        self.add(job, true)
    }

    /// The same without waking the writer: who adds it calls [`Queue::nudge`] after others had
    /// their turn, so that one write serves them all.
    pub(crate) fn leave(&self, job: Job) -> bool {
        self.add(job, false)
    }

    /// Wakes the writer if there is something to write.
    pub(crate) fn nudge(&self) {
        let mut state = self.lock();
        if state.sleep != Sleep::None && !state.jobs.is_empty() {
            state.sleep = Sleep::None;
            drop(state);
            self.ready.notify_one();
        }
    }

    fn add(&self, job: Job, may_wake: bool) -> bool {
        let mut state = self.lock();
        if state.closed {
            // What the job drops must not find the lock taken.
            drop(state);
            drop(job);
            return false;
        }
        let wakes = may_wake
            && match state.sleep {
                Sleep::None => false,
                Sleep::Light => job.is_awaited(),
                Sleep::Deep => true,
            };
        state.jobs.push(job);
        if wakes {
            state.sleep = Sleep::None;
        }
        drop(state);
        if wakes {
            self.ready.notify_one();
        }
        true
    }

    /// Wakes the writer, which looks for itself.
    pub(crate) fn wake(&self) {
        self.lock().sleep = Sleep::None;
        self.ready.notify_one();
    }

    /// Moves all jobs to the end of `jobs`; waits for one, but not longer than `until`. Returns
    /// whether the queue is closed.
    pub(crate) fn take(&self, jobs: &mut Vec<Job>, until: Option<Instant>) -> bool {
        let linger = Instant::now() + LINGER;
        let mut state = self.lock();
        if !state.jobs.iter().any(Job::is_awaited) {
            state =
                self.sleep(state, Sleep::Light, Some(until.map_or(linger, |it| it.min(linger))));
        }
        if state.jobs.is_empty() {
            state = self.sleep(state, Sleep::Deep, until);
        }
        jobs.append(&mut state.jobs);
        state.closed
    }

    /// Sleeps until something wakes it, or it is late.
    fn sleep<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        sleep: Sleep,
        until: Option<Instant>,
    ) -> MutexGuard<'a, State> {
        state.sleep = sleep;
        while state.sleep != Sleep::None && !state.closed {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            state = match left {
                Some(left) if left.is_zero() => break,
                Some(left) => {
                    let woken = self.ready.wait_timeout(state, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.ready.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
        state.sleep = Sleep::None;
        state
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

/// The permission to go on: a call whose intent is recorded. Dropped, it ends as `cancelled`.
pub struct Ticket {
    seq: u64,
    began: Instant,
    draft: Option<Outcome>,
    queue: Arc<Queue>,
}

impl Ticket {
    pub(crate) fn new(seq: u64, queue: Arc<Queue>) -> Ticket {
        let draft = Some(Outcome::new(Status::Cancelled));
        Ticket { seq, began: Instant::now(), draft, queue }
    }

    /// The number of the line of the intent.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Says on the way what is known already, such as the decision or the server, so that a call
    /// that is dropped tells it too.
    pub fn note(&mut self, note: impl FnOnce(&mut Outcome)) {
        if let Some(draft) = &mut self.draft {
            note(draft);
        }
    }

    /// Records the outcome. Does not wait: nothing depends on it any more.
    pub fn finish(mut self, outcome: Outcome) {
        self.draft = None;
        self.end(outcome);
    }

    /// Records what was [noted](Ticket::note), with this end.
    pub fn end_as(mut self, status: Status) {
        if let Some(draft) = self.draft.take() {
            self.end(Outcome { status, ..draft });
        }
    }

    fn end(&self, outcome: Outcome) {
        let duration = outcome.duration.or_else(|| Some(self.began.elapsed()));
        // Closed: the next start records it as unknown.
        self.queue.push(Job::outcome(self.seq, Outcome { duration, ..outcome }));
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(draft) = self.draft.take() {
            self.end(draft);
        }
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ticket({})", self.seq)
    }
}
