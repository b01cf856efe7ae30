//! One public key of a set (RFC 7517), and what it may verify.

use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde_json::Value;

use crate::algorithm::Algorithm;

/// A public key.
pub(crate) struct Key {
    pub(crate) kid: Option<String>,
    pub(crate) decoding: DecodingKey,
    kind: Kind,
    /// The only algorithm it is for, if its set says so.
    only: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

#[derive(Deserialize)]
struct Parts {
    kty: String,
    #[serde(default)]
    crv: Option<String>,
    #[serde(default, rename = "use")]
    usage: Option<String>,
    #[serde(default)]
    key_ops: Option<Vec<String>>,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    n: Option<String>,
    #[serde(default)]
    e: Option<String>,
    #[serde(default)]
    x: Option<String>,
    #[serde(default)]
    y: Option<String>,
}

impl Key {
    /// The key that `value` describes, if it is one that verifies signatures we take. A shared
    /// secret (`oct`) never is.
    pub(crate) fn read(value: &Value) -> Option<Key> {
        let parts = Parts::deserialize(value).ok()?;
        if parts.usage.as_deref().is_some_and(|usage| usage != "sig")
            || parts.key_ops.as_ref().is_some_and(|ops| !ops.iter().any(|op| op == "verify"))
        {
            return None;
        }
        let (kind, decoding) = match (parts.kty.as_str(), parts.crv.as_deref()) {
            ("RSA", _) => {
                let key = DecodingKey::from_rsa_components(parts.n.as_ref()?, parts.e.as_ref()?);
                (Kind::Rsa, key)
            }
            ("EC", Some(curve @ ("P-256" | "P-384"))) => {
                let key = DecodingKey::from_ec_components(parts.x.as_ref()?, parts.y.as_ref()?);
                (if curve == "P-256" { Kind::P256 } else { Kind::P384 }, key)
            }
            ("OKP", Some("Ed25519")) => {
                (Kind::Ed25519, DecodingKey::from_ed_components(parts.x.as_ref()?))
            }
            _ => return None,
        };
        Some(Key { kid: parts.kid, decoding: decoding.ok()?, kind, only: parts.alg })
    }

    /// Whether it verifies what `algorithm` signs.
    pub(crate) fn is_for(&self, algorithm: Algorithm) -> bool {
        let (kind, name) = match algorithm {
            Algorithm::RS256 => (Kind::Rsa, "RS256"),
            Algorithm::PS256 => (Kind::Rsa, "PS256"),
            Algorithm::ES256 => (Kind::P256, "ES256"),
            Algorithm::ES384 => (Kind::P384, "ES384"),
            Algorithm::EdDSA => (Kind::Ed25519, "EdDSA"),
        };
        // RFC 9864 gives EdDSA with this curve a name of its own.
        let named = |only: &String| only == name || (kind == Kind::Ed25519 && only == "Ed25519");
        self.kind == kind && self.only.as_ref().is_none_or(named)
    }
}
