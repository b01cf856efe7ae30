//! Private keys in PEM (RFC 7468).

use std::ops::Range;

/// The private key whose `-----BEGIN` stands at `start`, from its first line to its last, or to
/// the end of a text that was cut before.
pub(super) fn private_key(text: &[u8], start: usize) -> Option<Range<usize>> {
    const LABEL: usize = 64;
    let begin = "-----BEGIN".len();
    let label = text.get(start + begin..text.len().min(start + begin + LABEL))?;
    let label = label.get(..memchr::memmem::find(label, b"-----")?)?;
    memchr::memmem::find(label, b"PRIVATE KEY")?;
    let body = start + begin + label.len() + 5;
    let rest = text.get(body..)?;
    let end = memchr::memmem::find(rest, b"-----END").map_or(text.len(), |at| {
        let tail = rest.get(at + 8..).unwrap_or_default();
        let close =
            memchr::memmem::find(tail.get(..tail.len().min(LABEL)).unwrap_or_default(), b"-----");
        body + at + 8 + close.map_or(0, |close| close + 5)
    });
    Some(start..end)
}
