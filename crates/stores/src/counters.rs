//! What the stores have in common of what was used.

use toolgate_gateway::clock::Timestamp;
use toolgate_gateway::usage::{Counter, What};

/// Counters at most; those beyond share one for each quota and server, so that memory is bounded,
/// and nobody goes free. In Redis: those begun in one day.
pub(crate) const MOST: u32 = 200_000;
/// Seconds.
const DAY: u64 = 86_400;

/// A counter as it is kept.
pub(crate) fn text(counter: &Counter) -> String {
    serde_json::to_string(counter).expect("a counter is names and numbers")
}

/// For how many seconds a counter is kept: a day longer than it matters, as clocks differ.
pub(crate) fn kept(counter: &Counter, keep_days: u32, now: Timestamp) -> u64 {
    let days = match counter.what {
        What::Tool { .. } => u64::from(keep_days) * DAY,
        What::Quota { .. } => 0,
    };
    counter.period.left(now).as_secs() + days + DAY
}
