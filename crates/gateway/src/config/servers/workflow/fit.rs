//! Do the steps of workflows fit the tools that there are?

mod outputs;
mod values;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use toolgate_catalog::visible::shown;

use self::outputs::Outputs;
use self::values::{holds_expression, is, may_be, misfit, other_type};
use super::{EXPRESSION, Step, Workflow, WorkflowTool, target};
use crate::config::bind::Bindings;
use crate::config::problem::key_path;
use crate::config::server::{Kind, Server};
use crate::config::servers::Anything;
use crate::config::shape::unknown::nearest;

/// Names of a server that are listed to a person at most, the bytes of one that may have been meant, and
/// the characters of what is said: servers choose all of them.
const MOST_NAMES: usize = 20;
const LONGEST: usize = 256;
const MOST_TEXT: usize = 1000;

/// What is wrong with a workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where in the configuration, such as `servers[1].workflow.tools.go.steps[0].call`.
    pub path: String,
    /// What is wrong and what to do about it, for the operator.
    pub text: String,
    /// The server of the workflow.
    pub server: String,
    /// The workflow, by its name there.
    pub workflow: String,
    /// The step that calls, or whose undoing does.
    pub step: String,
    /// The server and the tool that it calls, with a dot between them.
    pub call: String,
}

/// The tools that workflows call, by their servers. Servers come with their places in the file.
pub fn called<'a>(servers: &[(usize, &'a Server)]) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let mut called: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    let tools = workflows(servers).flat_map(|(.., workflow)| workflow.tools.values());
    let calls = tools.flat_map(|tool| &tool.steps).flat_map(Step::calls);
    for (server, tool) in calls.filter_map(|(_, call)| target(call)) {
        called.entry(server).or_default().insert(tool);
    }
    called
}

/// Holds every call of a workflow against the tool that it is for, as `listed` has the tools of its
/// server; `None` where nobody can say here what they take.
pub fn check(
    servers: &[(usize, &Server)],
    listed: &dyn Fn(&Server) -> Option<Vec<Value>>,
) -> Vec<Finding> {
    let called = called(servers);
    let known = servers.iter().filter(|(_, server)| called.contains_key(server.name.as_str()));
    let known = known.filter_map(|(_, server)| {
        let tools = listed(server)?.into_iter();
        let tools = tools.filter_map(|tool| Some((tool["name"].as_str()?.to_owned(), tool)));
        // What the configuration takes out is not there for workflows either.
        let tools = tools.filter(|(name, _)| server.tools.offers(name));
        Some((server.name.as_str(), Offer { tools: tools.collect(), bind: &server.bind }))
    });
    let known: BTreeMap<_, _> = known.collect();
    let mut findings = Vec::new();
    for (index, server, workflow) in workflows(servers) {
        for (name, tool) in &workflow.tools {
            let place = key_path(&format!("servers[{index}].workflow.tools"), name);
            let server = server.name.as_str();
            Checker { server, name, tool, known: &known, findings: &mut findings }.steps(&place);
        }
    }
    findings
}

fn workflows<'a>(
    servers: &[(usize, &'a Server)],
) -> impl Iterator<Item = (usize, &'a Server, &'a Workflow)> {
    servers.iter().filter_map(|(index, server)| match &server.kind {
        Kind::Workflow(workflow) => Some((*index, *server, &**workflow)),
        _ => None,
    })
}

/// What is known of a server.
struct Offer<'a> {
    /// Its tools by name, as they are listed.
    tools: BTreeMap<String, Value>,
    /// The arguments that the gateway gives.
    bind: &'a Bindings,
}

struct Checker<'a> {
    server: &'a str,
    name: &'a str,
    tool: &'a WorkflowTool,
    known: &'a BTreeMap<&'a str, Offer<'a>>,
    findings: &'a mut Vec<Finding>,
}

/// What one call gets, and what the expressions in it see.
struct Call<'a> {
    step: &'a str,
    tool: &'a str,
    arguments: &'a BTreeMap<String, Anything>,
    reads: bool,
    outputs: &'a Outputs<'a>,
}

impl<'a> Checker<'a> {
    fn say(&mut self, call: &Call<'_>, path: String, text: &str) {
        self.findings.push(Finding {
            path,
            text: shown(text).chars().take(MOST_TEXT).collect(),
            server: self.server.to_owned(),
            workflow: self.name.to_owned(),
            step: call.step.to_owned(),
            call: call.tool.to_owned(),
        });
    }

