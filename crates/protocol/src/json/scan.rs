//! One pass over a text: is it JSON, and where are the parts we asked for?

mod scalar;

use super::{Error, Limits, Member, Members, Mode, Span, keys::Keys};

/// A position in a text that is UTF-8, and what is known of the text before it.
///
/// It recurses once per open object or array, never deeper than [`Limits::DEPTH`].
pub(crate) struct Scanner<'a> {
    buffer: &'a [u8],
    at: usize,
    open: u16,
    depth: u16,
    mode: Mode,
    keys: Keys,
    /// The first key found twice. The scan goes on, because an error should name the request it
    /// answers, and the `id` may come later.
    duplicate: Option<Box<str>>,
}

impl<'a> Scanner<'a> {
    /// At the start of a text that came from outside.
    pub(crate) fn new(buffer: &'a [u8], limits: &Limits, mode: Mode) -> Result<Self, Error> {
        if u32::try_from(buffer.len()).is_err() {
            return Err(Error::Size);
        }
        if let Err(error) = std::str::from_utf8(buffer) {
            return Err(Error::Utf8 { at: error.valid_up_to() as u32 });
        }
        let depth = limits.depth.min(Limits::DEPTH);
        Ok(Self { depth, ..Self::within(buffer, 0, mode) })
    }

    /// At `at` in a text that was scanned before.
    pub(super) fn within(buffer: &'a [u8], at: usize, mode: Mode) -> Self {
        let depth = Limits::DEPTH;
        Self { buffer, at, open: 0, depth, mode, keys: Keys::default(), duplicate: None }
    }

    /// The next byte that is not white space.
    #[inline]
    pub(crate) fn peek(&mut self) -> Option<u8> {
        loop {
            match self.buffer.get(self.at) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    /// Checks that nothing follows, and that no key was repeated on the way.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        if self.peek().is_some() {
            return Err(self.syntax("expected the end of the text"));
        }
        self.unambiguous()
    }

    /// Whether no object that had to have unique keys repeated one.
    pub(super) fn unambiguous(&mut self) -> Result<(), Error> {
        match self.duplicate.take() {
            Some(key) => Err(Error::DuplicateKey { key }),
            None => Ok(()),
        }
    }

    /// Passes over one value, whatever it is.
    pub(crate) fn value(&mut self) -> Result<Span, Error> {
        let first = self.peek();
        let start = self.at;
        match first {
            Some(b'"') => _ = self.string()?,
            Some(b'{') => match self.mode {
                Mode::Strict => self.unique(|scanner, _, _| scanner.value().map(drop))?,
                Mode::Trusted => self.pairs(|scanner, _, _| scanner.value().map(drop))?,
            },
            Some(b'[') => self.array(|scanner| scanner.value().map(drop))?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word(b"true")?,
            Some(b'f') => self.word(b"false")?,
            Some(b'n') => self.word(b"null")?,
            Some(_) => return Err(self.syntax("expected a value")),
            None => return Err(self.syntax("unexpected end")),
        }
        Ok(self.since(start))
    }

    /// Passes over one object and remembers its members. `value` is told what a key says and has
    /// to pass over the value that follows.
    pub(crate) fn capture(
        &mut self,
        mut value: impl FnMut(&mut Self, &[u8]) -> Result<Span, Error>,
    ) -> Result<Members, Error> {
        self.peek();
        let start = self.at;
        let mut members = Members::default();
        self.unique(|scanner, key, escaped| {
            let member = Member { key, escaped, value: Span::default() };
            let value = value(scanner, &member.name(scanner.buffer))?;
            members.push(Member { value, ..member });
            Ok(())
        })?;
        Ok(members.spanning(self.since(start)))
    }

    /// Passes over one array, and tells where its elements are.
    pub(crate) fn elements(&mut self, mut each: impl FnMut(Span)) -> Result<(), Error> {
        self.array(|scanner| scanner.value().map(&mut each))
    }

    /// Passes over one object that may not repeat a key.
    fn unique(
        &mut self,
        mut each: impl FnMut(&mut Self, Span, bool) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mark = self.keys.mark();
        self.pairs(|scanner, key, escaped| {
            let inside = Span { start: key.start + 1, end: key.end - 1 };
            scanner.keys.push(scanner.buffer, inside, escaped);
            each(scanner, key, escaped)
        })?;
        if let Some(key) = self.keys.close(self.buffer, mark) {
            self.duplicate.get_or_insert(key);
        }
        Ok(())
    }

