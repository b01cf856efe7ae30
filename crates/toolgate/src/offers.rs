//! What do servers say of their things right now? Asked for as an ordinary client would, with what
//! the gateway itself can show each of them.

use std::sync::Arc;
use std::time::Duration;

use toolgate_catalog::definition::Kind;
use toolgate_catalog::manifest::Manifest;
use toolgate_gateway::call::Caller;
use toolgate_gateway::config::{self, Checked};
use toolgate_gateway::fault::Reason;
use toolgate_gateway::seal::Keyring;
use toolgate_protocol::caller::{Identity, Proof};
use toolgate_protocol::client::Abilities;
use toolgate_protocol::method::Method;
use toolgate_upstreams::{Hosts, Shared};

use crate::build;
use crate::client::{Failure, Reach, Server, Status, Target, Way};

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
    hosts: &Hosts,
    wanted: impl Fn(&config::Server) -> bool,
    timeout: Option<Duration>,
    status: &Status,
) -> Vec<Offer> {
    let shared = Shared::new(config, hosts.clone());
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
    let keys = Keyring::new([]).map_err(|error| format!("no randomness: {error}"))?;
    let keys = Arc::new(keys);
    let kept = Arc::default();
    let upstream =
        toolgate_upstreams::connect(server, &config.limits, shared, onward, &keys, &kept)?;
    let way = Way {
        name: server.name.as_str().into(),
        upstream,
        is_http: matches!(server.kind, config::Kind::Http { .. }),
        caller: caller_for(&server.onwards),
    };
    let open = Server::over(way, timeout, Abilities::default(), None, status);
    let said = said(open.await, server.name.as_str(), status).await;
    let mut manifest = said.map_err(|failure| explained(server, &failure))?;
    manifest.given = server
        .bind
        .iter()
        .map(|(tool, bound)| (tool.clone(), bound.keys().cloned().collect()))
        .collect();
    manifest.definitions.retain(|it| it.kind() != Kind::Tool || server.tools.offers(it.name()));
    Ok(manifest)
}

/// Whom a server is asked for. A token that we sign can name ourselves; any other that is personal
/// is made from what only a caller has.
fn caller_for(onwards: &config::Onwards) -> Caller {
    match onwards {
        config::Onwards::Signed { .. } => Caller::from(Identity {
            principal: "toolgate".into(),
            subject: "toolgate".into(),
            proof: Proof::Jwt,
            ..Identity::default()
        }),
        _ => Caller::anonymous(),
    }
}

/// Why a server could not be asked, and what to do where it wants to know a caller: nobody calls
/// when a command asks.
fn explained(server: &config::Server, failure: &Failure) -> String {
    let kind = match &server.onwards {
        config::Onwards::Exchange(_) => "exchange",
        config::Onwards::Vault(_) => "vault",
        config::Onwards::Passthrough => "passthrough",
        config::Onwards::Nothing
        | config::Onwards::Signed { .. }
        | config::Onwards::ClientCredentials(_) => return failure.to_string(),
    };
    let is_refused = matches!(failure, Failure::Fault(fault) if fault.reason == Reason::Refused);
    if !is_refused {
        return failure.to_string();
    }
    format!(
        "it lists nothing without a user, and this command has none to show it (upstream_auth.type: {kind}); \
         sign in as one with toolgate inspect --json {} and scan what that prints, or give this \
         command a configuration in which the server has a static or client_credentials upstream_auth",
        address(server)
    )
}

fn address(server: &config::Server) -> String {
    match &server.kind {
        config::Kind::Http { url, .. } => url.to_string(),
        _ => "URL".to_owned(),
    }
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
