//! Does whoever sends a token hold the key it is bound to? Proofs of RFC 9449, checked and made.

mod nonce;
mod once;
mod prover;
mod replay;

use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use serde_json::{Map, Value};

use crate::jws;
use crate::refused::{Flaw, Refused};
use nonce::Nonces;
pub use once::{NobodyKnows, Once};
pub use prover::Prover;
pub use replay::UsedProofs;

/// How far the date of a proof may be from ours, in seconds.
const WINDOW: u64 = 300;

/// The longest proof and the longest of its names that are looked at, in bytes.
const LONGEST: usize = 8 * 1024;
const LONGEST_NAME: usize = 256;

/// What a proof must be about.
pub struct Expected<'a> {
    /// The method of the request.
    pub method: &'a str,
    /// The URLs that the request may be said to go to: behind a proxy it has more than one.
    pub urls: &'a [&'a str],
    /// The token that comes with it; none at a token endpoint.
    pub token: Option<&'a str>,
    /// The key that the token is bound to; none where it is to be bound.
    pub key: Option<&'a str>,
    /// Seconds since the epoch.
    pub now: u64,
}

/// Checks proofs, each once.
pub struct Proofs {
    used: UsedProofs,
    /// Where proofs are remembered that other replicas were shown.
    elsewhere: Option<Arc<dyn Once>>,
    nonces: Option<Nonces>,
}

/// A proof of this key that is good, unless it was used before.
pub(crate) struct Proven {
    key: String,
    name: String,
    /// When it would be refused for its age.
    end: u64,
}

impl Proofs {
    /// Without `nonce_secret` proofs need no nonce; with it each must hold one that was made under
    /// the same secret a short while ago, by whichever replica.
    pub fn new(nonce_secret: Option<&[u8]>) -> Proofs {
        Proofs {
            used: UsedProofs::default(),
            elsewhere: None,
            nonces: nonce_secret.map(Nonces::new),
        }
    }

    /// The same, which knows the proofs that were used here, and remembers them where other
    /// replicas do too.
    pub(crate) fn remembering(&mut self, used: UsedProofs, elsewhere: Option<Arc<dyn Once>>) {
        (self.used, self.elsewhere) = (used, elsewhere);
    }

    /// The thumbprint of the key that `proof` proves, which no other replica is asked about.
    ///
    /// # Errors
    /// It does not prove what is expected, or was used before.
    pub fn check(&self, proof: &str, expected: &Expected<'_>) -> Result<String, Refused> {
        let Proven { key, name, end } = self.prove(proof, expected)?;
        self.used.remember(&key, &name, end, expected.now)?;
        Ok(key)
    }

    /// Uses a proof up.
    ///
    /// # Errors
    /// It was used before, or nobody can tell.
    pub(crate) async fn use_up(&self, proven: &Proven, now: u64) -> Result<(), Refused> {
        let Proven { key, name, end } = proven;
        let Some(elsewhere) = &self.elsewhere else {
            return self.used.remember(key, name, *end, now);
        };
        let lasting = Duration::from_secs(end.saturating_sub(now).saturating_add(1));
        match elsewhere.first(&[key, name], lasting).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(replay::used()),
            // Fail closed: what is not remembered could be used again.
            Err(NobodyKnows) => Err(replay::full()),
        }
    }

    /// Checks all of a proof but whether it was used before.
    ///
    /// # Errors
    /// It does not prove what is expected.
    pub(crate) fn prove(&self, proof: &str, expected: &Expected<'_>) -> Result<Proven, Refused> {
        if proof.len() > LONGEST {
            return Err(Refused::Proof("the proof is too long"));
        }
        let (key, claims) = signed(proof)?;
        matches(&claims, expected)?;
        if let Some(nonces) = &self.nonces {
            let nonce = claims.get("nonce").and_then(Value::as_str);
            if !nonce.is_some_and(|nonce| nonces.holds(nonce, expected.now)) {
                return Err(Refused::Nonce(nonces.make(expected.now)));
            }
        }
        if expected.key.is_some_and(|bound| bound != key) {
            return Err(Flaw::Bound.into());
        }
        // Last: only who passed all else may make anybody remember anything.
        let name = text(&claims, "jti").filter(|jti| jti.len() <= LONGEST_NAME);
        let name = name.ok_or(Refused::Proof("the proof has no usable jti"))?;
        let name = name.to_owned();
        let end = date(&claims).unwrap_or_default().saturating_add(WINDOW + 1);
        Ok(Proven { key, name, end })
    }
}

