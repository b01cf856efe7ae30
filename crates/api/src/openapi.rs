//! `openapi`: the operations of a document, which may change while it is served.

mod arguments;
mod bounds;
mod describe;
mod document;
mod last_good;
mod naming;
mod pattern;
mod prose;
mod reading;
mod schema;
mod security;
mod select;
mod source;
mod yaml;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tokio::sync::watch;
use toolgate_gateway::call::Boxed;
use toolgate_gateway::config::servers::openapi as config;
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_hosted::{About, Answer, Asked, Change, Changes, Failed, Server, Tool};

use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::transport::Transport;

use document::Document;
pub use last_good::LastGood;
use last_good::Text;
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

/// Whether a document that is a file says where its API is, or the configuration does.
///
/// # Errors
/// One sentence: neither of them does.
pub fn located(api: &config::OpenApi, reading: &Reading) -> Result<(), String> {
    let Some(path) = api.file() else { return Ok(()) };
    Source::File(path).base(api, reading.server.as_deref()).map(drop)
}

/// The tools of a server whose document is a file that can be read now; `None` for any other.
#[must_use]
pub fn tools(api: &config::OpenApi) -> Option<Vec<Tool>> {
    let (text, _) = source::file(&api.file()?, None).ok()??;
    let operations = read(api, &text).ok()?.operations;
    let mut names = HashSet::new();
    // Of two with one name the first counts.
    let tools = operations.into_iter().map(|operation| operation.tool);
    Some(tools.filter(|tool| names.insert(tool.name.clone())).collect())
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
    /// once it is needed, again and again until it is there; until then the last good text serves,
    /// if another server has one.
    ///
    /// # Errors
    /// One sentence: the file cannot be read, or the configuration does not fit it.
    pub fn new(
        api: &config::OpenApi,
        engine: Engine,
        documents: Arc<dyn Transport>,
        last_good: &LastGood,
    ) -> Result<OpenApi, String> {
        let source = Source::of(api, documents)?;
        let (sender, state) = watch::channel(None);
        let changes = Changes::default();
        let (mut last, mut kept) = (None, None);
        match &source {
            Source::File(path) => {
                let (text, stamp) = source::file(path, None)?.ok_or("it cannot be read")?;
                sender.send_replace(Some(catalog(api, &source, &engine.name, &text)?));
                last = Some((stamp, Ok(())));
            }
            Source::Remote { url, .. } => {
                let text = last_good.of(url.uri());
                sender.send_replace(recalled(api, &source, &engine.name, &text));
                kept = Some(text);
            }
        }
        let refresh = Refresh {
            api: api.clone(),
            name: engine.name.clone(),
            source,
            last,
            kept,
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

/// The operations of the text that another server had last, if it has some for this one too.
fn recalled(
    api: &config::OpenApi,
    source: &Source,
    name: &str,
    text: &Text,
) -> Option<Arc<Catalog>> {
    match catalog(api, source, name, &text.get()?) {
        Ok(catalog) => Some(catalog),
        Err(error) => {
            tracing::warn!(upstream = name, error, "the last good document does not fit");
            None
        }
    }
}

/// What looks for a new document. The last good one serves until then.
struct Refresh {
    api: config::OpenApi,
    name: Arc<str>,
    source: Source,
    /// What was read last, and what came of it.
    last: Option<(Stamp, Result<(), String>)>,
    /// Where others find the text that serves, if it is from a URL.
    kept: Option<Arc<Text>>,
    sender: watch::Sender<Option<Arc<Catalog>>>,
    changes: Changes,
}

impl Refresh {
    async fn run(mut self) {
        // What others had serves at once, and is looked for all the same.
        let mut is_read = self.last.is_some();
        let (mut failures, mut told) = (0, None);
        loop {
            if is_read {
                let Some(pause) = self.pause() else { return };
                tokio::time::sleep(pause).await;
            } else if failures > 0 {
                let pause = FIRST * 2_u32.saturating_pow(failures - 1);
                tokio::time::sleep(pause.min(LONGEST)).await;
            }
            match self.look().await {
                Ok(()) => (is_read, failures, told) = (true, 0, None),
                Err(error) => {
                    failures += 1;
                    let serving = self.sender.borrow().is_some();
                    // A file is looked at every two seconds, and said once to be what it still is.
                    if told.as_ref() != Some(&error) {
                        tracing::warn!(upstream = %self.name, %error, serving, "document not loaded");
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

    /// Reads the document, unless it is the one that was read last: then it is as good as it was.
    async fn look(&mut self) -> Result<(), String> {
        let known = self.last.as_ref().map(|(stamp, _)| *stamp);
        let outcome = match self.source.text(known).await? {
            None => return self.last.clone().map_or(Ok(()), |(_, outcome)| outcome),
            Some((text, stamp)) => (stamp, self.take(text).await),
        };
        self.last.insert(outcome).1.clone()
    }

    /// Serves a text from now on, if it is good.
    async fn take(&self, text: Bytes) -> Result<(), String> {
        let (api, source, name) = (self.api.clone(), self.source.clone(), self.name.clone());
        let its = text.clone();
        let read = tokio::task::spawn_blocking(move || catalog(&api, &source, &name, &its));
        let catalog = read.await.map_err(|error| error.to_string())??;
        if let Some(kept) = &self.kept {
            kept.set(text);
        }
        let before = self.sender.send_replace(Some(catalog.clone()));
        // Whoever asked before the first one was there was told of no tools.
        if before.is_none_or(|before| before.tools() != catalog.tools()) {
            self.changes.announce(Change::Tools);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use http::{Request, Response};

    use super::*;
    use crate::transport::Lost;

    /// Answers with a text that is no document, and counts how often.
    #[derive(Default)]
    struct Broken(AtomicUsize);

    impl Transport for Broken {
        fn send(&self, _: Request<Bytes>) -> Boxed<'_, Result<Response<Bytes>, Lost>> {
            match self.0.fetch_add(1, Ordering::Relaxed) {
                // Who asks without a pause would ask for ever, as time stands still meanwhile.
                1000 => Box::pin(std::future::pending()),
                _ => Box::pin(std::future::ready(Ok(Response::new("{ broken".into())))),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_url_whose_document_stays_broken_is_asked_ever_more_rarely() {
        let api = json!({ "document": "https://h.example/api.json" });
        let api = serde_json::from_value(api).unwrap();
        let broken = Arc::new(Broken::default());
        let engine = Engine {
            name: "things".into(),
            transport: broken.clone(),
            budget: Duration::from_secs(1),
            largest: 1000,
        };

        let serving = OpenApi::new(&api, engine, broken.clone(), &LastGood::default()).unwrap();
        tokio::time::sleep(Duration::from_millis(15_500)).await;

        // At 0, 1, 3, 7 and 15 seconds.
        assert_eq!(broken.0.load(Ordering::Relaxed), 5);
        assert!(serving.probe().await.is_err());
    }
}
