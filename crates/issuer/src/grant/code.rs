//! A code for tokens, from whoever began (OAuth 2.1, section 4.1.3; RFC 7636).

use serde_json::Value;
use subtle::ConstantTimeEq;
use toolgate_identity::jws;

use super::{Granted, TokenRequest};
use crate::answer::Failure;
use crate::client::Client;
use crate::issuer::Issuer;
use crate::settings::User;

pub fn redeem(issuer: &Issuer, request: TokenRequest<'_>) -> Result<Value, Failure> {
    let TokenRequest { client, form, key } = request;
    let wrong = |why: &str| Failure::new("invalid_grant", why);
    let name = form.get("code").unwrap_or_default();
    if issuer.was_spent(name) {
        return Err(wrong("the code was used before"));
    }
    let code = issuer.codes.take(name, issuer.now()).ok_or_else(|| wrong("no such code"))?;
    issuer.spend(name, &code.family);
    if code.client != client.id {
        return Err(wrong("the code is another client's"));
    }
    if form.get("redirect_uri").is_some_and(|uri| uri != code.redirect_uri) {
        return Err(wrong("the redirect_uri is another"));
    }
    let verifier = form.get("code_verifier").unwrap_or_default();
    let challenge = jws::hash(verifier.as_bytes());
    if !bool::from(challenge.as_bytes().ct_eq(code.challenge.as_bytes())) {
        return Err(wrong("the code_verifier does not fit"));
    }
    if code.key.is_some() && code.key != key {
        return Err(wrong("the code is bound to another key"));
    }
    let resources = issuer.resources(form.all("resource"), &code.resources)?;
    let offline = code.scopes.iter().any(|scope| scope == "offline_access");
    let granted = Granted {
        client,
        user: code.user.clone(),
        scopes: code.scopes.clone(),
        resources,
        key,
        actor: None,
        family: code.family.clone(),
        renewable: offline || client.may("refresh_token"),
    };
    let mut answer = issuer.give(granted)?;
    if code.scopes.iter().any(|scope| scope == "openid") {
        let token = issuer.id_token(client, &code.user, code.nonce.as_deref())?;
        answer["id_token"] = token.into();
    }
    Ok(answer)
}

impl Issuer {
    /// Who signed in (OpenID Connect Core 1.0, section 2).
    fn id_token(
        &self,
        client: &Client,
        user: &User,
        nonce: Option<&str>,
    ) -> Result<String, Failure> {
        let now = self.now();
        let mut claims = serde_json::json!({
            "iss": self.url, "sub": user.name, "aud": client.id, "iat": now, "exp": now + 300,
        });
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        let failed = |_| Failure::new("server_error", "the token cannot be signed");
        self.key.sign("JWT", &claims).map_err(failed)
    }
}
