//! Nonces that prove themselves: when they were made, under a secret. Nothing is remembered, so any
//! replica that shares the secret takes what another one made.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac::{HMAC_SHA256, Key, sign, verify};

/// How long a nonce is good, in seconds.
const LIFETIME: u64 = 300;

/// How far another replica's clock may be ahead.
const AHEAD: u64 = 60;

pub(super) struct Nonces {
    key: Key,
    secret: bool,
}

impl Nonces {
    pub(super) fn new(secret: &[u8]) -> Nonces {
        // Its own name, so that nothing else made under this secret is ever a nonce.
        let derived = sign(&Key::new(HMAC_SHA256, secret), b"toolgate dpop nonce 1");
        Nonces { key: Key::new(HMAC_SHA256, derived.as_ref()), secret: !secret.is_empty() }
    }

    pub(super) fn make(&self, now: u64) -> Arc<str> {
        let at = now.to_be_bytes();
        let tag = sign(&self.key, &at);
        URL_SAFE_NO_PAD.encode([&at, tag.as_ref()].concat()).into()
    }

    pub(super) fn holds(&self, nonce: &str, now: u64) -> bool {
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(nonce) else { return false };
        let Some((at, tag)) = bytes.split_first_chunk::<8>() else { return false };
        let made = u64::from_be_bytes(*at);
        let timely = now <= made.saturating_add(LIFETIME) && made <= now.saturating_add(AHEAD);
        // Fail closed: under no secret at all anybody could make one.
        self.secret && timely && verify(&self.key, at, tag).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_good_for_a_while_at_every_replica_with_the_secret() {
        let (one, other) = (Nonces::new(b"shared"), Nonces::new(b"shared"));
        let nonce = one.make(1000);

        assert!(other.holds(&nonce, 1000) && other.holds(&nonce, 1000 + LIFETIME));
        assert!(!other.holds(&nonce, 1001 + LIFETIME));
        assert!(!other.holds(&nonce, 900), "of the future");
        let none = Nonces::new(b"");
        assert!(!none.holds(&none.make(1000), 1000));
        assert!(!Nonces::new(b"another").holds(&nonce, 1000));
        for forged in ["", "AAAA", "!", &nonce[1..], &format!("{nonce}AAAA")] {
            assert!(!one.holds(forged, 1000), "{forged}");
        }
    }
}
