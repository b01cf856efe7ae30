//! Is there an address around this at sign? (RFC 5321, in the form people use.)

use std::ops::Range;

/// RFC 5321, section 4.5.3.1.
const LOCAL: usize = 64;
const DOMAIN: usize = 253;

/// The address whose `@` stands at `at`.
pub(super) fn around(text: &[u8], at: usize) -> Option<Range<usize>> {
    let before = text.get(at.saturating_sub(LOCAL)..at)?;
    let local = before.iter().rev().take_while(|byte| is_local(**byte)).count();
    let local = before.get(before.len() - local..)?;
    let skipped = local.iter().take_while(|byte| !byte.is_ascii_alphanumeric()).count();
    let start = at - local.len() + skipped;
    if start == at {
        return None;
    }
    let after = text.get(at + 1..text.len().min(at + 1 + DOMAIN))?;
    let domain = after.iter().take_while(|byte| is_domain(**byte)).count();
    let domain = after.get(..domain)?;
    let domain = domain.trim_ascii_end();
    let dots = domain.iter().rev().take_while(|byte| matches!(byte, b'.' | b'-')).count();
    let domain = domain.get(..domain.len() - dots)?;
    let dot = memchr::memrchr(b'.', domain)?;
    let top = domain.get(dot + 1..)?;
    let named = top.len() >= 2 && top.iter().all(u8::is_ascii_alphabetic)
        || top.starts_with(b"xn--") && top.len() > 4;
    let end = at + 1 + domain.len();
    let is_repository = text.get(start..at) == Some(b"git") && text.get(end) == Some(&b':');
    (dot > 0 && domain.first() != Some(&b'.') && named && !is_repository).then_some(start..end)
}

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".!#$%&'*+-/=?^_`{|}~".contains(&byte)
}

fn is_domain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-'
}
