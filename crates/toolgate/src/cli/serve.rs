//! `toolgate serve`: the gateway for clients that connect over HTTP.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use toolgate_gateway::config::{self, Checked, Machine, Problems, Warning};
use toolgate_gateway::gateway::{Gateway, Lasting, Route};
use toolgate_gateway::parking::Parking;
use toolgate_gateway::seal::Keyring;
use toolgate_upstreams::Shared;

use super::{ServeArgs, complain};
use crate::app::App;
use crate::front::http::Listener;
use crate::telemetry;

/// How often what nobody uses is let go.
const SWEEP: Duration = Duration::from_secs(30);

/// Serves until told to stop.
pub async fn run(args: ServeArgs) -> ExitCode {
    let (config, warnings) = match load(args.config.as_deref()) {
        Ok(loaded) => loaded,
        Err(problems) => {
            complain(&format!("the configuration has problems:\n{problems}"));
            return ExitCode::FAILURE;
        }
    };
    telemetry::begin(&config.log);
    for warning in &warnings {
        tracing::warn!(%warning, "configuration");
    }
    let listener = match Listener::bind(&config).await {
        Ok(listener) => listener,
        Err(error) => {
            let address = config.listen.address();
            complain(&format!("cannot listen on {address}: {error} (set listen: to another)"));
            return ExitCode::FAILURE;
        }
    };
    let lasting = match lasting(&config) {
        Ok(lasting) => lasting,
        Err(error) => {
            complain(&error);
            return ExitCode::FAILURE;
        }
    };
    let gateway = match build(config, lasting) {
        Ok(gateway) => gateway,
        Err(error) => {
            complain(&error);
            return ExitCode::FAILURE;
        }
    };
    let app = App::new(gateway);
    if let Ok(address) = listener.address() {
        let scheme = if listener.is_tls() { "https" } else { "http" };
        tracing::info!(url = %format!("{scheme}://{address}/mcp"), "serving");
    }
    let serving = tokio::spawn(listener.serve(app.clone()));
    let sweeping = tokio::spawn(sweep(app.clone()));
    stop_signal().await;
    sweeping.abort();
    shut_down(&app).await;
    let _ = serving.await;
    ExitCode::SUCCESS
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
}

/// Reads a configuration; without a path the built-in sample.
///
/// # Errors
/// All its problems.
pub fn load(path: Option<&Path>) -> Result<(Checked, Vec<Warning>), Problems> {
    match path {
        Some(path) => config::load(path),
        None => config::parse("servers: []", &PathBuf::from("sample"), &Machine),
    }
}

/// What outlives a reload.
///
/// # Errors
/// When the system has no randomness.
pub fn lasting(config: &Checked) -> Result<Lasting, String> {
    let secrets = config.keys.iter().map(|key| key.reveal().as_bytes());
    let keys = Keyring::new(secrets).map_err(|error| format!("no randomness: {error}"))?;
    Ok(Lasting {
        keys: Arc::new(keys),
        parking: Parking::new(config.parking.ttl.duration(), config.parking.max),
        metrics: Arc::default(),
    })
}

/// Builds a gateway; nothing is connected to yet.
///
/// # Errors
/// One sentence that names the server.
pub fn build(config: Checked, lasting: Lasting) -> Result<Gateway, String> {
    let shared = Shared::new(&config);
    let several = config.several();
    let routes = config
        .servers()
        .iter()
        .map(|server| {
            let upstream = toolgate_upstreams::connect(server, &config.limits, &shared)
                .map_err(|error| format!("server {}: {error}", server.name.as_str()))?;
            Ok(Route::new(server, several, upstream))
        })
        .collect::<Result<_, String>>()?;
    Ok(Gateway::new(Arc::new(config), routes, lasting))
}

async fn sweep(app: Arc<App>) {
    let mut ticks = tokio::time::interval(SWEEP);
    loop {
        ticks.tick().await;
        app.sessions.sweep();
    }
}

/// Resolves when the process is told to stop.
pub async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut term) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
