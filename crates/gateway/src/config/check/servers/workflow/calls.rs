//! Which tools call which: none that is not there, none with what it does not take, as far as no server
//! has to be asked, and none that leads back to itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::check::{Checks, tools};
use crate::config::problem::{key_path, quote};
use crate::config::server::{Kind, Server};
use crate::config::servers::workflow::fit::{self, Finding};
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

/// Reports what does not fit the tools of servers that need not be asked. That one is missing has been
/// said, with the name that was meant.
fn misfits(checks: &mut Checks<'_>, servers: &[(usize, Server)]) {
    let servers: Vec<_> = servers.iter().map(|(index, server)| (*index, server)).collect();
    for Finding { path, text, .. } in fit::check(&servers, &|server| checks.sources.tools(server)) {
        checks.problem(&path, text);
    }
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
