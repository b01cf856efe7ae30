//! A folder of documents as an MCP server: search, articles by id and section, categories, what is
//! related to what.
//!
//! Files are read into an index on disk ([`tantivy`]: BM25), by a thread of its own that looks for
//! changes; calls read the last commit of the index and never wait for it. Where an endpoint makes
//! vectors of texts, documents are ranked by meaning as well. What of the folder is served, and why
//! nothing outside of it can be reached, is said in [`toolgate_folder`].

mod analysis;
mod article;
mod categories;
mod definitions;
mod held;
mod index;
mod label;
mod letters;
mod look;
mod query;
mod read;
mod resources;
mod root;
mod search;
mod semantic;
mod shelf;
mod snippet;
mod tools;
mod uris;
mod whole;
mod write;

use std::path::PathBuf;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::AbortHandle;
use toolgate_gateway::call::Boxed;
use toolgate_gateway::config;
use toolgate_gateway::fault::Fault;
use toolgate_hosted::{
    About, Answer, Asked, Called, Changes, Failed, Paged, Refusal, Server, Tool, Tools,
};

pub use self::read::PdfReader;
pub use self::semantic::{EmbedError, Embedder, form};
use self::shelf::{Errand, Shelf};
use self::write::Writing;

/// Calls that read the index at the same time; more wait, so that they cannot use up the threads
/// that all blocking work shares.
const AT_ONCE: usize = 8;
/// How long a call waits for a folder that is read for the first time.
const PATIENCE: Duration = Duration::from_secs(5);

/// The tools of a server with these rules, as they are listed to whoever has every role.
pub fn tools(rules: &config::Knowledge) -> Vec<Tool> {
    let reading = definitions::tools(rules);
    reading.into_iter().chain(Writing::new(rules).into_tools()).collect()
}

/// The `knowledge` server.
pub struct Knowledge {
    shelf: Arc<Shelf>,
    tools: Vec<Tool>,
    writing: Arc<Writing>,
    running: Arc<Semaphore>,
    /// To the thread that keeps the index; without it the thread ends.
    errands: Mutex<Option<mpsc::Sender<Errand>>>,
    /// Makes vectors of what is on the shelf.
    learning: Option<AbortHandle>,
}

impl Knowledge {
    /// Serves a folder, and begins to keep its index. With an embedder, and `rules.semantic`, it ranks
    /// by meaning as well.
    ///
    /// # Errors
    /// One sentence, when the folder or the index cannot be opened.
    pub fn open(
        rules: &config::Knowledge,
        pdf: PdfReader,
        embedder: Option<Arc<dyn Embedder>>,
    ) -> Result<Knowledge, String> {
        let folder = match &rules.index {
            Some(folder) => folder.clone(),
            None => default_folder(rules)?,
        };
        let shelf = Arc::new(Shelf::open(rules.clone(), &folder, pdf, embedder)?);
        let (errands, received) = mpsc::channel();
        let keeper = shelf.clone();
        std::thread::Builder::new()
            .name("knowledge".to_owned())
            .spawn(move || keeper.keep(&received))
            .map_err(|error| format!("no thread for the index: {error}"))?;
        // Commands that only look at a configuration have no runtime, and need no vectors.
        let runtime = Handle::try_current().ok().zip(shelf.semantic.clone());
        let learning = runtime.map(|(runtime, semantic)| {
            runtime.spawn(semantic::learn(shelf.clone(), semantic)).abort_handle()
        });
        Ok(Knowledge {
            tools: definitions::tools(rules),
            writing: Arc::new(Writing::new(rules)),
            shelf,
            running: Arc::new(Semaphore::new(AT_ONCE)),
            errands: Mutex::new(Some(errands)),
            learning,
        })
    }

    async fn run(self: Arc<Self>, asked: Asked) -> Result<Answer, Failed> {
        match asked.method() {
            "tools/list" => {
                let written = self.writing.tools(asked.caller());
                let tools = self.tools.iter().chain(written).cloned().collect();
                return Tools::new(tools).list(&asked.params::<Paged>()?);
            }
            "tools/call" => {
                let called: Called = asked.params()?;
                let mut allowed = self.writing.tools(asked.caller());
                if allowed.any(|tool| tool.name == called.name) {
                    drop(allowed);
                    self.is_read().await?;
                    return self.write(called).await;
                }
            }
            "resources/templates/list" => return Ok(resources::templates().into()),
            _ => {}
        }
        self.is_read().await?;
        let vector = self.vector(&asked).await?;
        let permit = self.running.clone().acquire_owned().await;
        let shelf = self.shelf.clone();
        let work = tokio::task::spawn_blocking(move || {
            let _until_done = permit;
            answer(&shelf, &asked, vector.as_deref())
        });
        work.await.map_err(|_| Refusal::internal("the request could not be completed"))?
    }

