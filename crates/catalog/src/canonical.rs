//! One spelling for every way of writing the same JSON, and its hash.
//!
//! The spelling follows RFC 8785 (JCS): no white space, keys in the order of their UTF-16 units,
//! strings with as few escapes as JSON allows. Numbers differ from it on purpose: RFC 8785 rounds
//! them to a double, and then 9007199254740993 and 9007199254740992 would be equal. Here a number
//! is its exact decimal value: digits without zeros at either end, and an exponent if there is one,
//! so that `1`, `1.0` and `10e-1` are the same and nothing else is.

use std::fmt;
use std::fmt::Write;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::tree::Tree;

/// The SHA-256 of a canonical text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash([u8; 32]);

impl Hash {
    /// Of a canonical text.
    #[must_use]
    pub fn of(canonical: &str) -> Hash {
        Hash(Sha256::digest(canonical.as_bytes()).into())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Hash {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Hash, Self::Err> {
        const MISFIT: &str = "expected sha256: and 64 hexadecimal digits in lower case";
        let digits = text.strip_prefix("sha256:").ok_or(MISFIT)?.as_bytes();
        let digit = |byte: &u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(MISFIT),
        };
        let mut hash = [0; 32];
        if digits.len() != 64 {
            return Err(MISFIT);
        }
        for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
            if let [high, low] = pair {
                *byte = digit(high)? << 4 | digit(low)?;
            }
        }
        Ok(Hash(hash))
    }
}

/// The canonical spelling of a JSON text.
///
/// # Errors
/// One sentence, when the text is not JSON that every parser reads alike (RFC 7493), or nests
/// deeper than 64 levels.
pub fn canonical(text: &[u8]) -> Result<String, String> {
    Tree::parse(bytes::Bytes::copy_from_slice(text)).map(|tree| of(&tree))
}

pub(crate) fn of(tree: &Tree) -> String {
    let mut out = String::new();
    write(&mut out, tree);
    out
}

fn write(out: &mut String, tree: &Tree) {
    match tree {
        Tree::Null => out.push_str("null"),
        Tree::Bool(bool) => out.push_str(if *bool { "true" } else { "false" }),
        Tree::Number(number) => out.push_str(&decimal(number)),
        Tree::Text(text) => string(out, text),
        Tree::List(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                write(out, item);
            }
            out.push(']');
        }
        Tree::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (at, (key, value)) in members.into_iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                string(out, key);
                out.push(':');
                write(out, value);
            }
            out.push('}');
        }
    }
}

/// RFC 8785, 3.2.2.2.
fn string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '\0'..='\x1f' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// The exact value of a JSON number. One whose exponent does not fit 64 bits stays as written.
fn decimal(number: &str) -> String {
    let (sign, rest) = number.strip_prefix('-').map_or(("", number), |rest| ("-", rest));
    let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return "0".to_owned();
    }
    let dropped = digits.len() - digits.trim_end_matches('0').len();
    let exponent = exponent.strip_prefix('+').unwrap_or(exponent).parse::<i64>().ok();
    let shift = i64::try_from(dropped).ok().zip(i64::try_from(fraction.len()).ok());
    let exponent = exponent
        .zip(shift)
        .and_then(|(exponent, (up, down))| exponent.checked_add(up)?.checked_sub(down));
    match exponent {
        Some(0) => format!("{sign}{significant}"),
        Some(exponent) => format!("{sign}{significant}e{exponent}"),
        None => number.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_one_value_are_spelt_alike_and_no_others() {
        for (number, expected) in [
            ("0", "0"),
            ("-0.0e7", "0"),
            ("1", "1"),
            ("1.0", "1"),
            ("10e-1", "1"),
            ("0.1E+1", "1"),
            ("100", "1e2"),
            ("1e2", "1e2"),
            ("-0.50", "-5e-1"),
            ("9007199254740993", "9007199254740993"),
            ("9007199254740993.0", "9007199254740993"),
            ("1e99999999999999999999", "1e99999999999999999999"),
        ] {
            assert_eq!(decimal(number), expected, "{number}");
        }
    }

    #[test]
    fn keys_are_in_the_order_of_their_utf_16_units() {
        // RFC 8785, 3.2.3.
        let text = r#"{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7}"#;

        let canonical = canonical(text.as_bytes()).unwrap();

        let expected = "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"ö\":7,\"€\":1,\"😀\":5,\"\u{fb33}\":3}";
        assert_eq!(canonical, expected);
    }

    #[test]
    fn a_text_that_two_parsers_read_differently_is_refused() {
        for text in [r#"{"a":1,"\u0061":2}"#, r#"["\ud800"]"#, r#"{"\ud800":1}"#, "[1", "\"\u{1}\""]
        {
            assert!(canonical(text.as_bytes()).is_err(), "{text}");
        }
        let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
        assert!(canonical(deep.as_bytes()).unwrap_err().contains("nesting"));
    }

    #[test]
    fn a_hash_is_read_as_it_is_written() {
        let hash = Hash::of("{}");

        assert_eq!(
            hash.to_string(),
            "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
        );
        assert_eq!(hash.to_string().parse(), Ok(hash));
        for wrong in ["", "sha256:", "44136fa355b3678a", "sha256:zz", "sha512:00"] {
            assert!(wrong.parse::<Hash>().is_err(), "{wrong}");
        }
        assert!(hash.to_string().to_uppercase().replace("SHA", "sha").parse::<Hash>().is_err());
    }
}
