//! What a server says, made fit for a terminal: it may carry escape sequences that rewrite the
//! screen, and characters that a person does not see but a model reads.

use std::borrow::Cow;
use std::fmt::Write;

use toolgate_values::hidden::{is_hidden, is_needed};

/// How much of a description is shown, in characters.
const LONGEST: usize = 160;

/// Text on one line, with everything invisible made visible as `\u{...}`.
pub fn line(text: &str) -> Cow<'_, str> {
    shown(text, |_| false)
}

/// Text of several lines, with everything else that is invisible made visible.
pub fn block(text: &str) -> Cow<'_, str> {
    shown(text, |c| matches!(c, '\n' | '\t'))
}

/// The first line of a description that says something, shortened.
pub fn summary(description: &str) -> String {
    let first = description.lines().map(str::trim).find(|line| !line.is_empty());
    let first = line(first.unwrap_or_default());
    match first.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", first[..at].trim_end()),
        None => first.into_owned(),
    }
}

fn shown(text: &str, allowed: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let hidden = |at, c| is_hidden(c) && !allowed(c) && !is_needed(text, at, c);
    let mut out = String::with_capacity(text.len() + 16);
    for (at, c) in text.char_indices() {
        match c {
            '\n' if !allowed(c) => out.push_str("\\n"),
            '\t' if !allowed(c) => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if hidden(at, c) => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_does_not_see_is_shown() {
        for (text, expected) in [
            ("plain é 日本 🎉 ❤️", "plain é 日本 🎉 ❤️"),
            ("\u{1b}[2Jgone", "\\u{1b}[2Jgone"),
            ("a\u{200b}b\u{202e}c\u{feff}", "a\\u{200b}b\\u{202e}c\\u{feff}"),
            ("tag\u{e0041}", "tag\\u{e0041}"),
            ("private\u{e000}", "private\\u{e000}"),
            ("c1\u{9b}31m", "c1\\u{9b}31m"),
            ("two\r\nlines\t", "two\\r\\nlines\\t"),
        ] {
            assert_eq!(line(text), expected);
        }
        assert_eq!(block("two\nlines\u{1b}"), "two\nlines\\u{1b}");
    }

    #[test]
    fn a_description_is_told_by_its_first_line() {
        assert_eq!(summary("\n  First.  \nSecond."), "First.");
        assert_eq!(summary(""), "");
        assert_eq!(summary(&"é".repeat(500)).chars().count(), LONGEST + 1);
    }
}
