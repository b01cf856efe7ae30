//! Proofs of our own, where we are the client: that we hold the key to which a token is bound.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Uri;
use serde_json::json;
use toolgate_values::Secret;

use super::normal;
use crate::jws;
use crate::signing::{NoKey, SigningKey};

/// Origins whose nonces are remembered. There are two: who gives the token out and who takes it.
const MOST: usize = 16;
/// The longest nonce that is repeated, in bytes.
const LONGEST: usize = 1024;

/// A key of ours to which tokens are bound.
pub struct Prover {
    key: SigningKey,
    /// The newest nonce of each origin, which is shown to no other (RFC 9449, sections 8 and 9).
    nonces: Mutex<HashMap<String, Arc<str>>>,
}

impl Prover {
    /// By a private key in PKCS#8 PEM.
    ///
    /// # Errors
    /// It is no such key.
    pub fn of(pem: &Secret) -> Result<Prover, NoKey> {
        Ok(Prover { key: SigningKey::parse(pem.reveal())?, nonces: Mutex::default() })
    }

    /// How it signs, by its name in metadata.
    pub fn algorithm(&self) -> &'static str {
        self.key.algorithm()
    }

    /// A proof for one request, which goes with `token` if there is one already; `None` for what is
    /// no URL.
    pub fn proof(&self, method: &str, url: &str, token: Option<&str>) -> Option<String> {
        let header =
            json!({ "alg": self.key.algorithm(), "typ": "dpop+jwt", "jwk": self.key.public() });
        let mut random = [0; 16];
        getrandom::fill(&mut random).ok()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut claims = json!({
            "htm": method,
            "htu": normal(url)?,
            "iat": now,
            "jti": URL_SAFE_NO_PAD.encode(random),
        });
        if let Some(token) = token {
            claims["ath"] = jws::hash(token.as_bytes()).into();
        }
        if let Some(nonce) = self.nonces().get(&origin(url)?) {
            claims["nonce"] = json!(&**nonce);
        }
        Some(self.key.sign_with(&header, &claims))
    }

    /// Hears the `DPoP-Nonce` of an answer from `url`. Whether it is a new one, so that another
    /// proof may do better.
    pub fn hear(&self, url: &str, nonce: Option<&str>) -> bool {
        // RFC 9449, section 8.1: 1*NQCHAR.
        let sound = |nonce: &&str| {
            (1..=LONGEST).contains(&nonce.len())
                && nonce.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte))
        };
        let (Some(nonce), Some(origin)) = (nonce.filter(sound), origin(url)) else { return false };
        let mut nonces = self.nonces();
        if nonces.get(&origin).is_some_and(|known| **known == *nonce) {
            return false;
        }
        if nonces.len() >= MOST {
            nonces.clear();
        }
        nonces.insert(origin, nonce.into());
        true
    }

    fn nonces(&self) -> MutexGuard<'_, HashMap<String, Arc<str>>> {
        self.nonces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Prover {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Prover({})", self.key.kid())
    }
}

fn origin(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dpop::{Expected, Proofs};
    use crate::refused::Refused;

    const URL: &str = "https://h.example/mcp";

    fn prover() -> Prover {
        Prover::of(&SigningKey::make().unwrap()).unwrap()
    }

    fn expected<'a>(token: Option<&'a str>, url: &'a [&'a str]) -> Expected<'a> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        Expected { method: "POST", urls: url, token, key: None, now }
    }

    #[test]
    fn each_proof_is_taken_once_and_says_nothing_of_the_query() {
        let (prover, proofs) = (prover(), Proofs::new(None));

        for _ in 0..2 {
            let proof = prover.proof("POST", &format!("{URL}?code=secret#x"), Some("t")).unwrap();
            assert!(!jws_claims(&proof).contains("secret"));
            assert!(proofs.check(&proof, &expected(Some("t"), &[URL])).is_ok());
            assert!(proofs.check(&proof, &expected(Some("t"), &[URL])).is_err());
        }
        let proof = prover.proof("POST", URL, Some("t")).unwrap();
        assert!(proofs.check(&proof, &expected(Some("another"), &[URL])).is_err());
        assert_eq!(prover.proof("POST", "no url", None), None);
    }

    #[test]
    fn a_nonce_is_shown_to_whom_it_came_from_and_to_nobody_else() {
        let (prover, proofs) = (prover(), Proofs::new(Some(b"secret")));
        let first = prover.proof("POST", URL, None).unwrap();
        let Err(Refused::Nonce(nonce)) = proofs.check(&first, &expected(None, &[URL])) else {
            panic!("a nonce is asked for");
        };

        assert!(prover.hear("https://h.example/other", Some(&nonce)));
        assert!(!prover.hear(URL, Some(&nonce)), "heard before");
        let second = prover.proof("POST", URL, None).unwrap();
        assert!(proofs.check(&second, &expected(None, &[URL])).is_ok());

        let elsewhere = prover.proof("POST", "https://evil.example/mcp", None).unwrap();
        assert!(!jws_claims(&elsewhere).contains("nonce"));
        for bad in ["", "a\"b", "a b", "a\\b", &"n".repeat(LONGEST + 1)] {
            assert!(!prover.hear(URL, Some(bad)), "{bad}");
        }
    }

    fn jws_claims(proof: &str) -> String {
        let claims = URL_SAFE_NO_PAD.decode(proof.split('.').nth(1).unwrap()).unwrap();
        String::from_utf8(claims).unwrap()
    }
}
