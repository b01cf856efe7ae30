//! What replicas share, so that several count as one.
//!
//! A [`Backend`] is one round trip for each question, and decides by its own clock: those of
//! replicas differ. [`Shared`] bounds how long anybody waits for it, and knows what happens when it
//! is away.

#[cfg(any(test, feature = "testing"))]
pub mod conformance;
mod keeping;
#[cfg(any(test, feature = "testing"))]
mod memory;
mod name;
mod shared;
mod shelves;

use std::time::Duration;

use crate::config::Rate;
use crate::future::Boxed;
use crate::quota::buckets::Verdict;
use crate::usage;

pub use keeping::Keeping;
#[cfg(any(test, feature = "testing"))]
pub use memory::Memory;
pub use name::Name;
pub use shared::{Shared, Waits};
pub use shelves::Shelves;

/// Nobody can tell: what went wrong, for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Away(pub String);

/// What a [`Backend`] says to a question, once it does.
pub type Answer<'a, T> = Boxed<'a, Result<T, Away>>;

/// A bucket of tokens, as in [`Buckets`](crate::quota::Buckets).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Which.
    pub name: Name,
    /// How it fills up.
    pub rate: Rate,
}

/// How many calls of one kind may be at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cap {
    /// Which.
    pub name: Name,
    /// So many.
    pub most: u32,
}

/// A text that is kept for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Under which name.
    pub name: Name,
    /// Each change makes another one. Never 0.
    pub version: u64,
    /// Sealed by whoever put it there.
    pub text: String,
}

/// A text to be kept.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    /// Under which name.
    pub name: Name,
    /// What is there has to have this version; 0 where nothing may be there.
    pub version: u64,
    /// The text.
    pub text: &'a str,
    /// For so long.
    pub lasting: Duration,
}

/// How much a shelf holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Texts.
    pub count: usize,
    /// Bytes of all texts together.
    pub bytes: usize,
}

impl Room {
    /// Whatever comes.
    pub const UNBOUNDED: Room = Room { count: usize::MAX, bytes: usize::MAX };
}

/// What became of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// It is there.
    Kept,
    /// Another version is there than was expected.
    Changed,
    /// There is no room for it.
    Full,
}

/// A place that all replicas reach. Whatever it holds ends by itself.
pub trait Backend: usage::Store {
    /// What messages and metrics call it.
    fn kind(&self) -> &'static str;

    /// Whether it answers.
    fn ping(&self) -> Answer<'_, ()>;

    /// Takes `cost` tokens out of each of these buckets, or out of none. The verdicts are in their
    /// order, up to the first that refuses.
    fn take<'a>(&'a self, buckets: &'a [Bucket], cost: u32) -> Answer<'a, Vec<Verdict>>;

    /// Gives tokens back that were taken for what did not happen in the end.
    fn give_back<'a>(&'a self, buckets: &'a [Bucket], cost: u32) -> Answer<'a, ()>;

    /// Counts a call in under each of these caps for so long, or under none of them. `None` if it
    /// was; otherwise the place of the first cap that is reached.
    fn start<'a>(
        &'a self,
        caps: &'a [Cap],
        lease: Name,
        lasting: Duration,
    ) -> Answer<'a, Option<usize>>;

    /// Counts calls that are still at work in for so long again, each a cap and a lease.
    fn renew<'a>(&'a self, working: &'a [(Name, Name)], lasting: Duration) -> Answer<'a, ()>;

    /// Counts a call out.
    fn end<'a>(&'a self, caps: &'a [Name], lease: Name) -> Answer<'a, ()>;

    /// Whether this is the first time within `lasting` that anybody asks.
    fn once(&self, name: Name, lasting: Duration) -> Answer<'_, bool>;

    /// All that is kept on a shelf, in no order; at most `most`.
    fn list<'a>(&'a self, shelf: &'a str, most: usize) -> Answer<'a, Vec<Kept>>;

    /// Keeps a text, unless another version is there than was expected. Whether it did.
    fn put<'a>(&'a self, shelf: &'a str, item: &'a Item<'a>) -> Answer<'a, bool>;

    /// What is kept under this name.
    fn find<'a>(&'a self, shelf: &'a str, name: Name) -> Answer<'a, Option<Kept>>;

    /// Keeps a text if there is room for it: one more in number, or more bytes than were there.
    /// What becomes no larger always has room.
    fn place<'a>(&'a self, shelf: &'a str, item: &'a Item<'a>, room: Room) -> Answer<'a, Placed>;

    /// Takes away what has this version. Whether it did.
    fn remove<'a>(&'a self, shelf: &'a str, name: Name, version: u64) -> Answer<'a, bool>;
}
