//! Tools as values: types in, types out, nothing between them and the gateway.

use std::future::Future;
use std::sync::Arc;

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use toolgate_gateway::call::Boxed;
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_gateway::screening::refused_arguments;
use toolgate_screen::schema::Compiled;

use crate::answer::{Answer, ToolResult};
use crate::asked::Asked;
use crate::context::Context;
use crate::failed::{Failed, Refusal};
use crate::server::{About, Server};
use crate::tool::{Annotations, Tool, Tools};

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
    /// What it does, when to use it and when not, what it takes, what it returns and changes.
    const DESCRIPTION: &'static str;
    /// What it may do to the world.
    const ANNOTATIONS: Annotations;

    /// Runs it. The work ends when the future is dropped: the caller cancelled, or its time is up.
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
        Some(schema_of::<T>())
    }

    fn result(self) -> Result<ToolResult, serde_json::Error> {
        serde_json::to_value(self.0).map(ToolResult::structured)
    }
}

/// A server of native tools.
pub struct Toolbox {
    name: String,
    instructions: Option<String>,
    definitions: Vec<Tool>,
    runs: Vec<Arc<dyn Run>>,
}

/// Runs one tool, whatever its types.
trait Run: Send + Sync {
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
            self.call(arguments, context)
                .await?
                .result()
                .map_err(|error| Refusal::internal("the result cannot be written").because(error))
        })
    }
}

/// The schema of a tool's arguments says what cannot be checked.
#[derive(Debug, thiserror::Error)]
#[error("the schema of the arguments of {tool} cannot be used: {why}")]
pub struct UnusableSchema {
    /// The tool.
    pub tool: String,
    /// What is wrong with it.
    pub why: String,
}

impl Toolbox {
    /// No tools yet, in a server that calls itself `name`.
    pub fn new(name: impl Into<String>) -> Toolbox {
        Toolbox { name: name.into(), instructions: None, definitions: Vec::new(), runs: Vec::new() }
    }

    /// Tells the model how the tools belong together.
    #[must_use]
    pub fn instructions(mut self, text: impl Into<String>) -> Toolbox {
        self.instructions = Some(text.into());
        self
    }

    /// Adds a tool. One of the same name takes the place of another.
    #[must_use]
    pub fn tool<T: NativeTool>(mut self, tool: T) -> Toolbox {
        if let Some(at) = self.definitions.iter().position(|known| known.name == T::NAME) {
            self.definitions.remove(at);
            self.runs.remove(at);
        }
        self.definitions.push(Tool {
            name: T::NAME.to_owned(),
            title: None,
            description: T::DESCRIPTION.to_owned(),
            input_schema: closed(schema_of::<T::Arguments>()),
            output_schema: T::Output::schema(),
            annotations: T::ANNOTATIONS,
        });
        self.runs.push(Arc::new(tool));
        self
    }

    /// The server of these tools.
    ///
    /// # Errors
    /// A schema of arguments cannot be checked, such as one with a pattern that is none.
    pub fn build(self) -> Result<impl Server, UnusableSchema> {
        let Toolbox { name, instructions, definitions, runs } = self;
        let schemas = definitions
            .iter()
            .map(|tool| {
                let schema = tool.input_schema.to_string();
                Compiled::new(schema.as_bytes()).map_err(|error| UnusableSchema {
                    tool: tool.name.clone(),
                    why: error.to_string(),
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let runs = schemas.into_iter().zip(runs).collect();
        Ok(Native { name, instructions, tools: Tools::new(definitions), runs })
    }
}

struct Native {
    name: String,
    instructions: Option<String>,
    tools: Tools,
    /// In the order of the tools: what their arguments are held to, and what runs them.
    runs: Vec<(Compiled, Arc<dyn Run>)>,
}

/// The parameters of `tools/call`, with the arguments as they came.
#[derive(Deserialize)]
struct Called {
    name: String,
    arguments: Option<Box<RawValue>>,
}

impl Native {
    async fn call(&self, asked: &Asked) -> Result<Answer, Failed> {
        let Called { name, arguments } = asked.params()?;
        let arguments = arguments.as_deref().map_or("{}", RawValue::get);
        let (schema, run) = &self.runs[self.tools.find(&name)?];
        schema.check(arguments.as_bytes()).map_err(|hints| refused_arguments(&hints))?;
        Ok(run.run(arguments, asked.context()).await?.into())
    }
}

impl Server for Native {
    fn about(&self) -> About {
        About {
            name: self.name.clone(),
            title: self.name.clone(),
            capabilities: json!({ "tools": {} }),
            instructions: self.instructions.clone(),
        }
    }

    fn answer(self: Arc<Self>, asked: Asked) -> Boxed<'static, Result<Answer, Failed>> {
        Box::pin(async move {
            match asked.method() {
                "tools/list" => self.tools.list(&asked.params()?),
                "tools/call" => self.call(&asked).await,
                "ping" => Ok(json!({}).into()),
                other => Err(Refusal::no_method(other).into()),
            }
        })
    }
}

/// JSON Schema 2020-12 of a type, in one piece.
fn schema_of<T: JsonSchema>() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    if let Some(object) = schema.as_object_mut() {
        // The type's own name says nothing to a model.
        object.remove("title");
    }
    schema
}

/// Arguments that a tool does not know are a mistake of the model that it should hear of.
fn closed(mut schema: Value) -> Value {
    if let Some(object) = schema.as_object_mut() {
        object.entry("additionalProperties").or_insert(json!(false));
        object.entry("properties").or_insert_with(|| json!({}));
    }
    schema
}
