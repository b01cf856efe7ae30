//! Percent-encoding (RFC 3986), and which values may stand in a path.

use std::fmt::Write as _;

/// How often a value is decoded to see what it becomes behind proxies that decode.
const DECODINGS: usize = 3;

/// Encodes all but unreserved characters (RFC 3986, 2.3), so that nothing in the text is syntax.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push(&mut out, text, |_| false);
    out
}

/// Encodes, and lets reserved characters stand (RFC 6570, 3.2.3) except those that would end a
/// query or begin another parameter of it.
pub(crate) fn encode_reserved(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push(&mut out, text, |byte| b":/?@!$'()*,;[]".contains(&byte));
    out
}

/// Encodes what a literal part of a path must not hold; what is encoded already stays.
pub(crate) fn encode_literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push(&mut out, text, |byte| b"/%:@!$&'()*+,;=".contains(&byte));
    out
}

fn push(out: &mut String, text: &str, kept: impl Fn(u8) -> bool) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ if kept(byte) => out.push(char::from(byte)),
            // Writing to a String cannot fail.
            _ => drop(write!(out, "%{byte:02X}")),
        }
    }
}

/// The text that percent-encoding stands for; what is no encoding stays.
pub(crate) fn decode(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

/// Whether a value stays one segment of a path: neither as it is nor decoded is it a dot segment
/// (RFC 3986, 3.3), empty, or does it hold a separator or a control character; nor is it one without
/// what follows a `;`, which some servers cut off first. We encode what we send; this is for servers
/// and proxies that decode more than once.
pub(crate) fn is_segment(value: &str) -> bool {
    let is_sound =
        |text: &String| !matches!(name(text), "" | "." | "..") && !text.contains(is_syntax);
    let readings = readings(value, DECODINGS + 2);
    // What is left to decode after so many times is encoded more often than anybody means.
    readings.len() <= DECODINGS + 1 && readings.iter().all(is_sound)
}

/// Whether a segment as it is sent, with values in it, stays one to everybody who decodes it: it is
/// no dot segment, not empty, and its separators are those of its `literal` parts alone. Values that
/// are sound by themselves may be something else side by side: `%2` and `f` are a slash to somebody
/// who decodes once more.
pub(crate) fn is_one_segment(sent: &str, literal: &[&str]) -> bool {
    // What is sent is encoded once more than the values in it.
    let levels = DECODINGS + 2;
    let readings = |text: &str| readings(text, levels + 1);
    let literal: Vec<_> = literal.iter().map(|text| readings(text)).collect();
    let separators = |text: &String| text.chars().filter(|c| is_syntax(*c)).count();
    let expected = |level: usize| -> usize {
        literal.iter().filter_map(|it| it.get(level).or(it.last())).map(separators).sum()
    };
    let readings = readings(sent);
    let is_sound = |(level, text): (usize, &String)| {
        let is_named = !text.is_empty() && !matches!(name(text), "." | "..");
        is_named && separators(text) == expected(level)
    };
    readings.len() <= levels && readings.iter().enumerate().all(is_sound)
}

/// What separates segments, or lines.
fn is_syntax(c: char) -> bool {
    matches!(c, '/' | '\\') || c.is_control()
}

/// Whether a segment is a dot segment, as it is or for somebody who decodes it.
pub(crate) fn is_dots(segment: &str) -> bool {
    readings(segment, DECODINGS + 2).iter().any(|text| matches!(name(text), "." | ".."))
}

/// A text, and what it is to those who decode it once more, and once more; at most so many.
fn readings(text: &str, most: usize) -> Vec<String> {
    let decoded = |text: &String| {
        let decoded = String::from_utf8_lossy(&decode(text)).into_owned();
        (decoded != *text).then_some(decoded)
    };
    std::iter::successors(Some(text.to_owned()), decoded).take(most).collect()
}

/// A segment without its parameters (RFC 3986, 3.3).
fn name(segment: &str) -> &str {
    segment.split(';').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_would_change_a_path_is_no_segment() {
        for value in [
            "",
            ".",
            "..",
            "a/b",
            "a\\b",
            "%2e%2e",
            "%2E.",
            "%252e%252e",
            "a%2Fb",
            "a%252fb",
            "%25252525252e",
            "a\0",
            "a\nb",
            "%0d%0aHost",
            "..%2f..",
            "%5c",
            "..;",
            "..;x=1",
            "%2e%2e%3bx",
            ";x",
        ] {
            assert!(!is_segment(value), "{value:?}");
        }
        for value in ["a", "...", "a..b", "100%", "ä", "a b", "?x=1", "#", "%zz", "a;b=c", "%20"] {
            assert!(is_segment(value), "{value:?}");
        }
    }

    #[test]
    fn values_side_by_side_are_one_segment_or_refused() {
        for (sent, literal) in [
            ("%252e", &[][..]),
            ("%252f", &[]),
            ("a%25252fb", &[]),
            ("..;x=1", &[".."]),
            ("a%2Fb", &[]),
            ("a%2F%252fb", &["%2F"]),
            ("%2F", &["%2"]),
            ("a%25C2%2585", &[]),
            ("%25252525252e", &[]),
            ("", &[""]),
        ] {
            assert!(!is_one_segment(sent, literal), "{sent} {literal:?}");
        }
        for (sent, literal) in [
            ("a.b", &["."][..]),
            ("...a", &[".."]),
            (";x=1", &[]),
            ("a%2Fb", &["%2F"]),
            ("a%252Fb", &["%252F"]),
            ("100%25.pdf", &[".pdf"]),
            ("%25252525zz", &[]),
        ] {
            assert!(is_one_segment(sent, literal), "{sent} {literal:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_itself_and_is_no_syntax(text in ".*") {
            let encoded = encode(&text);

            prop_assert_eq!(decode(&encoded), text.as_bytes());
            let is_plain =
                |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~' | '%');
            prop_assert!(encoded.chars().all(is_plain));
        }
    }
}
