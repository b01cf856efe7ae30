//! Servers written for `rmcp`, the official SDK, in this process: its messages go in and out as
//! values, and nothing else of it is known to the gateway.
//!
//! A conversation with such a server is one with any legacy server on one channel, so that
//! questions to clients, subscriptions, cancellation and isolation are those of all others.

mod caught;
mod transport;

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ::rmcp::ServerHandler;
use ::rmcp::model::{ClientJsonRpcMessage, GetExtensions as _, JsonRpcMessage};
use bytes::Bytes;
use futures_util::FutureExt as _;
use tokio::sync::mpsc;
use toolgate_gateway::call::{Boxed, Reply, Request, Who};
use toolgate_gateway::config::{Limits, Server, Sessions};
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_gateway::upstream::{Upstream, Vitals};
use toolgate_hosted::Context;
use toolgate_protocol::client::Abilities;
use toolgate_protocol::json;
use toolgate_protocol::version::Era;

use crate::channel::{self, Channel, Writer};
use crate::connector::{Connector, Reach};
use crate::endpoint::Behalf;
use crate::host::Host;
use crate::peers::{Key, Peer, Peers};
use crate::{SESSION_IDLE, json_limits, legacy, link};
use caught::Caught;
use transport::Transport;

/// Messages that wait for the server to read them; whoever sends more waits too.
const AHEAD: usize = 64;
/// Conversations with one server at most.
const MOST_SESSIONS: usize = 10_000;
/// How long a handshake may take that leaves no process.
const START: Duration = Duration::from_secs(10);

/// A server handler of this program.
pub struct Handler(Begin);

/// Begins a conversation with the server of this name; it lasts as long as what is returned runs.
type Begin = Arc<dyn Fn(Arc<str>, Transport) -> Boxed<'static, Result<(), String>> + Send + Sync>;

impl Handler {
    /// Each conversation gets a handler of its own from `make`: state that it keeps is that of one
    /// caller, or of one session, as `sessions` in the configuration says.
    pub fn new<H: ServerHandler>(make: impl Fn() -> H + Send + Sync + 'static) -> Handler {
        let make = Arc::new(make);
        Handler(Arc::new(move |name, transport| {
            let make = make.clone();
            let conversation = async move {
                let service = Caught { name, handler: make() };
                let running = ::rmcp::serve_server(service, transport).await;
                let running = running.map_err(|error| error.to_string())?;
                running.waiting().await.map(|_| ()).map_err(|error| error.to_string())
            };
            let conversation = AssertUnwindSafe(conversation).catch_unwind();
            Box::pin(conversation.map(|it| it.unwrap_or_else(|_| Err("it panicked".to_owned()))))
        }))
    }
}

impl Host for Handler {
    fn upstream(&self, server: &Server, limits: &Limits) -> Arc<dyn Upstream> {
        let name: Arc<str> = server.name.as_str().into();
        Arc::new(Connector::of(Inside {
            peers: Peers::new(name.clone(), server.sessions, idle(server.sessions), MOST_SESSIONS),
            name,
            begin: self.0.clone(),
            limits: json_limits(limits),
            total: server.timeout_total,
        }))
    }
}

/// What one conversation is for all ends never; one that belongs to somebody ends unused.
fn idle(sessions: Sessions) -> Option<Duration> {
    (sessions != Sessions::Shared).then_some(SESSION_IDLE)
}

/// The conversations with one handler.
struct Inside {
    name: Arc<str>,
    begin: Begin,
    peers: Arc<Peers>,
    limits: json::Limits,
    /// How long a call may take.
    total: Duration,
}

impl Inside {
    async fn peer_of(
        self: &Arc<Self>,
        key: &Key,
        abilities: Abilities,
    ) -> Result<Arc<Peer>, Fault> {
        let inside = self.clone();
        let start = || async move {
            let starting = inside.start(abilities);
            match tokio::time::timeout(START, starting).await {
                Ok(outcome) => outcome,
                Err(_) => Err(inside.fault(Reason::Timeout, "did not finish its handshake")),
            }
        };
        self.peers.get(key, start).await
    }

