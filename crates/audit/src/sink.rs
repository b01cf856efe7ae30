//! Where lines go.

mod files;
mod head;
mod recover;
mod stream;

use std::io;
use std::time::SystemTime;

use crate::chain::Tip;

pub(crate) use files::Files;
pub(crate) use head::Head;
pub(crate) use recover::Frame;
pub(crate) use stream::Stream;

/// Somewhere that lines are appended to. Only the writer's thread uses it, so it may block.
pub(crate) trait Sink: Send {
    /// The number of a file that waits for its first line.
    fn fresh(&mut self) -> Option<u64>;

    /// The name of the next file, when the time for it has come.
    fn due(&self, now: SystemTime) -> Option<String>;

    /// Adds lines. After an error nothing of them stays, or at most a part of one.
    fn append(&mut self, lines: &[u8]) -> io::Result<()>;

    /// Forces to the disk what was added.
    fn sync(&mut self) -> io::Result<()>;

    /// Takes back what was added last.
    fn undo(&mut self);

    /// Says which line is the newest.
    fn settle(&mut self, tip: &Tip) -> io::Result<()>;

    /// Goes on to the next file.
    fn turn(&mut self);

    /// The oldest file, when there are more than may be kept: its name and last line.
    fn surplus(&mut self) -> Option<(String, Tip)>;

    /// Deletes the oldest file.
    fn remove(&mut self) -> io::Result<()>;
}
