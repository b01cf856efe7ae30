//! Where lines go.

mod files;
mod head;
mod recover;
mod rows;
mod stream;
#[cfg(feature = "tables")]
mod table;
#[cfg(not(feature = "tables"))]
#[path = "sink/no_table.rs"]
mod table;

use std::io;
use std::time::SystemTime;

use crate::chain::Tip;

pub(crate) use files::Files;
pub(crate) use head::{Head, claimed};
pub(crate) use recover::Frame;
pub(crate) use rows::Rows;
pub(crate) use stream::Stream;
pub(crate) use table::Table;

/// Where the last process stopped.
pub(crate) struct Found {
    pub tip: Tip,
    /// Intents without an outcome.
    pub open: Vec<u64>,
    /// Bytes of a line that was not written to its end.
    pub torn: u64,
    /// Lines that were written and are no longer there.
    pub lost: u64,
    /// Whether the end was known: `new`, `known`, or `missing`.
    pub head: &'static str,
}

/// Somewhere that lines are appended to. Only the writer's thread uses it, so it may block. What has
/// to do with files that follow one another is for sinks that have several.
pub(crate) trait Sink: Send {
    /// Makes ready to be written to, before anything is. A sink that only now finds out where the
    /// last process stopped says so, once.
    fn ready(&mut self) -> io::Result<Option<Found>> {
        Ok(None)
    }

    /// The name of the chain, where several share a place.
    fn chain(&self) -> Option<&str> {
        None
    }

    /// The number of a file that waits for its first line.
    fn fresh(&mut self) -> Option<u64>;

    /// The name of the next file, when the time for it has come.
    fn due(&self, _now: SystemTime) -> Option<String> {
        None
    }

    /// Adds lines. After an error nothing of them stays, or at most a part of one.
    fn append(&mut self, lines: &[u8]) -> io::Result<()>;

    /// Forces to the disk what was added.
    fn sync(&mut self) -> io::Result<()>;

    /// Takes back what was added last; false if that cannot be: then it is added for good, as soon
    /// as the sink is [ready](Sink::ready) again.
    fn undo(&mut self) -> bool;

    /// Says which line is the newest.
    fn settle(&mut self, tip: &Tip) -> io::Result<()>;

    /// Goes on to the next file.
    fn turn(&mut self) {}

    /// The oldest file, when there are more than may be kept: its name and last line.
    fn surplus(&mut self) -> Option<(String, Tip)> {
        None
    }

    /// Deletes the oldest file.
    fn remove(&mut self) -> io::Result<()> {
        Ok(())
    }
}