/// The key of a proof, and what it says under that key.
fn signed(proof: &str) -> Result<(String, Map<String, Value>), Refused> {
    let header = jws::header(proof).map_err(|_| Refused::Proof("the proof is no JWT"))?;
    if header.get("typ").and_then(Value::as_str) != Some("dpop+jwt") {
        return Err(Refused::Proof("the proof is not of the type dpop+jwt"));
    }
    let jwk = header.get("jwk").ok_or(Refused::Proof("the proof has no key"))?;
    let key = jws::thumbprint(jwk).ok_or(Refused::Proof("the key of the proof is not usable"))?;
    let claims = jws::claims(proof, jwk).map_err(|flaw| match flaw {
        Flaw::Algorithm => Refused::Proof("the algorithm of the proof is not accepted"),
        Flaw::Signature => Refused::Proof("the signature of the proof is wrong"),
        _ => Refused::Proof("the key of the proof is not usable"),
    })?;
    Ok((key, claims))
}

/// RFC 9449, section 4.3, points 8 to 12.
fn matches(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<(), Refused> {
    if text(claims, "htm") != Some(expected.method) {
        return Err(Refused::Proof("the proof is for another method"));
    }
    let url = text(claims, "htu").and_then(normal);
    if url.is_none() || !expected.urls.iter().any(|expected| normal(expected) == url) {
        return Err(Refused::Proof("the proof is for another URL"));
    }
    let fresh = date(claims).is_some_and(|at| at.abs_diff(expected.now) <= WINDOW);
    if !fresh {
        return Err(Refused::Proof("the proof is not of now"));
    }
    let token = expected.token.map(|token| jws::hash(token.as_bytes()));
    if token.is_some() && text(claims, "ath") != token.as_deref() {
        return Err(Refused::Proof("the proof is for another token"));
    }
    Ok(())
}

fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    claims.get(name)?.as_str().filter(|text| !text.is_empty())
}

fn date(claims: &Map<String, Value>) -> Option<u64> {
    crate::mapping::seconds(claims.get("iat")?)
}

/// A URL without query and fragment, in the form in which equal ones are the same text
/// (RFC 3986, sections 6.2.2 and 6.2.3).
fn normal(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let scheme = uri.scheme_str()?.to_ascii_lowercase();
    let host = uri.host()?.to_ascii_lowercase();
    let usual = if scheme == "https" { 443 } else { 80 };
    let port = uri.port_u16().filter(|port| *port != usual);
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    let userinfo = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    (!userinfo).then(|| format!("{scheme}://{host}{port}{}", uri.path()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_urls_are_equal_however_they_are_written() {
        let plain = normal("https://gw.example/mcp");
        for same in [
            "HTTPS://GW.example/mcp",
            "https://gw.example:443/mcp",
            "https://gw.example/mcp?x=1",
            "https://gw.example/mcp#x",
        ] {
            assert_eq!(normal(same), plain, "{same}");
        }
        for other in [
            "http://gw.example/mcp",
            "https://gw.example:8443/mcp",
            "https://gw.example/mcp/",
            "https://gw.example/MCP",
            "https://gw.example@evil.example/mcp",
            "https://x@gw.example/mcp",
            "/mcp",
            "",
        ] {
            assert_ne!(normal(other), plain, "{other}");
        }
    }
}
