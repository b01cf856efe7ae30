//! Tokens that carry our own state through the client's hands: sealed, so that it can neither
//! read nor change them, and opened by any replica that holds the same key.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

/// What a token is for. It is authenticated with the content, so that a token of one kind
/// never opens as another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// `Mcp-Session-Id` of older revisions.
    Session,
    /// A position in a merged list.
    Cursor,
    /// A position in the rows that a tool answers with.
    Page,
    /// `requestState` of a call that waits for input.
    RequestState,
    /// The id of a request that we send to a legacy client.
    Question,
    /// The id of an event on a resumable stream.
    Event,
    /// What one replica tells another with a forwarded request.
    Forward,
    /// The id of a task of an upstream.
    Task,
    /// A result of which the rest is kept.
    Result,
    /// A link to a page on which a caller allows something.
    Connect,
    /// What comes back from an issuer with its answer.
    SignIn,
    /// What comes back from the service with its answer.
    Consent,
    /// What a caller allowed, as it is kept.
    Grant,
    /// A call that waits for somebody's consent, as it is kept.
    Approval,
    /// A value that an agent keeps between its calls.
    State,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Purpose::Session => b"toolgate session 1",
            Purpose::Cursor => b"toolgate cursor 1",
            Purpose::Page => b"toolgate page 1",
            Purpose::RequestState => b"toolgate request-state 1",
            Purpose::Question => b"toolgate question 1",
            Purpose::Event => b"toolgate event 1",
            Purpose::Forward => b"toolgate forward 1",
            Purpose::Task => b"toolgate task 1",
            Purpose::Result => b"toolgate result 1",
            Purpose::Connect => b"toolgate connect 1",
            Purpose::SignIn => b"toolgate sign-in 1",
            Purpose::Consent => b"toolgate consent 1",
            Purpose::Grant => b"toolgate grant 1",
            Purpose::Approval => b"toolgate approval 1",
            Purpose::State => b"toolgate state 1",
        }
    }
}

/// The longest token that is looked at, in bytes; a peer's longer one costs nothing.
const LONGEST: usize = 32 * 1024;
const NONCE: usize = 24;

/// The sealing keys: the first seals, each opens.
pub struct Keyring {
    keys: Vec<SealingKey>,
    redaction: Arc<[u8; 32]>,
}

struct SealingKey {
    /// Tells the keys apart in tokens.
    id: u8,
    cipher: XChaCha20Poly1305,
    /// Draws the nonces of tokens that have to come out the same each time.
    nonces: [u8; 32],
}

impl Keyring {
    /// From secrets of any length, newest first. Without any, one random key is drawn, and
    /// tokens die with the process.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn new<'a>(
        secrets: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Keyring, getrandom::Error> {
        let mut keys: Vec<_> = secrets.into_iter().map(key_from).collect();
        if keys.is_empty() {
            let mut secret = [0; 32];
            getrandom::fill(&mut secret)?;
            keys.push(key_from(&secret));
        }
        let redaction = Sha256::new()
            .chain_update(b"toolgate redaction key 1")
            .chain_update(keys[0].nonces)
            .finalize();
        Ok(Keyring { keys, redaction: Arc::new(redaction.into()) })
    }

    /// The keys of one toolset: what they seal opens in it alone. Redacted values look the same
    /// everywhere.
    #[must_use]
    pub(crate) fn within(&self, toolset: &str) -> Keyring {
        let keys = self.keys.iter().map(|key| key.within(toolset)).collect();
        Keyring { keys, redaction: self.redaction.clone() }
    }

    /// The key under which redacted values are hashed: the same on every replica.
    pub fn redaction_key(&self) -> Arc<[u8; 32]> {
        self.redaction.clone()
    }

    /// Seals a value for one purpose. URL-safe text, no padding.
    pub fn seal<T: Serialize + ?Sized>(&self, purpose: Purpose, value: &T) -> String {
        let plain = serde_json::to_vec(value).expect("our own token types always serialize");
        let mut nonce = [0; NONCE];
        // 192 random bits never repeat in practice, whatever the number of replicas.
        getrandom::fill(&mut nonce).expect("the system gave randomness at start");
        self.seal_with(nonce, purpose, &plain)
    }

    /// Seals a value so that the same value gives the same token, as names have to that a client
    /// compares. It gives away that two tokens mean the same, and nothing else.
    pub fn seal_stable<T: Serialize + ?Sized>(&self, purpose: Purpose, value: &T) -> String {
        let plain = serde_json::to_vec(value).expect("our own token types always serialize");
        let hash = Sha256::new()
            .chain_update(self.keys[0].nonces)
            .chain_update((purpose.label().len() as u64).to_be_bytes())
            .chain_update(purpose.label())
            .chain_update(&plain)
            .finalize();
        // A secret function of the whole content: a nonce repeats only with its content, as in
        // synthetic initialization vectors (RFC 5297).
        let mut nonce = [0; NONCE];
        nonce.copy_from_slice(&hash[..NONCE]);
        self.seal_with(nonce, purpose, &plain)
    }

