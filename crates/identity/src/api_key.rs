//! A key of ours: its text, and what is kept of it.

use std::fmt;

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use toolgate_values::Secret;

/// How every key begins, so that people, scanners and we know one when we see it.
const PREFIX: &str = "tg_";

/// What a hash under a secret begins with.
const HMAC: &str = "hmac-sha256:";

/// A key as its holder sends it: `tg_ID_SECRET`. The id finds the record, 256 random bits prove it.
pub struct Key {
    id: String,
    text: Secret,
}

impl Key {
    /// A new key.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn generate() -> Result<Key, getrandom::Error> {
        let mut id = [0; 8];
        let mut secret = [0; 32];
        getrandom::fill(&mut id)?;
        getrandom::fill(&mut secret)?;
        let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        let text = Secret::new(format!("{PREFIX}{id}_{}", URL_SAFE_NO_PAD.encode(secret)));
        Ok(Key { id, text })
    }

    /// The key that `text` is, if it has the form of one.
    pub fn parse(text: &Secret) -> Option<Key> {
        let (id, secret) = text.reveal().strip_prefix(PREFIX)?.split_once('_')?;
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let url = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let fits =
            id.len() == 16 && id.bytes().all(hex) && secret.len() == 43 && secret.bytes().all(url);
        fits.then(|| Key { id: id.to_owned(), text: text.clone() })
    }

    /// Whether `text` claims to be a key, well-formed or not: then no other method sees it.
    pub fn is_meant(text: &Secret) -> bool {
        text.reveal().starts_with(PREFIX)
    }

    /// What finds its record. Not secret.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The whole text, for the one place that shows it to its holder.
    pub fn text(&self) -> &Secret {
        &self.text
    }
}

/// The holder sees its key once; logs never do.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

/// What is kept of a key.
#[derive(Clone, PartialEq, Eq)]
pub enum Hashed {
    /// HMAC-SHA-256 under a secret of the server: 256 random bits need no slow hash.
    Hmac([u8; 32]),
    /// Argon2id, as a PHC string.
    Argon2(String),
}

impl Hashed {
    /// What to keep of `key`.
    ///
    /// # Errors
    /// There is no memory or randomness for argon2id.
    pub fn new(key: &Key, secret: Option<&Secret>) -> Result<Hashed, argon2::password_hash::Error> {
        let text = key.text.reveal().as_bytes();
        match secret {
            Some(secret) => Ok(Hashed::Hmac(mac(secret.reveal().as_bytes(), text))),
            None => Ok(Hashed::Argon2(Argon2::default().hash_password(text)?.to_string())),
        }
    }

    /// Reads what [`Hashed`] displays.
    pub fn parse(text: &str) -> Option<Hashed> {
        if let Some(mac) = text.strip_prefix(HMAC) {
            let bytes = URL_SAFE_NO_PAD.decode(mac).ok()?;
            return Some(Hashed::Hmac(bytes.try_into().ok()?));
        }
        let hash = PasswordHash::new(text).ok()?;
        (hash.algorithm.as_str() == "argon2id").then(|| Hashed::Argon2(text.to_owned()))
    }

    /// Whether this was made of `key`. Takes milliseconds for argon2id. How long it takes does not
    /// depend on where the two differ.
    pub fn fits(&self, key: &Key, secret: Option<&Secret>) -> bool {
        let text = key.text.reveal().as_bytes();
        match (self, secret) {
            (Hashed::Hmac(expected), Some(secret)) => {
                let found = mac(secret.reveal().as_bytes(), text);
                found.ct_eq(expected).into()
            }
            // Without the secret nothing can be compared.
            (Hashed::Hmac(_), None) => false,
            // Its output is compared in constant time by the crate, which uses `subtle` as well.
            (Hashed::Argon2(hash), _) => {
                Argon2::default().verify_password(text, hash.as_str()).is_ok()
            }
        }
    }

    /// Whether [`fits`](Self::fits) takes long enough to be kept off the threads that serve.
    pub fn is_slow(&self) -> bool {
        matches!(self, Hashed::Argon2(_))
    }
}

impl fmt::Display for Hashed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hashed::Hmac(mac) => write!(f, "{HMAC}{}", URL_SAFE_NO_PAD.encode(mac)),
            Hashed::Argon2(hash) => f.write_str(hash),
        }
    }
}

fn mac(secret: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac =
        <Hmac<Sha256> as KeyInit>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> Secret {
        Secret::new("u8Gk3TqVZ0pQx7cJmB2nR5sYwE9aHdLfX4vKi6oNtP1=")
    }

    #[test]
    fn a_key_fits_what_was_kept_of_it_and_no_other_does() {
        for secret in [None, Some(secret())] {
            let (key, other) = (Key::generate().unwrap(), Key::generate().unwrap());
            let kept = Hashed::new(&key, secret.as_ref()).unwrap().to_string();

            let hashed = Hashed::parse(&kept).unwrap();

            assert!(hashed.fits(&key, secret.as_ref()));
            assert!(!hashed.fits(&other, secret.as_ref()));
            let (_, bare) = key.text().reveal().split_at(20);
            assert!(!kept.contains(bare), "the secret is not kept");
        }
    }

    #[test]
    fn a_hash_under_one_secret_is_worth_nothing_under_another() {
        let key = Key::generate().unwrap();
        let hashed = Hashed::new(&key, Some(&secret())).unwrap();

        assert!(!hashed.fits(&key, Some(&Secret::new("another"))));
        assert!(!hashed.fits(&key, None));
    }

    /// Case A15: what is compared are keyed hashes, and where two keys differ says nothing of where
    /// those do: the same work is done, by the same code, wherever a guess goes wrong.
    #[test]
    fn where_a_guess_is_wrong_cannot_be_told_from_what_is_compared() {
        let key = Key::generate().unwrap();
        let text = key.text().reveal().as_bytes();
        let kept = mac(secret().reveal().as_bytes(), text);
        for at in [20, 21, 32, text.len() / 2, text.len() - 1] {
            let mut guess = text.to_vec();
            guess[at] ^= 1;

            let found = mac(secret().reveal().as_bytes(), &guess);

            let first = found.iter().zip(&kept).position(|(a, b)| a != b).unwrap();
            let bits: u32 = found.iter().zip(&kept).map(|(a, b)| (a ^ b).count_ones()).sum();
            assert!(first < 4 && (80..=176).contains(&bits), "at {at}: byte {first}, {bits} bits");
        }
    }

    #[test]
    fn only_a_whole_key_is_one() {
        let key = Key::generate().unwrap();
        let text = key.text().reveal();

        assert_eq!(Key::parse(key.text()).unwrap().id(), key.id());
        for wrong in [&text[1..], &text[..text.len() - 1], &format!("{text}a"), "tg_", "tg_a_b", ""]
        {
            assert!(Key::parse(&Secret::new(wrong)).is_none(), "{wrong}");
        }
        assert!(!format!("{key:?}").contains(text));
    }

    #[test]
    fn a_weaker_hash_is_not_taken_from_a_file() {
        for hash in ["$argon2i$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAA", "plain", "hmac-sha256:AAAA", ""]
        {
            assert!(Hashed::parse(hash).is_none(), "{hash}");
        }
    }
}
