//! The one key of this issuer: it signs with it and publishes the other half.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::error::Unspecified;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

pub struct SigningKey {
    pair: EcdsaKeyPair,
    random: SystemRandom,
    kid: String,
}

impl SigningKey {
    /// A new one, which ends with the process.
    pub fn generate() -> Result<SigningKey, Unspecified> {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random)?;
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random);
        let pair = pair.map_err(|_| Unspecified)?;
        let mut key = SigningKey { pair, random, kid: String::new() };
        key.kid = toolgate_identity::jws::thumbprint(&key.public()).unwrap_or_default();
        Ok(key)
    }

    /// The public half (RFC 7517).
    pub fn public(&self) -> Value {
        // An uncompressed point: one byte, then two coordinates of 32 (SEC 1, section 2.3.3).
        let point = self.pair.public_key().as_ref();
        let (x, y) = point.get(1..).unwrap_or_default().split_at(32);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        json!({ "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.kid, "x": x, "y": y })
    }

    /// A JWT of this type with these claims.
    pub fn sign(&self, typ: &str, claims: &Value) -> Result<String, Unspecified> {
        let header = json!({ "alg": "ES256", "typ": typ, "kid": self.kid });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(claims));
        let signature = self.pair.sign(&self.random, message.as_bytes())?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}
