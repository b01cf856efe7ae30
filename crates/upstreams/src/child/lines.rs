//! Lines from a server: newline-delimited frames of bounded length.

use std::{io, sync::Arc};

use bytes::{Bytes, BytesMut};
use memchr::memchr;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::ChildStdout,
    sync::mpsc,
};
use tracing::{debug, warn};

use super::{Spec, supervise::Order};

const CHUNK: usize = 64 << 10;

/// What a server prints, line by line.
///
/// There is no queue in between: bytes are read when the next line is asked for, so a slow owner
/// slows the server down by the pipe alone.
#[derive(Debug)]
pub struct Lines {
    name: Arc<str>,
    stdout: Option<ChildStdout>,
    frames: Frames,
    orders: mpsc::Sender<Order>,
}

impl Lines {
    pub(super) fn new(spec: &Spec, stdout: ChildStdout, orders: mpsc::Sender<Order>) -> Self {
        let frames = Frames::new(spec.line_limit);
        Self { name: Arc::clone(&spec.name), stdout: Some(stdout), frames, orders }
    }

    /// The next line without its line end; `None` once the server has closed its stdout, or has
    /// printed a line beyond the limit and is being killed for it.
    ///
    /// Blank lines are skipped. Cancel safe.
    pub async fn next(&mut self) -> Option<Bytes> {
        let next = self.frames.next(self.stdout.as_mut()?).await;
        let name = &self.name;
        match next {
            Ok(Some(line)) => return Some(line),
            Ok(None) => {}
            Err(Broken::TooLong) => {
                let limit = self.frames.limit;
                warn!(server = %name, limit, "line of output is too long, killing the process");
                let _ = self.orders.try_send(Order::Kill(limit));
            }
            Err(Broken::Partial(bytes)) => {
                debug!(server = %name, bytes, "output ended within a line, which is dropped");
            }
            Err(Broken::Io(error)) => warn!(server = %name, %error, "output cannot be read"),
        }
        self.stdout = None;
        self.frames = Frames::new(0);
        None
    }
}

enum Broken {
    TooLong,
    Partial(usize),
    Io(io::Error),
}

/// The framing alone, over any reader.
#[derive(Debug)]
struct Frames {
    buffer: BytesMut,
    /// How much of the buffer is known to hold no newline.
    searched: usize,
    limit: usize,
}

impl Frames {
    fn new(limit: usize) -> Self {
        Self { buffer: BytesMut::new(), searched: 0, limit }
    }

    async fn next(&mut self, from: &mut (impl AsyncRead + Unpin)) -> Result<Option<Bytes>, Broken> {
        loop {
            while let Some(line) = self.split()? {
                if !line.trim_ascii().is_empty() {
                    return Ok(Some(line));
                }
            }
            self.buffer.reserve(CHUNK);
            match from.read_buf(&mut self.buffer).await {
                Ok(0) if self.buffer.is_empty() => return Ok(None),
                Ok(0) => return Err(Broken::Partial(self.buffer.len())),
                Ok(_) => {}
                Err(error) => return Err(Broken::Io(error)),
            }
        }
    }

    fn split(&mut self) -> Result<Option<Bytes>, Broken> {
        let Some(found) = memchr(b'\n', &self.buffer[self.searched..]) else {
            self.searched = self.buffer.len();
            // One byte more than the limit may be the CR of a line end.
            return if self.searched > self.limit + 1 { Err(Broken::TooLong) } else { Ok(None) };
        };
        let mut line = self.buffer.split_to(self.searched + found + 1);
        self.searched = 0;
        line.truncate(line.len() - 1);
        if line.last() == Some(&b'\r') {
            line.truncate(line.len() - 1);
        }
        if line.len() > self.limit { Err(Broken::TooLong) } else { Ok(Some(line.freeze())) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The lines of `input` when it arrives in pieces of `step` bytes, and how it ended.
    fn read(input: &[u8], step: usize, limit: usize) -> (Vec<Bytes>, Result<(), Broken>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (mut near, mut far) = tokio::io::duplex(step);
            let write = async move { tokio::io::AsyncWriteExt::write_all(&mut near, input).await };
            let read = async move {
                let mut frames = Frames::new(limit);
                let mut lines = Vec::new();
                loop {
                    match frames.next(&mut far).await {
                        Ok(Some(line)) => lines.push(line),
                        Ok(None) => return (lines, Ok(())),
                        Err(broken) => return (lines, Err(broken)),
                    }
                }
            };
            tokio::join!(write, read).1
        })
    }

    #[test]
    fn line_ends_of_both_kinds_are_cut_and_blank_lines_skipped() {
        let (lines, end) = read(b"one\r\n\n  \r\ntwo\n\r\nthree\n", 3, 10);

        assert_eq!(lines, ["one", "two", "three"]);
        assert!(end.is_ok());
    }

    #[test]
    fn an_unfinished_last_line_is_dropped() {
        let (lines, end) = read(b"whole\npart", 64, 10);

        assert_eq!(lines, ["whole"]);
        assert!(matches!(end, Err(Broken::Partial(4))));
    }

    #[test]
    fn the_limit_is_exact() {
        for end in ["\n", "\r\n"] {
            let fits = format!("12345{end}");
            let exceeds = format!("123456{end}");

            assert_eq!(read(fits.as_bytes(), 64, 5).0, ["12345"]);
            assert!(matches!(read(exceeds.as_bytes(), 64, 5).1, Err(Broken::TooLong)));
        }
    }

    proptest! {
        #[test]
        fn lines_do_not_depend_on_how_they_arrive(
            input in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..200),
            step in 1usize..50,
        ) {
            let (at_once, _) = read(&input, 1000, 1000);
            let (in_steps, _) = read(&input, step, 1000);

            prop_assert_eq!(at_once, in_steps);
        }
    }
}
