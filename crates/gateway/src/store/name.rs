//! What something is called in a store: a digest, so that no name of a person lies there.

use std::fmt;

use sha2::{Digest, Sha256};

/// 128 bits of a digest: two never meet by chance, and nobody can make them meet.
///
/// It has no key, as one that is rotated at one replica after the other would have them count
/// apart. Whoever can read the store and guesses a name can therefore find out whether it is there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name([u8; 16]);

impl Name {
    /// The name of what `parts` say, among things of one kind.
    pub fn of(kind: &str, parts: &[&str]) -> Name {
        let mut digest = Sha256::new();
        // Lengths go first, so that no two lists of texts are hashed alike.
        for part in std::iter::once(&kind).chain(parts) {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        let mut name = [0; 16];
        name.iter_mut().zip(digest.finalize()).for_each(|(byte, hashed)| *byte = hashed);
        Name(name)
    }

    /// A name that nothing else has.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn drawn() -> Result<Name, getrandom::Error> {
        let mut name = [0; 16];
        getrandom::fill(&mut name)?;
        Ok(Name(name))
    }

    /// The name of these bytes, as a store keeps them.
    pub fn of_bytes(bytes: &[u8]) -> Option<Name> {
        bytes.try_into().ok().map(Name)
    }

    /// The name that is written so.
    pub fn of_text(text: &str) -> Option<Name> {
        let pair = |at: usize| u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok();
        let bytes: Option<Vec<u8>> = (0..text.len() / 2).map(pair).collect();
        Name::of_bytes(&bytes?)
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// As hexadecimal digits.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_nothing_and_differ_where_anything_does() {
        let name = Name::of("caller", &["ada", "crm"]);

        assert!(!name.to_string().contains("ada"));
        assert_eq!(name, Name::of("caller", &["ada", "crm"]));
        assert_eq!(Name::of_text(&name.to_string()), Some(name));
        assert_eq!(Name::of_text("0g"), None);
        for (kind, parts) in [
            ("session", &["ada", "crm"][..]),
            ("caller", &["adac", "rm"]),
            ("caller", &["ada"]),
            ("callerada", &["crm"]),
        ] {
            assert_ne!(name, Name::of(kind, parts), "{kind} {parts:?}");
        }
    }
}
