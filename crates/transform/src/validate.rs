//! `validate_data`: does data keep to a JSON Schema?

use serde::Deserialize;
use serde_json::{Value, json};
use toolgate_screen::schema::Compiled;

use crate::data::{Format, Sheet};
use crate::done::Wrong;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    text: String,
    #[serde(default)]
    format: Format,
    schema: Value,
}

impl Input {
    pub(crate) fn validate(&self) -> Result<Value, Wrong> {
        let schema = Compiled::new(self.schema.to_string().as_bytes())
            .map_err(|error| Wrong(format!("schema: {error}")))?;
        let data = self.format.read(&self.text, Sheet::default())?;
        let problems = match schema.check(data.output.to_string().as_bytes()) {
            Ok(()) => Vec::new(),
            Err(hints) => hints,
        };
        let told: Vec<_> = problems
            .iter()
            .map(|hint| json!({ "path": hint.pointer, "problem": hint.problem, "expected": hint.fix }))
            .collect();
        Ok(json!({ "valid": told.is_empty(), "problems": told, "losses": data.losses }))
    }
}
