//! Texts that a peer signed with a key of its own: proofs (RFC 9449) and assertions (RFC 7523).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Validation, decode};
use ring::digest::{SHA256, digest};
use serde_json::{Map, Value};

use crate::algorithm::Algorithm;
use crate::jwks::key::Key;
use crate::refused::Flaw;

/// The algorithms that are taken, best first, as metadata and challenges list them.
pub const ALGORITHMS: [&str; 5] = ["ES256", "EdDSA", "ES384", "PS256", "RS256"];

/// The longest text that is looked at, in bytes.
const LONGEST: usize = 16 * 1024;

/// The header of a compact JWS; nothing is proved yet.
///
/// # Errors
/// It is none, or demands what we do not understand (`crit`, RFC 7515, section 4.1.11).
pub fn header(text: &str) -> Result<Map<String, Value>, Flaw> {
    if text.len() > LONGEST || text.bytes().filter(|byte| *byte == b'.').count() != 2 {
        return Err(Flaw::Unknown);
    }
    let header = text.split('.').next().unwrap_or_default();
    let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| Flaw::Unknown)?;
    let header: Map<String, Value> = serde_json::from_slice(&header).map_err(|_| Flaw::Unknown)?;
    if header.contains_key("crit") { Err(Flaw::Algorithm) } else { Ok(header) }
}

/// The claims of `text` if `jwk`, a public key, verifies its signature. Dates are not looked at.
///
/// # Errors
/// The algorithm is not taken, is not the key's, or the signature does not fit.
pub fn claims(text: &str, jwk: &Value) -> Result<Map<String, Value>, Flaw> {
    crate::signature::install();
    let header = header(text)?;
    let (ours, theirs) =
        header.get("alg").and_then(Value::as_str).and_then(algorithm).ok_or(Flaw::Algorithm)?;
    let key = Key::read(jwk).filter(|key| key.is_for(ours)).ok_or(Flaw::Key)?;
    let mut validation = Validation::new(theirs);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    match decode::<Map<String, Value>>(text, &key.decoding, &validation) {
        Ok(data) => Ok(data.claims),
        Err(error) => Err(match error.kind() {
            ErrorKind::InvalidSignature => Flaw::Signature,
            ErrorKind::Json(_) => Flaw::Claims,
            _ => Flaw::Unknown,
        }),
    }
}

fn algorithm(name: &str) -> Option<(Algorithm, jsonwebtoken::Algorithm)> {
    use jsonwebtoken::Algorithm as Named;
    Some(match name {
        "RS256" => (Algorithm::RS256, Named::RS256),
        "PS256" => (Algorithm::PS256, Named::PS256),
        "ES256" => (Algorithm::ES256, Named::ES256),
        "ES384" => (Algorithm::ES384, Named::ES384),
        "EdDSA" => (Algorithm::EdDSA, Named::EdDSA),
        _ => return None,
    })
}

/// The name of a public key: the hash of what makes it up, members in order (RFC 7638).
/// `None` for what is no public key, or holds a private part.
pub fn thumbprint(jwk: &Value) -> Option<String> {
    let jwk = jwk.as_object()?;
    if ["d", "p", "q", "dp", "dq", "qi", "k"].iter().any(|part| jwk.contains_key(*part)) {
        return None;
    }
    let members: &[&str] = match jwk.get("kty")?.as_str()? {
        "RSA" => &["e", "kty", "n"],
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        _ => return None,
    };
    let mut text = String::from("{");
    for member in members {
        let value = Value::String(jwk.get(*member)?.as_str()?.to_owned());
        let comma = if text.len() > 1 { "," } else { "" };
        text.push_str(&format!("{comma}\"{member}\":{value}"));
    }
    text.push('}');
    Some(hash(text.as_bytes()))
}

/// SHA-256, as claims such as `ath`, `jkt` and `x5t#S256` write it.
pub fn hash(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, bytes))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_thumbprint_is_that_of_the_rfc() {
        // RFC 7638, section 3.1.
        let jwk = json!({
            "kty": "RSA", "alg": "RS256", "kid": "2011-04-29", "e": "AQAB",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
        });

        let expected = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
        assert_eq!(thumbprint(&jwk).as_deref(), Some(expected));
    }

    #[test]
    fn a_private_key_or_a_secret_is_no_key_to_show_around() {
        let public = json!({"kty": "EC", "crv": "P-256", "x": "a", "y": "b"});
        assert!(thumbprint(&public).is_some());
        for part in ["d", "k"] {
            let mut jwk = public.clone();
            jwk[part] = "x".into();
            assert_eq!(thumbprint(&jwk), None);
        }
        assert_eq!(thumbprint(&json!({"kty": "oct", "k": "x"})), None);
        assert_eq!(thumbprint(&json!("EC")), None);
    }
}
