//! Which part of the issuer answers what.

use http::Method;
use serde_json::json;

use crate::answer::{Answer, document, page, preflight};
use crate::ask::Ask;
use crate::issuer::Issuer;
use crate::{authorize, metadata, page as pages, register, token};

impl Issuer {
    /// Answers a request.
    pub async fn answer(&self, ask: &Ask) -> Answer {
        match (&ask.method, ask.path.as_str()) {
            (&Method::OPTIONS, _) => preflight(),
            (&Method::GET, "/") => page(200, pages::welcome(self)),
            (&Method::GET, path) if metadata::is_at(path) => document(200, &metadata::of(self)),
            (&Method::GET, "/jwks") => document(200, &json!({ "keys": [self.key.public()] })),
            (&Method::GET, "/authorize") => authorize::begin(self, ask).await,
            (&Method::POST, "/authorize") => authorize::decide(self, ask),
            (&Method::POST, "/token") => token::answer(self, ask).await,
            (&Method::POST, "/introspect") => token::introspect(self, ask).await,
            (&Method::POST, "/revoke") => token::revoke(self, ask).await,
            (&Method::POST, "/register") => register::answer(self, ask),
            _ => document(404, &json!({ "error": "not_found" })),
        }
    }
}
