//! `query_data`: an expression of JMESPath over data.

use jmespath::{Rcvar, Variable};
use serde::Deserialize;
use serde_json::{Value, json};
use toolgate_gateway::expression;

use crate::data::{Format, Sheet};
use crate::done::Wrong;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    text: String,
    #[serde(default)]
    format: Format,
    jmespath: String,
}

impl Input {
    pub(crate) fn query(&self) -> Result<Value, Wrong> {
        let expression = expression::compile(&self.jmespath).map_err(|error| {
            Wrong(format!("the expression, column {}: {}", error.column + 1, why(&error)))
        })?;
        let data = self.format.read(&self.text, Sheet::default())?;
        let unread = |error: serde_json::Error| Wrong(error.to_string());
        let variable: Variable = serde_json::from_value(data.output).map_err(unread)?;
        let found = expression.search(Rcvar::new(variable));
        let found = found.map_err(|error| Wrong(format!("the expression: {}", why(&error))))?;
        let result = serde_json::to_value(&*found).map_err(unread)?;
        Ok(json!({ "result": result, "losses": data.losses }))
    }
}

/// The first line: the others draw the expression again.
fn why(error: &jmespath::JmespathError) -> String {
    let text = error.reason.to_string();
    text.lines().next().unwrap_or_default().to_owned()
}
