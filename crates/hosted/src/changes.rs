//! What a server announces outside of any request.

use std::sync::Arc;

use tokio::sync::{broadcast, mpsc};
use toolgate_gateway::upstream::{Interest, Watch};
use toolgate_protocol::json::quote;
use toolgate_protocol::jsonrpc::{self, Message};

/// Announcements that a slow listener may be behind; after that it hears of a part only, which is
/// enough to list again.
const BEHIND: usize = 64;

/// Something that clients know has become another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The tools.
    Tools,
    /// The prompts.
    Prompts,
    /// Which resources there are.
    Resources,
    /// What this resource holds.
    Updated(String),
}

impl Change {
    fn is_wanted(&self, interest: &Interest) -> bool {
        match self {
            Change::Tools => interest.tools,
            Change::Prompts => interest.prompts,
            Change::Resources => interest.resources,
            Change::Updated(uri) => interest.uris.contains(uri),
        }
    }

    fn message(&self) -> Option<Message> {
        let (method, params) = match self {
            Change::Tools => ("notifications/tools/list_changed", "{}".to_owned()),
            Change::Prompts => ("notifications/prompts/list_changed", "{}".to_owned()),
            Change::Resources => ("notifications/resources/list_changed", "{}".to_owned()),
            Change::Updated(uri) => {
                ("notifications/resources/updated", format!(r#"{{"uri":{}}}"#, quote(uri)))
            }
        };
        Message::scan(jsonrpc::notification(method, &params), &Default::default()).ok()
    }
}

/// Tells whoever listens of changes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Changes(broadcast::Sender<Change>);

impl Default for Changes {
    fn default() -> Changes {
        Changes(broadcast::channel(BEHIND).0)
    }
}

impl Changes {
    /// Announces a change.
    pub fn announce(&self, change: Change) {
        // Nobody listens: nobody need hear.
        let _ = self.0.send(change);
    }

    /// Delivers what somebody wants to hear of.
    pub(crate) fn watch(&self, accepted: Interest) -> Watch {
        let mut changes = self.0.subscribe();
        let (sender, events) = mpsc::channel(BEHIND);
        let wanted = accepted.clone();
        let forwarding = tokio::spawn(async move {
            loop {
                let change = match changes.recv().await {
                    Ok(change) => change,
                    Err(broadcast::error::RecvError::Lagged(_)) => continue,
                    Err(broadcast::error::RecvError::Closed) => return,
                };
                let Some(message) =
                    Some(change).filter(|it| it.is_wanted(&wanted)).and_then(|it| it.message())
                else {
                    continue;
                };
                if sender.send(Arc::new(message)).await.is_err() {
                    return;
                }
            }
        });
        Watch { accepted, events, guard: Box::new(Ended(forwarding)) }
    }
}

/// Ends a task when it is dropped.
struct Ended(tokio::task::JoinHandle<()>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.abort();
    }
}