    fn steps(&mut self, place: &str) {
        let mut outputs = Outputs::default();
        for (index, step) in self.tool.steps.iter().enumerate() {
            let path = format!("{place}.steps[{index}]");
            let Some(tool) = &step.call else { continue };
            let Step { id, arguments, reads, .. } = step;
            let call = Call { step: id, tool, arguments, reads: *reads, outputs: &outputs };
            self.call(&path, &call);
            let output = self.output(tool);
            if let Some(undo) = &step.compensate {
                let outputs = &outputs.undoing(output);
                let (tool, arguments) = (&undo.call, &undo.arguments);
                let path = format!("{path}.compensate");
                self.call(&path, &Call { step: id, tool, arguments, reads: false, outputs });
            }
            // Of a list it is a list of them.
            if let (None, Some(output)) = (&step.for_each, output) {
                outputs.learn(&step.id, output);
            }
        }
    }

    /// The schema of what a tool gives, if it has one.
    fn output(&self, call: &str) -> Option<&'a Value> {
        let (server, tool) = target(call)?;
        self.known.get(server)?.tools.get(tool)?.get("outputSchema")
    }

    fn call(&mut self, path: &str, call: &Call<'_>) {
        let Some((server, tool)) = target(call.tool) else { return };
        let Some(offer) = self.known.get(server) else { return };
        let Some(listed) = offer.tools.get(tool) else {
            let instead = instead(tool, &offer.tools);
            let text = format!("server \"{server}\" has no tool \"{tool}\" now ({instead})");
            return self.say(call, format!("{path}.call"), &text);
        };
        if call.reads && listed["annotations"]["readOnlyHint"] != true {
            let text =
                format!("\"{}\" does not say that it changes nothing (remove reads)", call.tool);
            self.say(call, format!("{path}.reads"), &text);
        }
        let path = format!("{path}.arguments");
        let given = |name: &str| offer.bind.get(tool).is_some_and(|it| it.contains_key(name));
        self.arguments(&path, call, &listed["inputSchema"], &given);
    }

    /// `given`: whether the gateway gives an argument.
    fn arguments(
        &mut self,
        path: &str,
        call: &Call<'_>,
        schema: &Value,
        given: &dyn Fn(&str) -> bool,
    ) {
        for (name, value) in call.arguments {
            let wrong = match given(name) {
                true => Some("the gateway gives this argument (remove it)".to_owned()),
                false => self.wrong(schema, name, value, call.outputs),
            };
            if let Some(text) = wrong {
                self.say(call, key_path(path, name), &text);
            }
        }
        let required = schema["required"].as_array().into_iter().flatten();
        for name in required.filter_map(Value::as_str) {
            if !call.arguments.contains_key(name) && !given(name) {
                let text = format!("\"{}\" needs the argument {name} (add it)", call.tool);
                self.say(call, path.to_owned(), &text);
            }
        }
    }

    /// Why an argument does not fit the schema of its tool.
    fn wrong(
        &self,
        schema: &Value,
        name: &str,
        value: &Value,
        outputs: &Outputs<'_>,
    ) -> Option<String> {
        let Some(expected) = schema["properties"].get(name) else {
            let open = schema.get("additionalProperties").is_none_or(|more| *more != false);
            let all = names(&schema["properties"]);
            return (!open).then(|| format!("the tool has no such argument (there are {all})"));
        };
        if !holds_expression(value) {
            return misfit(schema, expected, value);
        }
        let text = value.get(EXPRESSION)?.as_str()?;
        if let Some(parameter) = text.strip_prefix("arguments.") {
            let parameter = self.tool.parameters.get(parameter)?;
            return other_type("the parameter", &parameter.schema(), expected, is);
        }
        match outputs.at(text) {
            Ok(output) => other_type("that output", output?, expected, may_be),
            Err(absent) => Some(absent),
        }
    }
}

/// The properties of a schema, for a person.
fn names(properties: &Value) -> String {
    joined(properties.as_object().into_iter().flat_map(|it| it.keys()))
}

/// What to call instead of a tool that is not `there`.
fn instead(tool: &str, there: &BTreeMap<String, Value>) -> String {
    // Telling words apart takes their lengths multiplied.
    let short = there.keys().map(String::as_str).filter(|name| name.len() <= LONGEST);
    match nearest(tool, short) {
        Some(near) => format!("did you mean {near}?"),
        None if there.is_empty() => "it has none".to_owned(),
        None => format!("there are {}", joined(there.keys())),
    }
}

