//! What stands behind the gateway, as the gateway sees it.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;
use toolgate_protocol::client::Abilities;
use toolgate_protocol::json::{Document, Limits, Mode};
use toolgate_protocol::jsonrpc::Message;
use toolgate_protocol::tasks::TOOL_CALLS;
use toolgate_protocol::version::{Era, Version};

use crate::call::{Boxed, Reply, Request, Who};
use crate::fault::Fault;

/// One server behind the gateway. Dropping a [`Reply`] cancels the call it belongs to.
pub trait Upstream: Send + Sync + 'static {
    /// Sends one request and returns its reply, as a whole or frame by frame.
    fn call<'a>(&'a self, request: &'a Request) -> Boxed<'a, Result<Reply, Fault>>;

    /// What the server said of itself, asked for once and remembered.
    fn describe<'a>(
        &'a self,
        who: &'a Who,
        abilities: Abilities,
    ) -> Boxed<'a, Result<Arc<Description>, Fault>>;

    /// Passes on a notification of the client that concerns the server.
    fn notify<'a>(
        &'a self,
        who: &'a Who,
        abilities: Abilities,
        message: &'a Message,
    ) -> Boxed<'a, Result<(), Fault>>;

    /// Delivers changes that the server announces outside of any call, for as long as the
    /// returned watch lives.
    fn watch<'a>(
        &'a self,
        who: &'a Who,
        abilities: Abilities,
        interest: Interest,
    ) -> Boxed<'a, Result<Watch, Fault>>;

    /// Whether it can be reached now; a dormant server counts as reachable.
    fn probe(&self) -> Boxed<'_, Result<(), Fault>>;

    /// Ends sessions and processes in an orderly way.
    fn close(&self) -> Boxed<'_, ()>;

    /// What is alive, for metrics.
    fn vitals(&self) -> Vitals;
}

/// Counts for metrics.
#[derive(Clone, Copy, Debug, Default)]
pub struct Vitals {
    /// Child processes running.
    pub processes: usize,
    /// Sessions with the server.
    pub sessions: usize,
    /// Idle connections kept.
    pub connections: usize,
}

/// What a server said of itself, in `initialize` or `server/discover`.
#[derive(Clone, Debug)]
pub struct Description {
    /// Which era it speaks.
    pub era: Era,
    /// The revision agreed with it.
    pub version: Version,
    /// Its capabilities, as it wrote them.
    pub capabilities: Bytes,
    /// Name and version of the server, as it wrote them.
    pub info: Option<Bytes>,
    /// Its instructions for the model.
    pub instructions: Option<String>,
    /// How long this may be kept, in milliseconds, as a modern server says.
    pub ttl_ms: u64,
}

impl Description {
    /// Whether the server can run tool calls as tasks in the older form.
    pub(crate) fn offers_tasks(&self) -> bool {
        self.era == Era::Legacy && self.version >= Version::V2025_11_25 && self.offers(&TOOL_CALLS)
    }

    /// Whether the capabilities have a member at this path that is not `false`.
    pub fn offers(&self, path: &[&str]) -> bool {
        let parsed = Document::parse(self.capabilities.clone(), &Limits::default(), Mode::Trusted);
        let Ok(document) = parsed else { return false };
        let mut value = document.root();
        for name in path {
            match value.object().and_then(|object| object.get(name)) {
                Some(member) => value = member,
                None => return false,
            }
        }
        value.as_bool() != Some(false)
    }
}

/// What somebody wants to hear of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interest {
    /// `notifications/tools/list_changed`.
    pub tools: bool,
    /// `notifications/prompts/list_changed`.
    pub prompts: bool,
    /// `notifications/resources/list_changed`.
    pub resources: bool,
    /// `notifications/resources/updated` for these URIs, as the upstream knows them.
    pub uris: Vec<String>,
    /// `notifications/tasks` for these ids, as the upstream knows them.
    pub tasks: Vec<String>,
    /// Log messages, and the states of legacy tasks, that belong to calls of this client session.
    pub logs_of: Option<Arc<str>>,
}

impl Interest {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        *self == Interest::default()
    }
}

/// A running subscription. Dropping it ends it.
pub struct Watch {
    /// What of the interest the server honours.
    pub accepted: Interest,
    /// The notifications, as the server wrote them. It closes when the server goes away.
    pub events: mpsc::Receiver<Arc<Message>>,
    /// What ends the subscription at the server when it is dropped.
    pub guard: Box<dyn std::any::Any + Send>,
}
