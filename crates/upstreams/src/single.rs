//! One start for everybody who needs the same thing, however many ask and whoever gives up.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use toolgate_gateway::fault::{Fault, Reason};

use crate::child::{Backoff, Full};

/// The longest pause that callers wait out.
const PATIENCE: Duration = Duration::from_secs(1);

type Outcome<T> = Option<Result<Arc<T>, Fault>>;

/// Something costly to start, started once: a process, a handshake.
///
/// The start runs in a task of its own, so that a caller whose time is up does not take it away
/// from the others. After a failure it is not tried again before a growing delay.
pub struct Single<T> {
    slot: Mutex<Slot<T>>,
}

struct Slot<T> {
    state: State<T>,
    backoff: Backoff,
}

impl<T> Slot<T> {
    fn wait_after(&mut self, lived: Duration) -> Duration {
        // Without randomness the delay merely lacks its jitter.
        let random = getrandom::u32().unwrap_or_default();
        let (next, wait) = self.backoff.after(lived, random);
        self.backoff = next;
        wait
    }
}

enum State<T> {
    Empty,
    Starting(watch::Receiver<Outcome<T>>),
    Ready(Arc<T>, Instant),
    Failed { fault: Fault, until: Instant },
}

impl<T: Send + Sync + 'static> Default for Single<T> {
    fn default() -> Self {
        Single { slot: Mutex::new(Slot { state: State::Empty, backoff: Backoff::default() }) }
    }
}

impl<T: Send + Sync + 'static> Single<T> {
    /// What was started, or is being started, or is started now. A short pause after a failure
    /// is waited out: nothing has been sent yet, so waiting harms nobody.
    ///
    /// # Errors
    /// What the start ended with; also while a longer pause after a failure lasts.
    pub async fn get<F>(self: &Arc<Self>, start: impl FnOnce() -> F) -> Result<Arc<T>, Fault>
    where
        F: Future<Output = Result<T, Fault>> + Send + 'static,
    {
        if let Some(pause) = self.pause()? {
            tokio::time::sleep(pause).await;
        }
        let mut outcome = {
            let mut slot = self.lock();
            match &slot.state {
                State::Ready(value, _) => return Ok(value.clone()),
                State::Starting(outcome) => outcome.clone(),
                State::Failed { .. } | State::Empty => {
                    let (tell, outcome) = watch::channel(None);
                    slot.state = State::Starting(outcome.clone());
                    drop(slot);
                    let single = self.clone();
                    let starting = start();
                    tokio::spawn(async move {
                        let result = starting.await.map(Arc::new);
                        single.settle(&result);
                        tell.send_replace(Some(result));
                    });
                    outcome
                }
            }
        };
        let settled = outcome.wait_for(Option::is_some).await;
        match settled.ok().and_then(|outcome| outcome.clone()) {
            Some(result) => result,
            None => Err(Fault::new(
                Reason::Draining,
                "the gateway stopped while the server was starting",
            )),
        }
    }

    /// How long to wait before the next start, if that is not long.
    fn pause(&self) -> Result<Option<Duration>, Fault> {
        let slot = self.lock();
        let State::Failed { fault, until } = &slot.state else { return Ok(None) };
        let left = until.saturating_duration_since(Instant::now());
        if left > PATIENCE {
            return Err(fault.clone().retry_after(left).unsent());
        }
        Ok(Some(left))
    }

    /// What was started, if it is there now.
    pub fn peek(&self) -> Option<Arc<T>> {
        match &self.lock().state {
            State::Ready(value, _) => Some(value.clone()),
            _ => None,
        }
    }

    /// Whether the last start failed, and how.
    pub fn failure(&self) -> Option<Fault> {
        match &self.lock().state {
            State::Failed { fault, .. } => Some(fault.clone()),
            _ => None,
        }
    }

    /// Whether there is nothing in it that anybody could want: nothing started, and no failure that
    /// keeps anybody waiting.
    pub fn is_empty(&self) -> bool {
        match &self.lock().state {
            State::Empty => true,
            State::Failed { until, .. } => *until <= Instant::now(),
            State::Starting(_) | State::Ready(..) => false,
        }
    }

    /// Forgets what was started, if it is still `dead`, so that the next caller starts anew.
    /// What lived only a short time waits before it is started again.
    pub fn reset(&self, dead: &Arc<T>, fault: Option<Fault>) {
        let mut slot = self.lock();
        let State::Ready(value, since) = &slot.state else { return };
        if !Arc::ptr_eq(value, dead) {
            return;
        }
        let lived = since.elapsed();
        let wait = slot.wait_after(lived);
        slot.state = match fault {
            Some(fault) if !wait.is_zero() => State::Failed { fault, until: Instant::now() + wait },
            _ => State::Empty,
        };
    }

    fn settle(&self, result: &Result<Arc<T>, Fault>) {
        let mut slot = self.lock();
        slot.state = match result {
            Ok(value) => State::Ready(value.clone(), Instant::now()),
            // Nothing was started, so nothing failed: it starts as soon as there is room.
            Err(fault) if fault.cause().is_some_and(|cause| cause.is::<Full>()) => State::Empty,
            // What one caller lacks must not keep the others waiting.
            Err(fault) if fault.is_personal => State::Empty,
            Err(fault) => {
                let wait = slot.wait_after(Duration::ZERO);
                State::Failed { fault: fault.clone(), until: Instant::now() + wait }
            }
        };
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Slot<T>> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
