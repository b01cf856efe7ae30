//! What replicas share, so that several count as one.
//!
//! A [`Backend`] is one round trip for each question, and decides by its own clock: those of
//! replicas differ. [`Shared`] bounds how long anybody waits for it, and knows what happens when it
//! is away.

#[cfg(any(test, feature = "testing"))]
pub mod conformance;
#[cfg(any(test, feature = "testing"))]
mod memory;
mod name;
mod shared;

use std::time::Duration;

use crate::call::Boxed;
use crate::config::Rate;
use crate::quota::Verdict;
use crate::usage;

#[cfg(any(test, feature = "testing"))]
pub use memory::Memory;
pub use name::Name;
pub use shared::{Shared, Waits};

/// Nobody can tell: what went wrong, for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Away(pub String);

/// A bucket of tokens, as in [`Buckets`](crate::quota::Buckets).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Which.
    pub name: Name,
    /// How it fills up.
    pub rate: Rate,
}

/// A place that all replicas reach. Whatever it holds ends by itself.
pub trait Backend: usage::Store {
    /// What messages and metrics call it.
    fn kind(&self) -> &'static str;

    /// Whether it answers.
    fn ping(&self) -> Boxed<'_, Result<(), Away>>;

    /// Takes `cost` tokens out of each of these buckets, or out of none. The verdicts are in their
    /// order, up to the first that refuses.
    fn take<'a>(
        &'a self,
        buckets: &'a [Bucket],
        cost: u32,
    ) -> Boxed<'a, Result<Vec<Verdict>, Away>>;

    /// Gives tokens back that were taken for what did not happen in the end.
    fn give_back<'a>(&'a self, buckets: &'a [Bucket], cost: u32) -> Boxed<'a, Result<(), Away>>;

    /// Whether this is the first time within `lasting` that anybody asks.
    fn once(&self, name: Name, lasting: Duration) -> Boxed<'_, Result<bool, Away>>;
}
