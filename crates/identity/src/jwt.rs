//! Signed access tokens (RFC 7519, RFC 9068), verified as RFC 8725 advises.

use std::collections::BTreeMap;
use std::sync::Arc;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Header, Validation, dangerous, decode, decode_header};
use serde::Deserialize;
use serde_json::{Map, Value};
use toolgate_protocol::caller::{Caller, Proof};

use crate::fetch::Fetch;
use crate::jwks::Jwks;
use crate::mapping::{Claims, Grant, holds, seconds};
use crate::refused::{Flaw, Refused};
use crate::resource::Resource;
use crate::rules::{self, Algorithm};

/// One issuer of signed tokens.
pub(crate) struct Issuer {
    issuer: Arc<str>,
    accepts: Accepts,
    algorithms: Vec<Algorithm>,
    types: Vec<String>,
    untyped: bool,
    keys: Arc<Jwks>,
    claims: Claims,
    require: BTreeMap<String, Vec<String>>,
    grants: Vec<Grant>,
}

/// What claims must say, of a signed token and of an introspected one.
pub(crate) struct Accepts {
    /// What `aud` may name instead of the resource.
    pub(crate) audience: Vec<String>,
    /// In seconds.
    pub(crate) leeway: u64,
}

/// The issuer that a token says it is from; nothing is proved yet. `None`: it is no signed token.
pub(crate) fn claimed_issuer(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Claimed {
        iss: String,
    }
    if token.bytes().filter(|byte| *byte == b'.').count() != 2 {
        return None;
    }
    dangerous::insecure_decode_claims::<Claimed>(token).ok().map(|claimed| claimed.iss)
}

impl Issuer {
    pub(crate) fn new(rule: &rules::Issuer, fetch: Arc<dyn Fetch>) -> Issuer {
        crate::signature::install();
        let issuer: Arc<str> = rule.issuer.as_str().into();
        Issuer {
            accepts: Accepts {
                audience: rule.audience.clone(),
                leeway: rule.leeway.duration().as_secs(),
            },
            algorithms: rule.algorithms.clone(),
            types: rule.types.iter().map(|word| short_type(word)).collect(),
            untyped: rule.untyped,
            keys: Jwks::new(Arc::clone(&issuer), &rule.jwks, fetch),
            claims: rule.claims.clone(),
            require: rule.require.clone(),
            grants: rule.grants.clone(),
            issuer,
        }
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.issuer
    }

    /// The caller that `token` proves at `now`, in seconds since the epoch.
    pub(crate) async fn verify(
        &self,
        token: &str,
        resource: &Resource,
        now: u64,
    ) -> Result<Caller, Refused> {
        let header = decode_header(token).map_err(|error| match error.kind() {
            // `none` and whatever else has no name among algorithms.
            ErrorKind::Json(_) | ErrorKind::InvalidAlgorithmName => Flaw::Algorithm,
            _ => Flaw::Unknown,
        })?;
        let algorithm = self.algorithm(&header)?;
        self.check_type(&header)?;
        let key = self.keys.key(header.kid.as_deref(), algorithm).await?;
        let claims = verified(token, &key.decoding, header.alg)?;
        // What was only claimed until now. Both readings see the same bytes; this one is proved.
        if claims.get("iss").and_then(Value::as_str) != Some(&*self.issuer) {
            return Err(Flaw::Issuer.into());
        }
        // RFC 9068, section 2.2: an access token has an end.
        if !claims.contains_key("exp") {
            return Err(Flaw::Claims.into());
        }
        self.accepts.check(&claims, resource, now)?;
        if !holds(&self.require, &claims) {
            return Err(Flaw::Required.into());
        }
        Ok(self.claims.caller_with(Proof::Jwt, &self.issuer, claims, &self.grants)?)
    }

    /// The same keys sign what the issuer says of those who sign in there.
    pub(crate) fn keys(&self) -> &Arc<Jwks> {
        &self.keys
    }

