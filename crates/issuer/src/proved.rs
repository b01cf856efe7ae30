//! Which client is this, and does it prove it?

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::header::AUTHORIZATION;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;
use toolgate_identity::fetch::{Request, document};
use toolgate_identity::jws;
use toolgate_values::Secret;

use crate::answer::Failure;
use crate::ask::{Ask, Parameters, decoded};
use crate::cimd;
use crate::client::{Client, Proof};
use crate::issuer::Issuer;

/// How long a client metadata document is believed, in seconds.
const BELIEVED: u64 = 60;

/// How far ahead the end of an assertion may be, in seconds.
const FURTHEST: u64 = 600;

const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

impl Issuer {
    /// The client that calls itself `id`; nothing is proved yet.
    pub async fn client(&self, id: &str) -> Result<Arc<Client>, Failure> {
        if let Some(client) = self.clients.configured.get(id) {
            return Ok(Arc::clone(client));
        }
        let now = self.now();
        if let Some(client) = self.clients.registered.get(id, now) {
            return Ok(client);
        }
        if !self.settings.client_documents || !cimd::is_document(id) {
            return Err(Failure::new("invalid_client", "no such client"));
        }
        if let Some(client) = self.clients.documents.get(id, now) {
            return Ok(client);
        }
        let client = Arc::new(cimd::client(&*self.fetch, id).await?);
        self.clients.documents.put(id.to_owned(), Arc::clone(&client), now + BELIEVED);
        Ok(client)
    }

    /// The client that sends `ask`, proved by the one method it uses (RFC 6749, section 2.3).
    pub async fn proved_client(
        &self,
        ask: &Ask,
        form: &Parameters,
    ) -> Result<Arc<Client>, Failure> {
        let failed = || Failure::new("invalid_client", "the client did not prove who it is");
        let basic = basic(ask)?;
        let posted = form.get("client_secret");
        let asserted = form.get("client_assertion");
        let methods = [basic.is_some(), posted.is_some(), asserted.is_some()];
        if methods.iter().filter(|used| **used).count() > 1 {
            return Err(Failure::new("invalid_request", "prove the client by one method, not two"));
        }
        let claimed = asserted.and_then(unverified);
        let claimed = claimed.as_ref().and_then(|claims| claims.get("sub")?.as_str());
        let id = match (&basic, claimed, form.get("client_id")) {
            (Some((id, _)), _, None) => id.as_str(),
            (Some((id, _)), _, Some(named)) if id == named => id.as_str(),
            (None, Some(id), None) => id,
            (None, Some(id), Some(named)) if id == named => id,
            (None, None, Some(named)) => named,
            _ => return Err(failed()),
        };
        let client = self.client(id).await?;
        let secret = basic.as_ref().map(|(_, secret)| secret.reveal()).or(posted);
        let proved = match (&client.proof, secret, asserted) {
            (Proof::Nothing, None, None) => true,
            (Proof::Secret(known), Some(shown), None) => {
                known.reveal().as_bytes().ct_eq(shown.as_bytes()).into()
            }
            (Proof::Keys(keys), None, Some(text)) => self.asserted(&client, keys, text, form),
            (Proof::KeysAt(uri), None, Some(text)) => {
                let set: Value =
                    document(&*self.fetch, Request::get(uri)).await.map_err(|_| failed())?;
                let keys = set["keys"].as_array().cloned().unwrap_or_default();
                self.asserted(&client, &keys, text, form)
            }
            _ => false,
        };
        if proved { Ok(client) } else { Err(failed()) }
    }

    /// Whether one of `keys` signed the assertion `text`, about this client and for us, just now
    /// and not before (RFC 7523, section 3).
    fn asserted(&self, client: &Client, keys: &[Value], text: &str, form: &Parameters) -> bool {
        let now = self.now();
        let claims = keys.iter().take(100).find_map(|key| jws::claims(text, key).ok());
        let Some(claims) = claims else { return false };
        let says =
            |name: &str, value: &str| claims.get(name).and_then(Value::as_str) == Some(value);
        let end = claims.get("exp").and_then(Value::as_u64).unwrap_or(0);
        let name = claims.get("jti").and_then(Value::as_str).unwrap_or_default();
        let name = format!("{}\0{name}", client.id);
        let good = form.get("client_assertion_type") == Some(ASSERTION)
            && says("iss", &client.id)
            && says("sub", &client.id)
            && self.is_meant(claims.get("aud"))
            && (now + 1..=now + FURTHEST).contains(&end)
            && !name.ends_with('\0')
            && self.clients.assertions.get(&name, now).is_none();
        if good {
            self.clients.assertions.put(name, (), end);
        }
        good
    }

    /// Whether `aud` names this issuer, or its token endpoint as older clients do.
    pub fn is_meant(&self, audience: Option<&Value>) -> bool {
        let ours = |value: &Value| {
            value.as_str().is_some_and(|name| name == self.url || name == self.endpoint("/token"))
        };
        match audience {
            Some(Value::Array(values)) => values.iter().any(ours),
            Some(value) => ours(value),
            None => false,
        }
    }
}

/// Id and secret of an `Authorization: Basic` header, form-decoded (RFC 6749, section 2.3.1).
fn basic(ask: &Ask) -> Result<Option<(String, Secret)>, Failure> {
    let Some(value) = ask.headers.get(AUTHORIZATION) else { return Ok(None) };
    let wrong = || Failure::new("invalid_client", "the Authorization header cannot be read");
    let text = value.to_str().map_err(|_| wrong())?;
    let (scheme, rest) = text.split_once(' ').ok_or_else(wrong)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(wrong());
    }
    let pair = STANDARD.decode(rest.trim()).map_err(|_| wrong())?;
    let pair = String::from_utf8(pair).map_err(|_| wrong())?;
    let (id, secret) = pair.split_once(':').ok_or_else(wrong)?;
    Ok(Some((decoded(id), Secret::new(decoded(secret)))))
}

/// What a JWT says; nothing is proved.
pub fn unverified(text: &str) -> Option<Map<String, Value>> {
    let part = text.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
