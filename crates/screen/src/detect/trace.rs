//! The frames of a stack trace, as the common runtimes print them.
//!
//! The line that says what went wrong stays: it is what a reader can act on.

use std::ops::Range;

/// No trace is longer, in bytes.
const LONGEST: usize = 64 << 10;

/// The frames that the marker at `at` begins.
pub(super) fn at(text: &[u8], at: usize) -> Option<Range<usize>> {
    let start = start_of_line(text, at);
    let first = line(text, start);
    let is_frame: fn(&[u8]) -> bool = match first {
        line if begins(line, b"traceback (most recent call") => is_indented,
        line if begins(line, b"goroutine ") && line.ends_with(b"]:") => is_not_blank,
        line if begins(line, b"stack backtrace:") => is_numbered_or_indented,
        line if is_at(line) => is_at,
        line if is_numbered(line) => is_numbered,
        _ => return None,
    };
    let mut end = start + first.len();
    while end < text.len() && end - start < LONGEST {
        let next = line(text, end + 1);
        if next.is_empty() || !is_frame(next) {
            break;
        }
        end += 1 + next.len();
    }
    Some(start..end.min(text.len()))
}

fn start_of_line(text: &[u8], at: usize) -> usize {
    // A marker may begin with the line break before it.
    let at = if text.get(at) == Some(&b'\n') { at + 1 } else { at };
    let before = text.get(at.saturating_sub(512)..at).unwrap_or_default();
    match memchr::memrchr(b'\n', before) {
        Some(position) => at - before.len() + position + 1,
        None => at - before.len(),
    }
}

fn line(text: &[u8], start: usize) -> &[u8] {
    let rest = text.get(start..).unwrap_or_default();
    rest.get(..memchr::memchr(b'\n', rest).unwrap_or(rest.len())).unwrap_or_default()
}

fn begins(line: &[u8], word: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    line.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

fn is_not_blank(line: &[u8]) -> bool {
    !line.trim_ascii().is_empty()
}

fn is_indented(line: &[u8]) -> bool {
    line.starts_with(b"  ") || line.starts_with(b"\t")
}

/// `    at f (file.js:1:2)`, `  at a.B.c(D.java:7)`, `   at N.M() in C:\f.cs:line 3`.
fn is_at(line: &[u8]) -> bool {
    let rest = line.trim_ascii_start();
    let is_marked = line.len() > rest.len() && rest.starts_with(b"at ");
    let is_place =
        rest.contains(&b'(') || rest.windows(2).any(|w| w[0] == b':' && w[1].is_ascii_digit());
    is_marked && is_place
        || line.len() > rest.len() && rest.starts_with(b"... ") && rest.ends_with(b" more")
}

/// `#0 /var/www/x.php(12): f()`, `  3: core::panicking::panic`.
fn is_numbered(line: &[u8]) -> bool {
    let rest = line.trim_ascii_start();
    let Some(rest) = rest.strip_prefix(b"#") else { return false };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let is_place = rest.contains(&b'(') || rest.ends_with(b"{main}");
    digits > 0 && rest.get(digits) == Some(&b' ') && is_place
}

fn is_numbered_or_indented(line: &[u8]) -> bool {
    let rest = line.trim_ascii_start();
    is_indented(line) || rest.first().is_some_and(u8::is_ascii_digit) && rest.contains(&b':')
}
