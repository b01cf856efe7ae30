//! Lines in and lines out, each by a thread of its own: what blocks there blocks nothing else.

use std::io::{self, BufRead, Write};

use bytes::Bytes;
use memchr::memchr;
use tokio::sync::{mpsc, oneshot};

use crate::front::modern::one_line;

/// Lines read ahead, so that the client feels it when we do not keep up.
const AHEAD: usize = 16;
/// Lines that wait for a client that does not read.
const BACKLOG: usize = 256;

/// What a client wrote.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// A line, without its end.
    Text(Bytes),
    /// A line beyond the limit, of which nothing was kept.
    TooLong,
}

/// Reads lines of at most `limit` bytes until the input ends.
pub fn read(mut input: impl BufRead + Send + 'static, limit: usize) -> mpsc::Receiver<Line> {
    let (sender, lines) = mpsc::channel(AHEAD);
    std::thread::spawn(move || {
        loop {
            let line = match next(&mut input, limit) {
                Ok(Some(line)) => line,
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!(%error, "stdin cannot be read");
                    return;
                }
            };
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

fn next(input: &mut impl BufRead, limit: usize) -> io::Result<Option<Line>> {
    let mut line = Some(Vec::new());
    let mut begun = false;
    loop {
        let buffer = match input.fill_buf() {
            Ok(buffer) => buffer,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if buffer.is_empty() && !begun {
            return Ok(None);
        }
        begun = true;
        let end = memchr(b'\n', buffer);
        let part = &buffer[..end.unwrap_or(buffer.len())];
        line = line.filter(|line| line.len() + part.len() <= limit);
        if let Some(line) = &mut line {
            line.extend_from_slice(part);
        }
        let is_last = end.is_some() || buffer.is_empty();
        let used = part.len() + usize::from(end.is_some());
        input.consume(used);
        if is_last {
            return Ok(Some(line.map_or(Line::TooLong, |line| Line::Text(line.into()))));
        }
    }
}

/// Writes every message as one line, until all senders are gone. The second part resolves when
/// the last one has been written.
pub fn write(
    mut output: impl Write + Send + 'static,
) -> (mpsc::Sender<Bytes>, oneshot::Receiver<()>) {
    let (sender, mut messages) = mpsc::channel::<Bytes>(BACKLOG);
    let (done, finished) = oneshot::channel();
    std::thread::spawn(move || {
        let mut batch = Vec::new();
        while let Some(message) = messages.blocking_recv() {
            put(&mut batch, message);
            // What waits already leaves in the same write.
            while let Ok(message) = messages.try_recv() {
                put(&mut batch, message);
            }
            // A client that has gone is noticed by its senders.
            if output.write_all(&batch).and_then(|()| output.flush()).is_err() {
                break;
            }
            batch.clear();
        }
        let _ = done.send(());
    });
    (sender, finished)
}

fn put(batch: &mut Vec<u8>, message: Bytes) {
    batch.extend_from_slice(&one_line(message));
    batch.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str, limit: usize) -> Vec<Line> {
        // Small reads, so that lines come in pieces.
        let mut input = io::BufReader::with_capacity(3, text.as_bytes());
        std::iter::from_fn(|| next(&mut input, limit).unwrap()).collect()
    }

    fn text(line: &str) -> Line {
        Line::Text(line.to_owned().into())
    }

    #[test]
    fn lines_end_with_a_line_break_or_with_the_input() {
        assert_eq!(all("one\n\nthree", 9), [text("one"), text(""), text("three")]);
        assert_eq!(all("", 9), []);
    }

    #[test]
    fn a_line_beyond_the_limit_does_not_spoil_the_next() {
        assert_eq!(all("12345\n123456\n1\n", 5), [text("12345"), Line::TooLong, text("1")]);
    }

    #[tokio::test]
    async fn a_message_over_several_lines_leaves_as_one() {
        let (mut reader, writer) = io::pipe().unwrap();
        let (sender, finished) = write(writer);
        sender.send("{\n\"a\":1}".into()).await.unwrap();
        drop(sender);
        finished.await.unwrap();

        let mut written = String::new();
        io::Read::read_to_string(&mut reader, &mut written).unwrap();
        assert_eq!(written, "{ \"a\":1}\n");
    }
}
