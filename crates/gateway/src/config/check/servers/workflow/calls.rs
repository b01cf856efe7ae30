//! Which tools call which: none that is not there, none with what it does not take, as far as the file
//! tells, and none that leads back to itself.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::config::check::{Checks, tools};
use crate::config::checked::{Kind, Server};
use crate::config::problem::{key_path, quote};
use crate::config::servers::workflow::fit::{self, Finding, Known};
use crate::config::servers::workflow::{Workflow, target};

/// A tool: its server and its name there.
type Tool<'a> = (&'a str, &'a str);

/// Checks all workflows against all servers.
pub(in crate::config::check) fn calls(checks: &mut Checks<'_>, servers: &[(usize, Server)]) {
    for (index, server) in servers {
        let Kind::Workflow(workflow) = &server.kind else { continue };
        for (at, call) in written(&format!("servers[{index}].workflow"), workflow) {
            if let Some(message) = target(call).and_then(|tool| missing(servers, tool)) {
                checks.problem(&at, message);
            }
        }
    }
    misfits(checks, servers);
    circles(checks, servers);
}

/// Every tool that is called, with its place in the file.
fn written<'a>(path: &str, workflow: &'a Workflow) -> Vec<(String, &'a str)> {
    let mut all = Vec::new();
    for (name, tool) in &workflow.tools {
        let place = key_path(&format!("{path}.tools"), name);
        for (index, step) in tool.steps.iter().enumerate() {
            all.extend(
                step.calls().map(|(key, call)| (format!("{place}.steps[{index}].{key}"), call)),
            );
        }
    }
    all
}

/// Why a tool cannot be called, as far as the file tells.
fn missing(servers: &[(usize, Server)], (name, tool): Tool<'_>) -> Option<String> {
    let Some((_, server)) = servers.iter().find(|(_, it)| it.name.as_str() == name) else {
        let all: Vec<_> = servers.iter().map(|(_, it)| it.name.as_str()).collect();
        let (name, all) = (quote(name), all.join(", "));
        return Some(format!("no server is called {name} (there are {all})"));
    };
    if let Some(there) = tools::of(server)
        && !there.contains(tool)
    {
        let (name, way_out) = (quote(name), tools::instead(tool, &there));
        return Some(format!("{name} has no tool {} ({way_out})", quote(tool)));
    }
    (!server.tools.offers(tool)).then(|| {
        let (tool, name) = (quote(tool), quote(name));
        format!("{tool} of {name} is not offered (take it out of hide, or add it to tools)")
    })
}

/// Reports arguments that a tool does not take, where the file says what it takes.
fn misfits(checks: &mut Checks<'_>, servers: &[(usize, Server)]) {
    let look = |server: &str, tool: &str| {
        let found = servers.iter().find(|(_, it)| it.name.as_str() == server);
        let Some((_, server)) = found else { return Known::Unasked };
        let bound = server.bind.get(tool).into_iter().flat_map(|bound| bound.keys().cloned());
        match listed(&server.kind, tool) {
            Some(listed) => Known::Listed(listed, bound.collect()),
            None => Known::Unasked,
        }
    };
    for (index, server) in servers {
        let Kind::Workflow(workflow) = &server.kind else { continue };
        for Finding { path, text } in fit::check(workflow, &look) {
            checks.problem(&format!("servers[{index}].workflow.{path}"), text);
        }
    }
}

/// What a step has to know of the definition of a tool, where the file has all of it.
fn listed(kind: &Kind, tool: &str) -> Option<Value> {
    let (arguments, reads) = match kind {
        Kind::Workflow(workflow) => {
            let tool = workflow.tools.get(tool)?;
            (tool.input_schema(), tool.read_only)
        }
        Kind::HttpApi(api) => {
            let endpoint = api.tools.get(tool)?;
            (endpoint.input_schema(), endpoint.reads())
        }
        _ => return None,
    };
    Some(json!({ "inputSchema": arguments, "annotations": { "readOnlyHint": reads } }))
}

/// Reports every workflow that calls itself, by whatever way, once.
fn circles(checks: &mut Checks<'_>, servers: &[(usize, Server)]) {
    let mut calls: BTreeMap<Tool<'_>, Vec<Tool<'_>>> = BTreeMap::new();
    let mut places = BTreeMap::new();
    for (index, server) in servers {
        let Kind::Workflow(workflow) = &server.kind else { continue };
        for (name, tool) in &workflow.tools {
            let caller = (server.name.as_str(), name.as_str());
            let called = tool.steps.iter().flat_map(|step| step.calls());
            calls.insert(caller, called.filter_map(|(_, call)| target(call)).collect());
            places.insert(caller, key_path(&format!("servers[{index}].workflow.tools"), name));
        }
    }
    let mut reported = BTreeSet::new();
    for (start, place) in &places {
        if reported.contains(start) {
            continue;
        }
        if let Some(circle) = circle(&calls, *start) {
            let names: Vec<_> =
                circle.iter().map(|(server, tool)| format!("{server}.{tool}")).collect();
            let message = format!(
                "it calls itself without end: {} (take one of these calls out)",
                names.join(" -> ")
            );
            checks.problem(place, message);
            reported.extend(circle);
        }
    }
}

/// The shortest way from a tool back to itself.
fn circle<'a>(calls: &BTreeMap<Tool<'a>, Vec<Tool<'a>>>, start: Tool<'a>) -> Option<Vec<Tool<'a>>> {
    let mut ways = std::collections::VecDeque::from([vec![start]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        for next in calls.get(way.last()?)? {
            let way: Vec<_> = way.iter().copied().chain([*next]).collect();
            if *next == start {
                return Some(way);
            }
            if calls.contains_key(next) && seen.insert(*next) {
                ways.push_back(way);
            }
        }
    }
    None
}
