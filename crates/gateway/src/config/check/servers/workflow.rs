//! Whether workflows can run, as far as no server has to be asked: their shape, their expressions,
//! the servers that they name, and that none leads back to itself.

mod calls;
mod expressions;

use std::collections::BTreeSet;

use self::expressions::Scope;
use super::http::wrong_name;
use super::{parameter, schema};
use crate::config::check::Checks;
use crate::config::problem::{key_path, quote};
use crate::config::servers::workflow::{
    Compensate, OnError, Parameter, Retry, Step, Workflow, WorkflowTool, target,
};

pub(in crate::config::check) use calls::calls;

/// A workflow with more steps is better two.
const MOST_STEPS: usize = 50;
/// More at once would be a flood.
const MOST_AT_ONCE: u32 = 32;
/// What does not work ten times will not work.
const MOST_ATTEMPTS: u32 = 10;

pub(in crate::config::check) fn check(checks: &mut Checks<'_>, path: &str, workflow: &Workflow) {
    let path = format!("{path}.tools");
    if workflow.tools.is_empty() {
        checks.problem(&path, "no tools (add NAME: {description: ..., steps: [...]})");
    }
    for (name, tool) in &workflow.tools {
        let place = key_path(&path, name);
        if let Some(message) = wrong_name(name) {
            checks.problem(&place, message);
        }
        tool_is_sound(checks, &place, tool);
    }
}

fn tool_is_sound(checks: &mut Checks<'_>, place: &str, tool: &WorkflowTool) {
    if tool.description.trim().is_empty() {
        let message = "without a description no model knows when to call it (say what it does)";
        checks.problem(&format!("{place}.description"), message);
    }
    for (name, parameter) in &tool.parameters {
        let at = key_path(&format!("{place}.parameters"), name);
        parameter_is_sound(checks, &at, parameter);
    }
    if tool.steps.is_empty() || tool.steps.len() > MOST_STEPS {
        let message =
            format!("a workflow has 1 to {MOST_STEPS} steps (write some, or make it two)");
        checks.problem(&format!("{place}.steps"), message);
    }
    let calls_nothing =
        |step: &Step| step.call.is_none() && (step.require.is_some() || step.approve.is_some());
    if tool.steps.iter().all(calls_nothing) && !tool.steps.is_empty() {
        checks.problem(&format!("{place}.steps"), "no step calls a tool (add call: SERVER.TOOL)");
    }
    if tool.read_only && (tool.destructive == Some(true) || tool.idempotent) {
        let message = "what changes nothing is neither destructive nor has to be idempotent (remove these keys)";
        checks.problem(&format!("{place}.read_only"), message);
    }
    let writes = |step: &&Step| step.call.is_some() && !step.reads;
    if let Some(step) = tool.steps.iter().find(writes).filter(|_| tool.read_only) {
        let message = format!(
            "the step {} may change something (write reads: true there, or remove this)",
            quote(&step.id)
        );
        checks.problem(&format!("{place}.read_only"), message);
    }
    let mut scope = Scope::of(&tool.parameters);
    for (index, step) in tool.steps.iter().enumerate() {
        let at = format!("{place}.steps[{index}]");
        id_is_sound(checks, &at, step, &scope.steps);
        step_is_sound(checks, &at, step, &scope);
        scope.steps.insert(&step.id);
    }
    if let Some(output) = &tool.output {
        scope.value(checks, &format!("{place}.output"), output);
    }
    if let Some(output) = &tool.output_schema {
        schema(checks, &format!("{place}.output_schema"), output);
    }
}

fn parameter_is_sound(checks: &mut Checks<'_>, at: &str, parameter: &Parameter) {
    parameter::check(checks, at, &parameter.said());
    if parameter.optional && parameter.default.is_some() {
        checks.problem(&format!("{at}.optional"), "it has a default already (remove one of them)");
    }
    let in_schema = parameter.schema.as_ref().is_some_and(|it| it.get("description").is_some());
    let described = parameter.description.as_ref().is_some_and(|text| !text.trim().is_empty());
    if !described && !in_schema {
        checks.problem(at, "nothing tells the model what it means (add description)");
    }
}

fn id_is_sound(checks: &mut Checks<'_>, at: &str, step: &Step, known: &BTreeSet<&str>) {
    let at = format!("{at}.id");
    let begins = step.id.starts_with(|c: char| c.is_ascii_lowercase());
    let goes_on = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !begins || !step.id.chars().all(goes_on) || step.id.len() > 64 {
        let message = format!(
            "{} names no step (write at most 64 of a-z, 0-9 and _, a letter first)",
            quote(&step.id)
        );
        checks.problem(&at, message);
    }
    if known.contains(step.id.as_str()) {
        let message = format!("another step is called {} (choose another)", quote(&step.id));
        checks.problem(&at, message);
    }
}

