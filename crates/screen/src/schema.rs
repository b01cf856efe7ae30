//! Do arguments, or results, keep to the schema that a tool declares? (JSON Schema 2020-12, and
//! earlier drafts by `$schema`.)
//!
//! Schemas come from upstreams and instances from callers: neither may cost more than a bounded
//! amount, and nothing is ever fetched.

mod cost;
mod hints;

use jsonschema::{PatternOptions, Retrieve, Uri, Validator};
use serde_json::Value;

pub use hints::Hint;

/// The largest schema, in bytes.
const BYTES: usize = 256 << 10;
/// The most memory that one `pattern` may take once compiled, in bytes.
const PATTERN: usize = 1 << 20;

/// A schema ready for use.
#[derive(Debug)]
pub struct Compiled {
    validator: Validator,
    schema: Value,
    cost: cost::Cost,
}

/// Why a schema cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is larger than 256 KiB.
    #[error("the schema is larger than 256 KiB")]
    Size,
    /// It is not JSON.
    #[error("the schema is not JSON: {0}")]
    Json(String),
    /// It refers to something outside itself, which is never fetched.
    #[error("the schema refers to `{0}`, and nothing outside a schema is fetched")]
    Remote(String),
    /// It nests too deeply, or unfolds to too much when its references are followed.
    #[error("the schema costs too much to check: {0}")]
    Cost(&'static str),
    /// It uses a pattern that cannot be matched in linear time, or is not valid.
    #[error("the schema cannot be used: {0}")]
    Unsupported(String),
}

/// Says no to everything that would have to be fetched.
struct Never;

impl Retrieve for Never {
    fn retrieve(
        &self,
        uri: &Uri<String>,
    ) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        Err(format!("{uri} is not fetched").into())
    }
}

impl Compiled {
    /// Reads a schema.
    ///
    /// # Errors
    /// When it cannot be used; such a tool is best not published.
    pub fn new(schema: &[u8]) -> Result<Self, Error> {
        if schema.len() > BYTES {
            return Err(Error::Size);
        }
        // serde_json bounds the depth to 128.
        let schema: Value =
            serde_json::from_slice(schema).map_err(|error| Error::Json(error.to_string()))?;
        let cost = cost::Cost::of(&schema)?;
        let validator = jsonschema::options()
            .with_retriever(Never)
            .should_validate_formats(false)
            .with_pattern_options(
                PatternOptions::regex().size_limit(PATTERN).dfa_size_limit(PATTERN),
            )
            .build(&schema)
            .map_err(|error| refused(&error))?;
        Ok(Self { validator, schema, cost })
    }

    /// Whether `instance`, a JSON text, keeps to the schema.
    ///
    /// # Errors
    /// What to change, at most [`Hint::MOST`] of it. An instance that is not JSON, or that would
    /// cost too much to check against a schema that refers to itself, keeps to nothing.
    pub fn check(&self, instance: &[u8]) -> Result<(), Vec<Hint>> {
        let instance: Value =
            serde_json::from_slice(instance).map_err(|error| vec![Hint::unreadable(&error)])?;
        if !self.cost.allows(&self.schema, &instance) {
            let problem = "is too large and nested to check against a schema that refers to itself";
            return Err(vec![Hint::new("", problem, "send less at once")]);
        }
        if self.validator.is_valid(&instance) {
            return Ok(());
        }
        let errors = self.validator.iter_errors(&instance).take(Hint::MOST);
        Err(errors.map(|error| hints::hint(&error, &self.schema)).collect())
    }
}

fn refused(error: &jsonschema::ValidationError<'_>) -> Error {
    use jsonschema::error::ValidationErrorKind;
    let text: String = error.to_string().chars().take(300).collect();
    match error.kind() {
        ValidationErrorKind::Referencing(_) => Error::Remote(text),
        _ => Error::Unsupported(format!("{text} at `{}`", error.instance_path())),
    }
}

#[cfg(test)]
mod tests;
