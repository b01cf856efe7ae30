//! Text from a server that is fit for a log: no control characters, no secrets.

use std::{borrow::Cow, ffi::OsString};

use super::Secret;

/// Shorter values are ports, flags and words; masking them would garble every line.
const SHORTEST: usize = 6;

/// The values a server was given in its environment.
#[derive(Debug)]
pub(super) struct Mask(Vec<String>);

impl Mask {
    pub(super) fn of(env: &[(OsString, Secret)]) -> Self {
        let mut pieces: Vec<_> = env
            .iter()
            // A key in PEM form would be printed line by line.
            .flat_map(|(_, secret)| {
                let whole = secret.0.to_string_lossy();
                whole.lines().map(|line| plain(line.as_bytes())).collect::<Vec<_>>()
            })
            .filter(|piece| piece.len() >= SHORTEST)
            .collect();
        // The longest first: a secret may contain another.
        pieces.sort_by_key(|piece| std::cmp::Reverse(piece.len()));
        Self(pieces)
    }

    /// One line for a person, `cut` short if it was too long.
    pub(super) fn apply(&self, line: &[u8], cut: bool) -> String {
        let mut text = plain(line);
        for secret in &self.0 {
            if text.contains(secret) {
                text = text.replace(secret, "***");
            }
        }
        if cut {
            text.truncate(self.end_without_secret(&text));
            text.push_str(" … (cut)");
        }
        text
    }

    /// Where `text` ends if a secret that the cut went through is left out.
    fn end_without_secret(&self, text: &str) -> usize {
        let begun = self.0.iter().filter_map(|secret| {
            let starts = secret.char_indices().skip(1).map(|(at, _)| &secret[..at]);
            starts.filter(|start| text.ends_with(start)).map(str::len).last()
        });
        text.len() - begun.max().unwrap_or(0)
    }
}

/// `line` as text without escape sequences and control characters, so that it can neither move
/// a terminal's cursor nor pretend to be a log line of its own.
fn plain(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line.trim_ascii_end());
    if !text.chars().any(is_control) {
        return text.into_owned();
    }
    without_escapes(&text).chars().map(|c| if is_control(c) { ' ' } else { c }).collect()
}

/// C0, DEL, C1, and the marks that reverse the direction of text.
fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Cuts CSI sequences (`ESC [ … letter`), which colour text and move the cursor (ECMA-48, 5.4),
/// and OSC sequences (`ESC ] … BEL`), which set titles and links. Others lose their ESC only.
fn without_escapes(text: &str) -> Cow<'_, str> {
    let mut parts = text.split('\x1b');
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = match part.as_bytes().first() {
            Some(b'[') => {
                part[1..].find(|c| matches!(c, '\x40'..='\x7e')).map(|at| &part[at + 2..])
            }
            Some(b']') => part.find('\x07').map(|at| &part[at + 1..]),
            _ => Some(part),
        };
        kept.push_str(rest.unwrap_or_default());
    }
    Cow::Owned(kept)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mask(values: &[&str]) -> Mask {
        Mask::of(&values.iter().map(|v| ("X".into(), Secret::from(*v))).collect::<Vec<_>>())
    }

    #[test]
    fn colours_and_control_characters_disappear() {
        let cases: &[(&[u8], &str)] = &[
            (b"\x1b[1;31mred\x1b[0m alert", "red alert"),
            (b"\x1b]0;title\x07text", "text"),
            (b"a\tb\x08c\r", "a b c"),
            (b"fake\x0b2026-01-01 ERROR", "fake 2026-01-01 ERROR"),
            ("\u{202e}gnp.exe".as_bytes(), " gnp.exe"),
            (b"not \xff utf-8", "not \u{fffd} utf-8"),
        ];
        for (line, expected) in cases {
            assert_eq!(mask(&[]).apply(line, false), *expected);
        }
    }

    #[test]
    fn secrets_are_masked_line_by_line() {
        let mask = mask(&["sk-0123456789", "-----BEGIN\nMIIEvQIBADAN\n", "no", "sk-0123"]);

        assert_eq!(mask.apply(b"key sk-0123456789, no other", false), "key ***, no other");
        assert_eq!(mask.apply(b"MIIEvQIBADAN", false), "***");
    }

    #[test]
    fn a_cut_through_a_secret_shows_no_part_of_it() {
        let mask = mask(&["sk-0123456789"]);

        assert_eq!(mask.apply(b"key=sk-01234567", true), "key= … (cut)");
    }

    proptest! {
        #[test]
        fn no_control_character_survives(line: Vec<u8>) {
            let text = mask(&[]).apply(&line, false);

            prop_assert!(!text.chars().any(is_control));
        }
    }
}
