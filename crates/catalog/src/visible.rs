//! Text with what a person does not see in it, shown.

use std::borrow::Cow;
use std::fmt::Write;

pub use toolgate_values::hidden::is_hidden;

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
