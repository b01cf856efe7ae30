//! The operations of an API as they are served: all of one reading, replaced whole.

use std::collections::HashMap;
use std::sync::Arc;

use toolgate_gateway::fault::{Fault, Reason};
use toolgate_hosted::{Answer, Asked, Called, Failed, Paged, Refusal, Tool, Tools};

use crate::answer;
use crate::engine::Engine;
use crate::entry::Entry;
use crate::operation::Operation;
use crate::request::Base;

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
        if let Some(wrong) = held.wrong(&arguments) {
            let fault = Fault::new(Reason::Arguments, wrong);
            return answer::failed(&fault, asked.trace().id());
        }
        engine.run(&self.base, &held.operation, &arguments, asked).await
    }
}
