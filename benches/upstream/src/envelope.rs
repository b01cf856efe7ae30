//! What does a message ask? Its id and method, read by hand from the top level of the JSON object.

use memchr::memchr2;

/// The two members of a JSON-RPC message that the server needs, as they stand in the body.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Envelope<'a> {
    /// The id with its quotes, ready to be copied into the answer; absent from a notification.
    pub(crate) id: Option<&'a [u8]>,
    /// The method, without quotes. Methods hold no escapes.
    pub(crate) method: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// Reads as far as both members are known, so that large parameters after them cost nothing.
    ///
    /// This is no validator: it finds the members of well-formed JSON, and `None` means that the
    /// text cannot be walked or names no method.
    pub(crate) fn read(text: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor { text, at: 0 };
        let mut envelope = Self::default();
        cursor.expect(b'{')?;
        loop {
            let key = unquote(cursor.value()?)?;
            cursor.expect(b':')?;
            let value = cursor.value()?;
            match key {
                b"id" => envelope.id = Some(value),
                b"method" => envelope.method = unquote(value)?,
                _ => {}
            }
            let complete = envelope.id.is_some() && !envelope.method.is_empty();
            if complete || cursor.next()? == b'}' {
                break;
            }
        }
        (!envelope.method.is_empty()).then_some(envelope)
    }
}

fn unquote(value: &[u8]) -> Option<&[u8]> {
    value.strip_prefix(b"\"")?.strip_suffix(b"\"")
}

/// A position in JSON text.
struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// The next byte that is not white space.
    fn next(&mut self) -> Option<u8> {
        let rest = self.text.get(self.at..)?;
        let gap = rest.iter().position(|byte| !byte.is_ascii_whitespace())?;
        self.at += gap + 1;
        Some(rest[gap])
    }

    fn expect(&mut self, wanted: u8) -> Option<()> {
        (self.next()? == wanted).then_some(())
    }

    /// The raw text of the next value, whatever its kind.
    fn value(&mut self) -> Option<&'a [u8]> {
        let first = self.next()?;
        let start = self.at - 1;
        match first {
            b'"' => self.skip_string()?,
            b'{' | b'[' => self.skip_nested()?,
            _ => self.skip_scalar(),
        }
        self.text.get(start..self.at)
    }

    /// Moves past the closing quote of a string whose opening quote is behind us.
    fn skip_string(&mut self) -> Option<()> {
        loop {
            let rest = self.text.get(self.at..)?;
            let found = memchr2(b'"', b'\\', rest)?;
            let escape = rest[found] == b'\\';
            self.at += found + 1 + usize::from(escape);
            if !escape {
                return Some(());
            }
        }
    }

    /// Moves past the bracket that closes the one behind us.
    fn skip_nested(&mut self) -> Option<()> {
        let mut depth = 1_usize;
        while depth > 0 {
            match self.next()? {
                b'"' => self.skip_string()?,
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
        }
        Some(())
    }

    fn skip_scalar(&mut self) {
        let rest = &self.text[self.at..];
        let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']') || byte.is_ascii_whitespace();
        self.at += rest.iter().position(ends).unwrap_or(rest.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(Option<&str>, &str)> {
        let envelope = Envelope::read(text.as_bytes())?;
        let id = envelope.id.map(|id| std::str::from_utf8(id).unwrap());
        Some((id, std::str::from_utf8(envelope.method).unwrap()))
    }

    #[test]
    fn the_members_are_found_in_any_order() {
        for text in [
            r#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#,
            r#"{"method":"ping","params":{"id":1,"method":"x"},"id":7}"#,
            r#" { "params" : [ "}" , "\"]\\" ] , "id" : 7 , "method" : "ping" } "#,
        ] {
            assert_eq!(read(text), Some((Some("7"), "ping")), "{text}");
        }
    }

    #[test]
    fn a_string_id_keeps_its_quotes() {
        let text = r#"{"id":"a\"b","method":"ping"}"#;

        assert_eq!(read(text), Some((Some(r#""a\"b""#), "ping")));
    }

    #[test]
    fn a_notification_has_no_id() {
        let text = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

        assert_eq!(read(text), Some((None, "notifications/initialized")));
    }

    #[test]
    fn text_that_is_no_request_is_refused() {
        for text in [
            "",
            "{",
            "{}",
            "[]",
            "7",
            r#"{"id":1}"#,
            r#"{"id":1,"method":"#,
            r#"{"id":1,"method":"ping"#,
            r#"{"method":3}"#,
            r#"{"params":{"method":"ping"}"#,
            r#"{"a":"\"#,
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
