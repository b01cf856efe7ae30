//! Signatures of tokens, checked by `ring`, which also does our TLS.
//!
//! `jsonwebtoken` brings two backends: RustCrypto, whose `rsa` has an open advisory, and aws-lc,
//! a second cryptographic library beside ring. It takes a third from outside, and this is it.

use std::sync::Once;

use ::ring::signature::{self as ring, RsaPublicKeyComponents, UnparsedPublicKey};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::signature::{Error, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, EncodingKey};

static RING: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes `jsonwebtoken` use ring. Before any token is looked at.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Somebody else's choice in the same process stands: it is theirs to make.
        let _ = RING.install_default();
    });
}

/// Nothing here signs.
fn signer(_: &Algorithm, _: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    Err(ErrorKind::InvalidAlgorithm.into())
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    let family = match algorithm {
        Algorithm::RS256 | Algorithm::PS256 => AlgorithmFamily::Rsa,
        Algorithm::ES256 | Algorithm::ES384 => AlgorithmFamily::Ec,
        Algorithm::EdDSA => AlgorithmFamily::Ed,
        _ => return Err(ErrorKind::InvalidAlgorithm.into()),
    };
    // A public key must never serve as the secret of another kind of algorithm.
    if key.family() != family {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    Ok(Box::new(ByRing { algorithm: *algorithm, key: key.clone() }))
}

struct ByRing {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl JwtVerifier for ByRing {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl Verifier<Vec<u8>> for ByRing {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Error> {
        let bytes = |algorithm: &'static dyn ring::VerificationAlgorithm| {
            let key = self.key.try_get_as_bytes().map_err(|_| Error::new())?;
            let key = UnparsedPublicKey::new(algorithm, key);
            key.verify(message, signature).map_err(|_| Error::new())
        };
        let rsa = |parameters: &'static ring::RsaParameters| {
            let DecodingKeyKind::RsaModulusExponent { n, e } = self.key.kind() else {
                return Err(Error::new());
            };
            let key = RsaPublicKeyComponents { n, e };
            key.verify(parameters, message, signature).map_err(|_| Error::new())
        };
        match self.algorithm {
            Algorithm::RS256 => rsa(&ring::RSA_PKCS1_2048_8192_SHA256),
            Algorithm::PS256 => rsa(&ring::RSA_PSS_2048_8192_SHA256),
            Algorithm::ES256 => bytes(&ring::ECDSA_P256_SHA256_FIXED),
            Algorithm::ES384 => bytes(&ring::ECDSA_P384_SHA384_FIXED),
            Algorithm::EdDSA => bytes(&ring::ED25519),
            _ => Err(Error::new()),
        }
    }
}
