//! `toolgate dev-issuer`: an OAuth issuer for trying and testing.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use toolgate_gateway::config::{self, Log};
use toolgate_identity::rules::Authentication;
use toolgate_issuer::settings::User;
use toolgate_issuer::{Server, Settings};

use super::{complain, print};
use crate::fetch::Fetcher;
use crate::telemetry;

/// Who may sign in, and where.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  toolgate dev-issuer --user ada:roles=editor,scopes=tools:read,tools:write --user bob:scopes=tools:read
  toolgate dev-issuer issuer.yaml --listen 127.0.0.1:9000

Nobody is asked for a password, so no other machine is listened to.")]
pub struct DevIssuerArgs {
    /// Users and clients (YAML). Without one: the user `dev`, who may do everything.
    settings: Option<PathBuf>,
    /// Where to listen: a loopback address.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:9000")]
    listen: SocketAddr,
    /// A further user: NAME, or NAME:roles=...,scopes=...,groups=...,tenant=... May stand several
    /// times.
    #[arg(long = "user", value_name = "USER", value_parser = User::parse)]
    users: Vec<User>,
    /// What tokens may be for: the URL of an MCP endpoint. Without any: whatever a client names. May
    /// stand several times.
    #[arg(long = "resource", value_name = "URL")]
    resources: Vec<String>,
}

/// Serves until told to stop.
pub async fn run(args: DevIssuerArgs) -> ExitCode {
    telemetry::begin(&Log::default());
    let server = match open(args).await {
        Ok(server) => server,
        Err(text) => {
            complain(&text);
            return ExitCode::FAILURE;
        }
    };
    let Some(stop) = super::stop() else { return ExitCode::FAILURE };
    print(&welcome(server.url()));
    let serving = tokio::spawn(server.serve());
    stop.wanted().await;
    serving.abort();
    ExitCode::SUCCESS
}

async fn open(args: DevIssuerArgs) -> Result<Server, String> {
    let mut settings = match &args.settings {
        Some(path) => config::document::<Settings>(path)
            .map_err(|problems| format!("the settings have problems:\n{problems}"))?,
        None => Settings::default(),
    };
    let folder = args.settings.as_deref().and_then(|path| path.parent());
    for client in &mut settings.clients {
        client.keys = client.keys.take().map(|file| folder.map_or(file.clone(), |f| f.join(&file)));
    }
    settings.users.extend(args.users);
    settings.resources.extend(args.resources);
    // What a client says of itself is fetched past the address guard: nobody here is named by an
    // operator.
    let fetch = Arc::new(Fetcher::of(&Authentication::default()));
    Server::bind(args.listen, settings, fetch).await
}

fn welcome(url: &str) -> String {
    format!(
        r#"
A development issuer, NOT FOR PRODUCTION: anybody who reaches it may sign in as anybody.

    {url}

A gateway that trusts it:

    authentication:
      resource: http://127.0.0.1:8080/mcp
      jwt: [{{ issuer: "{url}" }}]
"#
    )
}
