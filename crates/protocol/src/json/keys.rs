//! Does an object name the same key twice?
//!
//! Two parsers that disagree on which of two equal keys counts are a hole in any policy, so the
//! answer has to be exact, escapes and all, and cheap for a hostile object of 100,000 keys.

use smallvec::SmallVec;

use super::Span;
use super::text::{decode_into, quote};

/// Up to here every pair is compared; beyond, the keys are sorted first.
const FEW: usize = 16;

/// The keys of all objects that are open, innermost last.
#[derive(Default)]
pub(super) struct Keys {
    open: SmallVec<[Key; 16]>,
    /// What escaped keys say, so that they compare like plain ones.
    decoded: Vec<u8>,
}

/// One key: what it looks like at a glance, and where its text is.
#[derive(Clone, Copy)]
struct Key {
    glance: u64,
    /// Inside the quotes; in `Keys::decoded` when `escaped`.
    text: Span,
    escaped: bool,
}

/// Where the keys of one object begin.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    keys: usize,
    decoded: usize,
}

impl Keys {
    /// Opens an object.
    pub(super) fn mark(&self) -> Mark {
        Mark { keys: self.open.len(), decoded: self.decoded.len() }
    }

    /// Adds a key to the innermost object; `inside` is what stands between its quotes.
    pub(super) fn push(&mut self, buffer: &[u8], inside: Span, escaped: bool) {
        let mut text = inside;
        if escaped {
            // Decoding never makes a key longer, so 32 bits hold here as they do for the buffer.
            text.start = self.decoded.len() as u32;
            decode_into(&mut self.decoded, inside.of(buffer));
            text.end = self.decoded.len() as u32;
        }
        let mut key = Key { glance: 0, text, escaped };
        key.glance = glance(key.bytes(buffer, &self.decoded));
        self.open.push(key);
    }

    /// Closes the innermost object and names a key that it repeats.
    pub(super) fn close(&mut self, buffer: &[u8], mark: Mark) -> Option<Box<str>> {
        let keys = self.open.get_mut(mark.keys..).unwrap_or_default();
        let repeated = repeated(keys, buffer, &self.decoded)
            .map(|key| shown(key.bytes(buffer, &self.decoded)));
        self.open.truncate(mark.keys);
        self.decoded.truncate(mark.decoded);
        repeated
    }
}

impl Key {
    fn bytes<'a>(&self, buffer: &'a [u8], decoded: &'a [u8]) -> &'a [u8] {
        self.text.of(if self.escaped { decoded } else { buffer })
    }
}

fn repeated(keys: &mut [Key], buffer: &[u8], decoded: &[u8]) -> Option<Key> {
    let same = |a: &Key, b: &Key| {
        a.glance == b.glance && a.bytes(buffer, decoded) == b.bytes(buffer, decoded)
    };
    if keys.len() <= FEW {
        let mut rest: &[Key] = keys;
        while let [key, others @ ..] = rest {
            if others.iter().any(|other| same(key, other)) {
                return Some(*key);
            }
            rest = others;
        }
        return None;
    }
    // Sorting has no bad case to aim at, unlike a table of hashes; equal keys end up side by side.
    keys.sort_unstable_by(|a, b| {
        let texts = || a.bytes(buffer, decoded).cmp(b.bytes(buffer, decoded));
        a.glance.cmp(&b.glance).then_with(texts)
    });
    keys.windows(2).find(|pair| same(&pair[0], &pair[1])).map(|pair| pair[0])
}

/// Equal for equal keys, and mostly different for others: the length, and the first and last
/// eight bytes.
fn glance(text: &[u8]) -> u64 {
    let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    let (first, last) = match (text.first_chunk(), text.last_chunk()) {
        (Some(first), Some(last)) => (word(first), word(last)),
        _ => (text.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)), 0),
    };
    first ^ last.rotate_left(29) ^ (text.len() as u64).rotate_left(56)
}

/// A key as a person should see it: quoted, and not longer than a line.
fn shown(text: &[u8]) -> Box<str> {
    const LINE: usize = 64;
    let text = String::from_utf8_lossy(text);
    if text.chars().nth(LINE).is_none() {
        return quote(&text).into();
    }
    let head: String = text.chars().take(LINE).collect();
    format!("{}...", quote(&head)).into()
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use crate::json::{Document, Error, Limits, Mode};

    fn repeated(text: &str) -> Option<String> {
        match Document::parse(text.to_owned().into(), &Limits::default(), Mode::Strict) {
            Ok(_) => None,
            Err(Error::DuplicateKey { key }) => Some(key.into()),
            Err(error) => panic!("{text}: {error}"),
        }
    }

    #[test]
    fn a_repeated_key_is_named_at_any_depth() {
        for (text, key) in [
            (r#"{"a":1,"a":1}"#, r#""a""#),
            (r#"{"":1,"b":2,"":3}"#, r#""""#),
            (r#"[{"b":{"c":[{"d":1,"e":2,"d":3}]}}]"#, r#""d""#),
            (r#"{"a":{"x":1},"b":{"x":1},"a":0}"#, r#""a""#),
        ] {
            assert_eq!(repeated(text).as_deref(), Some(key), "{text}");
        }
    }

    #[test]
    fn keys_are_compared_by_what_they_say() {
        for (text, key) in [
            (r#"{"method":1,"meth\u006fd":2}"#, r#""method""#),
            (r#"{"\u0061":1,"\u0061":2}"#, r#""a""#),
            (r#"{"\/":1,"/":2}"#, r#""/""#),
            (r#"{"\ud83d\ude00":1,"😀":2}"#, r#""😀""#),
            (r#"{"\ud800":1,"\uD800":2}"#, r#""���""#),
        ] {
            assert_eq!(repeated(text).as_deref(), Some(key), "{text}");
        }
    }

    #[test]
    fn keys_that_only_look_alike_are_different() {
        for text in [
            r#"{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}"#,
            r#"{"method":1,"Method":2,"methoſd":3,"method ":4}"#,
            r#"{"\\u0061":1,"a":2,"\u0000":3,"":4}"#,
            r#"{"12345678":1,"1234567812345678":2,"12345678x12345678":3,"12345678y12345678":4}"#,
            r#"{"\ud800":1,"\ud801":2}"#,
        ] {
            assert_eq!(repeated(text), None, "{text}");
        }
    }

    #[test]
    fn a_repeated_key_is_found_in_small_and_large_objects_alike() {
        for size in [2, 15, 16, 17, 18, 100, 100_000] {
            let mut text = String::from("{");
            for index in 0..size {
                // Alike at both ends and in length, so that a glance cannot tell them apart.
                write!(text, r#""prefix__{index:08}__suffix":0,"#).unwrap();
            }
            let unique = format!(r#"{text}"last":0}}"#);
            let twice = format!(r#"{text}"prefix__{:08}__suffi\u0078":0}}"#, size / 2);

            assert_eq!(repeated(&unique), None, "{size} keys");
            assert!(repeated(&twice).is_some(), "{size} keys");
        }
    }

    #[test]
    fn a_long_key_is_named_in_one_line() {
        let key = "k".repeat(10_000);

        let shown = repeated(&format!(r#"{{"{key}":1,"{key}":2}}"#)).unwrap();

        assert_eq!(shown, format!("\"{}\"...", "k".repeat(64)));
    }
}
