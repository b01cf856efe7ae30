//! The key of the chain, which is never printed.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// The key that seals the chain.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Key(String);

impl Key {
    /// Bytes: as many as the hash has, below which HMAC is weaker than it (RFC 2104, section 3).
    pub const SHORTEST: usize = 32;

    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Key {
        Key(text.into())
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

impl JsonSchema for Key {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "AuditKey".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A value that is never printed. Best written as ${env:NAME} or ${file:PATH}.",
            "type": "string",
            "writeOnly": true,
            "examples": ["${env:AUDIT_KEY}", "${file:/run/secrets/audit-key}"],
        })
    }
}