    /// Pinned: what the token says is only looked up among what its issuer may use.
    fn algorithm(&self, header: &Header) -> Result<Algorithm, Flaw> {
        let algorithm = algorithm_of(header)?;
        if self.algorithms.contains(&algorithm) { Ok(algorithm) } else { Err(Flaw::Algorithm) }
    }

    fn check_type(&self, header: &Header) -> Result<(), Flaw> {
        let accepted = match &header.typ {
            Some(typ) => self.types.contains(&short_type(typ)),
            None => self.untyped,
        };
        if accepted { Ok(()) } else { Err(Flaw::Type) }
    }
}

/// How a token says it is signed, by a private key: with anything else whoever verifies could sign.
pub(crate) fn algorithm_of(header: &Header) -> Result<Algorithm, Flaw> {
    use jsonwebtoken::Algorithm as Named;
    // RFC 7515, section 4.1.11: we understand no extension.
    if header.crit.is_some() {
        return Err(Flaw::Algorithm);
    }
    Ok(match header.alg {
        Named::RS256 => Algorithm::RS256,
        Named::PS256 => Algorithm::PS256,
        Named::ES256 => Algorithm::ES256,
        Named::ES384 => Algorithm::ES384,
        Named::EdDSA => Algorithm::EdDSA,
        _ => return Err(Flaw::Algorithm),
    })
}

/// A media type without `application/`, which may be left out, in lower case
/// (RFC 7515, section 4.1.9).
fn short_type(typ: &str) -> String {
    let typ = typ.to_ascii_lowercase();
    typ.strip_prefix("application/").unwrap_or(&typ).to_owned()
}

/// The claims of a token whose signature fits. Nothing else of it is checked.
pub(crate) fn verified(
    token: &str,
    key: &jsonwebtoken::DecodingKey,
    algorithm: jsonwebtoken::Algorithm,
) -> Result<Map<String, Value>, Flaw> {
    let mut validation = Validation::new(algorithm);
    // Claims are checked by `Accepts`, with the clock it is given.
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    match decode::<Map<String, Value>>(token, key, &validation) {
        Ok(data) => Ok(data.claims),
        Err(error) => Err(match error.kind() {
            ErrorKind::InvalidAlgorithm => Flaw::Algorithm,
            ErrorKind::InvalidSignature => Flaw::Signature,
            ErrorKind::Json(_) => Flaw::Claims,
            _ => Flaw::Unknown,
        }),
    }
}

impl Accepts {
    /// Whether verified `claims` hold at `now` and are meant for `resource`.
    pub(crate) fn check(
        &self,
        claims: &Map<String, Value>,
        resource: &Resource,
        now: u64,
    ) -> Result<(), Flaw> {
        if let Some(exp) = date(claims, "exp")?
            && now >= exp.saturating_add(self.leeway)
        {
            return Err(Flaw::Expired);
        }
        for begins in ["nbf", "iat"] {
            if let Some(begins) = date(claims, begins)?
                && begins > now.saturating_add(self.leeway)
            {
                return Err(Flaw::NotYet);
            }
        }
        if !self.is_for(claims.get("aud"), resource) {
            return Err(Flaw::Audience);
        }
        Ok(())
    }

    /// RFC 8707, section 2: `aud` names this resource, alone or among others.
    fn is_for(&self, audience: Option<&Value>, resource: &Resource) -> bool {
        let named = |value: &Value| {
            let Some(name) = value.as_str() else { return false };
            if self.audience.is_empty() {
                // Clients may write the slash at the end that the canonical form leaves out.
                name.strip_suffix('/').unwrap_or(name) == resource.as_str()
            } else {
                self.audience.iter().any(|accepted| accepted == name)
            }
        };
        match audience {
            Some(Value::Array(values)) => values.iter().any(named),
            Some(value) => named(value),
            None => false,
        }
    }
}

fn date(claims: &Map<String, Value>, claim: &str) -> Result<Option<u64>, Flaw> {
    claims.get(claim).map(|value| seconds(value).ok_or(Flaw::Claims)).transpose()
}
