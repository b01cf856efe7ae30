//! What a server is.

use std::sync::Arc;

use serde_json::Value;
use toolgate_gateway::call::{Boxed, Who};
use toolgate_gateway::fault::Fault;
use toolgate_gateway::upstream::Vitals;

use crate::answer::Answer;
use crate::asked::Asked;
use crate::changes::Changes;
use crate::failed::Failed;
use crate::tool::Tools;

/// What a server says of itself.
#[derive(Clone, Debug)]
pub struct About {
    /// Its name, as `serverInfo` has it.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// Its capabilities (MCP 2025-11-25, basic/lifecycle).
    pub capabilities: Value,
    /// Instructions for the model.
    pub instructions: Option<String>,
}

/// An MCP server in this process.
pub trait Server: Send + Sync + 'static {
    /// What it says of itself. It stays the same.
    fn about(&self) -> About;

    /// Answers one request. The work ends when the future is dropped: the caller cancelled, or its
    /// time is up.
    fn answer(self: Arc<Self>, asked: Asked) -> Boxed<'static, Result<Answer, Failed>>;

    /// Its tools, where calls of some can be tasks (2025-11-25, tasks):
    /// [`Tools::as_tasks`] says which. All that tasks need besides is done for it.
    fn tasks(&self) -> Option<&Tools> {
        None
    }

    /// What it announces to everybody, if it ever does.
    fn changes(&self) -> Option<&Changes> {
        None
    }

    /// What it announces to this caller: several, if what the caller sees has several parts.
    fn changes_for<'a>(&'a self, _who: &'a Who) -> Boxed<'a, Vec<Changes>> {
        Box::pin(std::future::ready(self.changes().cloned().into_iter().collect()))
    }

    /// Whether it can work now.
    fn probe(&self) -> Boxed<'_, Result<(), Fault>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Ends what it holds.
    fn close(&self) -> Boxed<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    /// What is alive, for metrics.
    fn vitals(&self) -> Vitals {
        Vitals::default()
    }
}
