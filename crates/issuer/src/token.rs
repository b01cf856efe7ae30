//! Where clients get tokens, ask about them, and end them (OAuth 2.1, section 3.2; RFC 7662; RFC 7009).

use serde_json::{Value, json};
use toolgate_identity::dpop::Expected;
use toolgate_identity::jws;

use crate::answer::{Answer, Failure, document};
use crate::ask::Ask;
use crate::grant::{self, TokenRequest};
use crate::issuer::Issuer;

pub async fn answer(issuer: &Issuer, ask: &Ask) -> Answer {
    match token(issuer, ask).await {
        Ok(value) => document(200, &value),
        Err(failure) => failure.answer(),
    }
}

async fn token(issuer: &Issuer, ask: &Ask) -> Result<Value, Failure> {
    let twice = || Failure::new("invalid_request", "a parameter stands twice");
    let form = ask.form().ok_or_else(twice)?;
    let client = issuer.proved_client(ask, &form).await?;
    let named = form.get("grant_type").unwrap_or_default();
    let give = match named {
        "authorization_code" => grant::redeem,
        "refresh_token" => grant::renew,
        "client_credentials" => grant::on_own_behalf,
        "urn:ietf:params:oauth:grant-type:token-exchange" => grant::exchange,
        "urn:ietf:params:oauth:grant-type:jwt-bearer" => grant::assertion,
        _ => return Err(Failure::new("unsupported_grant_type", "no such grant_type")),
    };
    // A refresh token that was given out may be used by whom it was given to.
    if named != "refresh_token" && !client.may(named) {
        return Err(Failure::new("unauthorized_client", "not a grant of this client"));
    }
    let key = proved_key(issuer, ask)?;
    give(issuer, TokenRequest { client: &client, form: &form, key })
}

/// The key that tokens are to be bound to (RFC 9449, section 5).
fn proved_key(issuer: &Issuer, ask: &Ask) -> Result<Option<String>, Failure> {
    let wrong = |why: String| Failure::new("invalid_dpop_proof", why);
    let mut proofs = ask.headers.get_all("dpop").iter();
    let Some(proof) = proofs.next() else { return Ok(None) };
    let proof = proof.to_str().map_err(|_| wrong("the proof is no JWT".to_owned()))?;
    if proofs.next().is_some() {
        return Err(wrong("send one proof, not two".to_owned()));
    }
    let url = issuer.endpoint("/token");
    let expected =
        Expected { method: "POST", urls: &[&url], token: None, key: None, now: issuer.now() };
    issuer.proofs.check(proof, &expected).map(Some).map_err(|refused| wrong(refused.to_string()))
}

/// What a token says, for who proves that it may ask.
pub async fn introspect(issuer: &Issuer, ask: &Ask) -> Answer {
    let form = ask.form().unwrap_or_default();
    match issuer.proved_client(ask, &form).await {
        Ok(client) if client.is_public() => {
            return Failure::new("invalid_client", "a client that proves nothing").answer();
        }
        Err(failure) => return failure.answer(),
        Ok(_) => {}
    }
    let token = form.get("token").unwrap_or_default();
    let known = issuer.issued.get(&jws::hash(token.as_bytes()), issuer.now());
    let Some(issued) = known else { return document(200, &json!({ "active": false })) };
    let mut says = issued.claims.clone();
    says["active"] = true.into();
    says["token_type"] = if says.get("cnf").is_some() { "DPoP" } else { "Bearer" }.into();
    document(200, &says)
}

/// Ends a token, and with a refresh token all that came of the same consent. Always answers the
/// same: who asks learns nothing about a token that is not its own.
pub async fn revoke(issuer: &Issuer, ask: &Ask) -> Answer {
    let form = ask.form().unwrap_or_default();
    let client = match issuer.proved_client(ask, &form).await {
        Ok(client) => client,
        Err(failure) => return failure.answer(),
    };
    let now = issuer.now();
    let token = form.get("token").unwrap_or_default();
    if let Some(renewal) = issuer.renewals.get(token, now).filter(|one| one.client == client.id) {
        issuer.end_family(&renewal.family);
    }
    let name = jws::hash(token.as_bytes());
    if issuer.issued.get(&name, now).is_some_and(|one| one.client == client.id) {
        issuer.issued.take(&name, now);
    }
    document(200, &json!({}))
}
