//! A refresh token for tokens, among them the next refresh token: each is good once
//! (OAuth 2.1, section 4.3).

use serde_json::Value;

use super::{Granted, TokenRequest};
use crate::answer::Failure;
use crate::issuer::Issuer;
use crate::scope;

pub fn renew(issuer: &Issuer, request: TokenRequest<'_>) -> Result<Value, Failure> {
    let TokenRequest { client, form, key } = request;
    let wrong = |why: &str| Failure::new("invalid_grant", why);
    let name = form.get("refresh_token").unwrap_or_default();
    if issuer.was_spent(name) {
        return Err(wrong("the refresh token was used before"));
    }
    let known = issuer.renewals.get(name, issuer.now());
    let known = known.filter(|known| known.client == client.id);
    let known = known.ok_or_else(|| wrong("no such refresh token"))?;
    if known.key.is_some() && known.key != key {
        return Err(wrong("the refresh token is bound to another key"));
    }
    let asked = scope::asked(form)?;
    if !asked.iter().all(|scope| known.scopes.contains(scope)) {
        return Err(Failure::new("invalid_scope", "more than was granted"));
    }
    let resources = issuer.resources(form.all("resource"), &known.resources)?;
    // What is wrong with the request does not use the token up.
    issuer.renewals.take(name, issuer.now());
    issuer.spend(name, &known.family);
    issuer.give(Granted {
        client,
        user: known.user.clone(),
        scopes: if asked.is_empty() { known.scopes.clone() } else { asked },
        resources,
        key,
        actor: None,
        family: known.family.clone(),
        renewable: true,
    })
}
