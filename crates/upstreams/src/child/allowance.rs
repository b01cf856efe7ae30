//! How many lines of one server go into the log? One that prints without end must not fill the disk.

use std::time::Duration;

use tokio::time::Instant;

/// This many lines are logged at once, and as many again every [`REFILL`].
const BURST: u32 = 100;
const REFILL: Duration = Duration::from_secs(10);

/// How many lines may still be logged in the current window.
pub(crate) struct Allowance {
    left: u32,
    since: Instant,
    held: u64,
}

impl Allowance {
    pub(crate) fn full() -> Self {
        Self { left: BURST, since: Instant::now(), held: 0 }
    }

    /// Whether one more line is logged; if it is not, it is counted.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        if now.duration_since(self.since) >= REFILL {
            (self.left, self.since) = (BURST, now);
        }
        let granted = self.left > 0;
        self.left = self.left.saturating_sub(1);
        self.held += u64::from(!granted);
        granted
    }

    /// How many lines were left out since this was asked last.
    pub(crate) fn left_out(&mut self) -> u64 {
        std::mem::take(&mut self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_allowance_returns_with_time() {
        let mut allowance = Allowance::full();
        let start = Instant::now();

        let granted = (0..1000).filter(|_| allowance.take(start)).count();

        assert_eq!((granted, allowance.left_out()), (100, 900));
        assert!(!allowance.take(start + REFILL / 2));
        assert!(allowance.take(start + REFILL));
        assert_eq!((allowance.left_out(), allowance.left_out()), (1, 0));
    }
}
