//! What the stores have in common of what was used.

use toolgate_gateway::clock::Timestamp;
use toolgate_gateway::store::Away;
use toolgate_gateway::usage::{Amount, Counter, Denied, Most, What};

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

/// The bounds of a counter, in the order in which they are asked about.
pub(crate) fn bounds(most: Most) -> [Option<u64>; 4] {
    let micros = most.time.map(|time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    [most.calls, most.cost, micros, most.bytes]
}

/// What was used, in the order in which it is counted.
pub(crate) fn amounts(used: Amount) -> [u64; 5] {
    [used.calls, used.errors, used.cost, used.micros, used.bytes]
}

/// What becomes of claims, by what the store said: 0, or the place from 1 of the one that is used
/// up.
pub(crate) fn claimed(counted: Result<usize, Away>) -> Result<(), Denied> {
    match counted {
        Ok(0) => Ok(()),
        Ok(refused) => Err(Denied::UsedUp(refused - 1)),
        Err(Away(error)) => Err(Denied::Unavailable(error)),
    }
}
