//! Undoing what was done, last first.

use std::time::Duration;

use serde_json::Value;

use crate::attempt::Line;
use crate::budget::Budget;
use crate::failure::Failure;
use crate::plan::Call;
use crate::scope::Scope;

/// How long all of it may take.
pub(crate) const TIME: Duration = Duration::from_secs(60);

/// Something that took effect, and what undoes it.
pub(crate) struct Done<'a> {
    /// The step that it belongs to.
    pub index: usize,
    pub call: &'a Call,
    /// Its name in records.
    pub label: String,
    /// The entry of the list, in a loop.
    pub item: Option<Value>,
    pub output: Value,
}

/// Undoes all of it for a workflow of this name, whatever becomes of each, and whether anybody still
/// waits. Says of each step whether that was done.
pub(crate) async fn all(
    workflow: &str,
    line: &Line,
    scope: &Scope,
    done: Vec<Done<'_>>,
) -> Vec<(usize, bool)> {
    let line = Line { budget: Budget::new(TIME), ..line.clone() };
    let mut told = Vec::with_capacity(done.len());
    for one in done.iter().rev() {
        let outcome = undo(&line, scope, one).await;
        if let Err(failure) = &outcome {
            let (step, category) = (&*one.label, &*failure.category);
            let (server, tool) = (&*one.call.server, &*one.call.tool);
            let said = "a step of a workflow could not be undone";
            tracing::warn!(workflow, step, server, tool, category, "{said}");
        }
        told.push((one.index, outcome.is_ok()));
    }
    told
}

async fn undo(line: &Line, scope: &Scope, done: &Done<'_>) -> Result<(), Failure> {
    let mut scope = scope.with("output", &done.output);
    if let Some(item) = &done.item {
        scope = scope.with("item", item);
    }
    let arguments = done.call.arguments.fill(&scope)?;
    line.persist(done.call, &arguments, &done.label).await.map(|_| ())
}
