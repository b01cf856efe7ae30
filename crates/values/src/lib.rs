//! Values that are written as one word: durations, sizes, addresses, URLs and names.
//!
//! Each parses once, here, for the file's checker, for the schema's `pattern` and for serde alike.
//! So does what a text may hide mean the same everywhere: [`hidden`].

mod address;
pub mod hidden;
mod network;
mod rate;
mod secret;
mod units;
mod wild;

use std::fmt;
use std::str::FromStr;

pub use address::{Listen, Url};
pub use network::Network;
pub use rate::Rate;
pub use secret::Secret;
pub use units::{Size, Span};
pub use wild::covers;

/// Why a text is not the value that was asked for. It never quotes the text, which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// What would have fitted, such as `a duration`.
    pub expected: &'static str,
    /// How to write what was probably meant. Derived from the text, so not for secrets.
    pub suggestion: Option<String>,
    /// A way out that holds for every text.
    pub advice: &'static str,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} ({})", self.expected, self.advice)
    }
}

/// What the words share: text in the file, a `pattern` in the schema. Editors see the file before
/// its references are replaced, so the pattern lets those through.
macro_rules! word {
    ($type:ident, $description:literal, $pattern:literal, $($example:literal),+) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "description": $description,
                    "type": "string",
                    "pattern": concat!($pattern, r"|\$\{(env|file):"),
                    "examples": [$($example),+],
                })
            }
        }
    };
}

use word;

/// The name of a server: a letter, then at most 31 letters, digits, `_` or `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(String);

impl Name {
    /// The most characters that a name has.
    pub const LONGEST: usize = 32;

    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = Misfit;

    fn from_str(text: &str) -> Result<Self, Misfit> {
        let starts = text.starts_with(|c: char| c.is_ascii_alphabetic());
        let continues = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        if starts && continues && text.len() <= Self::LONGEST {
            return Ok(Self(text.to_owned()));
        }
        Err(Misfit {
            expected: "a name",
            suggestion: None,
            advice: "start with a letter, then use at most 31 letters, digits, _ or -",
        })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

word!(
    Name,
    "A letter, then at most 31 letters, digits, _ or -.",
    r"^[A-Za-z][A-Za-z0-9_-]{0,31}$",
    "github"
);
