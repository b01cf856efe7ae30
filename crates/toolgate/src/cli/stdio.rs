//! `toolgate stdio`: the gateway for a client that launches a process.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use toolgate_upstreams::Shared;

use super::complain;
use super::stop::Stop;
use crate::build;
use crate::front::stdio;

/// What to serve.
#[derive(clap::Args)]
pub struct StdioArgs {
    /// A configuration (YAML), or the mcp.json of another client.
    config: Option<PathBuf>,
}

/// Serves until the client closes its end. Nothing but messages is ever written to stdout.
pub async fn run(args: StdioArgs) -> ExitCode {
    let Some((config, content)) = super::configure(args.config.as_deref()) else {
        return ExitCode::FAILURE;
    };
    let shared = Shared::new(&config);
    let app = match build::app(config, content, &shared) {
        Ok(app) => app,
        Err(error) => {
            complain(&error);
            return ExitCode::FAILURE;
        }
    };
    let input = io::BufReader::new(io::stdin());
    let Ok(stop) = Stop::listen() else { return ExitCode::FAILURE };
    stdio::serve(app.clone(), input, io::stdout(), stop.wanted()).await;
    app.gateway().close().await;
    super::keep_usage(&app.lasting).await;
    super::serve::last_records(&app).await;
    ExitCode::SUCCESS
}
