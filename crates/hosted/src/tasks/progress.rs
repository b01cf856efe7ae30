//! How far a task is: what its client is asked, and its end.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time::Instant;
use toolgate_protocol::tasks::Status;

use super::end::End;

/// How far a task is. A clone tells of the same task.
#[derive(Clone)]
pub(super) struct Progress(watch::Sender<State>);

struct State {
    updated: SystemTime,
    /// Questions that the client has not answered yet.
    open: usize,
    end: Option<Arc<End>>,
}

/// A question that is open until this is dropped.
pub(super) struct Open(Progress);

impl Progress {
    /// That of a task which begins now.
    pub fn new(now: SystemTime) -> Progress {
        Progress(watch::Sender::new(State { updated: now, open: 0, end: None }))
    }

    /// What a client is told, and since when that is so.
    pub fn told(&self) -> (Status, SystemTime) {
        let state = self.0.borrow();
        let status = match &state.end {
            Some(end) => end.status(),
            None if state.open > 0 => Status::InputRequired,
            None => Status::Working,
        };
        (status, state.updated)
    }

    /// Whether there is an end.
    pub fn is_over(&self) -> bool {
        self.0.borrow().end.is_some()
    }

    /// A question is asked.
    pub fn asks(&self) -> Open {
        self.count(|open| open + 1);
        Open(self.clone())
    }

    fn count(&self, next: impl Fn(usize) -> usize) {
        self.0.send_modify(|state| {
            state.open = next(state.open);
            if state.end.is_none() {
                state.updated = SystemTime::now();
            }
        });
    }

    /// The end, unless there was one; tells whether there was none.
    pub fn settle(&self, end: End) -> bool {
        self.0.send_if_modified(|state| {
            let is_first = state.end.is_none();
            if is_first {
                state.updated = SystemTime::now();
                state.end = Some(Arc::new(end));
            }
            is_first
        })
    }

    /// Waits for the end.
    pub async fn ended(&self) -> Arc<End> {
        let mut state = self.0.subscribe();
        loop {
            if let Some(end) = &state.borrow_and_update().end {
                return end.clone();
            }
            // The sender is here.
            let _ = state.changed().await;
        }
    }

    /// Resolves when nothing has been asked for `total`, all times together.
    pub async fn worked(&self, total: Duration) {
        let mut state = self.0.subscribe();
        let mut left = total;
        loop {
            let since = Instant::now();
            tokio::select! {
                () = tokio::time::sleep(left) => return,
                _ = state.wait_for(|now| now.open > 0) => {}
            }
            left = left.saturating_sub(since.elapsed());
            // The sender is here.
            let _ = state.wait_for(|now| now.open == 0).await;
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.count(|open| open - 1);
    }
}
