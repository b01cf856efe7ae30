//! How any text fits into a header: `=?base64?...?=` around what does not travel as it is.

use std::borrow::Cow;

use base64::{Engine, prelude::BASE64_STANDARD};

const PREFIX: &str = "=?base64?";
const SUFFIX: &str = "?=";

/// A text as a header value.
#[must_use]
pub fn encode(text: &str) -> Cow<'_, str> {
    let travels = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let trimmed = text.starts_with(' ') || text.ends_with(' ');
    let mistaken = text.starts_with(PREFIX) && text.ends_with(SUFFIX);
    if travels && !trimmed && !mistaken {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("{PREFIX}{}{SUFFIX}", BASE64_STANDARD.encode(text)))
}

/// The text that a header value stands for. White space around the value does not count; a value
/// without the exact markers, in lower case, is a literal.
///
/// `None` for bytes that a header value cannot hold, for bad base64, and for what is not UTF-8.
#[must_use]
pub fn decode(value: &[u8]) -> Option<Cow<'_, str>> {
    let value = literal(value)?;
    match value.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX)) {
        Some(encoded) => {
            let text = BASE64_STANDARD.decode(encoded).ok()?;
            String::from_utf8(text).ok().map(Cow::Owned)
        }
        None => Some(Cow::Borrowed(value)),
    }
}

/// A header value as it is written, without the white space around it. `None` for bytes other
/// than visible ASCII, space and tab (RFC 9110, section 5.5).
pub(super) fn literal(value: &[u8]) -> Option<&str> {
    let allowed = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~');
    let value = std::str::from_utf8(value).ok()?.trim_matches([' ', '\t']);
    value.as_bytes().iter().all(allowed).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the specification and the cases of SEP-2243.
    #[test]
    fn values_are_encoded_as_the_specification_shows() {
        for (text, header) in [
            ("us-west1", "us-west1"),
            ("us west 1", "us west 1"),
            ("file:///path/to/file%20name.txt", "file:///path/to/file%20name.txt"),
            ("", ""),
            ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
            ("日本語", "=?base64?5pel5pys6Kqe?="),
            (" padded ", "=?base64?IHBhZGRlZCA=?="),
            (" us-west1", "=?base64?IHVzLXdlc3Qx?="),
            ("us-west1 ", "=?base64?dXMtd2VzdDEg?="),
            ("line1\nline2", "=?base64?bGluZTEKbGluZTI=?="),
            ("line1\r\nline2", "=?base64?bGluZTENCmxpbmUy?="),
            ("\tindented", "=?base64?CWluZGVudGVk?="),
            ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
            ("\u{7f}", "=?base64?fw==?="),
        ] {
            assert_eq!(encode(text), header, "{text:?}");
            assert_eq!(decode(header.as_bytes()).unwrap(), text, "{header:?}");
        }
    }

    #[test]
    fn without_the_exact_markers_a_value_is_a_literal() {
        for literal in ["SGVsbG8=", "=?base64?SGVsbG8=", "=?BASE64?SGVsbG8=?=", "=?base64?="] {
            assert_eq!(decode(literal.as_bytes()).unwrap(), literal);
        }
    }

    #[test]
    fn space_around_a_value_does_not_count() {
        assert_eq!(decode(b" \tfoo bar \t").unwrap(), "foo bar");
        assert_eq!(decode(b" =?base64?IGE=?= ").unwrap(), " a");
    }

    #[test]
    fn what_cannot_be_decoded_is_refused() {
        for value in [
            &b"=?base64?SGVsbG8?="[..],
            b"=?base64?SGVs!!!bG8=?=",
            b"=?base64?SGVsbG9=?=",
            b"=?base64?/w==?=",
            b"caf\xc3\xa9",
            b"\xff",
            b"a\0b",
            b"a\nb",
            b"\x7f",
        ] {
            assert_eq!(decode(value), None, "{value:?}");
        }
    }
}
