//! What a server announces outside of any request.

use std::sync::Arc;

use tokio::sync::{broadcast, mpsc};
use toolgate_gateway::config::servers::content::uri::UriTemplate;
use toolgate_gateway::upstream::{Interest, Watch};
use toolgate_protocol::json::quote;
use toolgate_protocol::jsonrpc::{self, Message};

/// Announcements that a slow listener may be behind; after that it hears of all that it wanted to hear
/// of, which may have changed.
const BEHIND: usize = 64;

/// Something that clients know has become another.
#[derive(Clone, Debug)]
pub enum Change {
    /// The tools.
    Tools,
    /// The prompts.
    Prompts,
    /// Which resources there are.
    Resources,
    /// What this resource holds.
    Updated(String),
    /// What the resources of this template hold.
    UpdatedOf(UriTemplate),
}

impl Change {
    /// What of it somebody wants to hear of, one message each.
    fn messages(&self, wanted: &Interest) -> Vec<Message> {
        let list = |is_wanted: bool, what: &str| {
            let method = format!("notifications/{what}/list_changed");
            is_wanted.then(|| message(&method, "{}")).flatten().into_iter().collect()
        };
        match self {
            Change::Tools => list(wanted.tools, "tools"),
            Change::Prompts => list(wanted.prompts, "prompts"),
            Change::Resources => list(wanted.resources, "resources"),
            Change::Updated(uri) => updated(wanted, |it| it == uri),
            Change::UpdatedOf(template) => updated(wanted, |it| template.matches(it).is_some()),
        }
    }
}

fn updated(wanted: &Interest, is_meant: impl Fn(&str) -> bool) -> Vec<Message> {
    let meant = wanted.uris.iter().filter(|uri| is_meant(uri));
    let told = |uri: &String| {
        message("notifications/resources/updated", &format!(r#"{{"uri":{}}}"#, quote(uri)))
    };
    meant.filter_map(told).collect()
}

fn message(method: &str, params: &str) -> Option<Message> {
    Message::scan(jsonrpc::notification(method, params), &Default::default()).ok()
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

    /// Whether anybody listens.
    pub fn is_heard(&self) -> bool {
        self.0.receiver_count() > 0
    }

    /// Delivers what somebody wants to hear of.
    pub(crate) fn watch(several: &[Changes], accepted: Interest) -> Watch {
        let (sender, events) = mpsc::channel(BEHIND);
        let forward = |changes: &Changes| {
            let changes = changes.0.subscribe();
            Ended(tokio::spawn(forward(changes, accepted.clone(), sender.clone())))
        };
        let forwarding: Vec<_> = several.iter().map(forward).collect();
        // Where nothing is ever announced, the watch stays open all the same.
        let open = several.is_empty().then_some(sender);
        Watch { accepted, events, guard: Box::new((forwarding, open)) }
    }
}

async fn forward(
    mut changes: broadcast::Receiver<Change>,
    wanted: Interest,
    sender: mpsc::Sender<Arc<Message>>,
) {
    loop {
        let changed = match changes.recv().await {
            Ok(change) => change.messages(&wanted),
            // What was missed may have been any of it.
            Err(broadcast::error::RecvError::Lagged(_)) => all(&wanted),
            Err(broadcast::error::RecvError::Closed) => return,
        };
        for message in changed {
            if sender.send(Arc::new(message)).await.is_err() {
                return;
            }
        }
    }
}

/// All that somebody could hear of.
fn all(wanted: &Interest) -> Vec<Message> {
    let lists = [Change::Tools, Change::Prompts, Change::Resources];
    let mut messages: Vec<_> = lists.iter().flat_map(|change| change.messages(wanted)).collect();
    messages.extend(updated(wanted, |_| true));
    messages
}

/// Ends a task when it is dropped.
struct Ended(tokio::task::JoinHandle<()>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_falls_behind_hears_of_all_that_may_have_changed() {
        let changes = Changes::default();
        let uris = vec!["x:a".to_owned(), "x:b".to_owned()];
        let interest = Interest { resources: true, uris, ..Interest::default() };
        let mut watch = Changes::watch(std::slice::from_ref(&changes), interest);

        // More than are kept, before the listener has a turn; none of them is its own.
        for at in 0..2 * BEHIND {
            changes.announce(Change::Updated(format!("x:{at}")));
        }

        let mut heard = Vec::new();
        for _ in 0..3 {
            let message = watch.events.recv().await.unwrap();
            heard.push(String::from_utf8(message.bytes().to_vec()).unwrap());
        }
        assert!(heard[0].contains("list_changed"), "{heard:?}");
        assert!(heard[1].contains("\"x:a\"") && heard[2].contains("\"x:b\""), "{heard:?}");
    }

    #[tokio::test]
    async fn several_sources_of_changes_are_heard_as_one() {
        let (one, other) = (Changes::default(), Changes::default());
        let interest = Interest { tools: true, ..Interest::default() };
        let mut watch = Changes::watch(&[one.clone(), other.clone()], interest);

        for changes in [&one, &other] {
            changes.announce(Change::Tools);
            watch.events.recv().await.unwrap();
        }
        drop((one, other));
        assert!(watch.events.recv().await.is_none(), "it ends when there is nobody to announce");
    }
}