    fn pairs(
        &mut self,
        mut each: impl FnMut(&mut Self, Span, bool) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.open(b'{', "expected an object")?;
        if self.peek() == Some(b'}') {
            return self.close();
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.syntax("expected a key"));
            }
            let start = self.at;
            let escaped = self.string()?;
            let key = self.since(start);
            if self.peek() != Some(b':') {
                return Err(self.syntax("expected a colon"));
            }
            self.at += 1;
            each(self, key, escaped)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => return self.close(),
                _ => return Err(self.syntax("expected a comma or a closing brace")),
            }
        }
    }

    fn array(&mut self, mut each: impl FnMut(&mut Self) -> Result<(), Error>) -> Result<(), Error> {
        self.open(b'[', "expected an array")?;
        if self.peek() == Some(b']') {
            return self.close();
        }
        loop {
            each(self)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => return self.close(),
                _ => return Err(self.syntax("expected a comma or a closing bracket")),
            }
        }
    }

    fn open(&mut self, bracket: u8, expected: &'static str) -> Result<(), Error> {
        if self.peek() != Some(bracket) {
            return Err(self.syntax(expected));
        }
        if self.open == self.depth {
            return Err(Error::Depth { limit: self.depth });
        }
        self.open += 1;
        self.at += 1;
        Ok(())
    }

    /// Steps over the closing bracket that was just seen.
    fn close(&mut self) -> Result<(), Error> {
        self.open -= 1;
        self.at += 1;
        Ok(())
    }

    fn rest(&self) -> &'a [u8] {
        self.buffer.get(self.at..).unwrap_or_default()
    }

    fn since(&self, start: usize) -> Span {
        // `new` refuses buffers beyond 32 bits.
        Span { start: start as u32, end: self.at as u32 }
    }

    #[cold]
    fn syntax(&self, what: &'static str) -> Error {
        Error::Syntax { what, at: self.at as u32 }
    }
}

#[cfg(test)]
mod tests {
    use crate::json::{Document, Error, Limits, Mode};

    fn parse(bytes: impl AsRef<[u8]>) -> Result<Document, Error> {
        let bytes = bytes.as_ref().to_vec();
        Document::parse(bytes.into(), &Limits::default(), Mode::Strict)
    }

    #[test]
    fn what_the_grammar_refuses_is_refused_where_it_breaks() {
        for (text, problem) in [
            ("", "unexpected end at byte 0"),
            (" \n", "unexpected end at byte 2"),
            ("nul", "expected a value at byte 0"),
            ("[1,]", "expected a value at byte 3"),
            ("[1 2]", "expected a comma or a closing bracket at byte 3"),
            ("[", "unexpected end at byte 1"),
            ("{,}", "expected a key at byte 1"),
            (r#"{"a":1,}"#, "expected a key at byte 7"),
            (r#"{"a" 1}"#, "expected a colon at byte 5"),
            (r#"{"a":1 "b":2}"#, "expected a comma or a closing brace at byte 7"),
            ("01", "expected the end of the text at byte 1"),
            ("1.", "expected a digit at byte 2"),
            ("1e+", "expected a digit at byte 3"),
            ("-", "expected a digit at byte 1"),
            (".5", "expected a value at byte 0"),
            ("1 2", "expected the end of the text at byte 2"),
            (r#""abc"#, "unexpected end at byte 4"),
            (r#""\x""#, "invalid escape at byte 1"),
            (r#""\u12g4""#, "invalid escape at byte 1"),
            ("\"a\nb\"", "control character in a string at byte 2"),
            ("\u{feff}{}", "expected a value at byte 0"),
            ("\u{a0}1", "expected a value at byte 0"),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), problem, "{text:?}");
        }
    }

    #[test]
    fn what_is_not_utf_8_is_refused() {
        let error = parse(b"{\"abcdefghijklm\":\xff\"\"}").unwrap_err();

        assert_eq!(error.to_string(), "invalid utf-8 at byte 17");
        assert!(error.is_syntax());
    }

    #[test]
    fn nesting_is_bounded_by_the_limit_and_never_by_the_stack() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);

        assert!(parse(nested(128)).is_ok());
        assert_eq!(parse(nested(129)).unwrap_err().to_string(), "nesting deeper than 128");
        assert_eq!(parse("[".repeat(100_000)).unwrap_err(), Error::Depth { limit: 128 });
        assert_eq!(parse(r#"{"a":"#.repeat(100_000)).unwrap_err(), Error::Depth { limit: 128 });

        let limits = Limits { depth: u16::MAX, ..Limits::default() };
        let deepest = Document::parse(nested(512).into(), &limits, Mode::Strict);
        assert!(deepest.is_ok());
        let beyond = Document::parse(nested(100_000).into(), &limits, Mode::Strict);
        assert_eq!(beyond.unwrap_err(), Error::Depth { limit: Limits::DEPTH });
    }

    #[test]
    fn wide_is_not_deep() {
        assert!(parse(format!("[{}[]]", "[[]],{},".repeat(10_000))).is_ok());
    }

    #[test]
    fn a_trusted_text_may_repeat_keys_where_nobody_looks() {
        let text = r#"{"a":{"b":1,"b":2}}"#;
        let document = Document::parse(text.into(), &Limits::default(), Mode::Trusted).unwrap();

        let outer = document.root().object().unwrap();

        assert_eq!(outer.get("a").unwrap().raw(), r#"{"b":1,"b":2}"#);
        assert!(outer.get("a").unwrap().object().is_none(), "read in two ways, so not at all");
    }
}