    /// The vector of what a search means, if it can be had in time.
    async fn vector(&self, asked: &Asked) -> Result<Option<Arc<[f32]>>, Failed> {
        let Some(semantic) =
            self.shelf.semantic.as_ref().filter(|_| asked.method() == "tools/call")
        else {
            return Ok(None);
        };
        let Called { name, arguments } = asked.params()?;
        let Some(meaning) = self.shelf.meaning(&name, &arguments) else { return Ok(None) };
        Ok(semantic.vector(&meaning, asked.context().remaining()).await)
    }

    /// Changes a document, and waits for a while until searches show it.
    async fn write(&self, Called { name, arguments }: Called) -> Result<Answer, Failed> {
        let (shelf, writing) = (self.shelf.clone(), self.writing.clone());
        // It goes on when the caller leaves: what is begun is done.
        let work = tokio::task::spawn_blocking(move || writing.call(&shelf, &name, arguments));
        let lost = |_| Refusal::internal("the request could not be completed");
        let done = match work.await.map_err(lost)? {
            Ok(done) => done,
            Err(stop) => return stop.answer(),
        };
        let (errand, indexed) = oneshot::channel();
        let errand = Errand { place: done.place.clone(), done: errand };
        let sent = self.errands().as_ref().is_some_and(|errands| errands.send(errand).is_ok());
        let indexed = tokio::time::timeout(PATIENCE, indexed).await;
        let is_indexed = sent && matches!(indexed, Ok(Ok(Ok(()))));
        Ok(done.answer(is_indexed).into())
    }

    /// Waits until there is something to search in.
    async fn is_read(&self) -> Result<(), Failed> {
        let mut read = self.shelf.is_read();
        match tokio::time::timeout(PATIENCE, read.wait_for(|read| *read)).await {
            Ok(_) => Ok(()),
            Err(_) => Err(self.shelf.unread().retry_after(PATIENCE).into()),
        }
    }

    fn end(&self) {
        self.shelf.end();
        if let Some(learning) = &self.learning {
            learning.abort();
        }
    }

    fn errands(&self) -> std::sync::MutexGuard<'_, Option<mpsc::Sender<Errand>>> {
        self.errands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn answer(shelf: &Shelf, asked: &Asked, vector: Option<&[f32]>) -> Result<Answer, Failed> {
    match asked.method() {
        "tools/call" => {
            let Called { name, arguments } = asked.params()?;
            let result =
                shelf.call(&name, arguments, vector).ok_or_else(|| Refusal::unknown_tool(&name))?;
            match result {
                Ok(result) => Ok(result.into()),
                Err(stop) => stop.answer(),
            }
        }
        "resources/list" => shelf.list_resources(asked.params::<Paged>()?.cursor.as_deref()),
        "resources/read" => shelf.read_resource(&asked.params()?),
        "completion/complete" => shelf.complete(&asked.params()?),
        // The gateway hears of every change and tells whoever subscribed.
        "resources/subscribe" | "resources/unsubscribe" => Ok(json!({}).into()),
        other => Err(Refusal::no_method(other).into()),
    }
}

impl Server for Knowledge {
    fn about(&self) -> About {
        About {
            name: "knowledge".to_owned(),
            title: "Knowledge".to_owned(),
            capabilities: json!({
                "tools": {},
                "resources": { "subscribe": true, "listChanged": true },
                "completions": {},
            }),
            instructions: Some(definitions::INSTRUCTIONS.to_owned()),
        }
    }

    fn answer(self: Arc<Self>, asked: Asked) -> Boxed<'static, Result<Answer, Failed>> {
        Box::pin(self.run(asked))
    }

    fn changes(&self) -> Option<&Changes> {
        Some(&self.shelf.changes)
    }

    fn probe(&self) -> Boxed<'_, Result<(), Fault>> {
        let is_read = *self.shelf.is_read().borrow();
        Box::pin(std::future::ready(if is_read { Ok(()) } else { Err(self.shelf.unread()) }))
    }

    fn close(&self) -> Boxed<'_, ()> {
        self.end();
        self.errands().take();
        Box::pin(std::future::ready(()))
    }
}

impl Drop for Knowledge {
    fn drop(&mut self) {
        self.end();
    }
}

/// Where the system has programs keep their state (XDG Base Directory Specification).
fn default_folder(rules: &config::Knowledge) -> Result<PathBuf, String> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let state = variable("XDG_STATE_HOME").map(PathBuf::from);
    let home = || Some(PathBuf::from(variable("HOME")?).join(".local/state"));
    let root = index::version(rules.root.as_os_str().as_encoded_bytes());
    match state.or_else(home) {
        Some(state) => Ok(state.join(format!("toolgate/knowledge/{root:016x}"))),
        None => Err("there is no place for the index (write knowledge.index)".to_owned()),
    }
}
