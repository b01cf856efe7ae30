//! What do servers say of their things right now? Asked for as an ordinary client would.

use std::sync::Arc;
use std::time::Duration;

use toolgate_catalog::definition::Kind;
use toolgate_catalog::manifest::Manifest;
use toolgate_gateway::config::{self, Checked};
use toolgate_protocol::client::Abilities;
use toolgate_protocol::method::Method;
use toolgate_upstreams::Shared;

use crate::build;
use crate::client::{Failure, Reach, Server, Status, Target};

/// What one server offers, or why it could not be asked.
pub struct Offer {
    /// Its name in the configuration.
    pub server: Arc<str>,
    /// What it offers.
    pub manifest: Result<Manifest, String>,
}

/// Asks the servers of a configuration that `wanted` names, one after the other. What the
/// configuration does not offer is left out.
pub async fn of_config(
    config: &Checked,
    wanted: impl Fn(&config::Server) -> bool,
    timeout: Option<Duration>,
    status: &Status,
) -> Vec<Offer> {
    let shared = Shared::new(config);
    let mut offers = Vec::new();
    for server in config.servers().iter().filter(|server| wanted(server)) {
        let name: Arc<str> = server.name.as_str().into();
        let timeout = timeout.unwrap_or(server.timeout_total.min(Duration::from_secs(60)));
        let manifest = one(config, server, &shared, timeout, status).await;
        offers.push(Offer { server: name, manifest });
    }
    status.clear();
    offers
}

async fn one(
    config: &Checked,
    server: &config::Server,
    shared: &Shared,
    timeout: Duration,
    status: &Status,
) -> Result<Manifest, String> {
    let onward = build::onwards(config)?.of_server(server)?;
    let upstream = toolgate_upstreams::connect(server, &config.limits, shared, onward)?;
    let name: Arc<str> = server.name.as_str().into();
    let is_http = matches!(server.kind, config::Kind::Http { .. });
    let nothing = Abilities::default();
    let open = Server::over(name, upstream, is_http, timeout, nothing, None, status);
    let said = said(open.await, server.name.as_str(), status).await;
    let mut manifest = said.map_err(|failure| failure.to_string())?;
    manifest.definitions.retain(|it| it.kind() != Kind::Tool || server.tools.offers(it.name()));
    Ok(manifest)
}

/// Asks the server on a command line.
///
/// # Errors
/// When it cannot be asked.
pub async fn of_target(
    target: &Target,
    reach: &Reach,
    status: &Status,
) -> Result<Manifest, Failure> {
    let name = target.name();
    said(Server::open(target, reach, Abilities::default(), status).await, &name, status).await
}

async fn said(
    server: Result<Server, Failure>,
    name: &str,
    status: &Status,
) -> Result<Manifest, Failure> {
    let server = server?;
    let found = lists(&server, name, status).await;
    server.close().await;
    found
}

async fn lists(server: &Server, name: &str, status: &Status) -> Result<Manifest, Failure> {
    let mut manifest = Manifest::new(name);
    manifest.instructions.clone_from(&server.description.instructions);
    for (kind, capability, list) in [
        (Kind::Tool, "tools", Method::ToolsList),
        (Kind::Prompt, "prompts", Method::PromptsList),
        (Kind::Resource, "resources", Method::ResourcesList),
        (Kind::Template, "resources", Method::TemplatesList),
    ] {
        if server.description.offers(&[capability]) {
            manifest.add(kind, server.list(&list, status).await?);
        }
    }
    Ok(manifest)
}
