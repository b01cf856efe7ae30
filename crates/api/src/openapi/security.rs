//! Which credentials go with an operation, and where (OpenAPI 3.1, 4.8.27 and 4.8.30).

use std::collections::{BTreeMap, HashSet};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;
use toolgate_gateway::config::Secret;
use toolgate_gateway::config::header::{Held, held};
use toolgate_gateway::config::servers::openapi as config;

use super::document::{Document, shortened};
use crate::operation::{Fixed, Place};

/// How many schemes of a document are named.
const LISTED: usize = 12;

/// What the operator gave, checked against what the document knows.
pub(crate) struct Security<'a> {
    document: &'a Document,
    auth: &'a BTreeMap<String, Secret>,
    /// Where API keys stand, whether given or not; headers in small letters.
    keys: HashSet<(&'a str, String)>,
}

impl<'a> Security<'a> {
    /// # Errors
    /// A credential for a scheme that the document does not have.
    pub fn new(document: &'a Document, api: &'a config::OpenApi) -> Result<Security<'a>, String> {
        let schemes = &document.root()["components"]["securitySchemes"];
        for name in api.auth.keys() {
            if schemes.get(name).is_none() {
                let known = Document::members(schemes).map(|(name, _)| shortened(name));
                let known: Vec<_> = known.take(LISTED).collect();
                let way_out = match known.is_empty() {
                    true => "it has none: use headers".to_owned(),
                    false => format!("it has {}", known.join(", ")),
                };
                return Err(format!("no security scheme {name} in the document ({way_out})"));
            }
        }
        let keys = Document::members(schemes).filter_map(|(_, scheme)| {
            let scheme = document.resolve(scheme).unwrap_or(scheme);
            let (place, name) = (scheme["in"].as_str()?, scheme["name"].as_str()?);
            (scheme["type"] == "apiKey").then(|| (place, key(place, name)))
        });
        Ok(Security { document, auth: &api.auth, keys: keys.collect() })
    }

    /// Adds what an operation needs: the first of its alternatives for which there is everything.
    ///
    /// # Errors
    /// A credential that cannot be sent.
    pub fn apply(&self, operation: &Value, fixed: &mut Fixed) -> Result<(), String> {
        let wanted = operation.get("security").unwrap_or(&self.document.root()["security"]);
        let alternatives = wanted.as_array().map_or(&[][..], Vec::as_slice);
        let possible = alternatives.iter().find(|alternative| {
            let mut names = Document::members(alternative).map(|(name, _)| name).peekable();
            names.peek().is_some() && names.all(|name| self.auth.contains_key(name))
        });
        for (name, _) in possible.into_iter().flat_map(Document::members) {
            let Some(secret) = self.auth.get(name) else { continue };
            self.add(name, secret, fixed)?;
        }
        Ok(())
    }

    /// Where API keys stand, whether given or not: nothing that a model should know of.
    pub fn is_key(&self, name: &str, place: Place) -> bool {
        self.keys.contains(&(place.word(), key(place.word(), name)))
    }

    fn add(&self, name: &str, secret: &Secret, fixed: &mut Fixed) -> Result<(), String> {
        let schemes = &self.document.root()["components"]["securitySchemes"];
        let scheme = self.document.member(schemes, name);
        let mut authorize = |text: String| fixed.header("authorization", &Secret::new(text));
        match (scheme["type"].as_str(), scheme["in"].as_str(), scheme["name"].as_str()) {
            (Some("apiKey"), Some("query"), Some(key)) => {
                fixed.query.push((key.to_owned(), secret.clone()));
                Ok(())
            }
            (Some("apiKey"), Some("header"), Some(key)) if held(key) == Some(Held::Reserved) => {
                Err(format!(
                    "the security scheme {name} is the header {key}, which is not for keys"
                ))
            }
            (Some("apiKey"), Some("header"), Some(key)) => fixed.header(key, secret),
            (Some("apiKey"), Some("cookie"), Some(key)) => {
                fixed.cookies.push((key.to_owned(), secret.clone()));
                Ok(())
            }
            (Some("oauth2" | "openIdConnect"), ..) => {
                authorize(format!("Bearer {}", secret.reveal()))
            }
            (Some("http"), ..) => match scheme["scheme"].as_str().unwrap_or_default() {
                // RFC 7617.
                word if word.eq_ignore_ascii_case("basic") => {
                    authorize(format!("Basic {}", BASE64_STANDARD.encode(secret.reveal())))
                }
                word if word.eq_ignore_ascii_case("bearer") => {
                    authorize(format!("Bearer {}", secret.reveal()))
                }
                word => authorize(format!("{word} {}", secret.reveal())),
            },
            (kind, ..) => Err(format!(
                "the security scheme {name} is of type {}, for which there is no credential",
                kind.unwrap_or("unknown")
            )),
        }
    }
}

/// The name of a key as it is compared: headers have no case.
fn key(place: &str, name: &str) -> String {
    match place {
        "header" => name.to_ascii_lowercase(),
        _ => name.to_owned(),
    }
}