fn joined<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let mut names = names.map(String::as_str);
    let told = names.by_ref().take(MOST_NAMES).collect::<Vec<_>>().join(", ");
    match names.count() {
        0 => told,
        more => format!("{told} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;
    use crate::config::{self, Fixed};

    fn offer(server: &Server) -> Option<Vec<Value>> {
        let make = json!({
            "name": "make",
            "inputSchema": {
                "type": "object",
                "properties": {
                    "size": { "type": "number", "maximum": 8 },
                    "name": { "$ref": "#/$defs/name" },
                    "owner": { "type": "string" },
                    "of": { "type": "integer" },
                },
                "$defs": { "name": { "type": "string", "maxLength": 3 } },
                "required": ["name", "owner"],
                "additionalProperties": false,
            },
            "outputSchema": {
                "type": "object",
                "properties": {
                    "id": { "type": ["integer", "null"] },
                    "name": { "type": "string" },
                    "cost": { "type": "number" },
                },
                "additionalProperties": false,
            },
        });
        (server.name.as_str() == "api").then(|| vec![make])
    }

    fn check_steps(steps: &Value) -> Vec<Finding> {
        let parameters = json!({
            "count": { "type": "integer", "description": "C." },
            "name": { "description": "N." },
        });
        let go = json!({ "description": "T.", "parameters": parameters, "steps": steps });
        let servers = json!([
            { "name": "api", "upstream": "https://a.example", "bind": { "make": { "owner": "us" } } },
            { "name": "away", "upstream": "https://b.example" },
            { "name": "flow", "workflow": { "tools": { "t": go } } },
        ]);
        let text = json!({ "servers": servers }).to_string();
        let (checked, _) =
            config::parse(&text, Path::new("/t.yaml"), &Fixed::default()).expect("it is sound");
        let servers: Vec<_> = checked.servers().iter().enumerate().collect();
        check(&servers, &offer)
    }

    #[test]
    fn what_does_not_fit_a_tool_is_found_before_it_is_called() {
        let x = |text: &str| json!({ "$": text });
        let made = |arguments: Value| {
            json!([
                { "id": "a", "call": "api.make", "arguments": { "name": "a" } },
                { "id": "s", "call": "api.make", "arguments": arguments },
            ])
        };
        let undone = |call: &str, of: &str| {
            let undo = json!({ "call": call, "arguments": { "name": "a", "of": x(of) } });
            let arguments = json!({ "name": x("steps.a.output.name || 'b'") });
            let step = json!({ "id": "s", "call": "api.make", "arguments": arguments, "compensate": undo });
            json!([{ "id": "a", "call": "away.any" }, step])
        };
        for (steps, expected) in [
            (made(json!({ "name": "abc", "size": x("arguments.count") })), None),
            (json!([{ "id": "s", "call": "away.any", "arguments": { "what": 1 } }]), None),
            (json!([{ "id": "s", "call": "api.none" }]), Some("[0].call")),
            (json!([{ "id": "s", "call": "api.make" }]), Some("[0].arguments")),
            (made(json!({ "name": "abcd" })), Some("[1].arguments.name")),
            (made(json!({ "name": "a", "size": x("arguments.name") })), Some("[1].arguments.size")),
            (made(json!({ "name": "a", "a b": 1 })), Some("[1].arguments[\"a b\"]")),
            (made(json!({ "name": "a", "owner": "b" })), Some("[1].arguments.owner")),
            (
                json!([{ "id": "s", "call": "api.make", "arguments": { "name": "a" }, "reads": true }]),
                Some("[0].reads"),
            ),
            (made(json!({ "name": "a", "of": x("steps.a.output.id") })), None),
            (made(json!({ "name": "a", "size": x("steps.a.output.id") })), None),
            (made(json!({ "name": "a", "of": x("steps.a.output.cost") })), None),
            (
                made(json!({ "name": "a", "of": x("steps.a.output.name") })),
                Some("[1].arguments.of"),
            ),
            (made(json!({ "name": "a", "of": x("steps.a.output.no") })), Some("[1].arguments.of")),
            (undone("api.gone", "output.id"), Some("[1].compensate.call")),
            (undone("api.make", "output.id"), None),
            (undone("api.make", "output.no"), Some("[1].compensate.arguments.of")),
            (undone("api.make", "steps.a.output.no"), None),
        ] {
            let found = check_steps(&steps);
            let paths: Vec<_> = found.iter().map(|finding| finding.path.clone()).collect();
            let expected = expected.map(|path| format!("servers[2].workflow.tools.t.steps{path}"));
            assert_eq!(paths, Vec::from_iter(expected), "{steps}: {found:?}");
        }
    }

    #[test]
    fn the_outputs_of_a_list_are_a_list() {
        let found = check_steps(&json!([
            { "id": "a", "call": "api.make", "for_each": "[`1`]", "arguments": { "name": "a" } },
            { "id": "s", "call": "api.make", "arguments": { "name": "a", "of": { "$": "steps.a.output.no" } } },
        ]));

        assert_eq!(found, []);
    }
}
