//! Which client are we? Registered before, known by a document of ours, or registered now.

use serde::{Deserialize, Serialize};
use serde_json::json;
use toolgate_identity::discovery::{Metadata, may_lead_to};
use toolgate_identity::fetch::{self, Failure, Fetch, Request};
use toolgate_values::Secret;

use super::client::{Client, Proof};
use super::find::{Found, NotFound};

/// What a client has to offer.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The name that was given to it beforehand, with its secret if it has one.
    pub registered: Option<(String, Option<Secret>)>,
    /// Where its metadata document is (CIMD).
    pub document: Option<String>,
}

/// A client at one authorization server, as it is remembered. Never good at another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    /// Its name.
    pub id: String,
    /// Its secret.
    pub secret: Option<String>,
    /// Whether that goes in the body.
    pub by_post: bool,
}

impl Registered {
    /// As it shows itself.
    pub fn client(&self) -> Client {
        let proof = match &self.secret {
            None => Proof::None,
            Some(secret) if self.by_post => Proof::Post(Secret::new(secret)),
            Some(secret) => Proof::Basic(Secret::new(secret)),
        };
        Client { id: self.id.clone(), proof }
    }
}

#[derive(Deserialize)]
struct Answer {
    client_id: String,
    #[serde(default)]
    client_secret: Option<String>,
    #[serde(default)]
    token_endpoint_auth_method: Option<String>,
}

/// The client that we are at the authorization server that was found.
///
/// # Errors
/// It knows none of ours, and takes no new ones.
pub async fn register(
    fetch: &dyn Fetch,
    found: &Found,
    known: &Known,
    redirect: &str,
    native: bool,
) -> Result<Registered, NotFound> {
    let metadata = &found.metadata;
    if let Some((id, secret)) = &known.registered {
        let secret = secret.as_ref().map(|secret| secret.reveal().to_owned());
        let by_post = method(metadata, secret.is_some()) == "client_secret_post";
        return Ok(Registered { id: id.clone(), secret, by_post });
    }
    if let Some(document) = &known.document
        && metadata.client_id_metadata_document_supported
    {
        return Ok(Registered { id: document.clone(), secret: None, by_post: false });
    }
    let Some(endpoint) = &metadata.registration_endpoint else {
        return Err(NotFound(
            "the authorization server knows no client of ours (give a client id)".to_owned(),
        ));
    };
    if !may_lead_to(&found.issuer, endpoint) {
        return Err(NotFound("its registration_endpoint is not https".to_owned()));
    }
    let answer = ask(fetch, endpoint, metadata, redirect, native).await;
    answer.map_err(|error| NotFound(format!("the registration failed: {error}")))
}

/// RFC 7591; MCP wants `application_type` besides.
async fn ask(
    fetch: &dyn Fetch,
    endpoint: &str,
    metadata: &Metadata,
    redirect: &str,
    native: bool,
) -> Result<Registered, Failure> {
    let wanted = method(metadata, false);
    let body = json!({
        "client_name": "Toolgate",
        "redirect_uris": [redirect],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": wanted,
        "application_type": if native { "native" } else { "web" },
    });
    let request =
        Request { form: Some(Secret::new(body.to_string())), json: true, ..Request::get(endpoint) };
    let answer = fetch::answer(fetch, request).await?;
    if !matches!(answer.status, 200 | 201) {
        return Err(Failure(format!("status {}", answer.status)));
    }
    let answer: Answer = fetch::read(&answer.body)?;
    let method = answer.token_endpoint_auth_method.as_deref().unwrap_or(wanted);
    let secret = answer.client_secret.filter(|_| method != "none");
    Ok(Registered { id: answer.client_id, secret, by_post: method == "client_secret_post" })
}

/// How a client shows itself that has a secret, or would rather have none.
fn method(metadata: &Metadata, has_secret: bool) -> &'static str {
    // RFC 8414, section 2: without a list it is this one.
    let Some(offered) = &metadata.token_endpoint_auth_methods_supported else {
        return "client_secret_basic";
    };
    let offers = |name: &str| offered.iter().any(|offered| offered == name);
    let order: &[&'static str] = match has_secret {
        true => &["client_secret_basic", "client_secret_post"],
        false => &["none", "client_secret_basic", "client_secret_post"],
    };
    order.iter().find(|name| offers(name)).copied().unwrap_or("client_secret_basic")
}
