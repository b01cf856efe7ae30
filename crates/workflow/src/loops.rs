//! A step for each entry of a list: so many calls at once, and none more after one has failed.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::StreamExt;
use futures_util::stream;
use serde_json::Value;
use toolgate_gateway::call::Boxed;
use toolgate_gateway::fault::{Fault, Reason, SideEffect};

use crate::attempt::Line;
use crate::failure::Failure;
use crate::plan::{Call, Each};
use crate::report::Items;
use crate::scope::Scope;

/// The most entries of one list.
const MOST: usize = 1000;

/// One call that took effect, for undoing it.
pub(crate) struct Turn {
    /// The entry that it was for, with its place in the list.
    pub entry: Option<(usize, Value)>,
    pub output: Value,
}

/// What became of a loop.
pub(crate) struct Outcome {
    pub counts: Items,
    /// The outputs in the order of the entries; null where there is none.
    pub outputs: Vec<Value>,
    /// What took effect, in the order in which it did.
    pub turns: Vec<Turn>,
    /// The failure that came first, with the side effects of all.
    pub failure: Option<Failure>,
}

/// An entry, where it stands, and what came of its call; nothing where none was made.
type Ended = (usize, Value, Option<Result<Value, Failure>>);

/// A step with a list, ready to run.
pub(crate) struct Loop<'a> {
    pub line: &'a Line,
    pub step: &'a str,
    pub call: &'a Call,
    pub each: &'a Each,
    pub goes_on: bool,
    /// Which of how many steps it is, counted from 0.
    pub place: (usize, usize),
}

impl Loop<'_> {
    /// Calls the tool for each entry.
    ///
    /// # Errors
    /// There is no list, or one that is too long; nothing was called.
    pub async fn run(&self, scope: &Scope) -> Result<Outcome, Failure> {
        let items = self.items(scope)?;
        let total = items.len();
        let mut outcome = Outcome {
            counts: Items::default(),
            outputs: vec![Value::Null; total],
            turns: Vec::new(),
            failure: None,
        };
        let stopped = AtomicBool::new(false);
        let turns: Vec<_> = items
            .into_iter()
            .enumerate()
            .map(|(at, item)| self.turn(scope, &stopped, at, item))
            .collect();
        let mut running = stream::iter(turns).buffer_unordered(self.each.at_once);
        let mut ended = 0;
        while let Some((at, item, result)) = running.next().await {
            ended += 1;
            match result {
                None => outcome.counts.not_run += 1,
                Some(Ok(output)) => {
                    outcome.counts.done += 1;
                    outcome.outputs[at] = output.clone();
                    outcome.turns.push(Turn { entry: Some((at, item)), output });
                }
                Some(Err(failure)) => {
                    outcome.counts.failed += 1;
                    let side_effect = failure.side_effect;
                    let first = outcome.failure.get_or_insert(failure);
                    if side_effect == SideEffect::Unknown {
                        first.side_effect = side_effect;
                    }
                }
            }
            if ended < total {
                self.tell(ended, total).await;
            }
        }
        drop(running);
        if outcome.counts.not_run > 0 && outcome.failure.is_none() {
            outcome.failure = self.line.stopped();
        }
        Ok(outcome)
    }

    /// One call, unless it is too late for it.
    fn turn<'b>(
        &'b self,
        scope: &'b Scope,
        stopped: &'b AtomicBool,
        at: usize,
        item: Value,
    ) -> Boxed<'b, Ended> {
        Box::pin(async move {
            if stopped.load(Ordering::Acquire) || self.line.stopped().is_some() {
                return (at, item, None);
            }
            let result = self.call(scope, at, &item).await;
            if result.is_err() && !self.goes_on {
                stopped.store(true, Ordering::Release);
            }
            (at, item, Some(result))
        })
    }

    async fn call(&self, scope: &Scope, at: usize, item: &Value) -> Result<Value, Failure> {
        let arguments = self.call.arguments.fill(&scope.with("item", item))?;
        let label = format!("{}[{at}]", self.step);
        self.line.call(self.call, &arguments, &label).await
    }

    async fn tell(&self, ended: usize, of: usize) {
        let (index, total) = self.place;
        let message = format!("{}: {ended} of {of}", self.step);
        let done = index as f64 + ended as f64 / of as f64;
        self.line.asked.progress(done, Some(total as f64), Some(&message)).await;
    }

    fn items(&self, scope: &Scope) -> Result<Vec<Value>, Failure> {
        let wrong = |text: String| Failure::from(Fault::new(Reason::Arguments, text).unsent());
        match self.each.list.value(scope)? {
            // What is not there has no entries.
            Value::Null => Ok(Vec::new()),
            Value::Array(items) if items.len() <= MOST => Ok(items),
            Value::Array(items) => {
                let many = items.len();
                Err(wrong(format!("for_each has {many} entries, and {MOST} at most are run for")))
            }
            _ => Err(wrong("for_each is no list".to_owned())),
        }
    }
}
