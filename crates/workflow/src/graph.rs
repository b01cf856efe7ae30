//! A workflow as a drawing: what it does in which order, and what undoes it.

mod mermaid;
mod svg;

use toolgate_gateway::config::servers::workflow::{OnError, Step, WorkflowTool};

pub use mermaid::mermaid;
pub use svg::svg;

/// What is drawn of one step.
struct Drawn {
    id: String,
    kind: Shape,
    /// What it calls, asks or wants.
    main: String,
    /// What else holds for it.
    notes: Vec<String>,
    /// When it is skipped otherwise.
    when: Option<String>,
    /// What undoes it.
    undo: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Call,
    Require,
    Approve,
}

fn drawn(tool: &WorkflowTool) -> Vec<Drawn> {
    tool.steps.iter().map(Drawn::of).collect()
}

impl Drawn {
    fn of(step: &Step) -> Drawn {
        let (kind, main) = match (&step.call, &step.require, &step.approve) {
            (Some(call), ..) => (Shape::Call, call.clone()),
            (None, Some(condition), _) => (Shape::Require, condition.clone()),
            (None, None, question) => (Shape::Approve, question.clone().unwrap_or_default()),
        };
        Drawn {
            id: step.id.clone(),
            kind,
            main: main.split_whitespace().collect::<Vec<_>>().join(" "),
            notes: notes(step),
            when: step.when.clone(),
            undo: step.compensate.as_ref().map(|undo| undo.call.clone()),
        }
    }
}

fn notes(step: &Step) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(list) = &step.for_each {
        notes.push(match step.parallel {
            Some(many) => format!("for each of {list}, {many} at once"),
            None => format!("for each of {list}"),
        });
    }
    let mut rules = Vec::new();
    if step.reads {
        rules.push("reads".to_owned());
    }
    if step.retry.attempts > 1 {
        rules.push(format!("up to {} times", step.retry.attempts));
    }
    if let Some(time) = step.timeout {
        rules.push(format!("within {time}"));
    }
    if step.on_error == OnError::Continue {
        rules.push("may fail".to_owned());
    }
    if !rules.is_empty() {
        notes.push(rules.join(", "));
    }
    notes
}
