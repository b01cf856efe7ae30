//! When written records are forced to the disk.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use toolgate_values::{Misfit, Span};

/// When written records are forced to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fsync {
    /// Before any of them counts as recorded.
    Always,
    /// At most this long after they were written.
    Every(Span),
    /// When the system likes to.
    Never,
}

/// What a process wrote outlives it in any case; the interval bounds what a failing machine takes
/// along, without a disk's delay in each call.
impl Default for Fsync {
    fn default() -> Fsync {
        Fsync::Every(Span::seconds(1))
    }
}

impl FromStr for Fsync {
    type Err = Misfit;

    fn from_str(text: &str) -> Result<Fsync, Misfit> {
        match text {
            "always" => Ok(Fsync::Always),
            "never" => Ok(Fsync::Never),
            span => match span.parse::<Span>() {
                Ok(span) if !span.is_zero() => Ok(Fsync::Every(span)),
                _ => Err(Misfit {
                    expected: "a time to force records to the disk",
                    suggestion: None,
                    advice: "write always, never or a duration of at least 1ms, such as 1s",
                }),
            },
        }
    }
}

impl fmt::Display for Fsync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fsync::Always => f.write_str("always"),
            Fsync::Every(span) => span.fmt(f),
            Fsync::Never => f.write_str("never"),
        }
    }
}

impl<'de> Deserialize<'de> for Fsync {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Fsync, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Fsync {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Fsync".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "always, never, or a duration.",
            "type": "string",
            "pattern": r"^(always|never|[0-9]+(ms|s|m|h))$|\$\{(env|file):",
            "examples": ["always", "1s"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_the_same() {
        for text in ["always", "never", "200ms"] {
            assert_eq!(text.parse::<Fsync>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "Always", "0s", "interval"] {
            assert!(text.parse::<Fsync>().is_err(), "{text}");
        }
    }
}
