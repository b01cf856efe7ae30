//! The server: what it lists, and how a call becomes a run that ends well whoever leaves.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use toolgate_gateway::call::Boxed;
use toolgate_gateway::calls::Home;
use toolgate_gateway::config::servers::workflow::{self as config, AsTask};
use toolgate_gateway::fault::{Fault, Reason, SideEffect};
use toolgate_hosted::{
    About, Answer, Asked, Called, Failed, Paged, Refusal, Server, TaskSupport, Tools,
};

use crate::attempt::Line;
use crate::budget::Budget;
use crate::plan::Plan;
use crate::run::{Run, may_be_asked};
use crate::undo;

/// What a server of workflows runs with.
pub struct Engine {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// Where it finds the gateway.
    pub home: Home,
    /// How long one run may take, not counting the time in which its user has the word.
    pub time: Duration,
}

/// Workflows as a server.
pub struct Workflow {
    engine: Engine,
    /// In the order of the tools.
    plans: Vec<Arc<Plan>>,
    tools: Tools,
    /// How many runs are under way, those that nobody waits for any more among them.
    runs: watch::Sender<usize>,
    /// Whether runs have to stop.
    closing: watch::Sender<bool>,
}

impl Workflow {
    /// Serves what these rules say.
    ///
    /// # Errors
    /// One sentence: what a check would have found too.
    pub fn new(rules: &config::Workflow, engine: Engine) -> Result<Workflow, String> {
        let (mut plans, mut tools) = (Vec::new(), Vec::new());
        for (name, tool) in &rules.tools {
            let plan = Plan::new(name, tool).map_err(|error| format!("tool {name}: {error}"))?;
            tools.push(plan.tool.clone());
            plans.push(Arc::new(plan));
        }
        let tools = Tools::new(tools).as_tasks(|name| match rules.tools.get(name)?.task {
            AsTask::Optional => Some(TaskSupport::Optional),
            AsTask::Required => Some(TaskSupport::Required),
            AsTask::Never => None,
        });
        let (runs, closing) = (watch::Sender::new(0), watch::Sender::new(false));
        Ok(Workflow { engine, plans, tools, runs, closing })
    }

    async fn call(self: &Arc<Self>, asked: Asked) -> Result<Answer, Failed> {
        let Called { name, arguments } = asked.params()?;
        let plan = self.plans[self.tools.find(&name)?].clone();
        plan.check(&Value::Object(arguments.clone()).to_string())?;
        if plan.always_asks() {
            // Better before anything is done than after.
            may_be_asked(&asked)?;
        }
        let gateway = self.engine.home.gateway()?;
        let budget = Budget::new(self.time(&plan));
        let (held, closing) = (Arc::default(), self.closing.subscribe());
        let line = Line { gateway, asked: Arc::new(asked), budget, held, closing };
        let arguments = plan.completed(arguments);
        let (name, under_way) = (self.engine.name.clone(), UnderWay::new(self.runs.clone()));
        // On its own, so that what was done is undone though the caller leaves.
        let run = tokio::spawn(async move {
            let _under_way = under_way;
            Run::new(&name, &plan, line, &arguments).run().await
        });
        run.await.map_err(|error| {
            let mut fault = Fault::new(Reason::Internal, "the workflow broke off").because(error);
            fault.side_effect = SideEffect::Unknown;
            fault.into()
        })
    }

    /// The time of the steps: some is left for undoing them while the caller still waits.
    fn time(&self, plan: &Plan) -> Duration {
        let whole = self.engine.time;
        let kept =
            if plan.can_be_undone() { (whole / 4).min(undo::TIME / 2) } else { Duration::ZERO };
        whole - kept
    }
}

impl Server for Workflow {
    fn about(&self) -> About {
        About {
            name: "workflow".to_owned(),
            title: "Workflows".to_owned(),
            capabilities: json!({ "tools": {} }),
            instructions: None,
        }
    }

    fn tasks(&self) -> Option<&Tools> {
        Some(&self.tools)
    }

    fn answer(self: Arc<Self>, asked: Asked) -> Boxed<'static, Result<Answer, Failed>> {
        Box::pin(async move {
            match asked.method() {
                "tools/list" => self.tools.list(&asked.params::<Paged>()?),
                "tools/call" => self.call(asked).await,
                other => Err(Refusal::no_method(other).into()),
            }
        })
    }

    /// Stops the runs that are under way, and waits for what they have to undo.
    fn close(&self) -> Boxed<'_, ()> {
        self.closing.send_replace(true);
        let mut runs = self.runs.subscribe();
        Box::pin(async move {
            let ended = runs.wait_for(|runs| *runs == 0);
            if tokio::time::timeout(undo::TIME, ended).await.is_err() {
                tracing::warn!(server = &*self.engine.name, "workflows were cut off");
            }
        })
    }
}

/// Counts a run in, and out when it is dropped.
struct UnderWay(watch::Sender<usize>);

impl UnderWay {
    fn new(runs: watch::Sender<usize>) -> UnderWay {
        runs.send_modify(|runs| *runs += 1);
        UnderWay(runs)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.send_modify(|runs| *runs -= 1);
    }
}
