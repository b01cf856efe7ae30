//! Who has just signed in, by what an issuer says of it to the client that sent the person there
//! (OpenID Connect Core 1.0, section 3.1.3.7).

use std::sync::Arc;

use jsonwebtoken::decode_header;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;

use crate::jwks::Jwks;
use crate::jwt::{algorithm_of, verified};
use crate::mapping::seconds;
use crate::refused::{Flaw, Refused};

/// How far the clock of an issuer may be from ours, in seconds.
const LEEWAY: u64 = 60;

/// What one issuer says of those who sign in there.
pub(crate) struct IdTokens {
    issuer: Arc<str>,
    keys: Arc<Jwks>,
}

/// What was asked, to which an ID token has to be the answer.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// The client that asked.
    pub client: &'a str,
    /// What it said, so that no other answer is taken for this one.
    pub nonce: &'a str,
}

impl IdTokens {
    pub(crate) fn new(issuer: Arc<str>, keys: Arc<Jwks>) -> IdTokens {
        IdTokens { issuer, keys }
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The subject of `token` at `now`, in seconds since the epoch.
    ///
    /// # Errors
    /// It is no answer to what was asked, or not of this issuer.
    pub(crate) async fn subject(
        &self,
        token: &str,
        asked: Asked<'_>,
        now: u64,
    ) -> Result<String, Refused> {
        let header = decode_header(token).map_err(|_| Flaw::Unknown)?;
        let algorithm = algorithm_of(&header)?;
        let key = self.keys.key(header.kid.as_deref(), algorithm).await?;
        let claims = verified(token, &key.decoding, header.alg)?;
        self.check(&claims, asked, now)?;
        let subject = claims.get("sub").and_then(Value::as_str).ok_or(Flaw::Claims)?;
        Ok(subject.to_owned())
    }

    fn check(&self, claims: &Map<String, Value>, asked: Asked<'_>, now: u64) -> Result<(), Flaw> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if text("iss") != Some(&*self.issuer) {
            return Err(Flaw::Issuer);
        }
        let is_ours = |audience: &Value| audience.as_str() == Some(asked.client);
        let (named, several) = match claims.get("aud") {
            Some(Value::Array(all)) => (all.iter().any(is_ours), all.len() > 1),
            Some(one) => (is_ours(one), false),
            None => (false, false),
        };
        // Points 4 and 5: of several, the one that it was given to is named besides.
        let party = text("azp");
        if !named || (several && party.is_none()) || party.is_some_and(|it| it != asked.client) {
            return Err(Flaw::Audience);
        }
        let end = claims.get("exp").and_then(seconds).ok_or(Flaw::Claims)?;
        if now >= end.saturating_add(LEEWAY) {
            return Err(Flaw::Expired);
        }
        let nonce = text("nonce").unwrap_or_default();
        match bool::from(nonce.as_bytes().ct_eq(asked.nonce.as_bytes())) {
            true => Ok(()),
            false => Err(Flaw::Claims),
        }
    }
}
