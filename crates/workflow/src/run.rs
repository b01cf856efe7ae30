//! The life of a run: its steps in their order, and what becomes of them when one fails.

use serde_json::{Value, json};
use toolgate_gateway::approval::plain;
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_hosted::{Answer, Asked};
use toolgate_protocol::client::Abilities;

use crate::attempt::Line;
use crate::failure::Failure;
use crate::loops::{Loop, Turn};
use crate::plan::{Action, Call, Plan, Step};
use crate::report::{Entry, Report, Status};
use crate::scope::Scope;
use crate::undo::{self, Done};

/// Characters of a question to the user, and of what a condition says that is not met: they hold what
/// steps gave.
const MOST: usize = 2000;

/// One run.
pub(crate) struct Run<'a> {
    server: &'a str,
    line: Line,
    scope: Scope,
    report: Report<'a>,
    /// What took effect and can be undone, in the order in which it did.
    done: Vec<Done<'a>>,
}

impl<'a> Run<'a> {
    pub fn new(server: &'a str, plan: &'a Plan, line: Line, arguments: &Value) -> Run<'a> {
        let scope = Scope::new(arguments, line.asked.caller());
        Run { server, line, scope, report: Report::new(server, plan), done: Vec::new() }
    }

    /// Runs all steps and gives the answer.
    pub async fn run(mut self) -> Answer {
        let plan = self.report.plan;
        for (index, step) in plan.steps.iter().enumerate() {
            let outcome = match self.line.stopped() {
                Some(failure) => Err(failure),
                None => self.step(index, step).await,
            };
            if let Err(failure) = outcome {
                return self.broken_off(&step.id, &failure).await;
            }
            self.tell(index + 1, &step.id).await;
        }
        match (self.line.asked.is_abandoned(), self.line.stopped(), plan.steps.last()) {
            // Whoever left during the last step does not want it either.
            (true, Some(failure), Some(step)) => self.broken_off(&step.id, &failure).await,
            _ => match self.result() {
                Ok(result) => self.report.finished(&result, self.line.asked.trace().id()),
                Err(failure) => self.broken_off("output", &failure).await,
            },
        }
    }

    /// Undoes what was done, and gives the answer.
    async fn broken_off(mut self, step: &str, failure: &Failure) -> Answer {
        self.undo().await;
        if self.line.stopped().is_some() {
            self.log(step);
        }
        self.report.failed(step, failure, self.line.asked.trace().id())
    }

    /// Runs one step.
    ///
    /// # Errors
    /// It failed, and the workflow with it.
    async fn step(&mut self, index: usize, step: &'a Step) -> Result<(), Failure> {
        let outcome = match &step.when {
            Some(when) => when.holds(&self.scope).map_err(Failure::from),
            None => Ok(true),
        };
        let outcome = match outcome {
            Ok(true) => self.act(index, step).await,
            Ok(false) => {
                self.learn(index, step, Status::Skipped, &Value::Null);
                return Ok(());
            }
            Err(failure) => Err(failure),
        };
        let Err(failure) = outcome else { return Ok(()) };
        self.report.entries[index].error = Some(failure.clone());
        if self.report.entries[index].status == Status::NotRun {
            self.learn(index, step, Status::Failed, &Value::Null);
        }
        if step.goes_on && self.line.stopped().is_none() {
            return Ok(());
        }
        self.report.entries[index].status = Status::Failed;
        Err(failure)
    }

    async fn act(&mut self, index: usize, step: &'a Step) -> Result<(), Failure> {
        match &step.action {
            Action::Call(call) => match &step.each {
                None => self.call(index, step, call).await?,
                Some(each) => {
                    let inner = Loop {
                        line: &self.line,
                        step: &step.id,
                        call,
                        each,
                        goes_on: step.goes_on,
                        place: (index, self.report.plan.steps.len()),
                    };
                    let outcome = inner.run(&self.scope).await?;
                    let entry = &mut self.report.entries[index];
                    entry.items = Some(outcome.counts);
                    self.remember(index, step, outcome.turns);
                    let status = match &outcome.failure {
                        None => Status::Done,
                        Some(_) if outcome.counts.done == 0 => Status::Failed,
                        Some(_) => Status::Partial,
                    };
                    self.learn(index, step, status, &Value::Array(outcome.outputs));
                    return outcome.failure.map_or(Ok(()), Err);
                }
            },
            Action::Require(condition, otherwise) => {
                if !condition.holds(&self.scope)? {
                    let text: String = otherwise.fill(&self.scope)?.chars().take(MOST).collect();
                    return Err(Fault::new(Reason::Arguments, text).unsent().into());
                }
                self.learn(index, step, Status::Done, &Value::Null);
            }
            Action::Approve(question) => {
                let question = question.fill(&self.scope)?;
                self.approve(&question).await?;
                self.learn(index, step, Status::Done, &Value::Null);
            }
        }
        Ok(())
    }

    async fn call(&mut self, index: usize, step: &'a Step, call: &Call) -> Result<(), Failure> {
        let arguments = call.arguments.fill(&self.scope)?;
        let output = self.line.call(call, &arguments, &step.id).await?;
        self.learn(index, step, Status::Done, &output);
        self.remember(index, step, vec![Turn { entry: None, output }]);
        Ok(())
    }

    /// Asks the user, and goes on only with a plain yes.
    async fn approve(&self, question: &str) -> Result<(), Failure> {
        may_be_asked(&self.line.asked)?;
        let params = json!({
            "mode": "form",
            "message": plain(question, MOST),
            "requestedSchema": {
                "type": "object",
                "properties": {
                    "approve": { "type": "boolean", "title": "Go on", "description": "Lets the workflow go on" },
                },
                "required": ["approve"],
            },
        });
        // Nothing is done by asking.
        let answer = self.line.ask("elicitation/create", &params).await;
        let answer = answer.map_err(Failure::unsent)?;
        let agreed = answer["action"] == "accept" && answer["content"]["approve"] == true;
        match agreed {
            true => Ok(()),
            false => Err(Fault::new(Reason::Declined, "the user did not agree").unsent().into()),
        }
    }

    fn learn(&mut self, index: usize, step: &Step, status: Status, output: &Value) {
        self.report.entries[index].status = status;
        self.scope.learn(&step.id, status.word(), output);
    }

    /// Keeps what can be undone, with what its undoing may look at.
    fn remember(&mut self, index: usize, step: &'a Step, turns: Vec<Turn>) {
        let Some(call) = &step.undo else { return };
        for Turn { entry, output } in turns {
            let (label, item) = match entry {
                Some((at, item)) => (format!("{}[{at}]/undo", step.id), Some(item)),
                None => (format!("{}/undo", step.id), None),
            };
            self.done.push(Done { index, call, label, item, output });
        }
    }

    async fn undo(&mut self) {
        let done = std::mem::take(&mut self.done);
        let workflow = format!("{}.{}", self.server, self.report.plan.tool.name);
        for (index, undone) in undo::all(&workflow, &self.line, &self.scope, done).await {
            let entry: &mut Entry = &mut self.report.entries[index];
            entry.undone = Some(entry.undone.unwrap_or(true) && undone);
        }
    }

    /// The result of a run whose steps are all done.
    fn result(&self) -> Result<Value, Failure> {
        let plan = self.report.plan;
        match plan.output() {
            Some(output) => Ok(output.fill(&self.scope)?),
            None => Ok(plan.last_call().map_or(Value::Null, |step| self.scope.output(step))),
        }
    }

    async fn tell(&self, done: usize, step: &str) {
        let total = self.report.plan.steps.len();
        self.line.asked.progress(done as f64, Some(total as f64), Some(step)).await;
    }

    /// Nobody may hear the answer, so the log does.
    fn log(&self, step: &str) {
        let count =
            |undone| self.report.entries.iter().filter(|it| it.undone == Some(undone)).count();
        tracing::warn!(
            server = self.server,
            tool = self.report.plan.tool.name,
            step,
            undone = count(true),
            not_undone = count(false),
            trace = self.line.asked.trace().id(),
            "{}",
            match self.line.asked.is_abandoned() {
                true => "the caller of a workflow left",
                false => "a workflow was stopped, as its server ends",
            }
        );
    }
}

/// Whether the user of this client can be asked.
///
/// # Errors
/// The client did not declare that.
pub(crate) fn may_be_asked(asked: &Asked) -> Result<(), Fault> {
    if asked.abilities().has(Abilities::FORM) {
        return Ok(());
    }
    let text = "the workflow asks the user, and this client cannot be asked (it lacks elicitation)";
    let data = r#"{"requiredCapabilities":{"elicitation":{"form":{}}}}"#;
    Err(Fault::new(Reason::MissingCapability, text).with_data(data.to_owned()).unsent())
}
