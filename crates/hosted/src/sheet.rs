//! What is wrong with a table of separated values (RFC 4180) that its reader does not say.

/// The line, from 1, of the quote that begins a field and ends nowhere: all that comes after it would be
/// one field, without a word.
#[must_use]
pub fn unclosed_quote(text: &str, delimiter: u8) -> Option<u64> {
    enum At {
        Begin,
        Plain,
        Quoted,
        /// After a quote in a quoted field: its end, or the first half of one that is meant.
        Quote,
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (mut at, mut line, mut opened) = (At::Begin, 1, 1);
    for byte in text.bytes() {
        at = match (at, byte) {
            (At::Begin, b'"') => {
                opened = line;
                At::Quoted
            }
            (At::Quoted, b'"') => At::Quote,
            (At::Quoted, _) | (At::Quote, b'"') => At::Quoted,
            (_, b'\n' | b'\r') => At::Begin,
            (_, byte) if byte == delimiter => At::Begin,
            _ => At::Plain,
        };
        line += u64::from(byte == b'\n');
    }
    matches!(at, At::Quoted).then_some(opened)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_quote_that_begins_a_field_has_to_end() {
        for (text, line) in [
            ("", None),
            ("a\n\"b\"\n", None),
            ("a\n\"b", Some(2)),
            ("a\n\"b\n\"\n", None),
            ("a,b\r\n\"1\n2\",\"x\r\n3,4\r\n", Some(3)),
            ("a\n\"b\"\"\n", Some(2)),
            ("a\n\"b\"\"\"\n", None),
            ("a\nb\"\n5\" c\n", None),
            ("a\n\"b\" c\n", None),
            ("a\n \"b\n", None),
            ("\u{feff}\"a\n", Some(1)),
            ("\u{feff}\"a\"\n", None),
            ("a;b\n1;\"2", None),
        ] {
            assert_eq!(unclosed_quote(text, b','), line, "{text:?}");
        }
        assert_eq!(unclosed_quote("a;b\n1;\"2", b';'), Some(2));
    }
}
