//! What a model is told of a workflow.

use serde_json::{Value, json};
use toolgate_gateway::config::servers::placed;
use toolgate_gateway::config::servers::workflow::{Workflow, WorkflowTool};
use toolgate_hosted::{Annotations, Tool};

/// The tools of a server with these rules, as they are listed.
pub fn tools(rules: &Workflow) -> Vec<Tool> {
    rules.tools.iter().map(|(name, rules)| tool(name, rules)).collect()
}

/// The definition of a tool.
pub(crate) fn tool(name: &str, rules: &WorkflowTool) -> Tool {
    let reads = rules.read_only;
    Tool {
        name: name.to_owned(),
        title: rules.title.clone(),
        description: description(rules),
        input_schema: rules.input_schema(),
        output_schema: Some(output(rules)),
        annotations: Annotations {
            read_only_hint: reads,
            destructive_hint: rules.destructive.unwrap_or(!reads),
            idempotent_hint: rules.idempotent || reads,
            // What its steps reach is for others to say.
            open_world_hint: true,
        },
    }
}

fn description(rules: &WorkflowTool) -> String {
    let mut parts = vec![sentence(&rules.description)];
    parts.push(match &rules.when {
        Some(when) => sentence(when),
        None => "Use it instead of calling the tools of its steps one by one.".to_owned(),
    });
    let names: Vec<&str> = rules.parameters.keys().map(String::as_str).collect();
    parts.push(match names.as_slice() {
        [] => "Needs no arguments.".to_owned(),
        names => format!("Takes {}.", names.join(", ")),
    });
    match &rules.returns {
        Some(returns) => parts.push(format!("Returns in result: {}", sentence(returns))),
        None => parts.push("Returns the result, and what became of each step.".to_owned()),
    }
    if rules.steps.iter().any(|step| step.approve.is_some()) {
        parts.push("Asks the user before it goes on.".to_owned());
    }
    let undoes = rules.steps.iter().any(|step| step.compensate.is_some());
    parts.push(
        match (rules.read_only, undoes) {
            (true, _) => "Changes nothing.",
            (false, true) => {
                "Changes what its steps change; if one fails, it undoes what can be undone and says \
                 what stands."
            }
            (false, false) => "Changes what its steps change; if one fails, it says what stands.",
        }
        .to_owned(),
    );
    parts.join(" ")
}

fn sentence(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.ends_with(['.', '!', '?']) { text } else { format!("{text}.") }
}

fn output(rules: &WorkflowTool) -> Value {
    let result = rules.output_schema.as_ref();
    let result =
        result.map_or_else(|| json!({}), |schema| placed(schema, &["properties", "result"]));
    let error = json!({
        "type": "object",
        "properties": {
            "category": { "type": "string", "description": "Why, for programs." },
            "message": { "type": "string", "description": "Why, for people." },
            "retryable": { "type": "boolean" },
            "retry_after_ms": { "type": "integer", "minimum": 0 },
            "side_effect": {
                "enum": ["none", "unknown"],
                "description": "Whether the failed call may have taken effect.",
            },
        },
        "required": ["category", "message", "retryable", "side_effect"],
        "additionalProperties": false,
    });
    let count = json!({ "type": "integer", "minimum": 0 });
    let step = json!({
        "type": "object",
        "properties": {
            "id": { "type": "string" },
            "status": { "enum": ["done", "partial", "failed", "skipped", "not_run"] },
            "items": {
                "type": "object",
                "description": "How many entries of a list it ran for.",
                "properties": { "done": count, "failed": count, "not_run": count },
                "required": ["done", "failed", "not_run"],
                "additionalProperties": false,
            },
            "compensation": {
                "enum": ["done", "failed"],
                "description": "Whether it was undone. Without it, what it did stands.",
            },
            "error": error,
        },
        "required": ["id", "status"],
        "additionalProperties": false,
    });
    json!({
        "type": "object",
        "properties": {
            "status": {
                "enum": ["done", "partial", "failed"],
                "description": "partial: some step failed that the rest could do without.",
            },
            "result": result,
            "steps": { "type": "array", "items": step },
        },
        "required": ["status", "steps"],
        "additionalProperties": false,
    })
}
