//! Folders of files as an MCP server: listed, read, searched and watched, and written where that is
//! turned on.
//!
//! What of a folder is served, and why nothing else can be reached, is said in [`toolgate_folder`].
//! A [`view`](View) is what one caller sees: the roots of the configuration as one tree, in which some
//! are the caller's own. Tools know the view alone.

mod absent;
mod address;
mod answer;
mod definitions;
mod diff;
mod edit;
mod failure;
mod hunk;
mod info;
mod ledger;
mod list;
mod media;
mod names;
mod page;
mod read;
mod resources;
mod roots;
mod search;
mod text;
mod tree;
mod version;
mod view;
mod watch;
mod write;

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use toolgate_folder::Source;
use toolgate_gateway::call::{Boxed, Who};
use toolgate_gateway::config;
use toolgate_hosted::{About, Answer, Asked, Changes, Failed, Refusal, Server};

use answer::Request;
use definitions::Reach;
use roots::Root;
use view::View;
use watch::Watches;

/// Calls that use the disk at the same time; more wait, so that they cannot use up the threads that
/// all blocking work shares.
const AT_ONCE: usize = 8;

/// Tells how many files were looked at so far.
type Tell = dyn Fn(usize) + Send;

/// The tools of a server with these rules, as they are listed to whoever may change all that may be
/// changed.
pub fn tools(rules: &config::Files) -> Vec<Value> {
    let mut tools = definitions::tools(Reach { write: true, delete: true });
    tools.retain(|tool| rules.tools().any(|name| tool["name"] == name));
    tools
}

/// The `files` server.
#[derive(Debug)]
pub struct Files {
    roots: Arc<[Arc<Root>]>,
    watches: Arc<Watches>,
    running: Arc<Semaphore>,
    /// Whether anything ever changes.
    is_fixed: bool,
}

impl Files {
    /// Serves the folders of a configuration.
    ///
    /// # Errors
    /// One sentence, when one of them cannot be opened.
    pub fn open(rules: &config::Files) -> Result<Self, String> {
        let roots: Result<Vec<_>, _> = rules.roots.iter().map(Root::open).collect();
        Ok(Self::serving(roots?, false))
    }

    /// Serves files that are part of the program: relative paths with `/`, and their contents.
    /// They obey the same rules as files on disk.
    #[must_use]
    pub fn embedded(files: &'static [(&'static str, &'static [u8])]) -> Self {
        Self::serving(vec![Root::reading(Source::Embedded(files))], true)
    }

    fn serving(roots: Vec<Root>, is_fixed: bool) -> Self {
        Self {
            roots: roots.into_iter().map(Arc::new).collect(),
            watches: Arc::default(),
            running: Arc::new(Semaphore::new(AT_ONCE)),
            is_fixed,
        }
    }

    /// What a caller may do, as far as rules say.
    fn reach(&self, who: &Who) -> Reach {
        let own = || self.roots.iter().filter(|root| root.names(who).is_some());
        Reach {
            write: own().any(|root| root.may_write(&who.caller)),
            delete: own().any(|root| root.may_delete(&who.caller)),
        }
    }

    /// The result of one request, without the fields that depend on the revision (`resultType`,
    /// `ttlMs`, `cacheScope`).
    ///
    /// The work is bounded in entries, bytes and time. It goes on when the future is dropped, for a
    /// few seconds at most: what is begun is done.
    ///
    /// # Errors
    /// −32601 for an unknown method; −32602 for an unknown tool or resource, a bad cursor or
    /// malformed parameters. A tool that fails answers with a result whose `isError` is true.
    async fn result(
        &self,
        who: &Who,
        method: &str,
        params: &Value,
        tell: Box<Tell>,
    ) -> Result<Value, Refusal> {
        let reach = self.reach(who);
        let request = Request::parse(method, params, reach)?;
        let permit = Arc::clone(&self.running).acquire_owned().await;
        let (roots, watches, who) = (self.roots.clone(), self.watches.clone(), who.clone());
        let work = tokio::task::spawn_blocking(move || {
            let _until_done = permit;
            request.run(&View::of(&roots, &who, &watches), reach, &*tell)
        });
        work.await.map_err(|_| Refusal::internal("the request could not be completed"))?
    }
}

impl Server for Files {
    fn about(&self) -> About {
        let resources = match self.is_fixed {
            true => json!({}),
            false => json!({ "subscribe": true, "listChanged": true }),
        };
        About {
            name: "files".to_owned(),
            title: "Files".to_owned(),
            capabilities: json!({ "tools": {}, "resources": resources, "completions": {} }),
            instructions: Some(definitions::INSTRUCTIONS.to_owned()),
        }
    }

    fn answer(self: Arc<Self>, asked: Asked) -> Boxed<'static, Result<Answer, Failed>> {
        Box::pin(async move {
            let params = asked.params::<Value>()?;
            let (who, method) = (asked.who().clone(), asked.method().to_owned());
            let runtime = Handle::current();
            let tell = Box::new(move |files: usize| {
                let message = format!("{files} files searched");
                runtime.block_on(asked.progress(files as f64, None, Some(&message)));
            });
            Ok(self.result(&who, &method, &params, tell).await?.into())
        })
    }

    fn changes_for<'a>(&'a self, who: &'a Who) -> Boxed<'a, Vec<Changes>> {
        Box::pin(async move {
            let mut changes = Vec::new();
            if self.is_fixed {
                return changes;
            }
            for (number, root) in self.roots.iter().enumerate() {
                let Some(names) = root.names(who) else { continue };
                changes.push(self.watches.watch((number, names), root).await);
            }
            changes
        })
    }

    fn close(&self) -> Boxed<'_, ()> {
        self.watches.end();
        Box::pin(std::future::ready(()))
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.watches.end();
    }
}

#[cfg(test)]
mod tests;
