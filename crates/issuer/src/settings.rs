//! Who there is to sign in, and which clients are known from the beginning.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use toolgate_values::{Secret, Span};

/// A development issuer. Every key may be left out.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Who can sign in, without a password. Without any: one user, `dev`, who may have every scope.
    pub users: Vec<User>,
    /// Clients that need no registration.
    pub clients: Vec<Client>,
    /// What tokens may be for: the URLs of MCP endpoints. Without any: whatever a client names.
    #[schemars(example = ["http://127.0.0.1:8080/mcp"])]
    pub resources: Vec<String>,
    /// The scopes that metadata lists.
    pub scopes: Vec<String>,
    /// How long access tokens are good.
    pub token_lifetime: Span,
    /// How long refresh tokens are good.
    pub refresh_lifetime: Span,
    /// Whether clients may register themselves (RFC 7591).
    pub registration: bool,
    /// Whether clients may name themselves by the URL of a document (CIMD).
    pub client_documents: bool,
    /// Access tokens that say nothing, and have to be introspected (RFC 7662).
    pub opaque: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            users: Vec::new(),
            clients: Vec::new(),
            resources: Vec::new(),
            scopes: Vec::new(),
            token_lifetime: Span::seconds(600),
            refresh_lifetime: Span::seconds(43_200),
            registration: true,
            client_documents: true,
            opaque: false,
        }
    }
}

/// Somebody who can sign in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The subject of tokens.
    pub name: String,
    /// The organisation: the claim `tenant`.
    #[serde(default)]
    pub tenant: Option<String>,
    /// The claim `roles`.
    #[serde(default)]
    pub roles: Vec<String>,
    /// The claim `groups`.
    #[serde(default)]
    pub groups: Vec<String>,
    /// The scopes that clients can get for this user. `*`: every one.
    #[serde(default = "every")]
    pub scopes: Vec<String>,
}

fn every() -> Vec<String> {
    vec!["*".to_owned()]
}

/// A client that needs no registration.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// What it calls itself. The URL of a client metadata document that is not published yet will
    /// do, too.
    pub id: String,
    /// How it proves that. Without `secret` and `keys` it cannot, and is a public client.
    #[serde(default)]
    pub secret: Option<Secret>,
    /// A file with its public keys (JSON Web Key Set), for `private_key_jwt`. Relative to this file.
    #[serde(default)]
    pub keys: Option<PathBuf>,
    /// Where users come back to.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// The scopes it can get on its own behalf (client credentials). `*`: every one.
    #[serde(default)]
    pub scopes: Vec<String>,
}

impl User {
    /// Reads `NAME[:KEY=VALUE,...]`, as in `ada:roles=editor,admin,scopes=tools:read,tools:write`.
    ///
    /// # Errors
    /// One sentence that says what to write.
    pub fn parse(text: &str) -> Result<User, String> {
        let (name, rest) = text.split_once(':').unwrap_or((text, ""));
        if name.is_empty() || name.contains(['=', ',']) {
            return Err("write NAME or NAME:roles=...,scopes=...,groups=...,tenant=...".to_owned());
        }
        let mut user = User { name: name.to_owned(), scopes: every(), ..User::default() };
        let mut key = "";
        for part in rest.split(',').filter(|part| !part.is_empty()) {
            let (named, value) = part.split_once('=').unwrap_or((key, part));
            let begins = named != key;
            key = named;
            let list = match key {
                "tenant" => {
                    user.tenant = Some(value.to_owned());
                    continue;
                }
                "roles" => &mut user.roles,
                "groups" => &mut user.groups,
                "scopes" => &mut user.scopes,
                _ => return Err(format!("{part:?}: write roles=, scopes=, groups= or tenant=")),
            };
            if begins {
                list.clear();
            }
            if !value.is_empty() {
                list.push(value.to_owned());
            }
        }
        Ok(user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_written_in_one_word() {
        let ada = User::parse("ada:roles=editor,admin,scopes=tools:read,tools:write,tenant=acme");
        let expected = User {
            name: "ada".into(),
            tenant: Some("acme".into()),
            roles: vec!["editor".into(), "admin".into()],
            groups: vec![],
            scopes: vec!["tools:read".into(), "tools:write".into()],
        };
        assert_eq!(ada, Ok(expected));
        assert_eq!(User::parse("bob").unwrap().scopes, ["*"]);
        assert_eq!(User::parse("bob:scopes=").unwrap().scopes, [""; 0]);
        for wrong in ["", ":roles=x", "a=b", "ada:editor", "ada:password=x"] {
            assert!(User::parse(wrong).is_err(), "{wrong}");
        }
    }
}
