//! JSON Web Tokens: three runs of base64url, the first two of which begin an object.

use std::ops::Range;

/// The token that begins at `start`, where `eyJ` stands.
///
/// `run` remembers where a run of base64url that was looked at before ends, so that a text full of
/// beginnings is not read again for each.
pub(super) fn at(text: &[u8], start: usize, run: &mut Range<usize>) -> Option<Range<usize>> {
    if start > 0 && text.get(start - 1).is_some_and(u8::is_ascii_alphanumeric) {
        return None;
    }
    if !run.contains(&start) {
        *run = start..end_of_run(text, start);
    }
    let header = run.end;
    let payload = text.get(header..)?;
    if header - start < 12 || !payload.starts_with(b".eyJ") {
        return None;
    }
    let payload = end_of_run(text, header + 1);
    if payload - header < 8 {
        return None;
    }
    // An unsecured token ends after its second dot; a text may have been cut before it.
    let end = match text.get(payload) {
        Some(b'.') => end_of_run(text, payload + 1),
        _ => payload,
    };
    Some(start..end)
}

fn end_of_run(text: &[u8], from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    let is_base64url = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    from + rest.iter().position(|byte| !is_base64url(byte)).unwrap_or(rest.len())
}
