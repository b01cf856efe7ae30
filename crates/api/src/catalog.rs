//! The operations of an API as they are served: all of one reading, replaced whole.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_hosted::{Answer, Asked, Failed, Paged, Refusal, Tool, Tools};

use crate::answer;
use crate::call::run;
use crate::engine::{Engine, Question};
use crate::entry::Entry;
use crate::exact::{place_of_too_long, too_long};
use crate::operation::Operation;
use crate::request::Base;

/// How much of a number that is too long is shown, in digits.
const SHOWN: usize = 40;

/// The parameters of `tools/call`, with the arguments as they were written.
#[derive(Deserialize)]
struct Called {
    name: String,
    arguments: Option<Box<RawValue>>,
}

/// Some operations and where they are.
pub struct Catalog {
    base: Base,
    operations: Vec<Entry>,
    by_name: HashMap<String, usize>,
    tools: Tools,
}

impl Catalog {
    /// These operations at this base; of two with one name the first counts.
    pub fn new(base: Base, operations: Vec<Operation>) -> Arc<Catalog> {
        let tools: Vec<Tool> = operations.iter().map(|it| it.tool.clone()).collect();
        let mut by_name = HashMap::with_capacity(tools.len());
        for (index, tool) in tools.iter().enumerate() {
            by_name.entry(tool.name.clone()).or_insert(index);
        }
        let operations = operations.into_iter().map(Entry::new).collect();
        Arc::new(Catalog { base, operations, by_name, tools: Tools::new(tools) })
    }

    /// How its tools are listed.
    pub fn tools(&self) -> &[Tool] {
        self.tools.all()
    }

    /// Answers `tools/list` or `tools/call`.
    ///
    /// # Errors
    /// −32601 and −32602; or the API gave no answer.
    pub async fn answer(&self, engine: &Engine, asked: &Asked) -> Result<Answer, Failed> {
        match asked.method() {
            "tools/list" => self.tools.list(&asked.params::<Paged>()?),
            "tools/call" => self.call(engine, asked).await,
            method => Err(Refusal::no_method(method).into()),
        }
    }

    async fn call(&self, engine: &Engine, asked: &Asked) -> Result<Answer, Failed> {
        let Called { name, arguments } = asked.params()?;
        let held = self.by_name.get(&name).and_then(|index| self.operations.get(*index));
        let held = held.ok_or_else(|| Refusal::unknown_tool(&name))?;
        let written = arguments.as_deref().map_or("{}", RawValue::get);
        if let Some(number) = too_long(written) {
            return told(inexact(number, &place_of_too_long(written)), asked);
        }
        let arguments: Map<String, Value> = serde_json::from_str(written)
            .map_err(|error| Refusal::invalid(format!("invalid params: {error}")))?;
        if let Some(wrong) = held.wrong(&arguments) {
            return told(wrong, asked);
        }
        let (base, operation) = (&self.base, &held.operation);
        run(engine, Question { base, operation, arguments: &arguments }, asked).await
    }
}

/// Another number than the model gave could name another thing.
fn inexact(number: &str, place: &str) -> String {
    let number: String = number.chars().take(SHOWN).collect();
    format!(
        "{place}: the number {number} has more than 64 bits and would arrive as another one: give it as a string where the schema of {place} takes one, or give a smaller number"
    )
}

/// What the model can correct.
fn told(wrong: String, asked: &Asked) -> Result<Answer, Failed> {
    let fault = Fault::new(Reason::Arguments, wrong);
    Ok(answer::failed(&fault, asked.trace().id())?)
}
