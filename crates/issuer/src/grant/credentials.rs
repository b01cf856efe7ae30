//! Tokens for a client on its own behalf (OAuth 2.1, section 4.2).

use serde_json::Value;

use super::{Granted, TokenRequest};
use crate::answer::Failure;
use crate::issuer::Issuer;
use crate::scope;
use crate::settings::User;
use crate::shelf::unguessable;

pub fn on_own_behalf(issuer: &Issuer, request: TokenRequest<'_>) -> Result<Value, Failure> {
    let TokenRequest { client, form, key } = request;
    if client.is_public() {
        return Err(Failure::new("unauthorized_client", "a client that proves nothing"));
    }
    let asked = scope::asked(form)?;
    let scopes = scope::granted(&asked, &client.scopes);
    if scopes.len() < asked.len() {
        return Err(Failure::new("invalid_scope", "more than the client may have"));
    }
    let every = client.scopes.iter().any(|scope| scope == "*");
    let scopes = if asked.is_empty() && !every { client.scopes.clone() } else { scopes };
    issuer.give(Granted {
        client,
        user: User { name: client.id.clone(), ..User::default() },
        scopes,
        resources: issuer.resources(form.all("resource"), &[])?,
        key,
        actor: None,
        family: unguessable(),
        renewable: false,
    })
}
