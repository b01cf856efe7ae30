//! The calls that wait here, each for so long at most.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;

use crate::call::{Ask, Reply};
use crate::fault::{Fault, Reason};
use crate::tasks::open::Questions;

/// The calls that wait.
pub struct Parking {
    calls: Mutex<HashMap<u64, Parked>>,
    pub(crate) questions: Questions,
    pub(super) ttl: Duration,
    max: usize,
}

/// A call that waits.
pub(super) struct Parked {
    pub(super) reply: Reply,
    pub(super) questions: Vec<(String, Ask)>,
    pub(super) until: Instant,
}

impl Parking {
    /// Room for `max` calls, each waiting no longer than `ttl`.
    pub fn new(ttl: Duration, max: usize) -> Arc<Parking> {
        let parking = Arc::new(Parking {
            calls: Mutex::default(),
            questions: Questions::default(),
            ttl,
            max,
        });
        tokio::spawn(sweep(Arc::downgrade(&parking)));
        parking
    }

    /// How many wait.
    pub fn count(&self) -> usize {
        self.lock().len() + self.questions.count()
    }

    pub(super) fn put(&self, parked: Parked) -> Result<u64, Fault> {
        let mut id = [0; 8];
        getrandom::fill(&mut id).map_err(|error| {
            Fault::new(Reason::Internal, "no randomness").because(error.to_string())
        })?;
        let id = u64::from_be_bytes(id);
        let mut calls = self.lock();
        if calls.len() >= self.max {
            return Err(Fault::new(
                Reason::Overloaded,
                "too many calls wait for their clients' answers",
            ));
        }
        calls.insert(id, parked);
        Ok(id)
    }

    pub(super) fn take(&self, id: u64) -> Option<Parked> {
        self.lock().remove(&id)
    }

    /// Ends every waiting call: their servers are told that no answer will come.
    pub fn clear(&self) {
        self.lock().clear();
        self.questions.clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Parked>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn sweep(parking: Weak<Parking>) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    loop {
        ticks.tick().await;
        let Some(parking) = parking.upgrade() else { return };
        let now = Instant::now();
        // Dropped outside of the lock: their end talks to servers.
        let late: Vec<_> = {
            let mut calls = parking.lock();
            let ids: Vec<_> =
                calls.iter().filter(|(_, call)| call.until <= now).map(|(id, _)| *id).collect();
            ids.into_iter().filter_map(|id| calls.remove(&id)).collect()
        };
        drop(late);
    }
}
