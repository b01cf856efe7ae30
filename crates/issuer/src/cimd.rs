//! Clients that name themselves by the URL of a document about them
//! (draft-ietf-oauth-client-id-metadata-document; MCP 2025-11-25 and later).

use http::Uri;
use serde_json::Value;
use toolgate_identity::fetch::{Fetch, Request, document};

use crate::answer::Failure;
use crate::client::{Client, Proof};
use crate::redirect;
use crate::register::{grants, texts};

/// The longest document that is read, in bytes.
const LONGEST: usize = 5 * 1024;

/// Whether `id` is the URL of such a document: over TLS, with a path, and with nothing in it by
/// which two URLs could mean the same document.
pub fn is_document(id: &str) -> bool {
    let Ok(uri) = id.parse::<Uri>() else { return false };
    let path = uri.path();
    let dotted = path.split('/').any(|segment| matches!(segment, "." | ".."));
    id.starts_with("https://")
        && id.len() <= 2048
        && uri.host().is_some_and(|host| !host.is_empty())
        && !id.contains(['#', '@', '?', '\\'])
        && path.len() > 1
        && !dotted
}

/// The client that the document at `id` describes. The address guard, the deadline and the refusal
/// of redirects are those of `fetch`.
pub async fn client(fetch: &dyn Fetch, id: &str) -> Result<Client, Failure> {
    let request = Request { limit: LONGEST, ..Request::get(id) };
    let found: Value = document(fetch, request).await.map_err(|error| {
        tracing::info!(client = %id.escape_debug(), %error, "client document not read");
        // What is wrong stays in the log: a stranger could look around in our network by it.
        Failure::new("invalid_client", "the client metadata document cannot be read")
    })?;
    describe(id, &found)
}

fn describe(id: &str, found: &Value) -> Result<Client, Failure> {
    let wrong = |why: &str| Failure::new("invalid_client", format!("client metadata: {why}"));
    if found["client_id"].as_str() != Some(id) {
        return Err(wrong("client_id is not the URL of the document"));
    }
    if found.get("client_secret").is_some() || found.get("client_secret_expires_at").is_some() {
        return Err(wrong("a secret that everybody can read"));
    }
    let redirect_uris = texts(&found["redirect_uris"]).unwrap_or_default();
    if redirect_uris.is_empty() || !redirect_uris.iter().all(|uri| redirect::may_be_registered(uri))
    {
        return Err(wrong("redirect_uris are missing or not allowed"));
    }
    let proof = match found["token_endpoint_auth_method"].as_str() {
        None | Some("none") => Proof::Nothing,
        Some("private_key_jwt") => {
            match (found["jwks"]["keys"].as_array(), found["jwks_uri"].as_str()) {
                (Some(keys), None) => Proof::Keys(keys.clone()),
                (None, Some(uri)) if uri.starts_with("https://") => Proof::KeysAt(uri.to_owned()),
                _ => return Err(wrong("private_key_jwt needs jwks or jwks_uri")),
            }
        }
        // What a secret proves that is nowhere kept, nobody knows.
        Some(_) => return Err(wrong("a method of authentication by a shared secret")),
    };
    let name = found["client_name"].as_str().map(str::to_owned);
    let grants = grants(found).ok_or_else(|| wrong("grant_types is no list of texts"))?;
    Ok(Client { id: id.to_owned(), name, redirect_uris, proof, grants, scopes: Vec::new() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ID: &str = "https://client.example/about.json";

    #[test]
    fn a_client_is_named_by_one_url_alone() {
        assert!(is_document(ID));
        for bad in [
            "http://client.example/about.json",
            "https://client.example",
            "https://client.example/",
            "https://client.example/a/../about.json",
            "https://client.example/./about.json",
            "https://client.example/about.json#x",
            "https://client.example/about.json?x",
            "https://user@client.example/about.json",
            "file:///etc/passwd",
            "client",
        ] {
            assert!(!is_document(bad), "{bad}");
        }
    }

    #[test]
    fn a_document_that_is_not_about_its_url_or_holds_a_secret_is_refused() {
        let good = json!({
            "client_id": ID, "client_name": "Tester", "redirect_uris": ["http://127.0.0.1/cb"],
        });
        assert_eq!(describe(ID, &good).unwrap().name.as_deref(), Some("Tester"));
        for (name, value) in [
            ("client_id", json!("https://other.example/about.json")),
            ("client_id", json!(null)),
            ("client_secret", json!("x")),
            ("redirect_uris", json!([])),
            ("redirect_uris", json!(["javascript:alert(1)"])),
            ("redirect_uris", json!([7])),
            ("token_endpoint_auth_method", json!("client_secret_basic")),
            ("token_endpoint_auth_method", json!("private_key_jwt")),
            ("grant_types", json!("authorization_code")),
        ] {
            let mut bad = good.clone();
            bad[name] = value;
            assert!(describe(ID, &bad).is_err(), "{bad}");
        }
    }
}
