//! What changed, told by many servers to one listener under published names.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use toolgate_policy::Kind;
use toolgate_protocol::client::{Abilities, key};
use toolgate_protocol::json::quote;
use toolgate_protocol::jsonrpc::{self, Message};
use toolgate_protocol::splice::Edits;

use crate::call::{Request, Who};
use crate::fault::{Fault, Reason};
use crate::gateway::Gateway;
use crate::rewrite::Published;
use crate::upstream::{Interest, Watch};

/// How long servers may take to accept a subscription before the listener is told without them.
const ACCEPT: Duration = Duration::from_secs(5);
/// Pauses between attempts to listen again to a server that went away.
const AGAIN: Duration = Duration::from_secs(1);
const AGAIN_AT_MOST: Duration = Duration::from_secs(60);
/// Changes that wait for a listener that does not read.
const BACKLOG: usize = 1024;

/// A running subscription, under published names. Dropping it ends it.
pub struct Subscription {
    /// What of the interest is honoured.
    pub accepted: Interest,
    /// The notifications.
    pub events: mpsc::Receiver<Arc<Message>>,
}

impl Gateway {
    /// Subscribes to changes of everything behind the gateway. Names in `interest` are published
    /// ones; those that lead nowhere are not accepted.
    pub async fn subscribe(
        self: &Arc<Self>,
        who: &Who,
        abilities: Abilities,
        interest: &Interest,
    ) -> Subscription {
        let (sender, events) = mpsc::channel(BACKLOG);
        let mut accepting = Vec::new();
        for at in 0..self.routes.len() {
            let wanted = self.interest_of(at, who, interest);
            if wanted.is_empty() {
                continue;
            }
            let follower = Follower {
                gateway: self.clone(),
                at,
                who: who.clone(),
                abilities,
                interest: wanted,
                sender: sender.clone(),
            };
            let (accepted, answer) = tokio::sync::oneshot::channel();
            tokio::spawn(follower.follow(accepted));
            accepting.push((at, answer));
        }
        let deadline = tokio::time::Instant::now() + ACCEPT;
        let mut accepted = Interest::default();
        for (at, answer) in accepting {
            if let Ok(Ok(granted)) = tokio::time::timeout_at(deadline, answer).await {
                self.merge_accepted(at, who, interest, granted, &mut accepted);
            }
        }
        Subscription { accepted, events }
    }

    /// The part of an interest that concerns one server, under its own names.
    pub(crate) fn interest_of(&self, at: usize, who: &Who, interest: &Interest) -> Interest {
        let route = &self.routes[at];
        let uris = interest
            .uris
            .iter()
            .filter_map(|uri| route.names.original_uri(uri).map(|original| original.into_owned()))
            .filter(|uri| self.shows(who, route, Kind::Resource, uri));
        let tasks = interest.tasks.iter().filter_map(|id| {
            // One server alone keeps its ids, where nobody has to be kept from them.
            if self.only().is_some() && !self.hides() {
                return Some(id.clone());
            }
            let (owner, handle) = self.owner_of_task(id, &who.caller)?;
            let permitted = self.authorize_task(owner, who, handle.tool.as_deref()).is_ok();
            (owner.name == route.name && permitted).then_some(handle.task)
        });
        Interest {
            tools: interest.tools && self.may_offer(route, Kind::Tool),
            prompts: interest.prompts && self.may_offer(route, Kind::Prompt),
            resources: interest.resources && self.may_offer(route, Kind::Resource),
            uris: uris.collect(),
            tasks: tasks.collect(),
            logs_of: interest.logs_of.clone(),
        }
    }

    fn merge_accepted(
        &self,
        at: usize,
        who: &Who,
        wanted: &Interest,
        granted: Interest,
        accepted: &mut Interest,
    ) {
        let names = &self.routes[at].names;
        accepted.tools |= granted.tools;
        accepted.prompts |= granted.prompts;
        accepted.resources |= granted.resources;
        accepted.uris.extend(granted.uris.iter().map(|uri| names.publish_uri(uri).into_owned()));
        let is_granted = |id: &&String| match self.owner_of_task(id, &who.caller) {
            Some((_, handle)) => granted.tasks.contains(&handle.task),
            None => granted.tasks.contains(id),
        };
        accepted.tasks.extend(wanted.tasks.iter().filter(is_granted).cloned());
    }
}

/// Keeps listening to one server, also after it was away.
struct Follower {
    gateway: Arc<Gateway>,
    at: usize,
    who: Who,
    abilities: Abilities,
    interest: Interest,
    sender: mpsc::Sender<Arc<Message>>,
}

impl Follower {
    async fn follow(self, accepted: tokio::sync::oneshot::Sender<Interest>) {
        let mut accepted = Some(accepted);
        let mut pause = AGAIN;
        let mut was_away = false;
        loop {
            let upstream = self.gateway.routes[self.at].upstream.clone();
            let watching = upstream.watch(&self.who, self.abilities, self.interest.clone());
            let outcome = tokio::select! {
                outcome = watching => outcome,
                () = self.sender.closed() => return,
            };
            match outcome {
                Ok(watch) => {
                    if let Some(accepted) = accepted.take() {
                        let _ = accepted.send(watch.accepted.clone());
                    }
                    if was_away {
                        self.announce_all(&watch.accepted);
                    }
                    let since = Instant::now();
                    if self.pass_on(watch).await {
                        return;
                    }
                    was_away = true;
                    // A server that keeps ending subscriptions must not have every client read
                    // every list again each second.
                    if since.elapsed() > AGAIN_AT_MOST {
                        pause = AGAIN;
                    }
                }
                Err(fault) if fault.reason == Reason::NoMethod => return,
                Err(fault) => {
                    tracing::debug!(server = %self.gateway.routes[self.at].name, %fault, "deaf");
                }
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(AGAIN_AT_MOST),
                () = self.sender.closed() => return,
            }
        }
    }