    fn seal_with(&self, nonce: [u8; NONCE], purpose: Purpose, plain: &[u8]) -> String {
        let SealingKey { id, cipher, .. } = &self.keys[0];
        let sealed = cipher
            .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: purpose.label() })
            .expect("a token is far below the cipher's limit");
        let mut token = Vec::with_capacity(1 + NONCE + sealed.len());
        token.push(*id);
        token.extend_from_slice(&nonce);
        token.extend_from_slice(&sealed);
        URL_SAFE_NO_PAD.encode(token)
    }

    /// Opens a token of this purpose. `None` for anything that we did not seal: which of the
    /// many ways it was wrong is nobody's business.
    pub fn open<T: DeserializeOwned>(&self, purpose: Purpose, token: &str) -> Option<T> {
        if token.len() > LONGEST {
            return None;
        }
        self.open_kept(purpose, token)
    }

    /// The same for what we keep ourselves, however long it is.
    pub fn open_kept<T: DeserializeOwned>(&self, purpose: Purpose, token: &str) -> Option<T> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (id, rest) = bytes.split_first()?;
        let (nonce, sealed) = rest.split_at_checked(NONCE)?;
        let nonce: [u8; NONCE] = nonce.try_into().ok()?;
        let payload = || Payload { msg: sealed, aad: purpose.label() };
        self.keys
            .iter()
            .filter(|key| key.id == *id)
            .find_map(|key| key.cipher.decrypt(&XNonce::from(nonce), payload()).ok())
            .and_then(|plain| serde_json::from_slice(&plain).ok())
    }
}

fn key_from(secret: &[u8]) -> SealingKey {
    // Configured secrets carry at least 32 bytes of text (checked with the configuration), so
    // one hash with a label of our own is enough of a derivation.
    let hash: [u8; 32] = Sha256::new()
        .chain_update(b"toolgate sealing key 1")
        .chain_update(secret)
        .finalize()
        .into();
    SealingKey::of(hash)
}

impl SealingKey {
    fn of(hash: [u8; 32]) -> SealingKey {
        let nonces = Sha256::new()
            .chain_update(b"toolgate nonce key 1")
            .chain_update(hash)
            .finalize()
            .into();
        let id = Sha256::digest(hash)[0];
        SealingKey { id, cipher: XChaCha20Poly1305::new(&Key::from(hash)), nonces }
    }

    /// The key of one toolset that belongs to this one. Not even who holds it learns this one.
    fn within(&self, toolset: &str) -> SealingKey {
        let hash = Sha256::new()
            .chain_update(b"toolgate toolset key 1")
            .chain_update(self.nonces)
            .chain_update(toolset)
            .finalize();
        SealingKey::of(hash.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(secrets: &[&[u8]]) -> Keyring {
        Keyring::new(secrets.iter().copied()).unwrap()
    }

    #[test]
    fn a_token_opens_on_every_replica_with_the_key_and_nowhere_else() {
        let token = ring(&[b"one"]).seal(Purpose::Session, &"state");

        assert_eq!(ring(&[b"one"]).open::<String>(Purpose::Session, &token).unwrap(), "state");
        assert_eq!(ring(&[b"two"]).open::<String>(Purpose::Session, &token), None);
    }

    #[test]
    fn after_a_rotation_old_tokens_still_open_and_new_ones_use_the_new_key() {
        let old = ring(&[b"one"]).seal(Purpose::Session, &1);
        let both = ring(&[b"two", b"one"]);

        assert_eq!(both.open::<i32>(Purpose::Session, &old), Some(1));
        let new = both.seal(Purpose::Session, &2);
        assert_eq!(ring(&[b"two"]).open::<i32>(Purpose::Session, &new), Some(2));
    }

    #[test]
    fn a_stable_token_is_the_same_for_the_same_content_alone() {
        let ring = ring(&[b"one"]);
        let token = ring.seal_stable(Purpose::Task, &"a");

        assert_eq!(ring.open::<String>(Purpose::Task, &token).unwrap(), "a");
        assert_eq!(token, ring.seal_stable(Purpose::Task, &"a"));
        assert_ne!(token[..32], ring.seal_stable(Purpose::Task, &"b")[..32]);
        assert_ne!(token[..32], ring.seal_stable(Purpose::Cursor, &"a")[..32]);
    }

    #[test]
    fn what_is_sealed_in_a_toolset_opens_there_alone() {
        let whole = ring(&[b"two", b"one"]);
        let old = ring(&[b"one"]).within("crm").seal(Purpose::Cursor, &1);
        let new = whole.within("crm").seal(Purpose::Cursor, &2);

        assert_eq!(whole.within("crm").open::<i32>(Purpose::Cursor, &old), Some(1));
        assert_eq!(whole.within("crm").open::<i32>(Purpose::Cursor, &new), Some(2));
        for other in [&whole, &whole.within("billing"), &ring(&[b"three"]).within("crm")] {
            assert_eq!(other.open::<i32>(Purpose::Cursor, &new), None);
        }
        let outside = whole.seal(Purpose::Cursor, &3);
        assert_eq!(whole.within("crm").open::<i32>(Purpose::Cursor, &outside), None);
        assert_eq!(whole.within("crm").redaction_key(), whole.redaction_key());
    }

    #[test]
    fn a_token_of_one_purpose_is_no_token_of_another() {
        let ring = ring(&[b"one"]);
        let token = ring.seal(Purpose::Cursor, &"x");

        assert_eq!(ring.open::<String>(Purpose::Session, &token), None);
    }

    /// Case J21: every bit of what is sealed.
    #[test]
    fn every_flipped_bit_and_every_cut_is_refused() {
        let ring = ring(&[b"one"]);
        let token = ring.seal(Purpose::Cursor, &"position");
        let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();

        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                let changed = URL_SAFE_NO_PAD.encode(changed);
                assert_eq!(ring.open::<String>(Purpose::Cursor, &changed), None);
            }
            let cut = URL_SAFE_NO_PAD.encode(&bytes[..at]);
            assert_eq!(ring.open::<String>(Purpose::Cursor, &cut), None);
        }
    }
}
