//! What a service and its authorization server, which are one here, say of themselves.

use serde_json::{Value, json};

use super::server::{Call, Reply};

/// Their metadata (RFC 9728; RFC 8414), with these members besides, in which `ORIGIN` is where they
/// are. Nothing for another path.
pub fn metadata(call: &Call, resource: Value, server: Value) -> Option<Reply> {
    let (mut said, more) = match call.path.split('?').next().unwrap() {
        "/.well-known/oauth-protected-resource/mcp" => {
            (json!({ "resource": "ORIGIN/mcp", "authorization_servers": ["ORIGIN"] }), resource)
        }
        "/.well-known/oauth-authorization-server" => (
            json!({
                "issuer": "ORIGIN",
                "authorization_endpoint": "ORIGIN/authorize",
                "token_endpoint": "ORIGIN/token",
                "code_challenge_methods_supported": ["S256"],
            }),
            server,
        ),
        _ => return None,
    };
    said.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let origin = format!("http://{}", call.header("host").unwrap());
    Some(Reply::json(200, said.to_string().replace("ORIGIN", &origin)))
}
