//! Tokens that we sign ourselves: short-lived, and checked by others with our published keys.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use serde_json::{Map, Value, json};
use toolgate_values::Secret;

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

/// A private key, and the name that its public half is published under.
pub struct SigningKey {
    pair: Pair,
    /// The public half (RFC 7517, RFC 8037), without a name.
    public: Map<String, Value>,
    kid: String,
}

enum Pair {
    P256(Box<EcdsaKeyPair>),
    Ed25519(Box<Ed25519KeyPair>),
}

/// Why a text is no key that signs, with a way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoKey {
    /// It is not PKCS#8 in PEM.
    #[error(
        "not a private key in PKCS#8 PEM (make one with: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256)"
    )]
    Form,
    /// It is a key of another kind.
    #[error("a key of a kind that is not used here (use P-256 or Ed25519)")]
    Kind,
    /// The system gave no randomness.
    #[error("the system has no randomness")]
    Random,
}

impl SigningKey {
    /// A key in PKCS#8 PEM: P-256 or Ed25519.
    ///
    /// # Errors
    /// It is not such a key.
    pub fn parse(pem: &str) -> Result<SigningKey, NoKey> {
        let document = unwrap(pem).ok_or(NoKey::Form)?;
        let random = SystemRandom::new();
        let p256 = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &document, &random);
        if let Ok(pair) = p256 {
            return Ok(SigningKey::of(Pair::P256(Box::new(pair))));
        }
        // OpenSSL leaves the public half out of an Ed25519 key, which is then computed.
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&document);
        pair.map(|pair| SigningKey::of(Pair::Ed25519(Box::new(pair)))).map_err(|_| NoKey::Kind)
    }

    /// A new key, known to this process alone.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn generate() -> Result<SigningKey, NoKey> {
        SigningKey::parse(SigningKey::make()?.reveal())
    }

    /// A new P-256 key in PKCS#8 PEM, for whoever has to keep it.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn make() -> Result<Secret, NoKey> {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new());
        let document = STANDARD.encode(document.map_err(|_| NoKey::Random)?.as_ref());
        Ok(Secret::new(format!("{BEGIN}\n{document}\n{END}\n")))
    }

    fn of(pair: Pair) -> SigningKey {
        let public = public(&pair);
        // The members of a thumbprint in the order of RFC 7638, section 3.2, which is also the
        // order in which `public` has them.
        let text = Value::Object(public.clone()).to_string();
        let hash = digest::digest(&digest::SHA256, text.as_bytes());
        SigningKey { pair, public, kid: URL_SAFE_NO_PAD.encode(hash) }
    }

    /// The name of the key: its thumbprint (RFC 7638).
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// How it signs, by the names of RFC 7518 and RFC 8037.
    pub fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::P256(_) => "ES256",
            Pair::Ed25519(_) => "EdDSA",
        }
    }

    /// The public half alone, as a proof of possession carries it.
    pub fn public(&self) -> &Map<String, Value> {
        &self.public
    }

    /// The public half as an entry of a key set.
    pub fn jwk(&self) -> Value {
        let mut jwk = self.public.clone();
        jwk.insert("kid".to_owned(), self.kid.clone().into());
        jwk.insert("use".to_owned(), "sig".into());
        jwk.insert("alg".to_owned(), self.algorithm().into());
        Value::Object(jwk)
    }

    /// A token of this `typ` with these claims, in compact form, naming our key by its `kid`.
    pub fn sign(&self, typ: &str, claims: &Value) -> String {
        let header = json!({ "alg": self.algorithm(), "typ": typ, "kid": self.kid });
        self.sign_with(&header, claims)
    }

    /// A token with this header, which must name our algorithm.
    pub fn sign_with(&self, header: &Value, claims: &Value) -> String {
        let mut token = URL_SAFE_NO_PAD.encode(header.to_string());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims.to_string(), &mut token);
        let signature = self.signature(token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        token
    }

    fn signature(&self, message: &[u8]) -> Vec<u8> {
        match &self.pair {
            Pair::P256(pair) => {
                let signature = pair.sign(&SystemRandom::new(), message);
                signature.expect("the system gave randomness at start").as_ref().to_vec()
            }
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }
}

/// The public half, its members in the order of their names.
fn public(pair: &Pair) -> Map<String, Value> {
    let mut public = Map::new();
    let mut set = |name: &str, value: String| public.insert(name.to_owned(), value.into());
    match pair {
        Pair::P256(pair) => {
            // An uncompressed point: one byte, then 32 for each coordinate (SEC 1, 2.3.3).
            let point = pair.public_key().as_ref().get(1..).unwrap_or_default();
            let (x, y) = point.split_at(point.len() / 2);
            set("crv", "P-256".to_owned());
            set("kty", "EC".to_owned());
            set("x", URL_SAFE_NO_PAD.encode(x));
            set("y", URL_SAFE_NO_PAD.encode(y));
        }
        Pair::Ed25519(pair) => {
            set("crv", "Ed25519".to_owned());
            set("kty", "OKP".to_owned());
            set("x", URL_SAFE_NO_PAD.encode(pair.public_key().as_ref()));
        }
    }
    public
}

/// The bytes in a PEM of PKCS#8 (RFC 7468, section 10).
fn unwrap(pem: &str) -> Option<Vec<u8>> {
    let (_, rest) = pem.split_once(BEGIN)?;
    let (body, _) = rest.split_once(END)?;
    // In an environment variable line breaks are often written as two characters.
    let body = body.replace("\\n", "");
    let body: String = body.split_whitespace().collect();
    STANDARD.decode(body).ok()
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({} {})", self.algorithm(), self.kid)
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{Algorithm, Validation, decode};

    use super::*;
    use crate::jwks::key::Key;

    /// As `openssl genpkey -algorithm ed25519` writes it.
    const ED25519: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";

    fn checks(key: &SigningKey, algorithm: Algorithm) -> Value {
        crate::signature::install();
        let token = key.sign("JWT", &json!({ "sub": "ada", "exp": 9_999_999_999_u64 }));
        let public = Key::read(&key.jwk()).unwrap();
        let mut validation = Validation::new(algorithm);
        validation.validate_aud = false;
        decode::<Value>(&token, &public.decoding, &validation).unwrap().claims
    }

    #[test]
    fn what_we_sign_is_checked_by_the_key_that_we_publish() {
        let made = SigningKey::generate().unwrap();
        let read = SigningKey::parse(ED25519).unwrap();

        assert_eq!(checks(&made, Algorithm::ES256)["sub"], "ada");
        assert_eq!(checks(&read, Algorithm::EdDSA)["sub"], "ada");
    }

    #[test]
    fn a_key_is_named_by_its_thumbprint_alike_in_every_process() {
        let first = SigningKey::parse(ED25519).unwrap();
        let second = SigningKey::parse(&ED25519.replace('\n', "\\n")).unwrap();

        assert_eq!(first.kid(), second.kid());
        assert_ne!(first.kid(), SigningKey::generate().unwrap().kid());
    }

    #[test]
    fn what_is_no_key_is_refused_with_a_way_out() {
        let empty = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----";
        for (text, expected) in [("", NoKey::Form), ("hunter2", NoKey::Form), (empty, NoKey::Kind)]
        {
            assert_eq!(SigningKey::parse(text).unwrap_err(), expected);
            assert!(!expected.to_string().contains("hunter2"));
        }
    }

    #[test]
    fn a_private_half_is_neither_published_nor_printed() {
        let key = SigningKey::generate().unwrap();

        assert!(key.jwk().get("d").is_none());
        assert!(format!("{key:?}").starts_with("SigningKey(ES256 "));
    }
}
