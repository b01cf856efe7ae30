//! A gateway that serves clients over HTTP: what runs beside its calls, and its orderly end.

use std::io::{self, BufRead, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use toolgate_gateway::config::Checked;
use toolgate_gateway::gateway::Lasting;
use toolgate_upstreams::{Hosts, Shared};

use super::error::Error;
use crate::app::App;
use crate::build::{self, Content};
use crate::front::http::Listener;
use crate::front::stdio;
use crate::reload;
use crate::stop::Stop;

/// How often what nobody uses is let go.
const SWEEP: Duration = Duration::from_secs(30);
/// How long connections may take for their last words.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The file of a configuration that is to be followed.
pub(crate) struct ConfigFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it said before it was read, if it could be read then.
    pub seen: Option<Vec<u8>>,
}

/// A gateway that serves. Dropped, it takes no more calls and waits for none; [`Running::stop`] lets
/// them finish.
pub struct Running {
    app: Arc<App>,
    address: SocketAddr,
    is_tls: bool,
    serving: JoinHandle<()>,
    beside: Vec<JoinHandle<()>>,
}

impl Running {
    /// Binds, builds, serves.
    pub(crate) async fn start(
        config: Checked,
        content: Content,
        hosts: Hosts,
        file: Option<ConfigFile>,
    ) -> Result<Running, Error> {
        let no_listener =
            |source| Error::Listen { address: config.listen.address().to_string(), source };
        let listener = Listener::bind(&config).await.map_err(no_listener)?;
        let address = listener.address().map_err(no_listener)?;
        let shared = Arc::new(Shared::new(&config, hosts));
        let app = build::app(config, content, &shared).map_err(Error::Start)?;
        let watch = file.and_then(|ConfigFile { path, seen }| {
            reload::Watch::begin(&app.gateway().config, path, seen).ok()
        });
        let is_tls = listener.is_tls();
        let serving = tokio::spawn(listener.serve(app.clone()));
        let mut beside = vec![tokio::spawn(sweep(app.clone()))];
        beside.extend(watch.map(|watch| tokio::spawn(watch.run(app.clone(), shared))));
        Ok(Running { app, address, is_tls, serving, beside })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL that clients connect to.
    pub fn url(&self) -> String {
        let scheme = if self.is_tls { "https" } else { "http" };
        format!("{scheme}://{}/mcp", self.address)
    }

    /// The process.
    pub(crate) fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Serves until the process is told to stop (SIGTERM, SIGINT); then calls finish.
    pub async fn until_stopped(self) {
        self.until(Stop::listen()).await;
    }

    /// The same for who has begun to notice that already.
    pub(super) async fn until(self, stop: io::Result<Stop>) {
        // Whoever cannot hear it serves until it is killed.
        match stop {
            Ok(stop) => stop.wanted().await,
            Err(error) => {
                tracing::error!(%error, "signals to stop are not heard");
                std::future::pending::<()>().await;
            }
        }
        self.stop().await;
    }

    /// Lets running calls finish, then ends everything.
    pub async fn stop(mut self) {
        self.beside.iter().for_each(JoinHandle::abort);
        let (app, gateway) = (&self.app, self.app.gateway());
        tracing::info!(calls = app.at_work(), "draining");
        app.drain();
        gateway.lasting.parking.clear();
        if !app.idle(gateway.config.drain.duration()).await {
            tracing::warn!(calls = app.at_work(), "calls are cut off: drain is over");
        }
        app.sessions.close();
        gateway.close().await;
        keep_usage(&self.app.lasting).await;
        // The connections have been told; what they still write is short.
        let _ = tokio::time::timeout(LAST_WORDS, &mut self.serving).await;
        last_records(&self.app).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.app.drain();
        self.serving.abort();
        self.beside.iter().for_each(JoinHandle::abort);
    }
}

/// Serves one client until it closes its end, or `stop`, and ends everything.
pub(crate) async fn serve_one(
    app: Arc<App>,
    toolset: Option<Arc<str>>,
    input: impl BufRead + Send + 'static,
    output: impl Write + Send + 'static,
    stop: impl Future<Output = ()>,
) {
    stdio::serve(app.clone(), toolset, input, output, stop).await;
    app.gateway().close().await;
    keep_usage(&app.lasting).await;
    last_records(&app).await;
}

/// Keeps what was used, at the end of a process.
async fn keep_usage(lasting: &Lasting) {
    if let Err(error) = lasting.usage.flush().await {
        tracing::error!(error, "what was used last is not kept");
    }
}

/// Writes the records that are left.
async fn last_records(app: &App) {
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
        let gateway = app.gateway();
        gateway.forget_old_answers();
        gateway.end_approvals().await;
    }
}
