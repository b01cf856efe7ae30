//! How much has been used, by whom, of what: the meter behind quotas, and behind whatever is billed.
//!
//! What is counted lives in a [`Store`]. One process keeps it in [`Memory`], or in a file around
//! that; a store that several replicas share gives the same answers.

#[cfg(any(test, feature = "testing"))]
pub mod conformance;
mod counter;
mod memory;
pub(crate) mod meter;
mod period;
mod quotas;

use crate::clock::Timestamp;
use crate::future::Boxed;

pub use counter::{Amount, Counter, Most, What};
pub use memory::Memory;
pub use period::{Every, Period};
pub(crate) use quotas::{Quotas, claim};

/// One quota that a call counts against.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Where it is counted.
    pub counter: Counter,
    /// What may be counted there.
    pub most: Most,
}

/// Why a call may not be counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    /// The quota at this place in the list is used up.
    UsedUp(usize),
    /// Nobody can tell: a call that cannot be counted is not made.
    Unavailable(String),
}

/// Where what was used is kept.
pub trait Store: Send + Sync {
    /// Counts `amount` against all of these quotas, or against none.
    fn claim<'a>(&'a self, claims: &'a [Claim], amount: Amount) -> Boxed<'a, Result<(), Denied>>;

    /// Counts what a call turned out to have used; nothing is refused any more.
    fn add<'a>(&'a self, used: &'a [(Counter, Amount)]) -> Boxed<'a, Result<(), String>>;

    /// What one counter holds.
    fn read<'a>(&'a self, counter: &'a Counter) -> Boxed<'a, Result<Amount, String>>;

    /// All that is kept, in no order.
    fn all(&self) -> Boxed<'_, Result<Vec<(Counter, Amount)>, String>>;

    /// Forgets what is over: quotas whose period has ended, and days older than `keep` days.
    fn prune(&self, now: Timestamp, keep: u32) -> Boxed<'_, Result<(), String>>;

    /// Makes what was counted last, before the process ends: nothing, where each count is made at
    /// once.
    fn flush(&self) -> Boxed<'_, Result<(), String>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
