//! Who gives out tokens for a server? Its own metadata says, then theirs (RFC 9728, RFC 8414).

use serde::Deserialize;
use toolgate_identity::Resource;
use toolgate_identity::discovery::{Metadata, discover, may_lead_to};
use toolgate_identity::fetch::{Fetch, Request, document};
use toolgate_values::Url;

use super::binding::Binding;
use super::challenge::Challenge;

/// Who gives out tokens for a server, and for what.
#[derive(Clone, Debug)]
pub struct Found {
    /// What tokens are to be good for (RFC 8707).
    pub resource: String,
    /// The authorization server, by its exact name.
    pub issuer: String,
    /// What it says of itself.
    pub metadata: Metadata,
    /// All scopes of the server, if it tells them.
    pub scopes: Vec<String>,
    /// Whether tokens are to be bound to a key.
    pub binding: Binding,
}

/// Why nobody was found, in one sentence.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotFound(pub String);

#[derive(Deserialize)]
struct Protected {
    resource: String,
    #[serde(default)]
    authorization_servers: Vec<String>,
    #[serde(default)]
    scopes_supported: Vec<String>,
    #[serde(default)]
    dpop_signing_alg_values_supported: Vec<String>,
    #[serde(default)]
    dpop_bound_access_tokens_required: bool,
}

/// Finds out who gives out tokens for `server`, which gave this challenge.
///
/// # Errors
/// Nobody does, or what is said of it is not to be believed.
pub async fn find(
    fetch: &dyn Fetch,
    server: &Url,
    challenge: &Challenge,
) -> Result<Found, NotFound> {
    // RFC 9449, section 7.2: who takes either kind says so.
    let bound_only = challenge.dpop && !challenge.bearer;
    let Some(protected) = protected(fetch, server, challenge).await? else {
        // Before 2025-06-18 a server was its own authorization server.
        let resource = Resource::new(server);
        let metadata = metadata(fetch, server, resource.origin()).await?;
        return Ok(Found {
            resource: resource.as_str().to_owned(),
            issuer: resource.origin().to_owned(),
            binding: Binding::of(challenge.dpop, bound_only, &metadata),
            metadata,
            scopes: Vec::new(),
        });
    };
    let Some(issuer) = protected.authorization_servers.into_iter().next() else {
        return Err(NotFound("the server names no authorization server".to_owned()));
    };
    let metadata = metadata(fetch, server, &issuer).await?;
    let offered = challenge.dpop || !protected.dpop_signing_alg_values_supported.is_empty();
    let required = bound_only || protected.dpop_bound_access_tokens_required;
    let binding = Binding::of(offered, required, &metadata);
    let scopes = protected.scopes_supported;
    Ok(Found { resource: protected.resource, issuer, metadata, scopes, binding })
}

/// What a server says of itself: where its challenge says, else at its path, else at its root.
async fn protected(
    fetch: &dyn Fetch,
    server: &Url,
    challenge: &Challenge,
) -> Result<Option<Protected>, NotFound> {
    let own = Resource::new(server);
    let places = match &challenge.resource_metadata {
        Some(named) => {
            // The word of a peer: it may not lead us from the outside in.
            if !may_lead_to(&server.to_string(), named) {
                return Err(NotFound(
                    "the server names a place for its metadata that is not https".to_owned(),
                ));
            }
            vec![named.clone()]
        }
        None => vec![own.metadata_url(), own.at("").metadata_url()],
    };
    for place in places {
        let Ok(protected) = document::<Protected>(fetch, Request::get(&place)).await else {
            continue;
        };
        if !covers(&protected.resource, &own) {
            // RFC 9728, section 3.3: a token for somebody else's resource must not be fetched.
            return Err(NotFound(
                "the metadata of the server is that of another resource".to_owned(),
            ));
        }
        return Ok(Some(protected));
    }
    if challenge.resource_metadata.is_some() {
        return Err(NotFound("the metadata that the server names cannot be read".to_owned()));
    }
    Ok(None)
}

/// Whether a resource is this server, or what contains it.
fn covers(resource: &str, server: &Resource) -> bool {
    let Ok(url) = resource.parse::<Url>() else { return false };
    let named = Resource::new(&url);
    let rest = server.path().strip_prefix(named.path());
    named.origin() == server.origin()
        && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What an authorization server says of itself.
async fn metadata(fetch: &dyn Fetch, server: &Url, issuer: &str) -> Result<Metadata, NotFound> {
    if !may_lead_to(&server.to_string(), issuer) {
        return Err(NotFound("the authorization server is not https".to_owned()));
    }
    let found = discover(fetch, issuer).await;
    found.map_err(|error| NotFound(format!("the authorization server cannot be used: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_the_server_or_what_contains_it() {
        let server = Resource::new(&"https://h/a/mcp".parse().unwrap());
        for (resource, expected) in [
            ("https://h/a/mcp", true),
            ("https://h/a/mcp/", true),
            ("https://H/a", true),
            ("https://h", true),
            ("https://h/a/m", false),
            ("https://h/b/mcp", false),
            ("http://h/a/mcp", false),
            ("https://h:444/a/mcp", false),
            ("https://evil/a/mcp", false),
            ("nonsense", false),
        ] {
            assert_eq!(covers(resource, &server), expected, "{resource}");
        }
    }
}