    /// Passes events on; true when the listener is gone.
    async fn pass_on(&self, mut watch: Watch) -> bool {
        loop {
            let event = tokio::select! {
                event = watch.events.recv() => event,
                () = self.sender.closed() => return true,
            };
            let Some(event) = event else { return false };
            self.gateway.routes[self.at].pins.stale(event.method().unwrap_or_default());
            if let Some(event) = self.published(event)
                && matches!(self.sender.try_send(event), Err(mpsc::error::TrySendError::Closed(_)))
            {
                return true;
            }
        }
    }

    /// While we did not listen anything may have changed (the protocol replays nothing).
    fn announce_all(&self, accepted: &Interest) {
        for (wanted, method) in [
            (accepted.tools, "notifications/tools/list_changed"),
            (accepted.prompts, "notifications/prompts/list_changed"),
            (accepted.resources, "notifications/resources/list_changed"),
        ] {
            if wanted && let Some(message) = own(jsonrpc::notification(method, "{}")) {
                let _ = self.sender.try_send(message);
            }
        }
        for uri in &accepted.uris {
            let params = format!(r#"{{"uri":{}}}"#, quote(uri));
            let bytes = jsonrpc::notification("notifications/resources/updated", &params);
            if let Some(message) = own(bytes).and_then(|message| self.published(message)) {
                let _ = self.sender.try_send(message);
            }
        }
    }

    fn published(&self, event: Arc<Message>) -> Option<Arc<Message>> {
        let gateway = &self.gateway;
        let route = &gateway.routes[self.at];
        let event = gateway.screened_event(route, &self.who.caller, event)?;
        if !gateway.hides() {
            if gateway.only().is_some() {
                return Some(event);
            }
        } else if let Some(uri) = updated(&event)
            && !gateway.shows(&self.who, route, Kind::Resource, &uri)
        {
            // Servers may tell of what lies below the resource that was asked for.
            return None;
        }
        let tasks = |id: &str| gateway.seal_task(route, &self.who, id);
        let event = Arc::unwrap_or_clone(event);
        Published { names: &route.names, tasks: &tasks }.notification(event).map(Arc::new)
    }
}

/// The resource that an event is about.
fn updated(event: &Message) -> Option<String> {
    Some(event.params()?.get("uri")?.string()?.into_owned())
}

fn own(bytes: bytes::Bytes) -> Option<Arc<Message>> {
    Message::scan_reply(bytes, &Default::default()).ok().map(Arc::new)
}

/// Reads the filter of a `subscriptions/listen` request.
///
/// # Errors
/// When it has none.
pub fn read_interest(request: &Request) -> Result<Interest, Fault> {
    let params = request.message.params();
    let filter = params
        .and_then(|params| params.get("notifications")?.object())
        .ok_or_else(|| Fault::new(Reason::Invalid, "params lack \"notifications\""))?;
    let flag = |name| filter.get(name).and_then(|value| value.as_bool()) == Some(true);
    let list = |name| -> Vec<String> {
        let items = filter.get(name).and_then(|value| value.items());
        items
            .into_iter()
            .flatten()
            .filter_map(|item| item.string().map(|s| s.into_owned()))
            .collect()
    };
    Ok(Interest {
        tools: flag("toolsListChanged"),
        prompts: flag("promptsListChanged"),
        resources: flag("resourcesListChanged"),
        uris: list("resourceSubscriptions"),
        tasks: list("taskIds"),
        logs_of: None,
    })
}

/// The acknowledgement that opens a listen stream.
pub fn acknowledgement(accepted: &Interest, subscription: &str) -> bytes::Bytes {
    let mut parts = Vec::new();
    for (on, name) in [
        (accepted.tools, "toolsListChanged"),
        (accepted.prompts, "promptsListChanged"),
        (accepted.resources, "resourcesListChanged"),
    ] {
        if on {
            parts.push(format!(r#""{name}":true"#));
        }
    }
    for (items, name) in [(&accepted.uris, "resourceSubscriptions"), (&accepted.tasks, "taskIds")] {
        if !items.is_empty() {
            let quoted: Vec<_> = items.iter().map(|item| quote(item)).collect();
            parts.push(format!(r#""{name}":[{}]"#, quoted.join(",")));
        }
    }
    let params = format!(
        r#"{{"notifications":{{{}}},"_meta":{{"{}":{subscription}}}}}"#,
        parts.join(","),
        key::SUBSCRIPTION
    );
    jsonrpc::notification("notifications/subscriptions/acknowledged", &params)
}

/// A notification as it travels on the listen stream with this id.
pub fn stamped(event: &Message, subscription: &str) -> bytes::Bytes {
    let mut edits = Edits::default();
    let stamp = || format!(r#"{{"{}":{subscription}}}"#, key::SUBSCRIPTION);
    match (event.params(), event.meta()) {
        (_, Some(meta)) => edits.set(&meta, key::SUBSCRIPTION, subscription.to_owned()),
        (Some(params), None) => edits.set(&params, "_meta", stamp()),
        (None, None) => {
            edits.set(&event.envelope(), "params", format!(r#"{{"_meta":{}}}"#, stamp()));
        }
    }
    edits.apply(event.bytes())
}
