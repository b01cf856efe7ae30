//! A client, wherever it is known from.

use serde_json::Value;
use toolgate_values::Secret;

/// A client.
#[derive(Clone, Debug)]
pub struct Client {
    pub id: String,
    /// What it calls itself to people. Nobody checked that.
    pub name: Option<String>,
    pub redirect_uris: Vec<String>,
    pub proof: Proof,
    /// The grants it may use (RFC 7591, section 2).
    pub grants: Vec<String>,
    /// What it can get on its own behalf.
    pub scopes: Vec<String>,
}

/// How a client proves who it is.
#[derive(Clone, Debug)]
pub enum Proof {
    /// Not at all.
    Nothing,
    /// By a secret.
    Secret(Secret),
    /// By assertions that one of these keys signed (RFC 7523).
    Keys(Vec<Value>),
    /// The same, with keys that stand at a URL.
    KeysAt(String),
}

impl Client {
    pub fn may(&self, grant: &str) -> bool {
        self.grants.iter().any(|known| known == grant)
    }

    pub fn is_public(&self) -> bool {
        matches!(self.proof, Proof::Nothing)
    }
}
