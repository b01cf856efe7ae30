//! What could deceive a reader of a text, made harmless.
//!
//! Escape sequences of terminals and invisible controls are removed, and a notice of what was
//! found is returned. What a script needs stays: joiners between letters of scripts that join,
//! joiners and variation selectors in emoji, marks of direction in text that has both directions.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toolgate_values::hidden::{is_invisible, is_needed};

/// What was found in a text, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Deceptions {
    /// ANSI and other escape sequences of terminals (ECMA-48).
    pub escapes: u32,
    /// Control characters other than tab, line feed and carriage return.
    pub controls: u32,
    /// Embeddings, overrides and isolates of the bidirectional algorithm (UAX #9).
    pub directions: u32,
    /// Zero-width and other invisible characters.
    pub invisible: u32,
    /// Tag characters, which spell hidden ASCII.
    pub tags: u32,
}

impl Deceptions {
    /// Whether anything was found.
    #[must_use]
    pub fn any(self) -> bool {
        self != Self::default()
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            escapes: self.escapes + other.escapes,
            controls: self.controls + other.controls,
            directions: self.directions + other.directions,
            invisible: self.invisible + other.invisible,
            tags: self.tags + other.tags,
        }
    }
}

/// What happens to what deceives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Treatment {
    /// It is taken out.
    #[default]
    Remove,
    /// It is shown as `<U+202E>`.
    Show,
}

/// Makes `text` harmless; borrowed when nothing had to change.
#[must_use]
pub fn neutralise(text: &str, treatment: Treatment) -> (Cow<'_, str>, Deceptions) {
    let mut found = Deceptions::default();
    let Some(first) = suspicious(text) else { return (Cow::Borrowed(text), found) };
    let mut out: Option<String> = None;
    let mut kept = 0;
    let mut at = first;
    while let Some(character) = text.get(at..).and_then(|rest| rest.chars().next()) {
        let width = deceives(text, at, character, &mut found);
        if width == 0 {
            at += character.len_utf8();
            continue;
        }
        let out = out.get_or_insert_with(|| String::with_capacity(text.len()));
        out.push_str(text.get(kept..at).unwrap_or_default());
        if treatment == Treatment::Show {
            let part = text.get(at..at + width).unwrap_or_default();
            for character in part.chars() {
                show(out, character);
            }
        }
        at += width;
        kept = at;
    }
    match out {
        Some(mut out) => {
            out.push_str(text.get(kept..).unwrap_or_default());
            (Cow::Owned(out), found)
        }
        None => (Cow::Borrowed(text), found),
    }
}

fn show(out: &mut String, character: char) {
    use std::fmt::Write;
    if is_control(character) || is_invisible(character) {
        // Writing to a string cannot fail.
        let _ = write!(out, "<U+{:04X}>", u32::from(character));
    } else {
        out.push(character);
    }
}

/// Where the first byte stands that may begin something to look at.
fn suspicious(text: &str) -> Option<usize> {
    text.bytes().position(|byte| byte >= 0x80 || byte == 0x7f || byte < 0x20 && !is_space(byte))
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\r')
}

/// How many bytes at `at` deceive; none if the character may stay.
fn deceives(text: &str, at: usize, character: char, found: &mut Deceptions) -> usize {
    let width = character.len_utf8();
    let count = match u32::from(character) {
        0x1b | 0x9b | 0x9d | 0x90 => {
            found.escapes += 1;
            return sequence(text.as_bytes().get(at..).unwrap_or_default(), character);
        }
        _ if is_control(character) => &mut found.controls,
        0x202a..=0x202e | 0x2066..=0x2069 => &mut found.directions,
        _ if is_invisible(character) && stays(text, at, character) => return 0,
        0xe0000..=0xe007f => &mut found.tags,
        _ if is_invisible(character) => &mut found.invisible,
        _ => return 0,
    };
    *count += 1;
    width
}

/// The length of an escape sequence that `rest` begins with: CSI up to its final byte; OSC, DCS and
/// the like up to their terminator; otherwise two characters. One that does not end within bounds
/// loses its introducer only.
fn sequence(rest: &[u8], first: char) -> usize {
    const LONGEST: usize = 4096;
    let mut at = first.len_utf8();
    let kind = match (first, rest.get(at)) {
        ('\u{1b}', Some(kind @ (b'[' | b']' | b'P' | b'X' | b'^' | b'_'))) => {
            at += 1;
            *kind
        }
        ('\u{1b}', Some(b'(' | b')' | b'#')) => return (at + 2).min(ascii_end(rest, at + 2)),
        ('\u{1b}', Some(0x30..=0x7e)) => return at + 1,
        ('\u{9b}', _) => b'[',
        ('\u{9d}' | '\u{90}', _) => b']',
        _ => return at,
    };
    let body = rest.get(at..rest.len().min(at + LONGEST)).unwrap_or_default();
    if kind == b'[' {
        let parameters = body.iter().take_while(|byte| matches!(byte, 0x20..=0x3f)).count();
        return at + parameters + usize::from(matches!(body.get(parameters), Some(0x40..=0x7e)));
    }
    let end = body.iter().enumerate().find_map(|(index, byte)| match (byte, body.get(index + 1)) {
        (0x07, _) => Some(index + 1),
        (0x1b, Some(b'\\')) | (0xc2, Some(0x9c)) => Some(index + 2),
        _ => None,
    });
    at + end.unwrap_or(0)
}

/// `end`, or less when what stands there is not ASCII.
fn ascii_end(rest: &[u8], end: usize) -> usize {
    match rest.get(end - 1) {
        Some(byte) if byte.is_ascii() => end,
        _ => end - 1,
    }
}

fn is_control(character: char) -> bool {
    character.is_control() && !matches!(character, '\t' | '\n' | '\r')
}

/// Whether it may stay where it stands: what a script or an emoji needs; what breaks lines, as a
/// line feed may, too; and private use, which is the affair of those who agreed on it.
fn stays(text: &str, at: usize, character: char) -> bool {
    matches!(u32::from(character), 0x2028 | 0x2029 | 0xe000..=0xf8ff | 0xf0000..=0x10_ffff)
        || is_needed(text, at, character)
}

/// The first character of `rest`, and its length; one byte and U+FFFD when that is not UTF-8.
pub(crate) fn decode(rest: &[u8]) -> (char, usize) {
    let longest = rest.get(..rest.len().min(4)).unwrap_or_default();
    let valid = match std::str::from_utf8(longest) {
        Ok(text) => text,
        Err(error) => {
            let valid = longest.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(valid).unwrap_or_default()
        }
    };
    match valid.chars().next() {
        Some(character) => (character, character.len_utf8()),
        None => ('\u{fffd}', 1),
    }
}

#[cfg(test)]
mod tests;
