//! Prompts and resources that are written in a configuration, as an MCP server.
//!
//! Texts are templates that can neither read files nor run for long; what they say is a function of
//! the arguments and of the caller. Files are read when the server begins and again whenever they
//! change; what was read last and was sound goes on being served.

mod argument;
mod complete;
mod media;
mod member;
mod prompt;
mod reading;
mod render;
mod resource;
mod shelf;
mod watch;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use serde::Deserialize;
use serde_json::{Value, json};
use toolgate_gateway::call::{Boxed, Caller};
use toolgate_gateway::config::Content as Rules;
use toolgate_hosted::{About, Answer, Asked, Changes, Completing, Failed, Paged, Refusal, Server};

use self::shelf::Shelf;

/// The `content` server.
pub struct Content {
    rules: Rules,
    shelf: RwLock<Arc<Shelf>>,
    changes: Changes,
}

#[derive(Deserialize)]
struct Got {
    name: String,
    #[serde(default)]
    arguments: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Located {
    uri: String,
}

impl Content {
    /// Reads all of it, and from then on what changes.
    ///
    /// # Errors
    /// One sentence: what cannot be served, and why.
    pub fn open(rules: &Rules) -> Result<Arc<Content>, String> {
        let seen = watch::seen(rules);
        let shelf = RwLock::new(Arc::new(Shelf::load(rules)?));
        let content = Content { rules: rules.clone(), shelf, changes: Changes::default() };
        let content = Arc::new(content);
        watch::follow(&content, seen);
        Ok(content)
    }

    fn shelf(&self) -> Arc<Shelf> {
        self.shelf.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn run(self: Arc<Self>, asked: Asked) -> Result<Answer, Failed> {
        let shelf = self.shelf();
        match asked.method() {
            "prompts/list" => one_page(&asked.params()?, shelf.list_prompts()),
            "resources/list" => one_page(&asked.params()?, shelf.list_resources()),
            "resources/templates/list" => one_page(&asked.params()?, shelf.list_templates()),
            "completion/complete" => shelf.complete(&asked.params::<Completing>()?),
            // The gateway hears of every change and tells whoever subscribed.
            "resources/subscribe" | "resources/unsubscribe" => Ok(json!({}).into()),
            "prompts/get" => {
                let Got { name, arguments } = asked.params()?;
                let caller = of(asked.caller());
                aside(move || shelf.get_prompt(&name, arguments, &caller)).await
            }
            "resources/read" => {
                let Located { uri } = asked.params()?;
                let caller = of(asked.caller());
                aside(move || shelf.read_resource(&uri, &caller)).await
            }
            other => Err(Refusal::no_method(other).into()),
        }
    }
}

/// A list that has no other page.
fn one_page(paged: &Paged, list: Value) -> Result<Answer, Failed> {
    match paged.cursor {
        None => Ok(list.into()),
        Some(_) => Err(Refusal::invalid("invalid cursor").into()),
    }
}

/// Templates run beside the calls: a long one holds up nobody.
async fn aside(
    work: impl FnOnce() -> Result<Answer, Failed> + Send + 'static,
) -> Result<Answer, Failed> {
    let lost = |_| Refusal::internal("the request could not be completed");
    tokio::task::spawn_blocking(work).await.map_err(lost)?
}

/// What templates may know of a caller.
fn of(caller: &Caller) -> Value {
    json!({
        "subject": &*caller.subject,
        // A text in any case, so that it can be written and asked for.
        "tenant": caller.tenant.as_deref().unwrap_or_default(),
        "roles": caller.roles.iter().map(|role| &**role).collect::<Vec<_>>(),
        "claims": caller.claims,
    })
}

impl Server for Content {
    fn about(&self) -> About {
        let mut capabilities = json!({});
        if !self.rules.prompts.is_empty() {
            capabilities["prompts"] = json!({});
        }
        if !self.rules.resources.is_empty() {
            capabilities["resources"] = json!({ "subscribe": true, "listChanged": true });
        }
        capabilities["completions"] = json!({});
        About {
            name: "content".to_owned(),
            title: "Prompts and resources".to_owned(),
            capabilities,
            instructions: None,
        }
    }

    fn answer(self: Arc<Self>, asked: Asked) -> Boxed<'static, Result<Answer, Failed>> {
        Box::pin(self.run(asked))
    }

    fn changes(&self) -> Option<&Changes> {
        Some(&self.changes)
    }
}
