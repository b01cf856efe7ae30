//! A file line by line in bounded memory, however long it or its lines are.

use std::{
    io::{self, BufRead as _, BufReader, Read},
    ops::ControlFlow,
};

use memchr::memchr;

use crate::media::is_text;

/// Of a longer line only the beginning is looked at.
pub(crate) const LINE: usize = 64 << 10;
/// How much of a file tells whether it is text.
const BEGINNING: usize = 8 << 10;

/// One line, without its line end.
pub(crate) struct Line<'a> {
    /// From 1.
    pub(crate) number: u64,
    pub(crate) bytes: &'a [u8],
    /// Whether there was more than [`LINE`] bytes of it.
    pub(crate) cut: bool,
}

/// How far reading came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reached {
    /// The end; so many lines there are.
    End(u64),
    /// The visitor stopped.
    Stop,
    /// The file is not text.
    Binary,
    /// The byte limit.
    Limit,
}

/// Calls `visit` with each line in the first `limit` bytes.
pub(crate) fn lines(
    bytes: impl Read,
    limit: u64,
    visit: &mut dyn FnMut(Line<'_>) -> ControlFlow<()>,
) -> io::Result<Reached> {
    // One byte more tells whether the limit was reached.
    let mut reader = BufReader::with_capacity(LINE, bytes.take(limit + 1));
    let beginning = reader.fill_buf()?;
    if !is_text(&beginning[..beginning.len().min(BEGINNING)]) {
        return Ok(Reached::Binary);
    }
    let (mut number, mut line, mut read) = (1, Kept::default(), 0);
    loop {
        let chunk = reader.fill_buf()?;
        if chunk.is_empty() {
            break;
        }
        let end = memchr(b'\n', chunk);
        line.push(&chunk[..end.unwrap_or(chunk.len())]);
        let used = end.map_or(chunk.len(), |end| end + 1);
        reader.consume(used);
        read += used as u64;
        if read > limit {
            return Ok(Reached::Limit);
        }
        if end.is_some() {
            if visit(line.take(number)).is_break() {
                return Ok(Reached::Stop);
            }
            line.clear();
            number += 1;
        }
    }
    if line.bytes.is_empty() {
        return Ok(Reached::End(number - 1));
    }
    let stop = visit(line.take(number)).is_break();
    Ok(if stop { Reached::Stop } else { Reached::End(number) })
}

#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    cut: bool,
}

impl Kept {
    fn push(&mut self, bytes: &[u8]) {
        let room = LINE - self.bytes.len();
        self.cut |= bytes.len() > room;
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn take(&self, number: u64) -> Line<'_> {
        let bytes = self.bytes.strip_suffix(b"\r").unwrap_or(&self.bytes);
        Line { number, bytes, cut: self.cut }
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.cut = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], limit: u64) -> (Vec<String>, Reached) {
        let mut seen = Vec::new();
        let reached = lines(bytes, limit, &mut |line| {
            let text = String::from_utf8_lossy(line.bytes);
            seen.push(format!("{} {text}{}", line.number, if line.cut { "…" } else { "" }));
            ControlFlow::Continue(())
        });
        (seen, reached.unwrap())
    }

    #[test]
    fn lines_are_counted_with_and_without_a_last_line_end() {
        assert_eq!(read(b"a\r\n\nb\n", 99).0, ["1 a", "2 ", "3 b"]);
        assert_eq!(read(b"a\n\nb", 99), (read(b"a\n\nb\n", 99).0, Reached::End(3)));
        assert_eq!(read(b"", 99), (vec![], Reached::End(0)));
        assert_eq!(read(b"\n", 99).1, Reached::End(1));
    }

    #[test]
    fn the_byte_limit_is_exact() {
        assert_eq!(read(b"a\nb\n", 4).1, Reached::End(2));
        assert_eq!(read(b"a\nb\nc", 4), (vec!["1 a".into(), "2 b".into()], Reached::Limit));
    }

    #[test]
    fn a_long_line_is_cut_and_a_binary_file_noticed() {
        let long = [b"x".repeat(3 * LINE), b"\ny".to_vec()].concat();

        let (seen, reached) = read(&long, u64::MAX - 1);

        assert_eq!(seen[0].len(), "1 ".len() + LINE + "…".len());
        assert_eq!((seen[1].as_str(), reached), ("2 y", Reached::End(2)));
        assert_eq!(read(b"PK\x03\x04\0\0", 99).1, Reached::Binary);
    }
}
