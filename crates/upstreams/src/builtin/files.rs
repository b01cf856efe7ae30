//! A folder as an MCP server: its files to list, read and search. Nothing is ever written.
//!
//! What of a folder is served, and why nothing else can be reached, is said in [`toolgate_folder`].

mod answer;
mod definitions;
mod failure;
mod list;
mod media;
mod read;
mod resources;
mod search;
mod text;

use std::{io, path::Path, sync::Arc};

use serde_json::{Value, json};
use tokio::sync::Semaphore;
use toolgate_gateway::call::Boxed;
use toolgate_hosted::{About, Answer, Asked, Failed, Refusal, Server};

use toolgate_folder::Source;

/// Calls that read the disk at the same time; more wait, so that they cannot use up the threads
/// that all blocking work shares.
const AT_ONCE: usize = 8;

/// The `files` server.
#[derive(Clone, Debug)]
pub struct Files {
    source: Arc<Source>,
    running: Arc<Semaphore>,
}

impl Files {
    /// Serves the folder `root`.
    ///
    /// # Errors
    /// When `root` cannot be opened, or is not a folder.
    pub fn open(root: &Path) -> io::Result<Self> {
        Ok(Self::serving(Source::open(root)?))
    }

    /// Serves files that are part of the program: relative paths with `/`, and their contents.
    /// They obey the same rules as files on disk.
    #[must_use]
    pub fn embedded(files: &'static [(&'static str, &'static [u8])]) -> Self {
        Self::serving(Source::Embedded(files))
    }

    fn serving(source: Source) -> Self {
        Self { source: Arc::new(source), running: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// The result of one request, without the fields that depend on the revision (`resultType`,
    /// `ttlMs`, `cacheScope`).
    ///
    /// The work is bounded in entries, bytes and time. It goes on when the future is dropped, for
    /// a few seconds at most.
    ///
    /// # Errors
    /// −32601 for an unknown method; −32602 for an unknown tool or resource, a bad cursor or
    /// malformed parameters. A tool that fails answers with a result whose `isError` is true.
    pub async fn result(&self, method: &str, params: &Value) -> Result<Value, Refusal> {
        let request = answer::Request::parse(method, params)?;
        let permit = Arc::clone(&self.running).acquire_owned().await;
        let source = Arc::clone(&self.source);
        let work = tokio::task::spawn_blocking(move || {
            let _until_done = permit;
            request.run(&source)
        });
        work.await.map_err(|_| Refusal::internal("the request could not be completed"))?
    }
}

impl Server for Files {
    fn about(&self) -> About {
        About {
            name: "files".to_owned(),
            title: "Files".to_owned(),
            capabilities: json!({ "tools": {}, "resources": {}, "completions": {} }),
            instructions: Some(definitions::INSTRUCTIONS.to_owned()),
        }
    }

    fn answer(self: Arc<Self>, asked: Asked) -> Boxed<'static, Result<Answer, Failed>> {
        Box::pin(async move {
            let params = asked.params::<Value>()?;
            Ok(self.result(asked.method(), &params).await?.into())
        })
    }
}

#[cfg(test)]
mod tests;
