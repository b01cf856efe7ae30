//! A token for another token: for another audience (RFC 8693), or as an assertion for another
//! issuer's (ID-JAG, enterprise-managed authorization), which is then redeemed (RFC 7523).

use serde_json::{Map, Value, json};
use toolgate_identity::jws;

use super::{Granted, TokenRequest};
use crate::answer::Failure;
use crate::ask::Parameters;
use crate::client::Client;
use crate::issuer::Issuer;
use crate::scope;
use crate::settings::User;
use crate::shelf::unguessable;

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
const ID_JAG: &str = "urn:ietf:params:oauth:token-type:id-jag";

/// The type of an identity assertion authorization grant.
const ID_JAG_TYPE: &str = "oauth-id-jag+jwt";

pub fn exchange(issuer: &Issuer, request: TokenRequest<'_>) -> Result<Value, Failure> {
    let TokenRequest { client, form, key } = request;
    if client.is_public() {
        return Err(Failure::new("unauthorized_client", "a client that proves nothing"));
    }
    let subject = subject(issuer, form)?;
    let user = user(issuer, &subject);
    let asked = scope::asked(form)?;
    let had = scope::words(subject.get("scope").and_then(Value::as_str)).unwrap_or_default();
    let asked = if asked.is_empty() { had.clone() } else { asked };
    // An access token is exchanged for no more than it grants.
    let allowed = if subject.contains_key("scope") { &had } else { &user.scopes };
    let scopes = scope::granted(&asked, allowed);
    let wanted = form.get("requested_token_type").unwrap_or(ACCESS_TOKEN);
    if wanted == ID_JAG {
        return id_jag(issuer, client, form, &user, &scopes);
    }
    if !matches!(wanted, ACCESS_TOKEN | JWT) {
        return Err(Failure::new("invalid_request", "no such requested_token_type"));
    }
    let mut targets = issuer.resources(form.all("resource"), &[])?;
    targets.extend(form.all("audience").iter().cloned());
    let mut actor = json!({ "sub": client.id });
    if let Some(before) = subject.get("act") {
        actor["act"] = before.clone();
    }
    let mut answer = issuer.give(Granted {
        client,
        user,
        scopes,
        resources: targets,
        key,
        actor: Some(actor),
        family: unguessable(),
        renewable: false,
    })?;
    answer["issued_token_type"] = ACCESS_TOKEN.into();
    Ok(answer)
}

/// The claims of the token that is exchanged, which must be ours and good.
fn subject(issuer: &Issuer, form: &Parameters) -> Result<Map<String, Value>, Failure> {
    let wrong = |why: &str| Failure::new("invalid_request", why);
    let token = form.get("subject_token").ok_or_else(|| wrong("subject_token is missing"))?;
    let kind = form.get("subject_token_type").unwrap_or_default();
    let now = issuer.now();
    let claims = match kind {
        ACCESS_TOKEN | JWT => issuer
            .issued
            .get(&jws::hash(token.as_bytes()), now)
            .and_then(|issued| issued.claims.as_object().cloned()),
        ID_TOKEN => issuer.own(token, "JWT"),
        _ => return Err(wrong("no such subject_token_type")),
    };
    claims.ok_or_else(|| wrong("the subject_token is not good"))
}

/// An assertion about the user for the issuer that `audience` names.
fn id_jag(
    issuer: &Issuer,
    client: &Client,
    form: &Parameters,
    user: &User,
    scopes: &[String],
) -> Result<Value, Failure> {
    let [audience] = form.all("audience") else {
        return Err(Failure::new("invalid_target", "audience names one issuer"));
    };
    let now = issuer.now();
    let mut claims = json!({
        "iss": issuer.url, "sub": user.name, "aud": audience, "client_id": client.id,
        "jti": unguessable(), "iat": now, "exp": now + 300, "scope": scopes.join(" "),
    });
    if let [resource] = form.all("resource") {
        claims["resource"] = json!(resource);
    }
    let failed = |_| Failure::new("server_error", "the token cannot be signed");
    Ok(json!({
        "issued_token_type": ID_JAG,
        "access_token": issuer.key.sign(ID_JAG_TYPE, &claims).map_err(failed)?,
        "token_type": "N_A",
        "expires_in": 300,
        "scope": scopes.join(" "),
    }))
}

/// An access token for such an assertion; here the two issuers are one.
pub fn assertion(issuer: &Issuer, request: TokenRequest<'_>) -> Result<Value, Failure> {
    let TokenRequest { client, form, key } = request;
    let wrong = |why: &str| Failure::new("invalid_grant", why);
    let text = form.get("assertion").unwrap_or_default();
    let claims = issuer.own(text, ID_JAG_TYPE).ok_or_else(|| wrong("the assertion is not good"))?;
    let says = |name: &str| claims.get(name).and_then(Value::as_str);
    if says("aud") != Some(&issuer.url) || says("client_id") != Some(&client.id) {
        return Err(wrong("the assertion is for somebody else"));
    }
    let name = format!("id-jag\0{}", says("jti").unwrap_or_default());
    if issuer.was_spent(&name) {
        return Err(wrong("the assertion was used before"));
    }
    let family = unguessable();
    issuer.spend(&name, &family);
    let user = user(issuer, &claims);
    let had = scope::words(says("scope")).unwrap_or_default();
    let asked = scope::words(form.get("scope")).unwrap_or_default();
    let asked = if asked.is_empty() { had.clone() } else { scope::granted(&asked, &had) };
    let resource: Vec<String> = says("resource").map(str::to_owned).into_iter().collect();
    issuer.give(Granted {
        client,
        scopes: scope::granted(&asked, &user.scopes),
        user,
        resources: issuer.resources(form.all("resource"), &resource)?,
        key,
        actor: None,
        family,
        renewable: false,
    })
}

/// Whom claims are about: one of our users, or a client on its own behalf.
fn user(issuer: &Issuer, claims: &Map<String, Value>) -> User {
    let name = claims.get("sub").and_then(Value::as_str).unwrap_or_default();
    let known = issuer.users.iter().find(|user| user.name == name).cloned();
    known.unwrap_or_else(|| User { name: name.to_owned(), ..User::default() })
}

impl Issuer {
    /// The claims of a JWT of this type that we signed and that has not ended.
    fn own(&self, text: &str, typ: &str) -> Option<Map<String, Value>> {
        let header = jws::header(text).ok()?;
        let claims = jws::claims(text, &self.key.public()).ok()?;
        let end = claims.get("exp").and_then(Value::as_u64)?;
        let ours = header.get("typ").and_then(Value::as_str) == Some(typ);
        (ours && self.now() < end).then_some(claims)
    }
}
