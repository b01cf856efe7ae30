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
