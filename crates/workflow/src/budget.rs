//! The time of one run. While its caller has the word, none of it passes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What is left of it.
pub(crate) struct Budget(Mutex<Clock>);

struct Clock {
    end: Instant,
    /// Questions that the client has not answered yet.
    open: usize,
    since: Instant,
}

impl Budget {
    /// So long from now.
    pub fn new(time: Duration) -> Arc<Budget> {
        let now = Instant::now();
        Arc::new(Budget(Mutex::new(Clock { end: now + time, open: 0, since: now })))
    }

    /// How much is left.
    pub fn left(&self) -> Duration {
        let clock = self.lock();
        let now = if clock.open > 0 { clock.since } else { Instant::now() };
        clock.end.saturating_duration_since(now)
    }

    /// Stops the clock for as long as what comes back lives.
    pub fn pause(self: &Arc<Self>) -> Pause {
        let mut clock = self.lock();
        if clock.open == 0 {
            clock.since = Instant::now();
        }
        clock.open += 1;
        drop(clock);
        Pause(self.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Clock> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stopped clock.
pub(crate) struct Pause(Arc<Budget>);

impl Drop for Pause {
    fn drop(&mut self) {
        let mut clock = self.0.lock();
        clock.open -= 1;
        if clock.open == 0 {
            let waited = clock.since.elapsed();
            clock.end += waited;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_time_passes_while_any_question_is_open() {
        let budget = Budget::new(Duration::from_secs(10));
        tokio::time::advance(Duration::from_secs(1)).await;

        let (first, second) = (budget.pause(), budget.pause());
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(budget.left(), Duration::from_secs(9));
        drop(first);
        tokio::time::advance(Duration::from_secs(60)).await;
        drop(second);

        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(budget.left(), Duration::from_secs(7));
    }
}
