//! A value that must not be printed.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// A key, a token, or the value of a header or environment variable.
///
/// It has no `Serialize`, and both its `Debug` and its `Display` are a placeholder; the only way to
/// the text is [`Secret::reveal`], which is easy to search for.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that sends or hashes it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // `writeOnly` is JSON Schema's word for "never shown back"; our own problems heed it too.
        json_schema!({
            "description": "A value that is never printed. Best written as ${env:NAME} or ${file:PATH}.",
            "type": "string",
            "writeOnly": true,
            "examples": ["${env:API_KEY}", "${file:/run/secrets/api-key}"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_printed() {
        let secret = Secret::new("hunter2");

        assert_eq!(
            format!("{secret} {secret:?} {:?}", Some(&secret)),
            "… Secret(…) Some(Secret(…))"
        );
        assert_eq!(secret.reveal(), "hunter2");
    }
}