    async fn start(&self, abilities: Abilities) -> Result<Peer, Fault> {
        let (sender, incoming) = mpsc::channel(AHEAD);
        let inlet =
            Inlet { name: self.name.clone(), sender: Mutex::new(Some(sender)), total: self.total };
        let channel = Channel::new(self.name.clone(), Era::Legacy, Box::new(inlet), self.limits);
        let outgoing = Arc::downgrade(&channel);
        let transport = Transport::new(incoming, outgoing.clone());
        let running = (self.begin)(self.name.clone(), transport);
        let name = self.name.clone();
        tokio::spawn(async move {
            let outcome = running.await.inspect_err(|error| {
                // Between calls nobody else would hear of it.
                tracing::warn!(server = %name, error, "a conversation with a handler broke off");
            });
            let why = outcome.err().unwrap_or_else(|| "it ended".to_owned());
            if let Some(channel) = outgoing.upgrade() {
                channel.fail(&link::gone(&name, why));
            }
        });
        let session = legacy::shake_hands(&self.name, channel, abilities).await?;
        Ok(Peer::Legacy(session))
    }

    fn fault(&self, reason: Reason, what: &str) -> Fault {
        let text = format!("server \"{}\" {what}", self.name);
        Fault::new(reason, text).at(&self.name).unsent()
    }
}

impl Reach for Inside {
    async fn call(self: &Arc<Self>, request: &Request) -> Result<Reply, Fault> {
        let abilities = request.client.abilities();
        let key = self.peers.key(&request.who, abilities);
        self.peers.call(&key, request, || self.peer_of(&key, abilities)).await
    }

    async fn peer(self: &Arc<Self>, who: &Who, abilities: Abilities) -> Result<Arc<Peer>, Fault> {
        self.peer_of(&self.peers.key(who, abilities), abilities).await
    }

    async fn probe(self: &Arc<Self>) -> Result<(), Fault> {
        Ok(())
    }

    async fn close(&self) {
        self.peers.close().await;
    }

    fn vitals(&self) -> Vitals {
        Vitals { processes: 0, sessions: self.peers.count(), connections: 0 }
    }
}

/// Where messages to the handler go in.
struct Inlet {
    name: Arc<str>,
    /// Gone once the conversation is closed, which ends it on the other side.
    sender: Mutex<Option<mpsc::Sender<ClientJsonRpcMessage>>>,
    total: Duration,
}

impl Inlet {
    fn sender(&self) -> std::sync::MutexGuard<'_, Option<mpsc::Sender<ClientJsonRpcMessage>>> {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer for Inlet {
    fn write<'a>(
        &'a self,
        body: Bytes,
        behalf: Option<&'a Behalf>,
    ) -> Boxed<'a, Result<(), Fault>> {
        Box::pin(async move {
            let mut message =
                serde_json::from_slice::<ClientJsonRpcMessage>(&body).map_err(|error| {
                    let text = format!("server \"{}\" cannot read such a request", self.name);
                    Fault::new(Reason::Invalid, text).because(error).at(&self.name).unsent()
                })?;
            if let (JsonRpcMessage::Request(request), Some(behalf)) = (&mut message, behalf) {
                let deadline = Instant::now() + self.total;
                let context = Context::new(behalf.who.clone(), behalf.trace.clone(), deadline);
                request.request.extensions_mut().insert(context);
            }
            let sender = self.sender().clone();
            let ended = || channel::unsent(&self.name, "the conversation has ended");
            sender.ok_or_else(ended)?.send(message).await.map_err(|_| ended())
        })
    }

    fn tell(&self, request: &Request) -> (Option<String>, Option<Box<Behalf>>) {
        let (who, trace) = (request.who.clone(), request.trace.clone());
        (None, Some(Box::new(Behalf { who, trace, context: None })))
    }

    fn close(&self) -> Boxed<'_, ()> {
        drop(self.sender().take());
        Box::pin(std::future::ready(()))
    }
}
