//! Whether the steps of workflows fit the tools that servers offer now, where only they can say.

use std::collections::BTreeMap;

use serde_json::Value;
use toolgate_catalog::definition::Kind;
use toolgate_catalog::manifest::Manifest;
use toolgate_gateway::config::servers::workflow::fit;
use toolgate_gateway::config::{Checked, Problem, Server, Sources as _, Warning};
use toolgate_upstreams::Hosts;

use crate::client::Status;
use crate::offers;

/// Asks the servers whose tools are called, and holds the calls against what all say together: that a
/// configuration fits its own servers was found when it was read, and what these give goes on to
/// others. One that cannot be asked is no problem of the configuration.
pub(super) async fn check(
    config: &Checked,
    hosts: &Hosts,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Warning>,
) {
    let servers: Vec<_> = config.servers().iter().enumerate().collect();
    let called = fit::called(&servers);
    let wanted = |server: &Server| {
        called.contains_key(server.name.as_str()) && hosts.tools(server).is_none()
    };
    let offers = offers::of_config(config, hosts, wanted, None, &Status::new()).await;
    let mut known = BTreeMap::new();
    for offer in offers {
        match offer.manifest {
            Ok(manifest) => _ = known.insert(offer.server, tools(&manifest)),
            Err(error) => {
                let at = servers.iter().find(|(_, it)| it.name.as_str() == &*offer.server);
                let path = format!("servers[{}]", at.map_or(0, |(index, _)| *index));
                let message = format!("what workflows call of it was not checked: {error}");
                warnings.push(Warning(config.problem(&path, message)));
            }
        }
    }
    let known =
        |server: &Server| known.get(server.name.as_str()).cloned().or_else(|| hosts.tools(server));
    let found = fit::check(&servers, &known);
    problems.extend(found.into_iter().map(|it| config.problem(&it.path, it.text)));
}

fn tools(manifest: &Manifest) -> Vec<Value> {
    let tools = manifest.definitions.iter().filter(|it| it.kind() == Kind::Tool);
    tools.map(|tool| serde_json::from_slice(tool.raw()).unwrap_or_default()).collect()
}
