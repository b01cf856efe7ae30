//! Clients that register themselves (RFC 7591).

use serde_json::{Value, json};
use toolgate_values::Secret;

use crate::answer::{Answer, Failure, document};
use crate::ask::Ask;
use crate::client::{Client, Proof};
use crate::issuer::Issuer;
use crate::redirect;
use crate::shelf::unguessable;

/// How long a registration is kept, in seconds: a day.
const KEPT: u64 = 86_400;

pub fn answer(issuer: &Issuer, ask: &Ask) -> Answer {
    if !issuer.settings.registration {
        return Failure::new("access_denied", "registration is off here").answer();
    }
    match register(issuer, ask) {
        Ok(value) => document(201, &value),
        Err(failure) => failure.answer(),
    }
}

fn register(issuer: &Issuer, ask: &Ask) -> Result<Value, Failure> {
    let wrong = |why: &str| Failure::new("invalid_client_metadata", why);
    let asked: Value = serde_json::from_str(&ask.body).map_err(|_| wrong("not JSON"))?;
    if !asked.is_object() {
        return Err(wrong("not a JSON object"));
    }
    let grants = grants(&asked).ok_or_else(|| wrong("grant_types is no list of texts"))?;
    let redirect_uris = match &asked["redirect_uris"] {
        Value::Null => Vec::new(),
        listed => texts(listed).ok_or_else(|| wrong("redirect_uris is no list of texts"))?,
    };
    let comes_back = grants.iter().any(|grant| grant == "authorization_code");
    let sound = redirect_uris.iter().all(|uri| redirect::may_be_registered(uri));
    if !sound || (comes_back && redirect_uris.is_empty()) {
        let why =
            "redirect_uris are missing or not allowed (https, loopback, or a scheme of your own)";
        return Err(Failure::new("invalid_redirect_uri", why));
    }
    let method = asked["token_endpoint_auth_method"].as_str().unwrap_or("client_secret_basic");
    let secret = unguessable();
    let proof = match method {
        "none" => Proof::Nothing,
        "client_secret_basic" | "client_secret_post" => Proof::Secret(Secret::new(secret.clone())),
        "private_key_jwt" => match asked["jwks"]["keys"].as_array() {
            Some(keys) => Proof::Keys(keys.clone()),
            None => return Err(wrong("private_key_jwt needs jwks")),
        },
        _ => return Err(wrong("no such token_endpoint_auth_method")),
    };
    let name = asked["client_name"].as_str().map(str::to_owned);
    let mut answer = json!({
        "client_id_issued_at": issuer.now(),
        "redirect_uris": redirect_uris,
        "grant_types": grants,
        "response_types": ["code"],
        "token_endpoint_auth_method": method,
    });
    for member in ["client_name", "application_type", "scope", "client_uri", "jwks"] {
        if let Some(value) = asked.get(member) {
            answer[member] = value.clone();
        }
    }
    if matches!(proof, Proof::Secret(_)) {
        answer["client_secret"] = secret.into();
        answer["client_secret_expires_at"] = 0.into();
    }
    let id = format!("dev-{}", unguessable());
    // On its own behalf a stranger gets nothing.
    let client = Client { id: id.clone(), name, redirect_uris, proof, grants, scopes: Vec::new() };
    issuer.clients.registered.put(id.clone(), client.into(), issuer.now() + KEPT);
    tracing::info!(client = %id, "client registered");
    answer["client_id"] = id.into();
    Ok(answer)
}

/// The grants that metadata of a client names (RFC 7591, section 2).
pub fn grants(metadata: &Value) -> Option<Vec<String>> {
    match &metadata["grant_types"] {
        Value::Null => Some(vec!["authorization_code".to_owned()]),
        listed => texts(listed),
    }
}

/// A list of texts.
pub fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
}
