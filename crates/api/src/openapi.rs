//! `openapi`: the operations of a document, which may change while it is served.

mod arguments;
mod describe;
mod document;
mod naming;
mod pattern;
mod prose;
mod reading;
mod schema;
mod security;
mod select;
mod source;
mod yaml;

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;
use toolgate_gateway::call::Boxed;
use toolgate_gateway::config::servers::openapi as config;
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_hosted::{About, Answer, Asked, Change, Changes, Failed, Server};

use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::transport::Transport;

use document::Document;
pub use reading::{LARGEST_INPUT, LARGEST_OUTPUT, Reading, Skipped};
pub use select::Idle;
use source::{Source, Stamp};
pub use yaml::read as read_yaml;

/// How often a file is looked at.
const LOOK: Duration = Duration::from_secs(2);
/// The pauses between attempts to load a first document.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// The largest document, in bytes.
pub const LARGEST_DOCUMENT: usize = document::LARGEST;

/// Reads a document that is here already.
///
/// # Errors
/// One sentence: it is none, or the configuration does not fit it.
pub fn read(api: &config::OpenApi, text: &[u8]) -> Result<Reading, String> {
    reading::read(&Document::parse(text)?, api)
}

/// The server of one document.
pub struct OpenApi {
    engine: Engine,
    state: watch::Receiver<Option<Arc<Catalog>>>,
    changes: Changes,
    refreshing: Option<tokio::task::JoinHandle<()>>,
}

impl OpenApi {
    /// Serves a document. A file is read now; what is at a URL is fetched by way of `documents`
    /// once it is needed, again and again until it is there.
    ///
    /// # Errors
    /// One sentence: the file cannot be read, or the configuration does not fit it.
    pub fn new(
        api: &config::OpenApi,
        engine: Engine,
        documents: Arc<dyn Transport>,
    ) -> Result<OpenApi, String> {
        let source = Source::of(api, documents)?;
        let (sender, state) = watch::channel(None);
        let changes = Changes::default();
        let mut stamp = None;
        if let Source::File(path) = &source {
            let (text, found) = source::file(path, None)?.ok_or("it cannot be read")?;
            sender.send_replace(Some(catalog(api, &source, &engine.name, &text)?));
            stamp = Some(found);
        }
        let refresh = Refresh {
            api: api.clone(),
            name: engine.name.clone(),
            source,
            stamp,
            sender,
            changes: changes.clone(),
        };
        // Commands that only look at a configuration have no runtime, and need no refreshing.
        let runtime = tokio::runtime::Handle::try_current().ok();
        let refreshing = runtime.map(|runtime| runtime.spawn(refresh.run()));
        Ok(OpenApi { engine, state, changes, refreshing })
    }

    /// The operations, once they are there.
    async fn catalog(&self) -> Result<Arc<Catalog>, Fault> {
        let mut state = self.state.clone();
        let there = state.wait_for(Option::is_some);
        let found = match tokio::time::timeout(self.engine.budget / 2, there).await {
            Ok(Ok(found)) => found.clone(),
            _ => None,
        };
        found.ok_or_else(|| self.missing())
    }

    fn missing(&self) -> Fault {
        let sentence = format!("the operations of \"{}\" are not known yet", self.engine.name);
        Fault::new(Reason::Unreachable, sentence)
    }
}

impl Server for OpenApi {
    fn about(&self) -> About {
        About {
            name: self.engine.name.to_string(),
            title: self.engine.name.to_string(),
            capabilities: json!({ "tools": { "listChanged": true } }),
            instructions: None,
        }
    }

    fn answer(self: Arc<Self>, asked: Asked) -> Boxed<'static, Result<Answer, Failed>> {
        Box::pin(async move { self.catalog().await?.answer(&self.engine, &asked).await })
    }

    fn changes(&self) -> Option<&Changes> {
        Some(&self.changes)
    }

    fn probe(&self) -> Boxed<'_, Result<(), Fault>> {
        let there = self.state.borrow().is_some();
        Box::pin(std::future::ready(if there { Ok(()) } else { Err(self.missing()) }))
    }
}

impl Drop for OpenApi {
    fn drop(&mut self) {
        if let Some(refreshing) = &self.refreshing {
            refreshing.abort();
        }
    }
}

/// The operations of a document as they are served.
fn catalog(
    api: &config::OpenApi,
    source: &Source,
    name: &str,
    text: &[u8],
) -> Result<Arc<Catalog>, String> {
    let reading = read(api, text)?;
    let base = source.base(api, reading.server.as_deref())?;
    let (tools, skipped) = (reading.operations.len(), reading.skipped.len());
    tracing::info!(upstream = name, operations = reading.total, tools, skipped, "document loaded");
    for Skipped { operation, reason } in &reading.skipped {
        tracing::debug!(upstream = name, operation, reason, "an operation is no tool");
    }
    for Idle { path, word } in &reading.idle {
        tracing::warn!(upstream = name, key = path, word, "the document has nothing of this name");
    }
    Ok(Catalog::new(base, reading.operations))
}

/// What looks for a new document. The last good one serves until then.
struct Refresh {
    api: config::OpenApi,
    name: Arc<str>,
    source: Source,
    stamp: Option<Stamp>,
    sender: watch::Sender<Option<Arc<Catalog>>>,
    changes: Changes,
}

impl Refresh {
    async fn run(mut self) {
        let (mut failures, mut told) = (0, None);
        loop {
            let there = self.sender.borrow().is_some();
            if there {
                let Some(pause) = self.pause() else { return };
                tokio::time::sleep(pause).await;
            } else if failures > 0 {
                let pause = FIRST * 2_u32.saturating_pow(failures - 1);
                tokio::time::sleep(pause.min(LONGEST)).await;
            }
            match self.look().await {
                Ok(()) => (failures, told) = (0, None),
                Err(error) => {
                    failures += 1;
                    // A file is looked at every two seconds, and said once to be what it still is.
                    if told.as_ref() != Some(&error) {
                        tracing::warn!(upstream = %self.name, %error, serving = there, "document not loaded");
                    }
                    told = Some(error);
                }
            }
        }
    }

    /// How long until the document is looked at again; `None` for never.
    fn pause(&self) -> Option<Duration> {
        let refresh = self.api.refresh.duration();
        let pause = match self.source {
            Source::File(_) => refresh.min(LOOK),
            Source::Remote { .. } => refresh,
        };
        (!refresh.is_zero()).then_some(pause)
    }

    async fn look(&mut self) -> Result<(), String> {
        let Some((text, stamp)) = self.source.text(self.stamp).await? else { return Ok(()) };
        // Whatever comes of it, this text need not be read again.
        self.stamp = Some(stamp);
        let (api, source, name) = (self.api.clone(), self.source.clone(), self.name.clone());
        let read = tokio::task::spawn_blocking(move || catalog(&api, &source, &name, &text));
        let catalog = read.await.map_err(|error| error.to_string())??;
        let before = self.sender.send_replace(Some(catalog.clone()));
        // Whoever asked before the first one was there was told of no tools.
        if before.is_none_or(|before| before.tools() != catalog.tools()) {
            self.changes.announce(Change::Tools);
        }
        Ok(())
    }
}
