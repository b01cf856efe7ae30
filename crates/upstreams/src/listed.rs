//! What do servers list as their tools, as far as their configuration or this program tells?

use serde_json::{Value, json};
use toolgate_gateway::config::{Kind, Server};
use toolgate_hosted::Tool;

use crate::{Hosts, made};

/// The tools of a server, for whoever may use all of them. Nothing is opened, and nobody asked, for it,
/// but for a document that is a file here: it says what an API is, as the configuration would.
pub(crate) fn tools(server: &Server, hosts: &Hosts) -> Option<Vec<Value>> {
    match &server.kind {
        Kind::Files(rules) => Some(toolgate_files::tools(rules)),
        Kind::State(rules) => Some(values(&toolgate_state::tools(rules))),
        Kind::Workflow(rules) => Some(values(&toolgate_workflow::tools(rules))),
        Kind::Content(_) => Some(Vec::new()),
        Kind::Hosted => hosts.find(&server.name)?.tools(),
        Kind::Sql(_)
        | Kind::HttpApi(_)
        | Kind::Knowledge(_)
        | Kind::OpenApi(_)
        | Kind::Transform(_) => Some(values(&made::listed(&server.kind)?)),
        // They say it themselves.
        Kind::Http { .. } | Kind::Stdio { .. } => None,
    }
}

/// Tools as they are listed.
pub(crate) fn values(tools: &[Tool]) -> Vec<Value> {
    tools.iter().map(|tool| json!(tool)).collect()
}
