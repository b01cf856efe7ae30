//! `toolgate stdio`: the gateway for a client that launches a process.

use std::path::PathBuf;
use std::process::ExitCode;

/// What to serve.
#[derive(clap::Args)]
pub struct StdioArgs {
    /// A configuration (YAML), or the mcp.json of another client.
    config: Option<PathBuf>,
}

/// Serves until the client leaves.
pub async fn run(args: StdioArgs) -> ExitCode {
    let _ = args.config;
    ExitCode::SUCCESS
}
