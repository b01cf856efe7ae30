//! Is there something in a text that a person does not see?

use crate::finding::{Place, Severity};
use crate::findings::Findings;
use crate::rules;
use crate::visible::is_hidden;

/// Blanks in a row, or empty lines, after which nobody reads on.
const GAP: usize = 80;
const LINES: usize = 12;

pub(crate) fn look(text: &str, place: &dyn Fn() -> Place, found: &mut Findings) {
    characters(text, place, found);
    gap(text, place, found);
    if let Some(at) = text.find("<!--") {
        let comment = text.get(at..).unwrap_or_default();
        let comment = comment.split("-->").next().unwrap_or(comment);
        let severity = if orders(comment) { Severity::High } else { Severity::Medium };
        found.quote(&rules::COMMENT, severity, place(), text, at..at + comment.len());
    }
}

/// Whether a comment speaks to somebody.
fn orders(comment: &str) -> bool {
    let lower = comment.to_lowercase();
    let mut words = lower.split(|c: char| !c.is_alphanumeric());
    words.any(|word| {
        matches!(
            word,
            "you"
                | "must"
                | "always"
                | "never"
                | "ignore"
                | "system"
                | "secret"
                | "secrets"
                | "instruction"
                | "instructions"
                | "assistant"
                | "send"
        )
    })
}

/// One finding a rule and text, however many characters there are.
fn characters(text: &str, place: &dyn Fn() -> Place, found: &mut Findings) {
    let (mut control, mut direction, mut invisible) = (None, None, None);
    let mut before = None;
    for (at, c) in text.char_indices() {
        let range = at..at + c.len_utf8();
        match c {
            '\n' | '\t' | '\r' => {}
            c if c.is_control() => control = control.or(Some(range)),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                direction = direction.or(Some(range));
            }
            c if is_hidden(c) && !belongs(c, before) => invisible = invisible.or(Some(range)),
            _ => {}
        }
        before = Some(c);
    }
    let all = [
        (&rules::CONTROL, control),
        (&rules::DIRECTION, direction),
        (&rules::INVISIBLE, invisible),
    ];
    for (rule, at) in all {
        if let Some(at) = at {
            found.quote(rule, rule.severity, place(), text, at);
        }
    }
}

/// Whether a hidden character has its place after the one before: emoji are put together with
/// joiners and selectors, and some scripts need joiners and direction marks.
fn belongs(c: char, before: Option<char>) -> bool {
    let Some(before) = before else { return false };
    let point = u32::from(before);
    let pictorial = matches!(point, 0x2190..=0x2bff | 0x3030 | 0x303d | 0x3297 | 0x3299 | 0x1f000..=0x1faff | 0xfe0f | 0xa9 | 0xae | 0x203c | 0x2049 | 0x2122 | 0x2139)
        && point != 0x2800;
    // Arabic, Hebrew, the scripts of India and south-east Asia, Mongolian.
    let complex = matches!(point, 0x590..=0x8ff | 0x900..=0xdff | 0xe00..=0xfff | 0x1000..=0x109f | 0x1780..=0x18af | 0xfb1d..=0xfdff | 0xfe70..=0xfefc);
    match u32::from(c) {
        // The selector for emoji also follows digits, # and *: keycaps.
        0xfe0e | 0xfe0f => pictorial || before.is_ascii_digit() || matches!(before, '#' | '*'),
        0x200d => pictorial || complex,
        0x200c | 0x200e | 0x200f | 0x61c | 0x180b..=0x180f | 0x17b4 | 0x17b5 => complex,
        _ => false,
    }
}

fn gap(text: &str, place: &dyn Fn() -> Place, found: &mut Findings) {
    let (mut blanks, mut lines) = (0, 0);
    for (at, c) in text.char_indices() {
        match c {
            '\n' => (blanks, lines) = (0, lines + 1),
            c if c.is_whitespace() => blanks += 1,
            _ if blanks >= GAP || lines >= LINES => {
                found.quote(&rules::OUT_OF_SIGHT, Severity::Medium, place(), text, at..at);
                return;
            }
            _ => (blanks, lines) = (0, 0),
        }
    }
}
