//! Whether the steps of workflows fit the tools that servers offer now.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use toolgate_catalog::definition::Kind as Listed;
use toolgate_catalog::manifest::Manifest;
use toolgate_gateway::config::servers::workflow::fit::{self, Known};
use toolgate_gateway::config::servers::workflow::{Workflow, target};
use toolgate_gateway::config::{Checked, Kind, Problem, Warning};
use toolgate_upstreams::Hosts;

use crate::client::Status;
use crate::offers;

/// Asks the servers whose tools are called, and holds the calls against what they say. One that cannot
/// be asked is no problem of the configuration.
pub(super) async fn check(
    config: &Checked,
    hosts: &Hosts,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Warning>,
) {
    let workflows: Vec<(usize, &Workflow)> = config
        .servers()
        .iter()
        .enumerate()
        .filter_map(|(index, server)| match &server.kind {
            Kind::Workflow(workflow) => Some((index, &**workflow)),
            _ => None,
        })
        .collect();
    if workflows.is_empty() {
        return;
    }
    let called: BTreeSet<&str> = workflows.iter().flat_map(|(_, it)| servers(it)).collect();
    let wanted = |server: &toolgate_gateway::config::Server| called.contains(server.name.as_str());
    let offers = offers::of_config(config, hosts, wanted, None, &Status::new()).await;
    let mut known = BTreeMap::new();
    for offer in offers {
        let name = offer.server.clone();
        match offer.manifest {
            Ok(manifest) => _ = known.insert(name, tools(&manifest)),
            Err(error) => {
                let at = config.servers().iter().position(|it| it.name.as_str() == &*name);
                let path = format!("servers[{}]", at.unwrap_or_default());
                let message = format!("what workflows call of it was not checked: {error}");
                warnings.push(Warning(config.problem(&path, message)));
            }
        }
    }
    let look = |server: &str, tool: &str| match known.get(server) {
        None => Known::Unasked,
        Some(tools) => match tools.get(tool) {
            None => Known::Missing(tools.keys().cloned().collect()),
            Some(listed) => Known::Listed(listed.clone(), given(config, server, tool)),
        },
    };
    for (index, workflow) in workflows {
        let found = fit::check(workflow, &look).into_iter();
        let at = |path: &str| format!("servers[{index}].workflow.{path}");
        problems.extend(found.map(|it| config.problem(&at(&it.path), it.text)));
    }
}

/// The servers whose tools a workflow calls.
fn servers(workflow: &Workflow) -> impl Iterator<Item = &str> {
    let steps = workflow.tools.values().flat_map(|tool| &tool.steps);
    let calls = steps.flat_map(|step| step.calls());
    calls.filter_map(|(_, call)| Some(target(call)?.0))
}

/// The arguments of a tool that the gateway gives.
fn given(config: &Checked, server: &str, tool: &str) -> BTreeSet<String> {
    let server = config.servers().iter().find(|it| it.name.as_str() == server);
    let bound = server.and_then(|server| server.bind.get(tool));
    bound.into_iter().flat_map(|bound| bound.keys().cloned()).collect()
}

fn tools(manifest: &Manifest) -> BTreeMap<String, Value> {
    let tools = manifest.definitions.iter().filter(|it| it.kind() == Listed::Tool);
    let read = |raw: &[u8]| serde_json::from_slice(raw).unwrap_or_default();
    tools.map(|tool| (tool.name().to_owned(), read(tool.raw()))).collect()
}
