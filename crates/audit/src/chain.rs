//! What ties a line to the one before it.

use std::time::SystemTime;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use toolgate_values::Secret;

use crate::line::{Hash, Line, unhex};
use crate::stamp::stamp;

/// How lines are hashed.
#[derive(Clone)]
pub(crate) enum Seal {
    Plain,
    Keyed { mac: Hmac<Sha256>, id: String },
}

impl Seal {
    pub(crate) fn new(key: Option<&Secret>) -> Seal {
        let keyed = key.and_then(|key| {
            let mac = Hmac::<Sha256>::new_from_slice(key.reveal().as_bytes()).ok()?;
            // Enough to say which key it was, nothing to find it by.
            let id = mac.clone().chain_update(b"toolgate audit key").finalize().into_bytes();
            let id = id.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            Some(Seal::Keyed { mac, id })
        });
        keyed.unwrap_or(Seal::Plain)
    }

    /// The name of the method, as headers have it.
    pub(crate) fn method(&self) -> &'static str {
        match self {
            Seal::Plain => "sha256",
            Seal::Keyed { .. } => "hmac-sha256",
        }
    }

    /// Which key it is.
    pub(crate) fn key(&self) -> Option<&str> {
        match self {
            Seal::Plain => None,
            Seal::Keyed { id, .. } => Some(id),
        }
    }

    pub(crate) fn hash(&self, content: &[u8]) -> Hash {
        match self {
            Seal::Plain => Sha256::digest(content).into(),
            Seal::Keyed { mac, .. } => {
                mac.clone().chain_update(content).finalize().into_bytes().into()
            }
        }
    }
}

/// The newest line: its number and hash. Before the first line both are zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tip {
    pub seq: u64,
    pub hash: Hash,
}

/// Between the content of a line and its hash; what is hashed ends before it.
const BEFORE_HASH: &[u8] = b",\"hash\":\"";
const AFTER_HASH: &[u8] = b"\"}";

/// Adds a line to `out` and moves `tip` on to it.
pub(crate) fn seal(
    out: &mut String,
    seal: &Seal,
    tip: &mut Tip,
    (kind, time): (&str, SystemTime),
    fields: impl FnOnce(&mut Line<'_>),
) {
    let start = out.len();
    let seq = tip.seq + 1;
    out.push('{');
    let mut line = Line(out);
    line.number("seq", seq);
    line.text("kind", kind);
    line.text("time", &stamp(time));
    fields(&mut line);
    line.hash("prev", &tip.hash);
    let hash = seal.hash(line.0.get(start..).unwrap_or_default().as_bytes());
    line.hash("hash", &hash);
    line.0.push_str("}\n");
    *tip = Tip { seq, hash };
}

/// What is hashed of a line without its line break, and the hash that it claims.
pub(crate) fn unsealed(line: &[u8]) -> Option<(&[u8], Hash)> {
    let rest = line.strip_suffix(AFTER_HASH)?;
    let (rest, hash) = rest.split_at_checked(rest.len().checked_sub(64)?)?;
    Some((rest.strip_suffix(BEFORE_HASH)?, unhex(hash)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_carries_the_hash_of_the_one_before() {
        let (mut out, mut tip) = (String::new(), Tip::default());
        let plain = Seal::new(None);
        for word in ["one", "two"] {
            seal(&mut out, &plain, &mut tip, ("note", SystemTime::now()), |line| {
                line.text("word", word);
            });
        }

        let lines: Vec<_> = out.lines().collect();

        let (content, first) = unsealed(lines[0].as_bytes()).unwrap();
        assert_eq!(plain.hash(content), first);
        let (content, second) = unsealed(lines[1].as_bytes()).unwrap();
        assert_eq!(tip, Tip { seq: 2, hash: second });
        assert!(String::from_utf8_lossy(content).ends_with(&format!(
            "\"prev\":\"{}\"",
            String::from_utf8_lossy(&crate::line::hex(&first))
        )));
    }

    #[test]
    fn without_the_key_nobody_makes_its_hash() {
        let key = |text: &str| Seal::new(Some(&Secret::new(text)));

        assert_ne!(key(&"a".repeat(32)).hash(b"x"), key(&"b".repeat(32)).hash(b"x"));
        assert_ne!(key(&"a".repeat(32)).hash(b"x"), Seal::Plain.hash(b"x"));
        assert_ne!(key(&"a".repeat(32)).key(), key(&"b".repeat(32)).key());
    }
}
