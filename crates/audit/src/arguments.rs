//! Arguments as a record keeps them: bounded, on one line, and valid JSON whatever came.

use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use toolgate_screen::redact::Hit;

use crate::line::{hex, is_breaking, quote};
use crate::redacted::Redacted;

/// The arguments of a call, already redacted.
///
/// What is valid JSON of modest depth and size stays as it came, on one line. Of anything else the
/// beginning is kept as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arguments {
    json: Box<str>,
    size: usize,
    /// SHA-256 of the whole, if only a part is kept.
    digest: Option<Box<str>>,
    /// What is no longer in it.
    redacted: Redacted,
}

impl Arguments {
    /// Bytes that are kept of larger arguments.
    pub const LONGEST: usize = 4096;

    /// Nesting that readers of JSON can be trusted with.
    const DEEPEST: usize = 64;

    /// Keeps `raw`, or its beginning and the digest of the whole.
    pub fn new(raw: &[u8]) -> Arguments {
        let size = raw.len();
        let Some(part) = raw.get(..Self::LONGEST).filter(|_| size > Self::LONGEST) else {
            return Arguments::of(one_line(raw), size, None);
        };
        let digest = hex(&Sha256::digest(raw).into());
        let digest = Some(String::from_utf8_lossy(&digest).into());
        // A character that was cut in two is left out.
        let part = String::from_utf8_lossy(part);
        Arguments::of(quote(part.trim_end_matches('\u{fffd}')).into(), size, digest)
    }

    fn of(json: Box<str>, size: usize, digest: Option<Box<str>>) -> Arguments {
        Arguments { json, size, digest, redacted: Redacted::default() }
    }

    /// The same, which say what rules took out of them.
    #[must_use]
    pub fn without(mut self, hits: &[Hit]) -> Arguments {
        self.redacted.add(hits);
        self
    }

    /// Nothing of it may be kept but its size.
    pub(crate) fn withheld(size: usize) -> Arguments {
        Arguments::of(r#""[withheld]""#.into(), size, None)
    }

    /// JSON on one line.
    pub(crate) fn json(&self) -> &str {
        &self.json
    }

    /// Bytes of the whole.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    pub(crate) fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    pub(crate) fn redacted(&self) -> &Redacted {
        &self.redacted
    }
}

fn one_line(raw: &[u8]) -> Box<str> {
    let valid = serde_json::from_slice::<&RawValue>(raw).ok().map(RawValue::get);
    match valid.filter(|text| is_modest(text)) {
        // Within strings JSON has no control characters, so these are between tokens.
        Some(text) => flat(text),
        None => quote(&String::from_utf8_lossy(raw)).into(),
    }
}

fn flat(text: &str) -> Box<str> {
    if !text.contains(is_breaking) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\u{feff}' | '\0'..' ' => out.push(' '),
            c if is_breaking(c) => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.into()
}

fn is_modest(text: &str) -> bool {
    let (mut depth, mut within, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if within => escaped = true,
            b'"' => within = !within,
            b'{' | b'[' if !within => depth += 1,
            b'}' | b']' if !within => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > Arguments::DEEPEST {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_stays_as_it_came_but_on_one_line() {
        let cases = [
            (r#"{"a":1}"#, r#"{"a":1}"#),
            ("{\n\t\"a\": \"x\\n\"\r}", "{  \"a\": \"x\\n\" }"),
            ("\"\u{2028}\u{85}\"", r#""\u2028\u0085""#),
        ];
        for (raw, kept) in cases {
            assert_eq!(Arguments::new(raw.as_bytes()).json(), kept);
        }
    }

    #[test]
    fn what_is_not_json_is_kept_as_text() {
        let deep = "[".repeat(100) + &"]".repeat(100);
        for raw in ["{\"a\":1}\n{\"decision\":\"allow\"}", "", "{", &deep] {
            let json = Arguments::new(raw.as_bytes()).json().to_owned();
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), raw);
            assert!(!json.contains('\n'));
        }
        assert_eq!(Arguments::new(b"\xff").json(), "\"\u{fffd}\"");
    }

    #[test]
    fn of_large_arguments_the_beginning_and_a_digest_are_kept() {
        let raw = format!("\"{}\"", "é".repeat(3000));

        let arguments = Arguments::new(raw.as_bytes());

        let kept: String = serde_json::from_str(arguments.json()).unwrap();
        assert!(raw.starts_with(&kept) && kept.len() >= Arguments::LONGEST - 1);
        assert_eq!(arguments.size(), 6002);
        assert_eq!(arguments.digest().unwrap().len(), 64);
    }
}
