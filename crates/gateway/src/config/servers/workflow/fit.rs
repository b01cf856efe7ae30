//! Do the steps fit the tools that there are?

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use toolgate_screen::schema::Compiled;

use super::{EXPRESSION, Parameter, Workflow, WorkflowTool, target};
use crate::config::servers::Anything;

/// What is known of a tool that a step calls.
pub enum Known {
    /// Nobody can say here what it takes.
    Unasked,
    /// Its server has none of this name, but these.
    Missing(Vec<String>),
    /// Its definition, as it is listed, and the arguments that the gateway gives.
    Listed(Value, BTreeSet<String>),
}

/// What is wrong with a workflow.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where, from the key `workflow` on.
    pub path: String,
    /// What is wrong, for the operator.
    pub text: String,
}

/// Holds every call against the tool that it is for, as `look` tells of it by server and name.
pub fn check(workflow: &Workflow, look: &dyn Fn(&str, &str) -> Known) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, tool) in &workflow.tools {
        for (index, step) in tool.steps.iter().enumerate() {
            let path = format!("tools.{name}.steps[{index}]");
            let mut checker = Checker { tool, look, findings: &mut findings };
            if let Some(call) = &step.call {
                checker.call(&path, call, &step.arguments, step.reads);
            }
            if let Some(undo) = &step.compensate {
                let path = format!("{path}.compensate");
                checker.call(&path, &undo.call, &undo.arguments, false);
            }
        }
    }
    findings
}

struct Checker<'a> {
    tool: &'a WorkflowTool,
    look: &'a dyn Fn(&str, &str) -> Known,
    findings: &'a mut Vec<Finding>,
}

impl Checker<'_> {
    fn say(&mut self, path: String, text: String) {
        self.findings.push(Finding { path, text });
    }

    fn call(
        &mut self,
        path: &str,
        call: &str,
        arguments: &BTreeMap<String, Anything>,
        reads: bool,
    ) {
        let Some((server, tool)) = target(call) else { return };
        let (listed, given) = match (self.look)(server, tool) {
            Known::Unasked => return,
            Known::Missing(others) => {
                let others = others.join(", ");
                let text =
                    format!("server \"{server}\" has no tool \"{tool}\" now (there are {others})");
                return self.say(format!("{path}.call"), text);
            }
            Known::Listed(listed, given) => (listed, given),
        };
        if reads && listed["annotations"]["readOnlyHint"] != true {
            let text = format!("\"{call}\" does not say that it changes nothing (remove reads)");
            self.say(format!("{path}.reads"), text);
        }
        let schema = &listed["inputSchema"];
        for (name, value) in arguments {
            if given.contains(name) {
                let text = "the gateway gives this argument (remove it)".to_owned();
                self.say(format!("{path}.arguments.{name}"), text);
            } else if let Some(text) = self.wrong(schema, name, value) {
                self.say(format!("{path}.arguments.{name}"), text);
            }
        }
        let required = schema["required"].as_array().into_iter().flatten();
        for name in required.filter_map(Value::as_str) {
            if !arguments.contains_key(name) && !given.contains(name) {
                let text = format!("\"{call}\" needs the argument {name} (add it)");
                self.say(format!("{path}.arguments"), text);
            }
        }
    }

    /// Why an argument does not fit the schema of its tool.
    fn wrong(&self, schema: &Value, name: &str, value: &Value) -> Option<String> {
        let Some(expected) = schema["properties"].get(name) else {
            let open = schema.get("additionalProperties").is_none_or(|more| *more != false);
            let all = schema["properties"].as_object().into_iter().flatten();
            let all = all.map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
            return (!open).then(|| format!("the tool has no such argument (there are {all})"));
        };
        if !holds_expression(value) {
            return misfit(schema, expected, value);
        }
        // An argument that is handed on has the type that its parameter says.
        let text = value.get(EXPRESSION)?.as_str()?;
        let parameter = self.tool.parameters.get(text.strip_prefix("arguments.")?)?;
        let (given, wanted) = (kind(parameter)?, kinds(expected)?);
        let fits = wanted
            .iter()
            .any(|wanted| *wanted == given || (given == "integer" && wanted == "number"));
        (!fits).then(|| {
            format!("the parameter is of type {given}, and the tool wants {}", wanted.join(" or "))
        })
    }
}

