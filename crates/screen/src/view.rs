//! A string as a reader sees it, and where each part of that stands in the text it came from.
//!
//! Detectors must not be fooled by spelling: `\u0067hp_` is `ghp_`, a zero-width space inside a
//! card number separates nothing, and fullwidth digits are digits.

use toolgate_values::hidden::is_invisible;

use crate::neutral;

/// A text that was rewritten, with the way back.
#[derive(Default)]
pub(crate) struct View {
    pub(crate) bytes: Vec<u8>,
    /// From this byte of the view on, offsets in the source run in step from the second number.
    breaks: Vec<(u32, u32)>,
}

/// How much of a spelling is undone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undo {
    /// The escapes of JSON.
    Escapes,
    /// Those, invisible characters and lookalike forms of ASCII.
    EscapesAndDisguise,
    /// Invisible characters and lookalike forms: the text is not JSON.
    Disguise,
}

impl View {
    /// Fills the view from `source`: the inside of a valid JSON string, or plain text.
    pub(crate) fn fill(&mut self, source: &[u8], undo: Undo) {
        self.bytes.clear();
        self.breaks.clear();
        let escapes = undo != Undo::Disguise;
        let disguise = undo != Undo::Escapes;
        let is_ascii = source.is_ascii();
        let mut at = 0;
        while let Some(byte) = source.get(at) {
            let rest = source.get(at..).unwrap_or_default();
            let plain = match disguise && !is_ascii {
                true => rest.iter().position(|b| (*b == b'\\' && escapes) || *b >= 0x80),
                false if escapes => memchr::memchr(b'\\', rest),
                false => None,
            };
            let plain = plain.unwrap_or(rest.len());
            self.mark(at);
            if plain > 0 {
                self.bytes.extend_from_slice(rest.get(..plain).unwrap_or_default());
                at += plain;
                continue;
            }
            if let [b'\\', escaped, ..] = rest
                && let Some(simple) = simple(*escaped)
            {
                self.bytes.push(simple);
                at += 2;
                continue;
            }
            let (character, width) =
                if *byte == b'\\' { escaped(rest) } else { neutral::decode(rest) };
            at += width;
            let shown = if disguise { plainly(character) } else { Some(character) };
            if let Some(shown) = shown {
                self.bytes.extend_from_slice(shown.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        self.mark(source.len());
    }

    /// Whether it is worth keeping for the next text.
    pub(crate) fn is_small(&self) -> bool {
        self.bytes.capacity() <= 1 << 20 && self.breaks.capacity() <= 1 << 16
    }

    fn mark(&mut self, at: usize) {
        let entry = (self.bytes.len() as u32, at as u32);
        match self.breaks.last_mut() {
            // What was stripped goes with what stands before it.
            Some(last) if last.0 == entry.0 => last.1 = entry.1,
            Some(last) if entry.0 - last.0 == entry.1 - last.1 => {}
            _ => self.breaks.push(entry),
        }
    }

    /// The part of the source that a part of the view stands for, whole characters of both.
    pub(crate) fn source(&self, part: std::ops::Range<usize>) -> std::ops::Range<usize> {
        let continues = |at: usize| self.bytes.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
        let (mut start, mut end) = (part.start, part.end.min(self.bytes.len()));
        while start > 0 && continues(start) {
            start -= 1;
        }
        while continues(end) {
            end += 1;
        }
        self.offset(start)..self.offset(end)
    }

    fn offset(&self, at: usize) -> usize {
        let after = self.breaks.partition_point(|(view, _)| *view as usize <= at);
        match after.checked_sub(1).and_then(|index| self.breaks.get(index)) {
            Some((view, source)) => *source as usize + (at - *view as usize),
            None => at,
        }
    }
}

/// What an escape of two bytes stands for, by its second, if that is no control character but one
/// of lines.
fn simple(escaped: u8) -> Option<u8> {
    match escaped {
        b'"' | b'\\' | b'/' => Some(escaped),
        b'n' => Some(b'\n'),
        b'r' => Some(b'\r'),
        b't' => Some(b'\t'),
        _ => None,
    }
}

/// The character that an escape at the start of `rest` stands for, and its length in bytes. A lone
/// surrogate is U+FFFD.
fn escaped(rest: &[u8]) -> (char, usize) {
    let simple = match rest.get(1) {
        Some(b'u') => {
            let Some(first) = digits(rest.get(2..6)) else { return ('\u{fffd}', rest.len()) };
            if (0xd800..0xdc00).contains(&first)
                && rest.get(6..8) == Some(b"\\u")
                && let Some(second @ 0xdc00..0xe000) = digits(rest.get(8..12))
            {
                let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return (char::from_u32(code).unwrap_or('\u{fffd}'), 12);
            }
            return (char::from_u32(first).unwrap_or('\u{fffd}'), 6);
        }
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(other) => char::from(simple(*other).unwrap_or(*other)),
        None => return ('\u{fffd}', 1),
    };
    (simple, 2)
}

fn digits(hex: Option<&[u8]>) -> Option<u32> {
    hex?.iter().try_fold(0, |code, digit| Some(code << 4 | char::from(*digit).to_digit(16)?))
}

/// What a character is taken for: itself, the ASCII it poses as, or nothing.
fn plainly(character: char) -> Option<char> {
    let code = u32::from(character);
    let ascii = match code {
        0xff01..=0xff5e => code - 0xff01 + 0x21,
        // Mathematical digits, in five styles.
        0x1_d7ce..=0x1_d7ff => (code - 0x1_d7ce) % 10 + 0x30,
        // Arabic-Indic digits, of both sets.
        0x0660..=0x0669 => code - 0x0660 + 0x30,
        0x06f0..=0x06f9 => code - 0x06f0 + 0x30,
        0x2010..=0x2015 | 0x2212 => u32::from(b'-'),
        0x00a0 | 0x2000..=0x200a | 0x202f | 0x205f | 0x3000 => u32::from(b' '),
        // Words that stand on lines of their own stay apart.
        0x2028 | 0x2029 => u32::from(b'\n'),
        _ if is_invisible(character) => return None,
        _ => return Some(character),
    };
    char::from_u32(ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(source: &str, undo: Undo) -> View {
        let mut view = View::default();
        view.fill(source.as_bytes(), undo);
        view
    }

    #[test]
    fn every_spelling_reads_the_same() {
        for source in [
            "ghp_1",
            r"\u0067hp_1",
            r"gh\u200bp_1",
            "gh\u{200b}p_1",
            "ｇｈｐ＿１",
            r"\uff47hp_\ud835\udfcf",
            "ghp\u{ad}_\u{e0041}1",
        ] {
            assert_eq!(view(source, Undo::EscapesAndDisguise).bytes, b"ghp_1", "{source}");
        }
    }

    #[test]
    fn a_part_is_found_again_in_its_source() {
        for (source, part) in [
            (r"a\u0067hp_z", r"\u0067hp_"),
            (r"\na\u200bghp_z", "ghp_"),
            (r"gh\u200bp_\u200bz", r"gh\u200bp_\u200b"),
            ("aｇｈｐ＿z", "ｇｈｐ＿"),
            (r"\ud800ghp_\ud83d\ude00", "ghp_"),
        ] {
            let view = view(source, Undo::EscapesAndDisguise);
            let start = memchr::memmem::find(&view.bytes, b"ghp_").unwrap();

            let range = view.source(start..start + 4);

            assert_eq!(&source[range], part, "{source}");
        }
    }

    #[test]
    fn half_a_character_maps_to_the_whole_one() {
        let view = view(r"x\u00e9y", Undo::Escapes);

        assert_eq!(view.source(2..3), 1..7);
        assert_eq!(view.source(1..2), 1..7);
        assert_eq!(view.source(0..4), 0..8);
    }
}
