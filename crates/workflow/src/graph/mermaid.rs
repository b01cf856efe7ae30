//! The drawing as text that Mermaid draws (mermaid.js.org, flowcharts).

use toolgate_gateway::config::servers::workflow::WorkflowTool;

use super::{Drawn, Shape, drawn};

/// The flowchart of a workflow.
pub fn mermaid(name: &str, tool: &WorkflowTool) -> String {
    let steps = drawn(tool);
    let mut out = vec!["flowchart TD".to_owned()];
    out.push(format!("    start([{}])", quoted(&[name])));
    for (index, step) in steps.iter().enumerate() {
        out.push(format!("    {}", node(index, step)));
        if let Some(when) = &step.when {
            out.push(format!("    w{index}{{{}}}", quoted(&["when", when])));
        }
        if let Some(undo) = &step.undo {
            out.push(format!("    u{index}[{}]", quoted(&["undo", undo])));
        }
    }
    out.push("    done([done])".to_owned());
    out.push(format!("    start --> {}", entry(&steps, 0)));
    for (index, step) in steps.iter().enumerate() {
        let next = entry(&steps, index + 1);
        if step.when.is_some() {
            out.push(format!("    w{index} -->|yes| s{index}"));
            out.push(format!("    w{index} -->|no| {next}"));
        }
        out.push(format!("    s{index} --> {next}"));
    }
    // Undone last first: each leads to the one before it.
    let undone: Vec<usize> = (0..steps.len()).filter(|at| steps[*at].undo.is_some()).collect();
    for at in &undone {
        out.push(format!("    s{at} -. if a later step fails .-> u{at}"));
    }
    for pair in undone.windows(2) {
        out.push(format!("    u{} -.-> u{}", pair[1], pair[0]));
    }
    out.join("\n")
}

/// Where the way to a step begins; behind the last one, the end.
fn entry(steps: &[Drawn], index: usize) -> String {
    match steps.get(index) {
        Some(Drawn { when: Some(_), .. }) => format!("w{index}"),
        Some(_) => format!("s{index}"),
        None => "done".to_owned(),
    }
}

fn node(index: usize, step: &Drawn) -> String {
    let mut lines = vec![step.id.as_str(), step.main.as_str()];
    lines.extend(step.notes.iter().map(String::as_str));
    let text = quoted(&lines);
    match step.kind {
        Shape::Call => format!("s{index}[{text}]"),
        Shape::Require => format!("s{index}{{{{{text}}}}}"),
        Shape::Approve => format!("s{index}[/{text}/]"),
    }
}

/// Text in quotes, whose characters mean nothing but themselves.
fn quoted(lines: &[&str]) -> String {
    let lines: Vec<_> = lines.iter().map(|line| escaped(line)).collect();
    format!("\"{}\"", lines.join("<br/>"))
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            c if c.is_alphanumeric() || " ._-,:?!()/=+".contains(c) => out.push(c),
            c if c.is_control() => out.push(' '),
            c => out.push_str(&format!("#{};", u32::from(c))),
        }
    }
    out
}