fn holds_expression(value: &Value) -> bool {
    match value {
        Value::Array(entries) => entries.iter().any(holds_expression),
        Value::Object(members) => {
            members.contains_key(EXPRESSION) || members.values().any(holds_expression)
        }
        _ => false,
    }
}

/// What is wrong with a plain value. Definitions that its schema refers to are those of the whole.
fn misfit(whole: &Value, expected: &Value, value: &Value) -> Option<String> {
    let mut schema = expected.clone();
    for key in ["$defs", "definitions"] {
        if let (Some(definitions), Some(members)) = (whole.get(key), schema.as_object_mut()) {
            members.insert(key.to_owned(), definitions.clone());
        }
    }
    let compiled = Compiled::new(schema.to_string().as_bytes()).ok()?;
    let hints = compiled.check(value.to_string().as_bytes()).err()?;
    let hints: Vec<_> = hints.iter().map(ToString::to_string).collect();
    Some(format!("it does not fit the tool: {}", hints.join("; ")))
}

fn kind(parameter: &Parameter) -> Option<String> {
    parameter.schema().get("type")?.as_str().map(str::to_owned)
}

/// The types that a schema allows, where it says so outright.
fn kinds(schema: &Value) -> Option<Vec<String>> {
    match schema.get("type")? {
        Value::String(one) => Some(vec![one.clone()]),
        Value::Array(several) => {
            Some(several.iter().filter_map(|it| it.as_str().map(str::to_owned)).collect())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn workflow(steps: Value) -> Workflow {
        let text = json!({ "tools": { "t": {
            "description": "T.",
            "parameters": { "count": { "type": "integer" }, "name": {} },
            "steps": steps,
        } } });
        serde_json::from_value(text).unwrap()
    }

    fn look(server: &str, tool: &str) -> Known {
        match (server, tool) {
            ("away", _) => Known::Unasked,
            ("api", "make") => {
                let schema = json!({
                    "type": "object",
                    "properties": {
                        "size": { "type": "number", "maximum": 8 },
                        "name": { "$ref": "#/$defs/name" },
                        "owner": { "type": "string" },
                    },
                    "$defs": { "name": { "type": "string", "maxLength": 3 } },
                    "required": ["name", "owner"],
                    "additionalProperties": false,
                });
                let given = BTreeSet::from(["owner".to_owned()]);
                Known::Listed(json!({ "name": "make", "inputSchema": schema }), given)
            }
            _ => Known::Missing(vec!["make".to_owned()]),
        }
    }

    #[test]
    fn what_does_not_fit_a_tool_is_found_before_it_is_called() {
        let x = |text: &str| json!({ "$": text });
        for (call, expected) in [
            (
                json!({ "id": "s", "call": "api.make", "arguments": { "name": "abc", "size": x("arguments.count") } }),
                None,
            ),
            (json!({ "id": "s", "call": "away.any", "arguments": { "what": 1 } }), None),
            (json!({ "id": "s", "call": "api.none" }), Some("tools.t.steps[0].call")),
            (json!({ "id": "s", "call": "api.make" }), Some("tools.t.steps[0].arguments")),
            (
                json!({ "id": "s", "call": "api.make", "arguments": { "name": "abcd" } }),
                Some("tools.t.steps[0].arguments.name"),
            ),
            (
                json!({ "id": "s", "call": "api.make", "arguments": { "name": "a", "size": x("arguments.name") } }),
                Some("tools.t.steps[0].arguments.size"),
            ),
            (
                json!({ "id": "s", "call": "api.make", "arguments": { "name": "a", "colour": 1 } }),
                Some("tools.t.steps[0].arguments.colour"),
            ),
            (
                json!({ "id": "s", "call": "api.make", "arguments": { "name": "a", "owner": "b" } }),
                Some("tools.t.steps[0].arguments.owner"),
            ),
            (
                json!({ "id": "s", "call": "api.make", "arguments": { "name": "a" }, "reads": true }),
                Some("tools.t.steps[0].reads"),
            ),
            (
                json!({ "id": "s", "call": "api.make", "arguments": { "name": x("steps.a") }, "compensate": { "call": "api.gone" } }),
                Some("tools.t.steps[0].compensate.call"),
            ),
        ] {
            let found = check(&workflow(json!([call])), &look);
            let paths: Vec<_> = found.iter().map(|finding| finding.path.as_str()).collect();
            assert_eq!(paths, expected.into_iter().collect::<Vec<_>>(), "{call}: {found:?}");
        }
    }
}
