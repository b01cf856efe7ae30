//! How long an endpoint that failed is left alone.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
/// The longest that an endpoint may ask for itself.
const ASKED: Duration = Duration::from_secs(600);

/// The pause after so many failures in a row, of which the last one asked for so much.
pub(crate) fn pause(failures: u32, asked: Option<Duration>) -> Duration {
    let doubled = FIRST * 2_u32.saturating_pow(failures.saturating_sub(1).min(16));
    doubled.min(LONGEST).max(asked.unwrap_or_default().min(ASKED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_minute_unless_more_is_asked_for() {
        let seconds = |failures, asked: Option<u64>| {
            pause(failures, asked.map(Duration::from_secs)).as_secs()
        };

        let pauses = [1, 2, 3, 6, 7, 1_000_000].map(|failures| seconds(failures, None));
        assert_eq!(pauses, [1, 2, 4, 32, 60, 60]);
        assert_eq!((seconds(1, Some(30)), seconds(7, Some(30))), (30, 60));
        assert_eq!(seconds(1, Some(1_000_000)), 600);
    }
}