fn step_is_sound(checks: &mut Checks<'_>, at: &str, step: &Step, scope: &Scope<'_>) {
    let actions = [("call", &step.call), ("require", &step.require), ("approve", &step.approve)];
    let written: Vec<_> = actions.iter().filter(|(_, it)| it.is_some()).map(|it| it.0).collect();
    match written.as_slice() {
        [] => {
            let message =
                "it does nothing (add call: SERVER.TOOL, require: EXPRESSION or approve: TEXT)";
            checks.problem(at, message);
        }
        [_] => {}
        several => {
            let message = format!("{} exclude each other (make two steps)", several.join(" and "));
            checks.problem(at, message);
        }
    }
    only_for_calls(checks, at, step);
    if let Some(when) = &step.when {
        scope.expression(checks, &format!("{at}.when"), when);
    }
    if let Some(list) = &step.for_each {
        scope.expression(checks, &format!("{at}.for_each"), list);
    }
    let inner = Scope { item: step.for_each.is_some(), ..scope.clone() };
    for (name, value) in &step.arguments {
        inner.value(checks, &key_path(&format!("{at}.arguments"), name), value);
    }
    if let Some(require) = &step.require {
        scope.expression(checks, &format!("{at}.require"), require);
    }
    for (key, text) in [("approve", &step.approve), ("message", &step.message)] {
        if let Some(text) = text {
            scope.text(checks, &format!("{at}.{key}"), text);
        }
    }
    if let Some(call) = &step.call {
        target_is_sound(checks, &format!("{at}.call"), call);
    }
    repeats_are_sound(checks, at, step.retry, step.timeout.is_some_and(|it| it.is_zero()));
    if let Some(undo) = &step.compensate {
        undo_is_sound(checks, &format!("{at}.compensate"), undo, step, &inner);
    }
}

fn undo_is_sound(
    checks: &mut Checks<'_>,
    at: &str,
    undo: &Compensate,
    step: &Step,
    scope: &Scope<'_>,
) {
    target_is_sound(checks, &format!("{at}.call"), &undo.call);
    repeats_are_sound(checks, at, undo.retry, undo.timeout.is_some_and(|it| it.is_zero()));
    let mut scope = Scope { output: true, ..scope.clone() };
    scope.steps.insert(&step.id);
    for (name, value) in &undo.arguments {
        scope.value(checks, &key_path(&format!("{at}.arguments"), name), value);
    }
}

/// Keys that mean nothing where no tool is called, or none for each entry of a list.
fn only_for_calls(checks: &mut Checks<'_>, at: &str, step: &Step) {
    let written = [
        ("arguments", !step.arguments.is_empty()),
        ("for_each", step.for_each.is_some()),
        ("retry", step.retry != Retry::default()),
        ("timeout", step.timeout.is_some()),
        ("reads", step.reads),
        ("idempotent", step.idempotent),
        ("on_error", step.on_error != OnError::Fail),
        ("compensate", step.compensate.is_some()),
    ];
    for (key, _) in written.iter().filter(|(_, written)| *written && step.call.is_none()) {
        let message = "only for steps that call a tool (remove it)";
        checks.problem(&format!("{at}.{key}"), message);
    }
    for (key, _) in written.iter().filter(|(key, written)| {
        *written && step.reads && matches!(*key, "idempotent" | "compensate")
    }) {
        let message =
            "what changes nothing has nothing to undo and may always be repeated (remove it)";
        checks.problem(&format!("{at}.{key}"), message);
    }
    if step.message.is_some() && step.require.is_none() {
        checks.problem(&format!("{at}.message"), "only for require (remove it)");
    }
    match step.parallel {
        Some(_) if step.for_each.is_none() => {
            let message = "only for steps with for_each (remove it)";
            checks.problem(&format!("{at}.parallel"), message);
        }
        Some(many) if many.get() > MOST_AT_ONCE => {
            let message = format!("too many at once (write 1 to {MOST_AT_ONCE})");
            checks.problem(&format!("{at}.parallel"), message);
        }
        _ => {}
    }
}

fn target_is_sound(checks: &mut Checks<'_>, at: &str, call: &str) {
    if target(call).is_none() {
        let message = format!("{} names no tool of a server (write SERVER.TOOL)", quote(call));
        checks.problem(at, message);
    }
}

fn repeats_are_sound(checks: &mut Checks<'_>, at: &str, retry: Retry, no_time: bool) {
    if !(1..=MOST_ATTEMPTS).contains(&retry.attempts) {
        let message = format!("a call is made 1 to {MOST_ATTEMPTS} times (write such a number)");
        checks.problem(&format!("{at}.retry.attempts"), message);
    }
    if no_time {
        let message = "no call would ever be in time (write 1s or more)";
        checks.problem(&format!("{at}.timeout"), message);
    }
}
