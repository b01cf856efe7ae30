//! Strings of JSON: how far they run, what they say, how to write one.

use std::borrow::Cow;

/// How many bytes of `rest` a string may contain as they are: up to a quote, a backslash or a
/// control character.
pub(super) fn plain(rest: &[u8]) -> usize {
    let mut seen = 0;
    for block in rest.chunks_exact(8) {
        let word = u64::from_le_bytes(block.try_into().expect("a block has eight bytes"));
        let found = special(word);
        if found != 0 {
            return seen + found.trailing_zeros() as usize / 8;
        }
        seen += 8;
    }
    let tail = rest.get(seen..).unwrap_or_default();
    seen + tail.iter().position(|byte| is_special(*byte)).unwrap_or(tail.len())
}

/// The high bit of each byte that ends a plain run; exact up to and including the lowest one.
fn special(word: u64) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);
    let zero_in = |word: u64| word.wrapping_sub(ONES) & !word;
    let quote = zero_in(word ^ (ONES * u64::from(b'"')));
    let backslash = zero_in(word ^ (ONES * u64::from(b'\\')));
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (quote | backslash | control) & HIGHS
}

fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// What the inside of a valid JSON string says, or `None` when it is no text: a lone surrogate.
pub(crate) fn decode(inside: &str) -> Option<Cow<'_, str>> {
    if memchr::memchr(b'\\', inside.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inside));
    }
    let mut bytes = Vec::with_capacity(inside.len());
    decode_into(&mut bytes, inside.as_bytes());
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

/// Appends what the inside of a valid JSON string says.
///
/// A lone surrogate becomes the three bytes UTF-8 would give it were it a character. They make the
/// whole invalid as text, yet let two spellings of one key compare equal.
pub(super) fn decode_into(out: &mut Vec<u8>, mut inside: &[u8]) {
    while let Some(at) = memchr::memchr(b'\\', inside) {
        let (before, escape) = inside.split_at(at);
        out.extend_from_slice(before);
        inside = match escape {
            [_, b'u', rest @ ..] => unicode(out, rest),
            [_, simple, rest @ ..] => {
                out.push(unescaped(*simple));
                rest
            }
            _ => return,
        };
    }
    out.extend_from_slice(inside);
}

fn unescaped(simple: u8) -> u8 {
    match simple {
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        same => same,
    }
}

/// Appends the character of a `\u` escape, whose digits `rest` begins with, and returns what
/// follows it. Two surrogates in a row make one character.
fn unicode<'a>(out: &mut Vec<u8>, rest: &'a [u8]) -> &'a [u8] {
    let Some((first, rest)) = digits(rest) else { return &[] };
    if let 0xd800..0xdc00 = first
        && let [b'\\', b'u', after @ ..] = rest
        && let Some((second @ 0xdc00..0xe000, after)) = digits(after)
    {
        push(out, 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00));
        return after;
    }
    push(out, first);
    rest
}

fn digits(rest: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = rest.split_at_checked(4)?;
    let mut code = 0;
    for digit in digits {
        code = code << 4 | char::from(*digit).to_digit(16)?;
    }
    Some((code, rest))
}

fn push(out: &mut Vec<u8>, code: u32) {
    match char::from_u32(code) {
        Some(character) => {
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        None => out.extend_from_slice(&[
            0xe0 | (code >> 12) as u8,
            0x80 | (code >> 6) as u8 & 0x3f,
            0x80 | code as u8 & 0x3f,
        ]),
    }
}

/// An array of values that are JSON already.
#[must_use]
pub fn array<T: AsRef<[u8]>>(items: &[T]) -> Vec<u8> {
    let length = 2 + items.iter().map(|item| item.as_ref().len() + 1).sum::<usize>();
    let mut out = Vec::with_capacity(length);
    out.push(b'[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(item.as_ref());
    }
    out.push(b']');
    out
}

/// `text` as a JSON string, quotes included.
#[must_use]
pub fn quote(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len() + 2);
    quote_into(&mut out, text);
    String::from_utf8(out).expect("escaping keeps text utf-8")
}

/// Appends `text` as a JSON string, quotes included.
pub fn quote_into(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let (before, special) = rest.split_at(plain(rest));
        out.extend_from_slice(before);
        let Some((byte, after)) = special.split_first() else { break };
        escape(out, *byte);
        rest = after;
    }
    out.push(b'"');
}

fn escape(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match byte {
        b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        _ => {
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_run_ends_at_the_first_special_byte_wherever_it_stands() {
        for special in [b'"', b'\\', 0x00, 0x1f, b'\n'] {
            for length in 0..40 {
                let mut text = vec![b'a'; 40];
                text[length] = special;
                assert_eq!(plain(&text), length, "{special:#x} at {length}");
            }
        }
        for plain_byte in [0x20, 0x21, 0x23, 0x5b, 0x5d, 0x7f, 0x80, 0xff] {
            assert_eq!(plain(&[plain_byte; 21]), 21, "{plain_byte:#x}");
        }
    }

    #[test]
    fn escapes_decode_to_what_they_stand_for() {
        for (inside, text) in [
            ("", ""),
            ("plain", "plain"),
            (r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r"\u0041\u00e9\u4E16", "Aé世"),
            (r"\ud83d\ude00!", "😀!"),
        ] {
            assert_eq!(decode(inside).as_deref(), Some(text), "{inside}");
        }
    }

    #[test]
    fn a_lone_surrogate_is_no_text() {
        for inside in [r"\ud800", r"\ud800x", r"\ud800\u0041", r"\udc00\ud800", r"a\udfff"] {
            assert_eq!(decode(inside), None, "{inside}");
        }
    }

    #[test]
    fn a_text_without_escapes_is_not_copied() {
        assert!(matches!(decode("as it is"), Some(Cow::Borrowed("as it is"))));
    }

    #[test]
    fn quoting_is_what_serde_json_does() {
        let all: String = (0..0x300).filter_map(char::from_u32).chain(['\u{2028}', '😀']).collect();

        let ours: String = serde_json::from_str(&quote(&all)).unwrap();

        assert_eq!(ours, all);
        assert_eq!(quote("a\"\\\n\u{1}"), r#""a\"\\\n\u0001""#);
    }
}
