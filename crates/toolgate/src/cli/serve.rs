//! `toolgate serve`: the gateway for clients that connect over HTTP.

use std::path::PathBuf;
use std::process::ExitCode;

use toolgate_upstreams::Hosts;

use super::complain;
use crate::build::Content;
use crate::program::error::Error;
use crate::program::running::{ConfigFile, Running};

/// What to serve.
#[derive(clap::Args, Default)]
pub struct ServeArgs {
    /// A configuration (YAML), or the mcp.json of another client. Without one, the built-in
    /// sample is served.
    config: Option<PathBuf>,
}

/// Serves until told to stop.
pub async fn run(args: ServeArgs, hosts: &Hosts) -> ExitCode {
    // Before it is read: what changes meanwhile is noticed then.
    let seen = args.config.as_ref().and_then(|path| std::fs::read(path).ok());
    let Some((config, content)) = super::configure(args.config.as_deref(), hosts) else {
        return ExitCode::FAILURE;
    };
    let file = args.config.map(|path| ConfigFile { path, seen });
    // Before anybody learns that we serve: a supervisor may think better of it at once.
    let Some(stop) = super::stop() else { return ExitCode::FAILURE };
    match Running::start(config, content, hosts.clone(), file).await {
        Ok(running) => {
            greet(&running, content);
            stop.wanted().await;
            running.stop().await;
            ExitCode::SUCCESS
        }
        Err(error @ Error::Listen { .. }) => {
            complain(&format!("{error} (set listen: to another)"));
            ExitCode::FAILURE
        }
        Err(error) => {
            complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

/// Says where it serves, and to a newcomer how to begin.
fn greet(running: &Running, content: Content) {
    let (url, gateway) = (running.url(), running.app().gateway());
    if gateway.catalog_version().is_none() && gateway.config.pins_any() {
        tracing::info!("no definition is pinned (toolgate lock pins what the servers say now)");
    }
    tracing::info!(%url, servers = gateway.routes.len(), catalog = gateway.catalog_version(), "serving");
    if content == Content::Sample {
        say(&welcome(&url));
    }
}

fn welcome(url: &str) -> String {
    format!(
        r#"
Toolgate serves a built-in folder of sample files at

    {url}

Connect a client by that URL, for example in the mcp.json of Cursor or VS Code:

    {{ "mcpServers": {{ "toolgate": {{ "url": "{url}" }} }} }}

Or call a tool right here:

    curl -s {url} -H 'content-type: application/json' \
      -H 'accept: application/json, text/event-stream' \
      -H 'mcp-protocol-version: 2026-07-28' -H 'mcp-method: tools/call' \
      -H 'mcp-name: search_files' -d '{{"jsonrpc":"2.0","id":1,"method":"tools/call",
      "params":{{"name":"search_files","arguments":{{"query":"session"}},"_meta":{{
      "io.modelcontextprotocol/protocolVersion":"2026-07-28",
      "io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}'

Serve your own servers with: toolgate serve gateway.yaml
"#
    )
}

#[expect(clippy::print_stdout, reason = "this is what the newcomer came to read")]
fn say(text: &str) {
    println!("{text}");
}
