//! Which client we are to an authorization server, and how we prove it.

use std::sync::Arc;

use serde_json::json;
use toolgate_identity::fetch::basic;
use toolgate_identity::signing::SigningKey;
use toolgate_values::Secret;

use crate::{now, unique};

/// How long an assertion of ours is good, in seconds: the time of one request.
const LIFETIME: u64 = 60;

/// A client.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its name at the authorization server.
    pub id: String,
    /// What it proves that with.
    pub proof: Proof,
}

/// What a client proves its name with.
#[derive(Clone, Debug)]
pub enum Proof {
    /// Nothing.
    None,
    /// A secret in the head (RFC 6749, section 2.3.1).
    Basic(Secret),
    /// A secret in the body.
    Post(Secret),
    /// A signature (RFC 7523, section 2.2).
    Key(Arc<SigningKey>),
}

/// What proves a client in one request.
#[derive(Default)]
pub struct Shown {
    /// Fields of the form.
    pub fields: Vec<(&'static str, String)>,
    /// The value of `Authorization`.
    pub authorization: Option<Secret>,
}

const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

impl Client {
    /// What goes with a request to the authorization server named `audience`.
    pub fn show(&self, audience: &str) -> Shown {
        let mut shown = Shown::default();
        match &self.proof {
            Proof::None => shown.fields.push(("client_id", self.id.clone())),
            Proof::Basic(secret) => shown.authorization = Some(basic(&self.id, secret)),
            Proof::Post(secret) => {
                shown.fields.push(("client_id", self.id.clone()));
                shown.fields.push(("client_secret", secret.reveal().to_owned()));
            }
            Proof::Key(key) => {
                shown.fields.push(("client_id", self.id.clone()));
                shown.fields.push(("client_assertion_type", ASSERTION.to_owned()));
                shown.fields.push(("client_assertion", self.assertion(key, audience)));
            }
        }
        shown
    }

    /// Good for one request to one authorization server.
    fn assertion(&self, key: &SigningKey, audience: &str) -> String {
        let now = now();
        let claims = json!({
            "iss": self.id,
            "sub": self.id,
            "aud": audience,
            "iat": now,
            "exp": now + LIFETIME,
            "jti": unique(),
        });
        key.sign("JWT", &claims)
    }
}
