//! An issuer on loopback, tokens it signs, and a verifier that trusts it.

mod issuer;
mod signer;

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};
use toolgate_identity::refused::Flaw;
use toolgate_identity::rules::Authentication;
use toolgate_identity::{Credentials, Refused, Verifier};
use toolgate_protocol::caller::Caller;
use toolgate_values::Secret;

pub use issuer::{Issuer, Loopback};
pub use signer::{Kind, Signer, parts, unsigned};

/// The resource of all tests.
pub const RESOURCE: &str = "https://gw.example/mcp";

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// The claims of a good token of `issuer`.
pub fn claims(issuer: &Issuer) -> Value {
    json!({"iss": issuer.url, "sub": "u1", "aud": RESOURCE, "exp": now() + 600, "scope": "read"})
}

/// `claims` with some replaced; null removes one.
pub fn with(mut claims: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

/// A verifier by `rules`, whose resource is the usual one unless they say otherwise.
pub fn verifier(mut rules: Value) -> Verifier {
    if rules.get("resource").is_none() {
        rules["resource"] = RESOURCE.into();
    }
    let rules: Authentication = serde_json::from_value(rules).unwrap();
    let methods = rules.compile().unwrap();
    Verifier::open(&methods, Path::new("/"), &(Arc::new(Loopback) as _)).unwrap()
}

/// A verifier that trusts `issuer`, with further keys of its rule.
pub fn trusting(issuer: &Issuer, changes: Value) -> Verifier {
    verifier(json!({"jwt": [with(json!({"issuer": issuer.url}), changes)]}))
}

pub fn bearer(token: impl Into<String>) -> Credentials {
    Credentials::Bearer(Secret::new(token))
}

pub async fn verify(verifier: &Verifier, token: &str) -> Result<Caller, Refused> {
    verifier.verify(&bearer(token)).await
}

/// Why `token` is refused.
pub async fn flaw(verifier: &Verifier, token: &str) -> Flaw {
    match verify(verifier, token).await {
        Err(Refused::Invalid(flaw)) => flaw,
        other => panic!("{other:?}"),
    }
}
