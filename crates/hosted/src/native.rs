//! A tool as types: what it takes, what it returns, nothing between them and the gateway.

use std::future::Future;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use toolgate_gateway::call::Boxed;
use toolgate_gateway::fault::{Fault, Reason, SideEffect};

use crate::answer::ToolResult;
use crate::context::Context;
use crate::failed::Failed;
use crate::schema;
use crate::tool::{Annotations, TaskSupport};

/// A tool.
///
/// The types say what it takes and returns: their schemas are what clients see, and what the
/// gateway holds arguments to before the tool is called.
pub trait NativeTool: Send + Sync + 'static {
    /// Its arguments: a struct whose fields are documented.
    type Arguments: DeserializeOwned + JsonSchema + Send;
    /// What it returns.
    type Output: Output;

    /// Its name: a verb and what it is about, such as `search_tickets`.
    const NAME: &'static str;
    /// Its name for people.
    const TITLE: Option<&'static str> = None;
    /// What it does, when to use it and when not, what it takes, what it returns and changes.
    const DESCRIPTION: &'static str;
    /// What it may do to the world.
    const ANNOTATIONS: Annotations;
    /// Whether it can be called as a task, for what takes its time: a client then asks about it
    /// later, and the gateway waits in place of clients that know no tasks.
    const TASK: Option<TaskSupport> = None;

    /// Runs it. The work ends when the future is dropped: the caller cancelled, or its time is up.
    /// A panic is the failure of this call.
    ///
    /// # Errors
    /// [`Refusal`](crate::Refusal) where the request itself is wrong, [`Fault`] where it could not be done. What
    /// the model can act on may also be a [`ToolResult::failed`].
    fn call(
        &self,
        arguments: Self::Arguments,
        context: Context,
    ) -> impl Future<Output = Result<Self::Output, Failed>> + Send;
}

/// What a tool can return: text, a whole result, or data that has a schema.
pub trait Output: Send + 'static {
    /// JSON Schema 2020-12 of the structured content, if there is any.
    fn schema() -> Option<Value>;

    /// The result of the call.
    ///
    /// # Errors
    /// What cannot be written as JSON.
    fn result(self) -> Result<ToolResult, serde_json::Error>;
}

impl Output for String {
    fn schema() -> Option<Value> {
        None
    }

    fn result(self) -> Result<ToolResult, serde_json::Error> {
        Ok(ToolResult::text(self))
    }
}

impl Output for ToolResult {
    fn schema() -> Option<Value> {
        None
    }

    fn result(self) -> Result<ToolResult, serde_json::Error> {
        Ok(self)
    }
}

/// Data for programs, and the same as text for models. It has to be an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Structured<T>(pub T);

impl<T: Serialize + JsonSchema + Send + 'static> Output for Structured<T> {
    fn schema() -> Option<Value> {
        Some(schema::of::<T>())
    }

    fn result(self) -> Result<ToolResult, serde_json::Error> {
        serde_json::to_value(self.0).map(ToolResult::structured)
    }
}

/// Runs one tool, whatever its types.
pub(crate) trait Run: Send + Sync {
    /// `arguments` are JSON that fits the schema.
    fn run<'a>(&'a self, arguments: &str, context: Context) -> Work<'a>;
}

type Work<'a> = Boxed<'a, Result<ToolResult, Failed>>;

impl<T: NativeTool> Run for T {
    fn run<'a>(&'a self, arguments: &str, context: Context) -> Work<'a> {
        let arguments = match serde_json::from_str(arguments) {
            Ok(arguments) => arguments,
            Err(error) => {
                let fault = Fault::new(Reason::Arguments, format!("invalid arguments: {error}"));
                return Box::pin(std::future::ready(Err(fault.unsent().into())));
            }
        };
        Box::pin(async move {
            let output = self.call(arguments, context).await?;
            output.result().map_err(|error| {
                let mut fault = Fault::new(Reason::Internal, "the result cannot be written");
                // The tool has done what it was called for.
                fault.side_effect = SideEffect::Unknown;
                fault.because(error).into()
            })
        })
    }
}
