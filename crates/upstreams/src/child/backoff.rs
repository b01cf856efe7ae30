//! When may a server that has died be started again?

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(30);
/// A server that ran this long was healthy: its next failure counts as the first.
const HEALTHY: Duration = Duration::from_secs(60);

/// How often a server has failed in a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The state and the pause after a server died that had `lived` so long.
    ///
    /// Pauses double from 0.2 s to 30 s, of which up to a quarter is taken off by `random` (any
    /// number), so that servers that died together do not come back together.
    #[must_use]
    pub fn after(self, lived: Duration, random: u32) -> (Self, Duration) {
        let failures = if lived >= HEALTHY { 0 } else { self.failures };
        let full = FIRST.saturating_mul(1 << failures.min(16)).min(LONGEST);
        let pause = full.mul_f64(1.0 - f64::from(random) / f64::from(u32::MAX) / 4.0);
        (Self { failures: failures.saturating_add(1) }, pause)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Case S3: a child that crashes over and over is started less and less often.
    #[test]
    fn pauses_double_up_to_half_a_minute() {
        let mut backoff = Backoff::default();
        let mut pauses = Vec::new();
        for _ in 0..10 {
            let (next, pause) = backoff.after(Duration::ZERO, 0);
            backoff = next;
            pauses.push(pause.as_millis());
        }

        assert_eq!(pauses, [200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000]);
    }

    proptest! {
        #[test]
        fn a_pause_is_bounded_and_never_zero(failures: u32, lived in 0u64..1 << 40, random: u32) {
            let (next, pause) = Backoff { failures }.after(Duration::from_millis(lived), random);

            prop_assert!(pause >= Duration::from_millis(150) && pause <= LONGEST);
            prop_assert!(next.failures >= 1);
        }

        #[test]
        fn a_minute_of_health_forgives_everything(failures: u32, random: u32) {
            let (next, pause) = Backoff { failures }.after(HEALTHY, random);

            prop_assert_eq!(next, Backoff { failures: 1 });
            prop_assert!(pause <= FIRST);
        }

        #[test]
        fn more_failures_never_shorten_the_pause(failures in 0u32..1000, lived in 0u64..60_000, random: u32) {
            let lived = Duration::from_millis(lived);
            let (next, pause) = Backoff { failures }.after(lived, random);
            let (_, later) = next.after(lived, random);

            prop_assert!(later >= pause);
        }
    }
}
