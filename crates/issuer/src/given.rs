//! What is remembered of what was given out, until it ends.

use std::sync::Arc;

use serde_json::Value;

use crate::client::Client;
use crate::settings::User;

/// A request that waits for its user.
pub struct Login {
    pub client: Arc<Client>,
    pub redirect_uri: String,
    pub state: Option<String>,
    pub scopes: Vec<String>,
    pub resources: Vec<String>,
    pub challenge: String,
    pub nonce: Option<String>,
    pub key: Option<String>,
}

/// A code that was given out.
pub struct Code {
    pub client: String,
    pub redirect_uri: String,
    pub challenge: String,
    pub nonce: Option<String>,
    /// The key it is bound to (RFC 9449, section 10).
    pub key: Option<String>,
    pub user: User,
    pub scopes: Vec<String>,
    pub resources: Vec<String>,
    pub family: String,
}

/// A refresh token that was given out.
pub struct Renewal {
    pub client: String,
    pub user: User,
    pub scopes: Vec<String>,
    pub resources: Vec<String>,
    pub key: Option<String>,
    pub family: String,
}

/// An access token that was given out.
pub struct Issued {
    pub claims: Value,
    pub client: String,
    pub family: String,
}
