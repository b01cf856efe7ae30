//! Definitions of tools.

use serde::Serialize;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::asked::Paged;
use crate::failed::{Failed, Refusal};

/// A tool, as it is listed (MCP 2025-11-25, server/tools: data types).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tool {
    /// Its name within its server.
    pub name: String,
    /// Its name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it does, when to use it, what it takes, what it returns and changes.
    pub description: String,
    /// JSON Schema 2020-12 of its arguments.
    pub input_schema: Value,
    /// JSON Schema 2020-12 of its structured results.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Value>,
    /// What it may do to the world.
    pub annotations: Annotations,
}

/// What a tool may do to the world (MCP 2025-11-25, schema: ToolAnnotations). Always said in full:
/// what is left out counts as the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "the four hints of the protocol")]
pub struct Annotations {
    /// It changes nothing.
    pub read_only_hint: bool,
    /// What it changes may be lost.
    pub destructive_hint: bool,
    /// Called twice with the same arguments it does no more than once.
    pub idempotent_hint: bool,
    /// It reaches what others can change.
    pub open_world_hint: bool,
}

impl Annotations {
    /// It reads what we hold.
    pub const READS: Annotations = Annotations {
        read_only_hint: true,
        destructive_hint: false,
        idempotent_hint: true,
        open_world_hint: false,
    };
}

/// Whether a tool is called as a task (2025-11-25, tasks: tool-level negotiation).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskSupport {
    /// As the client likes.
    Optional,
    /// Always: the gateway waits in place of clients that know no tasks, and hands tasks to all
    /// others.
    Required,
}

/// The tools of a server that lists them on one page.
#[derive(Clone, Debug)]
pub struct Tools {
    tools: Vec<Tool>,
    /// In the same order: which of them can be called as tasks.
    support: Vec<Option<TaskSupport>>,
    list: Answer,
}

impl Tools {
    /// These, in this order.
    pub fn new(tools: Vec<Tool>) -> Tools {
        let list = json!({ "tools": tools }).into();
        Tools { support: vec![None; tools.len()], tools, list }
    }

    /// The same, of which those can be called as tasks for which `support` gives something.
    #[must_use]
    pub fn as_tasks(self, mut support: impl FnMut(&str) -> Option<TaskSupport>) -> Tools {
        let support: Vec<_> = self.tools.iter().map(|tool| support(&tool.name)).collect();
        let entry = |(tool, support): (&Tool, &Option<TaskSupport>)| {
            let mut entry = json!(tool);
            if let Some(support) = support {
                entry["execution"] = json!({ "taskSupport": support });
            }
            entry
        };
        let entries: Vec<_> = self.tools.iter().zip(&support).map(entry).collect();
        Tools { list: json!({ "tools": entries }).into(), support, ..self }
    }

    /// Whether any can be called as a task.
    pub fn any_as_task(&self) -> bool {
        self.support.iter().any(Option::is_some)
    }

    /// Whether this one can be called as a task.
    ///
    /// # Errors
    /// −32602: there is none of this name.
    pub fn task_support(&self, name: &str) -> Result<Option<TaskSupport>, Failed> {
        self.find(name).map(|at| self.support[at])
    }

    /// The answer to `tools/list`.
    ///
    /// # Errors
    /// −32602: there is no other page.
    pub fn list(&self, paged: &Paged) -> Result<Answer, Failed> {
        match &paged.cursor {
            None => Ok(self.list.clone()),
            Some(_) => Err(Refusal::invalid("invalid cursor").into()),
        }
    }

    /// All of them.
    pub fn all(&self) -> &[Tool] {
        &self.tools
    }

    /// Where this one stands.
    ///
    /// # Errors
    /// −32602: there is none of this name.
    pub fn find(&self, name: &str) -> Result<usize, Failed> {
        let found = self.tools.iter().position(|tool| tool.name == name);
        found.ok_or_else(|| Refusal::unknown_tool(name).into())
    }
}
