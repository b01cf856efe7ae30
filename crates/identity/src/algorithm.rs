//! How a token may be signed.

use schemars::JsonSchema;
use serde::Deserialize;

/// How a token may be signed: with a private key, always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[schemars(inline)]
#[expect(missing_docs, reason = "the names of RFC 7518 and RFC 8037")]
pub enum Algorithm {
    RS256,
    PS256,
    ES256,
    ES384,
    EdDSA,
}

impl Algorithm {
    pub(crate) fn all() -> Vec<Algorithm> {
        use Algorithm::{ES256, ES384, EdDSA, PS256, RS256};
        vec![RS256, PS256, ES256, ES384, EdDSA]
    }
}
