//! What does a person not see that a model or a terminal reads?

use std::borrow::Cow;
use std::fmt::Write;

/// Control characters, private use, noncharacters, and what Unicode calls format characters or
/// gives no width: zero-width joiners, changes of direction, tags, fillers, variation selectors.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    // Nearly all text ends here.
    if matches!(c, ' '..='~') {
        return false;
    }
    c.is_control()
        || matches!(u32::from(c),
            0xad | 0x34f | 0x61c | 0x115f | 0x1160 | 0x17b4 | 0x17b5 | 0x180b..=0x180f
            | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0x2800 | 0x3164
            | 0xe000..=0xf8ff | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff9..=0xfffb
            | 0xfffe | 0xffff | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0000..=0x10_ffff)
}

/// The text on one line, with everything hidden shown as `\u{...}`.
#[must_use]
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_hidden(c) => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// A part of `text` around the bytes `at`, shown, at most about `longest` characters of it.
#[must_use]
pub fn excerpt(text: &str, at: std::ops::Range<usize>, longest: usize) -> String {
    let before = text.get(..at.start).unwrap_or_default();
    let rest = text.get(at.start..).unwrap_or(text);
    let found = at.len().min(longest);
    let around = (longest - found) / 2;
    let start = before.char_indices().rev().take(around).last().map_or(before.len(), |(at, _)| at);
    let left = before.get(start..).unwrap_or_default();
    let end = rest.char_indices().nth(found + around).map_or(rest.len(), |(at, _)| at);
    let right = rest.get(..end).unwrap_or_default();
    let (head, tail) = (if start > 0 { "…" } else { "" }, if end < rest.len() { "…" } else { "" });
    format!("{head}{}{}{tail}", shown(left), shown(right))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_does_not_see_is_shown() {
        for (text, expected) in [
            ("plain é 日本 🎉", "plain é 日本 🎉"),
            ("\u{1b}]52;c;x", "\\u{1b}]52;c;x"),
            ("a\u{200b}b\u{202e}c", "a\\u{200b}b\\u{202e}c"),
            ("tag\u{e0041}\n", "tag\\u{e0041}\\n"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }

    #[test]
    fn an_excerpt_keeps_to_its_length_and_to_characters() {
        let text = format!("{}here{}", "é".repeat(300), "日".repeat(300));

        let part = excerpt(&text, 600..604, 20);

        assert_eq!(part, format!("…{}here{}…", "é".repeat(8), "日".repeat(8)));
        assert_eq!(excerpt("all", 0..3, 20), "all");
        assert_eq!(excerpt("", 5..9, 20), "");
    }
}
