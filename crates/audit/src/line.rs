//! One line of a file: fields in a fixed order, every text escaped.

use std::fmt::Write;

/// SHA-256, or HMAC with it.
pub(crate) type Hash = [u8; 32];

/// A hash as 64 digits.
pub(crate) fn hex(hash: &Hash) -> [u8; 64] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0');
    let mut out = [0; 64];
    for (pair, byte) in out.chunks_exact_mut(2).zip(hash) {
        pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
    out
}

/// The hash that 64 small digits say.
pub(crate) fn unhex(text: &[u8]) -> Option<Hash> {
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut out = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(out)
}

/// What some reader takes for the end of a line, a terminal for a command, or an eye for another
/// order than there is (Unicode Standard Annex 9, explicit formatting characters).
pub(crate) fn is_breaking(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// A text for a terminal or a cell: one line, which looks like what it holds.
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if is_breaking(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// A JSON string that stays on its line.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    write_quoted(&mut out, text);
    out
}

fn write_quoted(out: &mut String, text: &str) {
    out.push('"');
    if text.bytes().all(is_plain) {
        out.push_str(text);
        out.push('"');
        return;
    }
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| is_breaking(c) || matches!(c, '"' | '\\')) {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        let mut chars = special.chars();
        match chars.next() {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\n') => out.push_str("\\n"),
            Some(c) => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            None => {}
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

/// Printable ASCII that stands in a JSON string as it is: nearly all there is.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

/// The fields of a line. Names are ours; all else is escaped or a number.
pub(crate) struct Line<'a>(pub &'a mut String);

impl Line<'_> {
    fn name(&mut self, name: &str) {
        self.0.push_str(if self.0.ends_with('{') { "\"" } else { ",\"" });
        self.0.push_str(name);
        self.0.push_str("\":");
    }

    pub(crate) fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        write_quoted(self.0, value);
    }

    pub(crate) fn number(&mut self, name: &str, value: u64) {
        self.name(name);
        let _ = write!(self.0, "{value}");
    }

    /// A value that is JSON on one line already.
    pub(crate) fn json(&mut self, name: &str, value: &str) {
        self.name(name);
        self.0.push_str(value);
    }

    pub(crate) fn hash(&mut self, name: &str, value: &Hash) {
        self.name(name);
        self.0.push('"');
        self.0.push_str(std::str::from_utf8(&hex(value)).unwrap_or_default());
        self.0.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_quoted_is_read_back_from_one_line() {
        for text in
            ["", "x\n{\"decision\":\"allow\"}", "\\\"", "\u{1b}[2J\u{7f}\u{9b}\u{2028}", "é\r\t\0"]
        {
            let quoted = quote(text);
            assert!(!quoted.contains(is_breaking), "{quoted}");
            assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), text);
        }
    }

    #[test]
    fn a_hash_is_read_as_it_was_written() {
        let hash: Hash = std::array::from_fn(|i| u8::try_from(i * 8).unwrap());
        assert_eq!(unhex(&hex(&hash)), Some(hash));
        assert_eq!(unhex(&hex(&hash).to_ascii_uppercase()), None);
    }
}
