//! Keys that sign tokens, of every kind.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};
use sha2::Sha256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    RS256,
    PS256,
    ES256,
    ES384,
    EdDSA,
}

impl Kind {
    pub const ALL: [Kind; 5] = [Kind::RS256, Kind::PS256, Kind::ES256, Kind::ES384, Kind::EdDSA];
}

enum Pair {
    Rsa(Box<RsaKeyPair>),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

/// A private key and its name.
pub struct Signer {
    pub kid: String,
    kind: Kind,
    pair: Pair,
}

impl Signer {
    /// A new key; of RSA, which `ring` does not make, the one of these tests.
    pub fn new(kind: Kind, kid: &str) -> Signer {
        let random = SystemRandom::new();
        let ec = |algorithm| {
            let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
            Pair::Ec(EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap())
        };
        let pair = match kind {
            Kind::RS256 | Kind::PS256 => {
                let text: String = include_str!("rsa.b64").split_whitespace().collect();
                let document = STANDARD.decode(text).unwrap();
                Pair::Rsa(Box::new(RsaKeyPair::from_pkcs8(&document).unwrap()))
            }
            Kind::ES256 => ec(&ECDSA_P256_SHA256_FIXED_SIGNING),
            Kind::ES384 => ec(&ECDSA_P384_SHA384_FIXED_SIGNING),
            Kind::EdDSA => {
                let document = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
                Pair::Ed(Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap())
            }
        };
        Signer { kid: kid.to_owned(), kind, pair }
    }

    /// The public key, as an issuer publishes it.
    pub fn jwk(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut jwk = match &self.pair {
            Pair::Rsa(pair) => {
                let public: ring::rsa::PublicKeyComponents<Vec<u8>> = pair.public().into();
                json!({"kty": "RSA", "n": text(&public.n), "e": text(&public.e)})
            }
            Pair::Ec(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..]
                    .split_at(if self.kind == Kind::ES256 { 32 } else { 48 });
                let crv = if self.kind == Kind::ES256 { "P-256" } else { "P-384" };
                json!({"kty": "EC", "crv": crv, "x": text(x), "y": text(y)})
            }
            Pair::Ed(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": text(pair.public_key().as_ref())})
            }
        };
        jwk["kid"] = self.kid.as_str().into();
        jwk["use"] = "sig".into();
        jwk
    }

    /// The header of its tokens.
    pub fn header(&self) -> Value {
        json!({"alg": format!("{:?}", self.kind), "typ": "at+jwt", "kid": self.kid})
    }

    pub fn token(&self, claims: &Value) -> String {
        self.token_with(&self.header(), claims)
    }

    pub fn token_with(&self, header: &Value, claims: &Value) -> String {
        self.signed(&parts(header, claims))
    }

    /// These bytes and their signature.
    pub fn signed(&self, message: &str) -> String {
        let signature = self.sign(message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let padding: &dyn ring::signature::RsaEncoding =
                    if self.kind == Kind::RS256 { &RSA_PKCS1_SHA256 } else { &RSA_PSS_SHA256 };
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(padding, &random, message, &mut signature).unwrap();
                signature
            }
            Pair::Ec(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Ed(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// A token whose HMAC was made with the public key, in the forms an attacker has it.
    pub fn confused(&self, header: &Value, claims: &Value) -> Vec<String> {
        let jwk = self.jwk();
        let raw = URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap();
        let secrets = [raw, jwk["n"].as_str().unwrap().into(), jwk.to_string().into_bytes()];
        let message = parts(header, claims);
        let sign = |secret: &Vec<u8>| {
            let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret).unwrap();
            mac.update(message.as_bytes());
            format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
        };
        secrets.iter().map(sign).collect()
    }
}

/// Header and claims, as they are signed.
pub fn parts(header: &Value, claims: &Value) -> String {
    let text = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", text(header), text(claims))
}

/// A token with an empty signature.
pub fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.", parts(header, claims))
}
