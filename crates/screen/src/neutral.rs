//! What could deceive a reader of a text, made harmless.
//!
//! Escape sequences of terminals and invisible controls are removed, and a notice of what was
//! found is returned. What a script needs stays: joiners between letters of scripts that join,
//! joiners and variation selectors in emoji, marks of direction in text that has both directions.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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

/// How far a mark of direction reaches, in characters.
const NEAR: usize = 8;

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
        0xe0000..=0xe007f if is_flag(text, at) => return 0,
        0xe0000..=0xe007f => &mut found.tags,
        _ if is_invisible(character) && !is_needed(text, at, character) => &mut found.invisible,
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

/// Whether a reader sees nothing of it.
pub(crate) fn is_invisible(character: char) -> bool {
    matches!(
        u32::from(character),
        0x00ad | 0x034f | 0x061c | 0x115f | 0x1160 | 0x17b4 | 0x17b5 | 0x180b..=0x180f
            | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfe00..=0xfe0f
            | 0xfeff | 0xffa0 | 0xfff9..=0xfffb | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff
    )
}

/// Whether a script or an emoji needs this invisible character where it stands.
fn is_needed(text: &str, at: usize, character: char) -> bool {
    let before = text.get(..at).and_then(|text| text.chars().next_back());
    let after = text.get(at + character.len_utf8()..).and_then(|text| text.chars().next());
    let near = |test: fn(char) -> bool| before.is_some_and(test) && after.is_some_and(test);
    match u32::from(character) {
        // Non-joiner and joiner: between letters that join, or, the joiner, parts of an emoji.
        0x200c => near(joins),
        0x200d => near(joins) || near(|c| is_emoji(c) || u32::from(c) == 0xfe0f),
        // Marks of direction: near text that runs from right to left, with punctuation between.
        0x200e | 0x200f | 0x061c => {
            let before = text.get(..at).unwrap_or_default().chars().rev();
            let after = text.get(at..).unwrap_or_default().chars();
            before.take(NEAR).any(runs_left) || after.take(NEAR).any(runs_left)
        }
        // One selector of a variant, after a character that has variants.
        0xfe0e | 0xfe0f => {
            before.is_some_and(|c| is_emoji(c) || matches!(c, '0'..='9' | '#' | '*'))
        }
        0xfe00..=0xfe0d | 0xe0100..=0xe01ef => before.is_some_and(is_ideograph),
        0x180b..=0x180f => before.is_some_and(|c| matches!(u32::from(c), 0x1800..=0x18af)),
        _ => false,
    }
}

/// The flag of a region: tags after a black flag, up to a cancel tag.
fn is_flag(text: &str, at: usize) -> bool {
    const LONGEST: usize = 7;
    let is_tag = |c: &char| matches!(u32::from(*c), 0xe0020..=0xe007f);
    let before = text.get(..at).unwrap_or_default();
    let tags = before.chars().rev().take(LONGEST).take_while(is_tag).count();
    let rest = text.get(at..).unwrap_or_default();
    let ends = rest.chars().take(LONGEST).take_while(is_tag).any(|c| c == '\u{e007f}');
    ends && before.chars().rev().nth(tags) == Some('\u{1f3f4}')
}

/// Scripts whose letters take another form next to one another.
fn joins(character: char) -> bool {
    matches!(u32::from(character), 0x0600..=0x08ff | 0x0900..=0x0dff | 0x0f00..=0x109f
        | 0x1780..=0x18af | 0x1b00..=0x1b7f | 0xa840..=0xa87f | 0xfb50..=0xfdff | 0xfe70..=0xfefe)
}

fn runs_left(character: char) -> bool {
    matches!(u32::from(character), 0x0590..=0x08ff | 0xfb1d..=0xfdff | 0xfe70..=0xfefe
        | 0x10800..=0x10fff | 0x1e800..=0x1efff)
}

fn is_emoji(character: char) -> bool {
    matches!(u32::from(character), 0x00a9 | 0x00ae | 0x203c | 0x2049 | 0x2122 | 0x2139
        | 0x2190..=0x21ff | 0x2300..=0x23ff | 0x24c2 | 0x25a0..=0x27bf | 0x2900..=0x297f
        | 0x2b00..=0x2bff | 0x3030 | 0x303d | 0x3297 | 0x3299 | 0x1f000..=0x1faff)
}

fn is_ideograph(character: char) -> bool {
    matches!(u32::from(character), 0x2e80..=0x9fff | 0xf900..=0xfaff | 0x20000..=0x3ffff)
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
