//! What time is it? The only door to the clock, so that tests can turn it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment, in whole milliseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(u64);

impl Timestamp {
    /// Now, by the system's clock.
    pub fn now() -> Timestamp {
        // A clock before 1970 is a broken machine; everything then looks expired, which is safe.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(since.as_millis() as u64)
    }

    /// From whole seconds.
    pub fn from_seconds(seconds: u64) -> Timestamp {
        Timestamp(seconds * 1000)
    }

    /// Whole seconds.
    pub fn seconds(self) -> u64 {
        self.0 / 1000
    }

    /// Whole milliseconds.
    pub fn millis(self) -> u64 {
        self.0
    }

    /// The time that has passed since `earlier`.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}
