//! `toolgate serve`: the gateway for clients that connect over HTTP.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use toolgate_upstreams::Shared;

use super::complain;
use super::stop::Stop;
use crate::app::App;
use crate::build::{self, Content};
use crate::front::http::Listener;
use crate::reload;

/// How often what nobody uses is let go.
const SWEEP: Duration = Duration::from_secs(30);

/// What to serve.
#[derive(clap::Args, Default)]
pub struct ServeArgs {
    /// A configuration (YAML), or the mcp.json of another client. Without one, the built-in
    /// sample is served.
    config: Option<PathBuf>,
}

/// Serves until told to stop.
pub async fn run(args: ServeArgs) -> ExitCode {
    // Before it is read: what changes meanwhile is noticed then.
    let seen = args.config.as_ref().and_then(|path| std::fs::read(path).ok());
    let Some((config, content)) = super::configure(args.config.as_deref()) else {
        return ExitCode::FAILURE;
    };
    let listener = match Listener::bind(&config).await {
        Ok(listener) => listener,
        Err(error) => {
            let address = config.listen.address();
            complain(&format!("cannot listen on {address}: {error} (set listen: to another)"));
            return ExitCode::FAILURE;
        }
    };
    let shared = Arc::new(Shared::new(&config));
    let app = match build::app(config, content, &shared) {
        Ok(app) => app,
        Err(error) => {
            complain(&error);
            return ExitCode::FAILURE;
        }
    };
    // Before anybody learns that we serve: a supervisor may think better of it at once.
    let Ok(stop) = Stop::listen() else { return ExitCode::FAILURE };
    let watch = args.config.map(|path| reload::Watch::begin(&app.gateway().config, path, seen));
    greet(&app, &listener, content);
    let serving = tokio::spawn(listener.serve(app.clone()));
    let sweeping = tokio::spawn(sweep(app.clone()));
    let reloading =
        watch.and_then(Result::ok).map(|watch| tokio::spawn(watch.run(app.clone(), shared)));
    stop.wanted().await;
    sweeping.abort();
    if let Some(reloading) = reloading {
        reloading.abort();
    }
    shut_down(&app).await;
    // The connections have been told; what they still write is short.
    let _ = tokio::time::timeout(Duration::from_secs(1), serving).await;
    last_records(&app).await;
    ExitCode::SUCCESS
}

/// Says where it serves, and to a newcomer how to begin.
fn greet(app: &App, listener: &Listener, content: Content) {
    let Ok(address) = listener.address() else { return };
    let scheme = if listener.is_tls() { "https" } else { "http" };
    let url = format!("{scheme}://{address}/mcp");
    let gateway = app.gateway();
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

/// Lets running calls finish, then ends everything.
async fn shut_down(app: &Arc<App>) {
    let gateway = app.gateway();
    tracing::info!(calls = app.at_work(), "draining");
    app.drain();
    gateway.lasting.parking.clear();
    if !app.idle(gateway.config.drain.duration()).await {
        tracing::warn!(calls = app.at_work(), "calls are cut off: drain is over");
    }
    app.sessions.close();
    gateway.close().await;
    super::keep_usage(&gateway.lasting).await;
}

/// Writes the records that are left.
pub async fn last_records(app: &App) {
    let Some(audit) = &app.gateway().audit else { return };
    if !audit.close().await {
        tracing::error!("the last audit records could not be written");
    }
}

async fn sweep(app: Arc<App>) {
    let mut ticks = tokio::time::interval(SWEEP);
    loop {
        ticks.tick().await;
        app.sessions.sweep();
        app.gateway().end_approvals().await;
    }
}
