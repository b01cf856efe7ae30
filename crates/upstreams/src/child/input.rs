//! Lines to a server: a bounded queue and the one task that writes it to stdin.
//!
//! Writing has a task of its own, so that a server that stops reading until its replies are taken
//! blocks this task and nothing else.

use std::io;

use bytes::{Buf as _, Bytes};
use memchr::memchr2;
use tokio::{io::AsyncWriteExt as _, process::ChildStdin, sync::mpsc, task::JoinHandle};

/// How many lines may wait for a server that is not reading.
const QUEUED: usize = 32;

enum Item {
    Line(Bytes),
    Close,
}

/// The sending end of the queue.
#[derive(Clone, Debug)]
pub(super) struct Input(mpsc::Sender<Item>);

/// The server no longer reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the process no longer reads its input")]
pub struct Gone;

impl Input {
    pub(super) async fn send(&self, line: Bytes) -> Result<(), Gone> {
        self.0.send(Item::Line(one_line(line))).await.map_err(|_| Gone)
    }

    /// Closes stdin behind the lines queued so far; false if the queue is full.
    pub(super) fn close(&self) -> bool {
        self.0.try_send(Item::Close).is_ok()
    }
}

pub(super) fn start(stdin: ChildStdin) -> (Input, JoinHandle<io::Result<()>>) {
    let (sender, queue) = mpsc::channel(QUEUED);
    (Input(sender), tokio::spawn(write(stdin, queue)))
}

async fn write(mut stdin: ChildStdin, mut queue: mpsc::Receiver<Item>) -> io::Result<()> {
    while let Some(Item::Line(line)) = queue.recv().await {
        // One `writev` for the line and its end.
        stdin.write_all_buf(&mut line.chain(&b"\n"[..])).await?;
    }
    Ok(())
}

/// JSON has raw line breaks only between tokens, where a space means the same; in a frame they
/// would end it, and what follows would be read as a message of its own.
fn one_line(line: Bytes) -> Bytes {
    if memchr2(b'\n', b'\r', &line).is_none() {
        return line;
    }
    line.iter().map(|&byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pretty_printed_message_stays_one_line() {
        let line = one_line(Bytes::from_static(b"{\r\n  \"a\": \"x\\ny\"\n}"));

        assert_eq!(line, &b"{    \"a\": \"x\\ny\" }"[..]);
    }
}
