//! The strings of a JSON text, one after the other, where they stand.

use std::ops::Range;

/// A string of a text.
pub(crate) struct Found {
    /// What stands between its quotes.
    pub(crate) inside: Range<usize>,
    /// Whether it is the key of a member.
    pub(crate) is_key: bool,
}

/// All strings of `text`, which should be valid JSON; of other text come other parts, but no panic.
pub(crate) fn strings(text: &[u8]) -> impl Iterator<Item = Found> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + memchr::memchr(b'"', text.get(at..)?)? + 1;
        let mut end = start;
        loop {
            end += memchr::memchr2(b'"', b'\\', text.get(end..)?)?;
            match text.get(end) {
                Some(b'"') => break,
                _ => end += 2,
            }
        }
        at = end + 1;
        let after = text.get(at..)?.iter().find(|byte| !byte.is_ascii_whitespace());
        Some(Found { inside: start..end, is_key: after == Some(&b':') })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_are_told_apart() {
        let text = br#"{"a\"" : ["b\\", ":", {"c":"d"}]}"#;

        let found: Vec<_> = strings(text)
            .map(|found| (std::str::from_utf8(&text[found.inside]).unwrap(), found.is_key))
            .collect();

        assert_eq!(
            found,
            [(r#"a\""#, true), (r"b\\", false), (":", false), ("c", true), ("d", false)]
        );
    }

    #[test]
    fn what_is_cut_off_ends() {
        for text in ["\"", "\"a\\", "\"a\\\"", "{\"a\":\"b"] {
            assert!(strings(text.as_bytes()).count() <= 1, "{text}");
        }
    }
}
