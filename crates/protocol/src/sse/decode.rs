//! Bytes to events, however the network cuts them.

use bytes::{Buf, Bytes, BytesMut};

use super::Event;

/// What one event may cost us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest line, in bytes.
    pub line: usize,
    /// The largest event, in bytes of data, id and name together.
    pub event: usize,
}

impl Default for Limits {
    /// 16 MiB each.
    fn default() -> Self {
        Self { line: 16 << 20, event: 16 << 20 }
    }
}

/// Why a stream cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A line is longer than allowed.
    #[error("event stream line longer than {limit} bytes")]
    Line {
        /// The length allowed.
        limit: usize,
    },
    /// An event is larger than allowed.
    #[error("event larger than {limit} bytes")]
    Event {
        /// The size allowed.
        limit: usize,
    },
}

/// Takes chunks, gives events.
///
/// An event that the end of the stream cuts off is never given, as the standard wants it.
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    chunk: Bytes,
    /// The beginning of a line whose end is in a later chunk.
    partial: BytesMut,
    /// The last line ended in a carriage return; a line feed that follows belongs to it.
    after_cr: bool,
    /// No line has been read, so the next may begin with a byte order mark.
    first: bool,
    event: Open,
}

/// The event whose lines are being read.
#[derive(Debug, Default)]
struct Open {
    id: Option<String>,
    name: Option<String>,
    retry: Option<u64>,
    /// The first data line: a piece of the chunk, not a copy.
    data: Option<Bytes>,
    /// All data lines once there are two.
    joined: BytesMut,
    size: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Decoder {
    /// At the start of a stream.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            chunk: Bytes::new(),
            partial: BytesMut::new(),
            after_cr: false,
            first: true,
            event: Open::default(),
        }
    }

    /// Adds what the network brought. Call [`Decoder::next_event`] until it has no more before
    /// the next chunk, or the two are copied together.
    pub fn feed(&mut self, chunk: impl Into<Bytes>) {
        let chunk = chunk.into();
        if self.chunk.is_empty() {
            self.chunk = chunk;
            return;
        }
        let mut both = BytesMut::from(&self.chunk[..]);
        both.extend_from_slice(&chunk);
        self.chunk = both.freeze();
    }

    /// The next complete event of what was fed.
    ///
    /// Surfaces every event that says something: with data, even empty, with an id (a priming
    /// event of 2025-11-25, which a browser would not dispatch), or with a retry time.
    ///
    /// # Errors
    /// When a limit is broken. The stream cannot be read on after that.
    pub fn next_event(&mut self) -> Result<Option<Event>, Error> {
        while let Some(line) = self.next_line()? {
            if !line.is_empty() {
                self.event.field(&line, &self.limits)?;
            } else if let Some(event) = std::mem::take(&mut self.event).finish() {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    /// Whether the stream is inside an event, which would be lost if it ended here.
    #[must_use]
    pub fn is_mid_event(&self) -> bool {
        !self.chunk.is_empty() || !self.partial.is_empty() || self.event.size > 0
    }

    fn next_line(&mut self) -> Result<Option<Bytes>, Error> {
        if self.after_cr && !self.chunk.is_empty() {
            self.after_cr = false;
            if self.chunk.first() == Some(&b'\n') {
                self.chunk.advance(1);
            }
        }
        let end = memchr::memchr2(b'\r', b'\n', &self.chunk);
        if self.partial.len() + end.unwrap_or(self.chunk.len()) > self.limits.line {
            return Err(Error::Line { limit: self.limits.line });
        }
        let Some(end) = end else {
            self.partial.extend_from_slice(&self.chunk);
            self.chunk.clear();
            return Ok(None);
        };
        let mut line = self.chunk.split_to(end);
        if !self.partial.is_empty() {
            self.partial.extend_from_slice(&line);
            line = self.partial.split().freeze();
        }
        self.after_cr = self.chunk.first() == Some(&b'\r');
        self.chunk.advance(1);
        if std::mem::take(&mut self.first) && line.starts_with("\u{feff}".as_bytes()) {
            line.advance(3);
        }
        Ok(Some(line))
    }
}

impl Open {
    fn field(&mut self, line: &Bytes, limits: &Limits) -> Result<(), Error> {
        let colon = memchr::memchr(b':', line).unwrap_or(line.len());
        let after = match line.get(colon..) {
            Some([b':', b' ', ..]) => colon + 2,
            Some([b':', ..]) => colon + 1,
            _ => line.len(),
        };
        let value = line.slice(after..);
        // One more for the line itself, so that endless empty lines are bounded as well.
        let size = self.size.saturating_add(value.len()).saturating_add(1);
        match &line[..colon] {
            b"data" => self.data(value),
            b"event" => self.name = Some(text(&value)),
            // A null would make the id unfit for the `Last-Event-ID` header.
            b"id" if !value.contains(&0) => self.id = Some(text(&value)),
            b"retry" if value.iter().all(u8::is_ascii_digit) => {
                self.retry = text(&value).parse().ok().or(self.retry);
            }
            // A comment, or a field that nobody knows yet.
            _ => return Ok(()),
        }
        self.size = size;
        if size > limits.event {
            return Err(Error::Event { limit: limits.event });
        }
        Ok(())
    }

    fn data(&mut self, value: Bytes) {
        let Some(first) = &self.data else {
            self.data = Some(value);
            return;
        };
        if self.joined.is_empty() && !first.is_empty() {
            self.joined.extend_from_slice(first);
        }
        self.joined.extend_from_slice(b"\n");
        self.joined.extend_from_slice(&value);
    }

    /// The event, unless no line of it said anything.
    fn finish(self) -> Option<Event> {
        if self.data.is_none() && self.id.is_none() && self.retry.is_none() {
            return None;
        }
        let data = match self.data {
            Some(data) if self.joined.is_empty() => data,
            _ => self.joined.freeze(),
        };
        Some(Event { id: self.id, event: self.name, data, retry: self.retry })
    }
}

/// Streams are UTF-8 by definition; what is not shows as U+FFFD.
fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(chunks: &[&str]) -> Vec<Event> {
        let mut decoder = Decoder::default();
        let mut events = Vec::new();
        for chunk in chunks {
            decoder.feed(chunk.to_string());
            while let Some(event) = decoder.next_event().unwrap() {
                events.push(event);
            }
        }
        events
    }

    fn data(data: &'static str) -> Event {
        Event { data: data.into(), ..Event::default() }
    }

    #[test]
    fn every_line_ending_ends_a_line_wherever_the_chunks_are_cut() {
        for end in ["\n", "\r", "\r\n"] {
            let text = "\u{feff}data: a\nid: 1\n\n:c\ndata: b\ndata\n\n".replace('\n', end);
            let expected = [Event { id: Some("1".into()), ..data("a") }, data("b\n")];

            assert_eq!(decode(&[&text]), expected, "{end:?}");
            for cut in (0..text.len()).filter(|cut| text.is_char_boundary(*cut)) {
                let (head, tail) = text.split_at(cut);
                assert_eq!(decode(&[head, "", tail]), expected, "{end:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn a_carriage_return_ends_the_event_without_waiting_for_more() {
        assert_eq!(decode(&["data: a\r\n\r"]), [data("a")]);
    }

    #[test]
    fn only_one_space_after_the_colon_is_dropped() {
        assert_eq!(decode(&["data:  a\ndata:b\ndata : c\n\n"]), [data(" a\nb")]);
    }

    #[test]
    fn an_event_is_surfaced_when_it_says_something() {
        let id = |id: &str| Event { id: Some(id.into()), ..Event::default() };

        assert_eq!(decode(&["id: 1\ndata:\n\n"]), [id("1")], "a priming event");
        assert_eq!(decode(&["id: 1\n\n"]), [id("1")]);
        assert_eq!(decode(&["data\n\n"]), [data("")]);
        assert_eq!(decode(&["retry: 10\n\n"]), [Event { retry: Some(10), ..data("") }]);
        assert_eq!(decode(&["event: x\n\n: comment\n\nfuture: 1\n\n\n\n"]), []);
    }

    #[test]
    fn the_name_of_an_event_does_not_leak_into_the_next() {
        let named = Event { event: Some("x".into()), ..data("a") };

        assert_eq!(decode(&["event: x\ndata: a\n\ndata: b\n\n"]), [named, data("b")]);
        assert_eq!(decode(&["event: x\n\ndata: b\n\n"]), [data("b")]);
    }

    #[test]
    fn fields_that_break_the_rules_are_ignored() {
        assert_eq!(decode(&["id: a\0b\nretry: 1x\nretry:\nDATA: x\ndata: a\n\n"]), [data("a")]);
        assert_eq!(decode(&["retry: 99999999999999999999\ndata: a\n\n"]), [data("a")]);
    }

    #[test]
    fn an_event_cut_off_by_the_end_is_not_given() {
        let mut decoder = Decoder::default();
        decoder.feed("data: a\n\ndata: b\n");

        assert_eq!(decoder.next_event().unwrap(), Some(data("a")));
        assert_eq!(decoder.next_event().unwrap(), None);
        assert!(decoder.is_mid_event());
    }

    #[test]
    fn data_in_one_chunk_is_not_copied() {
        let chunk = Bytes::from("data: {\"a\":1}\n\n");
        let mut decoder = Decoder::default();
        decoder.feed(chunk.clone());

        let event = decoder.next_event().unwrap().unwrap();

        assert_eq!(event.data.as_ptr(), chunk[6..].as_ptr());
    }

    #[test]
    fn lines_and_events_are_bounded() {
        let limits = Limits { line: 10, event: 12 };
        let run = |chunks: &[&'static str]| {
            let mut decoder = Decoder::new(limits);
            chunks.iter().try_for_each(|chunk| {
                decoder.feed(*chunk);
                while decoder.next_event()?.is_some() {}
                Ok(())
            })
        };

        assert_eq!(run(&["data:67890\n\n"]), Ok(()));
        assert_eq!(run(&["data:678901\n\n"]), Err(Error::Line { limit: 10 }));
        assert_eq!(run(&["data:", "678", "901"]), Err(Error::Line { limit: 10 }));
        assert_eq!(run(&["data:12345\n", "data:12345\n"]), Ok(()));
        assert_eq!(run(&["data:12345\n", "data:123456\n"]), Err(Error::Line { limit: 10 }));
        assert_eq!(run(&["data:12345\n", "id:12345\n", "\n"]), Ok(()));
        assert_eq!(
            run(&["data:12345\n", "data:1234\n", "data\n", "id\n"]),
            Err(Error::Event { limit: 12 })
        );
        assert_eq!(run(&["data\n\n"; 20]), Ok(()), "each event counts for itself");
    }
}
