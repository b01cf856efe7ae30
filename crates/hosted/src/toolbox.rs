//! A server of native tools.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use toolgate_gateway::call::Boxed;
use toolgate_gateway::screening::refused_arguments;
use toolgate_screen::schema::Compiled;

use crate::answer::Answer;
use crate::asked::Asked;
use crate::failed::{Failed, Refusal};
use crate::native::{NativeTool, Output, Run};
use crate::schema;
use crate::server::{About, Server};
use crate::tool::{TaskSupport, Tool, Tools};

/// A server of native tools.
pub struct Toolbox {
    name: String,
    instructions: Option<String>,
    definitions: Vec<Tool>,
    support: Vec<Option<TaskSupport>>,
    runs: Vec<Arc<dyn Run>>,
}

/// The types of a tool have a schema that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the types of {tool} cannot be used: {why}")]
pub struct UnusableSchema {
    /// The tool.
    pub tool: String,
    /// What is wrong with them.
    pub why: String,
}

impl UnusableSchema {
    /// What the arguments of a tool are held to.
    fn compile(tool: &Tool) -> Result<Compiled, UnusableSchema> {
        let wrong = |why: String| UnusableSchema { tool: tool.name.clone(), why };
        if !schema::is_object(&tool.input_schema) {
            return Err(wrong("its arguments are no object (take a struct)".to_owned()));
        }
        if tool.output_schema.as_ref().is_some_and(|output| !schema::is_object(output)) {
            return Err(wrong("its structured result is no object (return a struct)".to_owned()));
        }
        let text = tool.input_schema.to_string();
        Compiled::new(text.as_bytes()).map_err(|error| wrong(error.to_string()))
    }
}

impl Toolbox {
    /// No tools yet, in a server that calls itself `name`.
    pub fn new(name: impl Into<String>) -> Toolbox {
        Toolbox {
            name: name.into(),
            instructions: None,
            definitions: Vec::new(),
            support: Vec::new(),
            runs: Vec::new(),
        }
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
            self.support.remove(at);
            self.runs.remove(at);
        }
        self.definitions.push(Tool {
            name: T::NAME.to_owned(),
            title: T::TITLE.map(str::to_owned),
            description: T::DESCRIPTION.to_owned(),
            input_schema: schema::closed(schema::of::<T::Arguments>()),
            output_schema: T::Output::schema(),
            annotations: T::ANNOTATIONS,
        });
        self.support.push(T::TASK);
        self.runs.push(Arc::new(tool));
        self
    }

    /// The server of these tools.
    ///
    /// # Errors
    /// A tool takes or returns what is no object, or its arguments cannot be checked, as where a
    /// pattern is none.
    pub fn build(self) -> Result<impl Server, UnusableSchema> {
        let Toolbox { name, instructions, definitions, support, runs } = self;
        let schemas =
            definitions.iter().map(UnusableSchema::compile).collect::<Result<Vec<_>, _>>()?;
        let runs = schemas.into_iter().zip(runs).collect();
        let mut support = support.into_iter();
        // It is asked of each tool, in their order.
        let tools = Tools::new(definitions).as_tasks(|_| support.next().flatten());
        Ok(Native { name, instructions, tools, runs })
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

    fn tasks(&self) -> Option<&Tools> {
        Some(&self.tools)
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

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use toolgate_gateway::fault::{Reason, SideEffect};
    use toolgate_gateway::testing::{client, request};
    use toolgate_gateway::upstream::Upstream as _;
    use toolgate_protocol::version::Version;

    use super::*;
    use crate::{Annotations, Context, Hosted, Structured};

    struct Slow;

    #[derive(Deserialize, schemars::JsonSchema)]
    struct Nothing {}

    impl NativeTool for Slow {
        type Arguments = Nothing;
        type Output = String;
        const NAME: &'static str = "wait";
        const TITLE: Option<&'static str> = Some("Wait");
        const DESCRIPTION: &'static str = "Waits.";
        const ANNOTATIONS: Annotations = Annotations::READS;
        const TASK: Option<TaskSupport> = Some(TaskSupport::Required);

        async fn call(&self, _: Nothing, _: Context) -> Result<String, Failed> {
            Ok("waited".to_owned())
        }
    }

    /// A tool whose types are no objects.
    struct Bare;

    impl NativeTool for Bare {
        type Arguments = Vec<String>;
        type Output = Structured<Vec<String>>;
        const NAME: &'static str = "bare";
        const DESCRIPTION: &'static str = "Takes a list.";
        const ANNOTATIONS: Annotations = Annotations::READS;

        async fn call(&self, it: Vec<String>, _: Context) -> Result<Self::Output, Failed> {
            Ok(Structured(it))
        }
    }

    /// A tool whose result cannot be written.
    struct Mute;

    struct Unwritable;

    impl Output for Unwritable {
        fn schema() -> Option<Value> {
            None
        }

        fn result(self) -> Result<crate::ToolResult, serde_json::Error> {
            Err(serde_json::from_str::<u8>("x").unwrap_err())
        }
    }

    impl NativeTool for Mute {
        type Arguments = Nothing;
        type Output = Unwritable;
        const NAME: &'static str = "mute";
        const DESCRIPTION: &'static str = "Says nothing.";
        const ANNOTATIONS: Annotations = Annotations::READS;

        async fn call(&self, _: Nothing, _: Context) -> Result<Unwritable, Failed> {
            Ok(Unwritable)
        }
    }

    #[tokio::test]
    async fn a_tool_whose_result_cannot_be_written_was_called_all_the_same() {
        let hosted = Hosted::new("t", Arc::new(Toolbox::new("t").tool(Mute).build().unwrap()));
        let client = client(Version::V2025_11_25, &json!({}));

        let called = request(&client, "tools/call", json!({ "name": "mute" }));
        let fault = hosted.call(&called).await.err().unwrap();

        assert_eq!((fault.reason, fault.side_effect), (Reason::Internal, SideEffect::Unknown));
    }

    #[test]
    fn what_is_no_object_is_refused_before_anybody_calls() {
        let wrong = Toolbox::new("t").tool(Bare).build().err().unwrap().to_string();

        assert_eq!(
            wrong,
            "the types of bare cannot be used: its arguments are no object (take a struct)"
        );
    }

    #[tokio::test]
    async fn a_tool_says_that_it_is_a_task_and_is_called_as_one() {
        let hosted = Hosted::new("t", Arc::new(Toolbox::new("t").tool(Slow).build().unwrap()));
        let client = client(Version::V2025_11_25, &json!({}));
        let told = async |method: &str, params: Value| {
            let reply = hosted.call(&request(&client, method, params)).await.unwrap();
            let end = reply.end().await.unwrap();
            serde_json::from_slice::<Value>(end.message.bytes()).unwrap()["result"].clone()
        };

        let listed = told("tools/list", json!({})).await;
        let begun = told("tools/call", json!({ "name": "wait", "task": {} })).await;
        let id = begun["task"]["taskId"].clone();
        let result = told("tasks/result", json!({ "taskId": id })).await;

        let tool = &listed["tools"][0];
        assert_eq!(
            (&tool["title"], &tool["execution"]["taskSupport"]),
            (&json!("Wait"), &json!("required"))
        );
        assert_eq!(result["content"][0]["text"], "waited");
    }
}
