//! What the issuer says of itself (RFC 8414; OpenID Connect Discovery 1.0).

use serde_json::{Value, json};

use crate::issuer::Issuer;

pub fn is_at(path: &str) -> bool {
    matches!(path, "/.well-known/oauth-authorization-server" | "/.well-known/openid-configuration")
}

pub fn of(issuer: &Issuer) -> Value {
    let methods = ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"];
    let mut scopes = vec!["openid", "offline_access"];
    scopes.extend(issuer.settings.scopes.iter().map(String::as_str));
    let mut all = json!({
        "issuer": issuer.url,
        "authorization_endpoint": issuer.endpoint("/authorize"),
        "token_endpoint": issuer.endpoint("/token"),
        "jwks_uri": issuer.endpoint("/jwks"),
        "introspection_endpoint": issuer.endpoint("/introspect"),
        "revocation_endpoint": issuer.endpoint("/revoke"),
        "scopes_supported": scopes,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": [
            "authorization_code",
            "refresh_token",
            "client_credentials",
            "urn:ietf:params:oauth:grant-type:token-exchange",
            "urn:ietf:params:oauth:grant-type:jwt-bearer",
        ],
        "authorization_grant_profiles_supported": ["urn:ietf:params:oauth:grant-profile:id-jag"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": toolgate_identity::jws::ALGORITHMS,
        "introspection_endpoint_auth_methods_supported": methods[1..],
        "revocation_endpoint_auth_methods_supported": methods,
        "dpop_signing_alg_values_supported": toolgate_identity::jws::ALGORITHMS,
        "authorization_response_iss_parameter_supported": true,
        "client_id_metadata_document_supported": issuer.settings.client_documents,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "x_not_for_production": "a development issuer of Toolgate: whoever reaches it may sign in as anybody",
    });
    if issuer.settings.registration {
        all["registration_endpoint"] = issuer.endpoint("/register").into();
    }
    all
}
