//! `toolgate stdio`: the gateway for a client that launches a process.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use toolgate_gateway::config::Checked;
use toolgate_upstreams::{Hosts, Shared};

use super::complain;
use crate::build;
use crate::program::running::serve_one;

/// What to serve.
#[derive(clap::Args)]
pub struct StdioArgs {
    /// A configuration (YAML), or the mcp.json of another client.
    config: Option<PathBuf>,
    /// Serve what is in this toolset of the configuration, and nothing else.
    #[arg(long)]
    toolset: Option<String>,
}

/// Serves until the client closes its end. Nothing but messages is ever written to stdout.
pub async fn run(args: StdioArgs, hosts: &Hosts) -> ExitCode {
    let Some((config, content)) = super::configure(args.config.as_deref(), hosts) else {
        return ExitCode::FAILURE;
    };
    if let Some(wrong) = args.toolset.as_deref().and_then(|name| unfit(&config, name)) {
        complain(&wrong);
        return ExitCode::FAILURE;
    }
    let shared = Shared::new(&config, hosts.clone());
    let app = match build::app(config, content, &shared) {
        Ok(app) => app,
        Err(error) => {
            complain(&error);
            return ExitCode::FAILURE;
        }
    };
    let input = io::BufReader::new(io::stdin());
    let Some(stop) = super::stop() else { return ExitCode::FAILURE };
    let toolset = args.toolset.map(Into::into);
    serve_one(app, toolset, input, io::stdout(), stop.wanted()).await;
    ExitCode::SUCCESS
}

/// Why this toolset cannot be served over stdio.
fn unfit(config: &Checked, name: &str) -> Option<String> {
    let Some(toolset) = config.toolset(name) else {
        let names: Vec<&str> = config.toolsets().iter().map(|toolset| &*toolset.name).collect();
        let way_out = match &names[..] {
            [] => "the configuration has none: add it to toolsets".to_owned(),
            names => format!("there are {}", names.join(", ")),
        };
        return Some(format!("no toolset is called \"{name}\" ({way_out})"));
    };
    // Fail closed: whoever starts a process proves nothing about scopes.
    let needed = !toolset.required_scopes.is_empty();
    needed.then(|| {
        format!("the toolset {name} needs scopes, which nobody has over stdio (serve it over HTTP)")
    })
}
