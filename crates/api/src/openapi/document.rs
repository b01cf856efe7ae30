//! An OpenAPI document as it was read: any JSON, and references within it.

use serde_json::{Map, Value};

use super::pattern::Patterns;
use super::yaml;

/// The largest document, in bytes.
pub(crate) const LARGEST: usize = 64 << 20;
/// How many references in a row lead somewhere.
const LONGEST_CHAIN: usize = 32;
/// The longest reference, in bytes.
const LONGEST_REFERENCE: usize = 2048;

/// A document of OpenAPI 3.0 or 3.1.
pub(crate) struct Document {
    root: Value,
    /// Whether schemas are those of 3.0, which has words of its own.
    pub is_3_0: bool,
    /// What is known of its patterns.
    pub patterns: Patterns,
}

static EMPTY: Value = Value::Null;

/// How much of a document's own words stands in an error, in characters.
const SHOWN: usize = 120;

/// Words of a document in an error.
pub(crate) fn shortened(words: &str) -> String {
    words.chars().take(SHOWN).collect()
}

impl Document {
    /// Reads a document, JSON or YAML.
    ///
    /// # Errors
    /// One sentence: why it is none.
    pub fn parse(text: &[u8]) -> Result<Document, String> {
        if text.len() > LARGEST {
            return Err(format!("larger than {} MiB", LARGEST >> 20));
        }
        let text = std::str::from_utf8(text).map_err(|_| "not UTF-8 text".to_owned())?;
        let text = text.trim_start_matches('\u{feff}');
        let root: Value = match text.trim_start().starts_with('{') {
            true => json(text)?,
            false => yaml::read(text)?,
        };
        let version = root["openapi"].as_str().unwrap_or_default();
        let is_3_0 = version.starts_with("3.0");
        if !is_3_0 && !version.starts_with("3.1") {
            let version = shortened(version);
            return Err(match root["swagger"].as_str().map(shortened) {
                Some(old) => format!(
                    "Swagger {old}, and only OpenAPI 3.0 and 3.1 are read (convert it first)"
                ),
                None if version.is_empty() => {
                    "not an OpenAPI document (it has no key openapi)".to_owned()
                }
                None => format!("OpenAPI {version}, and only 3.0 and 3.1 are read"),
            });
        }
        if !root["paths"].is_object() {
            return Err("without paths".to_owned());
        }
        Ok(Document { root, is_3_0, patterns: Patterns::default() })
    }

    /// The whole.
    pub fn root(&self) -> &Value {
        &self.root
    }

    /// The members of something, none if it is no object.
    pub fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
        value.as_object().into_iter().flat_map(Map::iter)
    }

    /// What a value is once its references are followed.
    ///
    /// # Errors
    /// Why they lead nowhere.
    pub fn resolve<'a>(&'a self, mut value: &'a Value) -> Result<&'a Value, String> {
        for _ in 0..LONGEST_CHAIN {
            let Some(reference) = value.get("$ref").and_then(Value::as_str) else {
                return Ok(value);
            };
            value = self.find(reference)?;
        }
        Err("references lead in a circle".to_owned())
    }

    /// What a reference names.
    ///
    /// # Errors
    /// It is not in this document.
    pub fn find(&self, reference: &str) -> Result<&Value, String> {
        let shown = shortened(reference);
        if reference.len() > LONGEST_REFERENCE {
            return Err(format!("{shown} and so on is too long for a reference"));
        }
        let pointer = match reference.strip_prefix('#') {
            Some(pointer) => pointer,
            None => return Err(format!("{shown} is outside the document")),
        };
        let found = match pointer.contains('%') {
            true => {
                let decoded = crate::escape::decode(pointer);
                self.root.pointer(&String::from_utf8_lossy(&decoded))
            }
            false => self.root.pointer(pointer),
        };
        found.ok_or_else(|| format!("{shown} is nowhere"))
    }

    /// A member, with references followed; null if it is not there or leads nowhere.
    pub fn member<'a>(&'a self, value: &'a Value, name: &str) -> &'a Value {
        value.get(name).and_then(|value| self.resolve(value).ok()).unwrap_or(&EMPTY)
    }
}

/// Reads JSON, within the memory that YAML may take.
fn json(text: &str) -> Result<Value, String> {
    // Names of members are counted there too, and take no more than their text.
    yaml::is_bearable(toolgate_hosted::values(text.as_bytes()) / 2, text.len())?;
    serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))
}
