//! What an issuer says of itself: where its keys are, where it can be asked.

use serde::Deserialize;
use toolgate_values::Url;

use crate::fetch::{Failure, Fetch, Request, document};

/// The metadata of an authorization server, as far as it concerns a resource server or a client
/// (RFC 8414, section 2; OpenID Connect Discovery 1.0, section 3).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the names of RFC 8414, RFC 7591, RFC 9207, RFC 9449 and MCP")]
pub struct Metadata {
    pub issuer: String,
    pub jwks_uri: Option<String>,
    pub introspection_endpoint: Option<String>,
    pub authorization_endpoint: Option<String>,
    pub token_endpoint: Option<String>,
    pub registration_endpoint: Option<String>,
    pub scopes_supported: Vec<String>,
    pub code_challenge_methods_supported: Option<Vec<String>>,
    pub token_endpoint_auth_methods_supported: Option<Vec<String>>,
    pub authorization_response_iss_parameter_supported: bool,
    pub client_id_metadata_document_supported: bool,
    pub dpop_signing_alg_values_supported: Option<Vec<String>>,
}

/// Asks the places where an issuer's metadata may be, one after the other.
///
/// # Errors
/// None of them answers with the metadata of this very issuer; what the last one said.
pub async fn discover(fetch: &dyn Fetch, issuer: &str) -> Result<Metadata, Failure> {
    let mut last = Failure("the issuer is not a URL".to_owned());
    for place in places(issuer) {
        match document::<Metadata>(fetch, Request::get(&place)).await {
            // RFC 8414, section 3.3: another issuer's document must not be used.
            Ok(metadata) if metadata.issuer != issuer => {
                last = Failure(format!("{place} is the metadata of another issuer"));
            }
            Ok(metadata) => return Ok(metadata),
            Err(error) => last = Failure(format!("{place}: {error}")),
        }
    }
    Err(last)
}

/// Whether `issuer` may send us to `url`: over TLS, unless it has none itself.
pub fn may_lead_to(issuer: &str, url: &str) -> bool {
    let Ok(url) = url.parse::<Url>() else { return false };
    url.is_https() || (url.is_loopback() && issuer.starts_with("http://"))
}

/// For `https://as/t1`: RFC 8414 path insertion, OpenID Connect path insertion, OpenID Connect path
/// appending; without a path: RFC 8414, then OpenID Connect (MCP 2026-07-28, authorization).
fn places(issuer: &str) -> Vec<String> {
    let Ok(url) = issuer.parse::<Url>() else { return Vec::new() };
    let uri = url.uri();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let origin = format!("{}://{authority}", uri.scheme_str().unwrap_or("https"));
    let path = uri.path().trim_end_matches('/');
    let mut places = vec![
        format!("{origin}/.well-known/oauth-authorization-server{path}"),
        format!("{origin}/.well-known/openid-configuration{path}"),
    ];
    if !path.is_empty() {
        places.push(format!("{origin}{path}/.well-known/openid-configuration"));
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_looked_for_in_the_order_of_the_revision() {
        assert_eq!(
            places("https://as/t1"),
            [
                "https://as/.well-known/oauth-authorization-server/t1",
                "https://as/.well-known/openid-configuration/t1",
                "https://as/t1/.well-known/openid-configuration",
            ]
        );
        assert_eq!(
            places("https://as/"),
            [
                "https://as/.well-known/oauth-authorization-server",
                "https://as/.well-known/openid-configuration",
            ]
        );
    }

    #[test]
    fn an_issuer_with_encryption_never_leads_to_a_place_without() {
        assert!(may_lead_to("https://as", "https://keys.example/jwks"));
        assert!(may_lead_to("http://localhost:1", "http://localhost:2/jwks"));
        assert!(!may_lead_to("https://as", "http://localhost:2/jwks"));
        assert!(!may_lead_to("http://localhost:1", "http://as/jwks"));
        assert!(!may_lead_to("https://as", "file:///etc/passwd"));
    }
}
