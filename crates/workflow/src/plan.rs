//! A workflow as it runs: its configuration with all expressions read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use toolgate_gateway::config::servers::Anything;
use toolgate_gateway::config::servers::workflow as config;
use toolgate_gateway::fault::Fault;
use toolgate_gateway::screening::refused_arguments;
use toolgate_hosted::Tool;
use toolgate_screen::schema::Compiled;

use crate::definition;
use crate::template::{Formula, Template, Text};

/// One workflow.
pub(crate) struct Plan {
    pub tool: Tool,
    pub steps: Vec<Step>,
    output: Option<Template>,
    defaults: Vec<(String, Value)>,
    schema: Compiled,
}

/// One step.
pub(crate) struct Step {
    pub id: String,
    pub action: Action,
    pub when: Option<Formula>,
    pub each: Option<Each>,
    /// Whether the workflow goes on when it fails.
    pub goes_on: bool,
    pub undo: Option<Call>,
}

/// What a step does.
pub(crate) enum Action {
    Call(Call),
    Require(Formula, Text),
    Approve(Text),
}

/// For which entries a step runs.
pub(crate) struct Each {
    pub list: Formula,
    pub at_once: usize,
}

/// A call of a tool.
pub(crate) struct Call {
    pub server: Arc<str>,
    pub tool: String,
    pub arguments: Template,
    pub attempts: u32,
    pub after: Duration,
    pub time: Option<Duration>,
    /// It changes nothing.
    pub reads: bool,
    /// Twice is no more than once.
    pub idempotent: bool,
}

impl Plan {
    /// Reads a workflow.
    ///
    /// # Errors
    /// One sentence: what a check would have found too.
    pub fn new(name: &str, rules: &config::WorkflowTool) -> Result<Plan, String> {
        let steps = rules
            .steps
            .iter()
            .map(|step| Step::new(step).map_err(|error| format!("step {}: {error}", step.id)));
        let tool = definition::tool(name, rules);
        let defaults = rules.parameters.iter();
        let defaults =
            defaults.filter_map(|(name, it)| Some((name.clone(), it.default_value()?.clone())));
        let schema = Compiled::new(tool.input_schema.to_string().as_bytes())
            .map_err(|error| format!("parameters: {error}"))?;
        Ok(Plan {
            steps: steps.collect::<Result<_, String>>()?,
            output: rules.output.as_ref().map(|value| Template::new(value)).transpose()?,
            defaults: defaults.collect(),
            schema,
            tool,
        })
    }

    /// Holds the arguments, which are JSON, to the tool's own schema.
    ///
    /// # Errors
    /// What to change in them.
    pub fn check(&self, arguments: &str) -> Result<(), Fault> {
        self.schema.check(arguments.as_bytes()).map_err(|hints| refused_arguments(&hints))
    }

    /// The arguments, with what counts where none is given.
    pub fn completed(&self, mut arguments: Map<String, Value>) -> Value {
        for (name, value) in &self.defaults {
            arguments.entry(name.clone()).or_insert_with(|| value.clone());
        }
        Value::Object(arguments)
    }

    /// What the result is made of, where the configuration says so.
    pub fn output(&self) -> Option<&Template> {
        self.output.as_ref()
    }

    /// The last step that calls a tool.
    pub fn last_call(&self) -> Option<&str> {
        let mut steps = self.steps.iter().rev();
        let last = steps.find(|step| matches!(step.action, Action::Call(_)))?;
        Some(&last.id)
    }

    /// Whether the client is asked in any case.
    pub fn always_asks(&self) -> bool {
        let asks = |step: &Step| matches!(step.action, Action::Approve(_)) && step.when.is_none();
        self.steps.iter().any(asks)
    }

    /// Whether anything of it can be undone.
    pub fn can_be_undone(&self) -> bool {
        self.steps.iter().any(|step| step.undo.is_some())
    }
}

impl Step {
    fn new(rules: &config::Step) -> Result<Step, String> {
        let formula = |text: &Option<String>| text.as_deref().map(Formula::new).transpose();
        let action = match (&rules.call, &rules.require, &rules.approve) {
            (Some(call), ..) => {
                let time = rules.timeout.map(|time| time.duration());
                let call = Call::new(call, &rules.arguments, rules.retry, time)?;
                Action::Call(Call { reads: rules.reads, idempotent: rules.idempotent, ..call })
            }
            (None, Some(require), _) => {
                let otherwise = rules.message.as_deref().unwrap_or(NOT_MET);
                Action::Require(Formula::new(require)?, Text::new(otherwise)?)
            }
            (None, None, Some(question)) => Action::Approve(Text::new(question)?),
            (None, None, None) => return Err("it does nothing".to_owned()),
        };
        let each = formula(&rules.for_each)?.map(|list| Each {
            list,
            at_once: rules.parallel.map_or(1, |many| many.get() as usize),
        });
        let undo = rules.compensate.as_ref().map(|undo| {
            let time = undo.timeout.map(|time| time.duration());
            let call = Call::new(&undo.call, &undo.arguments, undo.retry, time)?;
            Ok::<_, String>(Call { idempotent: undo.idempotent, ..call })
        });
        Ok(Step {
            id: rules.id.clone(),
            action,
            when: formula(&rules.when)?,
            each,
            goes_on: rules.on_error == config::OnError::Continue,
            undo: undo.transpose()?,
        })
    }
}

/// What is said of a condition for which the operator has no words.
const NOT_MET: &str = "a condition of the workflow is not met";

impl Call {
    fn new(
        call: &str,
        arguments: &BTreeMap<String, Anything>,
        retry: config::Retry,
        time: Option<Duration>,
    ) -> Result<Call, String> {
        let (server, tool) =
            config::target(call).ok_or_else(|| format!("{call} names no tool of a server"))?;
        Ok(Call {
            server: server.into(),
            tool: tool.to_owned(),
            arguments: Template::object(arguments.iter().map(|(name, value)| (name, &value.0)))?,
            attempts: retry.attempts,
            after: retry.after.duration(),
            time,
            reads: false,
            idempotent: false,
        })
    }
}
