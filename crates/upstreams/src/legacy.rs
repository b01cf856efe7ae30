//! A session with a legacy server, whatever carries it: the handshake, our own ids, and what
//! outlives a single request.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use toolgate_gateway::call::{Boxed, Frame, Frames, Reply, Request};
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_gateway::onward::CONTEXT_KEY;
use toolgate_gateway::upstream::{Description, Interest, Watch};
use toolgate_protocol::client::{Abilities, Level};
use toolgate_protocol::jsonrpc::{self, Kind, Message};
use toolgate_protocol::legacy::{self, Welcome};
use toolgate_protocol::method::Method;
use toolgate_protocol::version::Era;

use crate::channel::Channel;
use crate::link::{Counted, Hub, Link, Outbound};
use crate::listen::CLIENT_INFO;
use crate::subscriptions::{Asks, Subscriptions};

/// One session with a legacy server.
pub(crate) struct Session {
    pub link: Arc<dyn Link>,
    pub description: Arc<Description>,
    hub: Arc<Hub>,
    ids: AtomicU64,
    level: Mutex<Option<Level>>,
    subscriptions: Arc<Subscriptions>,
    used: Mutex<Instant>,
}

/// How long a server may take to answer a request of our own.
const OWN: Duration = Duration::from_secs(10);

/// The id of our `initialize`; requests count on from it.
pub(crate) const FIRST_ID: u64 = 1;

/// Our `initialize` request.
pub(crate) fn initialize(abilities: Abilities, client_info: &str) -> Bytes {
    jsonrpc::request(
        &FIRST_ID.to_string(),
        "initialize",
        &legacy::initialize_params(abilities, client_info),
    )
}

/// What follows a successful handshake.
pub(crate) fn initialized() -> Bytes {
    jsonrpc::notification("notifications/initialized", "{}")
}

/// Reads the answer to `initialize`.
pub(crate) fn welcome(name: &Arc<str>, message: &Message) -> Result<Welcome, Fault> {
    if message.kind() == Kind::Error {
        let error = message.error().map(|error| error.get("message").map(|m| m.raw().to_owned()));
        return Err(Fault::new(
            Reason::Refused,
            format!("server \"{name}\" refused the handshake"),
        )
        .because(error.flatten().unwrap_or_default())
        .at(name));
    }
    legacy::read_welcome(message).map_err(|error| {
        Fault::new(Reason::Garbage, format!("server \"{name}\" failed the handshake: {error}"))
            .at(name)
    })
}

/// Shakes hands on a channel that carries everything.
///
/// # Errors
/// When the server does not answer, or refuses.
pub(crate) async fn shake_hands(
    name: &Arc<str>,
    channel: Arc<Channel>,
    abilities: Abilities,
) -> Result<Arc<Session>, Fault> {
    let outbound = Outbound {
        id: FIRST_ID,
        body: initialize(abilities, CLIENT_INFO),
        token: None,
        owner: None,
        may_ask: false,
        behalf: None,
    };
    let end = channel.clone().request(outbound).await?.end().await?;
    let welcome = welcome(name, &end.message)?;
    channel.send(initialized()).await?;
    Ok(Session::new(channel, welcome))
}

impl Session {
    /// A session whose handshake is done.
    pub fn new(link: Arc<dyn Link>, welcome: Welcome) -> Arc<Session> {
        Arc::new(Session {
            link,
            description: Arc::new(Description {
                era: Era::Legacy,
                version: welcome.version,
                capabilities: welcome.capabilities,
                info: welcome.info,
                instructions: welcome.instructions,
                ttl_ms: 0,
            }),
            hub: Arc::default(),
            ids: AtomicU64::new(FIRST_ID + 1),
            level: Mutex::default(),
            subscriptions: Arc::default(),
            used: Mutex::new(Instant::now()),
        })
    }

    /// Sends a client's request under an id of our own.
    pub async fn call(&self, request: &Request) -> Result<Reply, Fault> {
        self.touch();
        self.follow_level(request).await;
        let id = self.next_id();
        let mut edits = request.edits.clone();
        let (context, behalf) = self.link.tell(request);
        let context = context.as_deref().map(|json| (CONTEXT_KEY, json));
        legacy::undress(&request.message, context, &mut edits);
        if let Some(span) = request.message.id_span() {
            edits.replace(span, id.to_string());
        }
        // Progress is told apart by our id: two clients may use the same token.
        let token = request.message.meta().and_then(|meta| meta.get("progressToken"));
        if let Some(token) = &token {
            edits.replace(token.span(), id.to_string());
        }
        let can_answer =
            request.client.abilities().without(Abilities::TASKS) != Abilities::default();
        let outbound = Outbound {
            id,
            body: edits.apply(request.message.bytes()),
            token: token.map(|token| token.raw().into()),
            owner: request.who.session.clone(),
            // An older client that declared nothing is never asked; a modern one is told what it
            // lacks (2026-07-28, errors: missing client capability).
            may_ask: request.client.era() == Era::Modern || can_answer,
            behalf,
        };
        if can_answer {
            // The question may come outside of the call's own answer.
            self.link.clone().listen(self.hub.clone()).await;
        }
        let counted = self.hub.count(request.who.session.clone());
        // Only a call that is to become a task creates one.
        let params = request.message.params().filter(|_| request.method == Method::ToolsCall);
        let creates = params.is_some_and(|params| params.get("task").is_some());
        match self.link.clone().request(outbound).await? {
            Reply::Stream(frames) => {
                Ok(Reply::Stream(Box::new(Running { frames, counted, creates })))
            }
            Reply::Whole(end) => {
                if creates {
                    counted.adopt(&end);
                }
                Ok(Reply::Whole(end))
            }
        }
    }

    /// Sends a request of our own and waits for its end.
    pub async fn ask(&self, method: &str, params: &str) -> Result<Message, Fault> {
        let id = self.next_id();
        let outbound = Outbound {
            id,
            body: jsonrpc::request(&id.to_string(), method, params),
            token: None,
            owner: None,
            may_ask: false,
            behalf: None,
        };
        let answering = async { self.link.clone().request(outbound).await?.end().await };
        let answered = tokio::time::timeout(OWN, answering).await;
        let silent = |_| Err(Fault::new(Reason::Timeout, format!("no answer to {method}")));
        Ok(answered.unwrap_or_else(silent)?.message)
    }

    /// Delivers what the server announces, for as long as the watch lives.
    pub async fn watch(self: &Arc<Self>, interest: Interest) -> Result<Watch, Fault> {
        self.touch();
        let offers = |path: &[&str]| self.description.offers(path);
        let mut accepted = Interest {
            tools: interest.tools && offers(&["tools", "listChanged"]),
            prompts: interest.prompts && offers(&["prompts", "listChanged"]),
            resources: interest.resources && offers(&["resources", "listChanged"]),
            uris: Vec::new(),
            // Servers tell the states of tasks if they like (2025-11-25, tasks: status
            // notifications), so nothing is promised: the client looks with `tasks/get`.
            tasks: Vec::new(),
            logs_of: None,
        };
        let subscribable = offers(&["resources", "subscribe"]);
        let wanted = if subscribable { interest.uris.clone() } else { Vec::new() };
        // We listen before we subscribe: an update may come before the answer.
        let events = self.hub.subscribe(interest);
        self.link.clone().listen(self.hub.clone()).await;
        let mut leases = Vec::new();
        for uri in wanted {
            // A server that refuses one subscription still serves the others.
            match self.subscriptions.subscribe(self, &uri).await {
                Ok(lease) => {
                    leases.push(lease);
                    accepted.uris.push(uri);
                }
                Err(fault) => tracing::debug!(uri, %fault, "a resource cannot be subscribed to"),
            }
        }
        Ok(Watch { accepted, events, guard: Box::new(leases) })
    }

    /// Has the server log as verbosely as this request wants. The level is the session's, so it
    /// only ever grows more verbose; what a client did not ask for is dropped on its way.
    async fn follow_level(&self, request: &Request) {
        let Some(wanted) = request.client.log_level else { return };
        {
            let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
            if level.is_some_and(|current| current <= wanted)
                || !self.description.offers(&["logging"])
            {
                return;
            }
            *level = Some(wanted);
        }
        let params = format!(r#"{{"level":"{}"}}"#, wanted.as_str());
        if let Err(fault) = self.ask("logging/setLevel", &params).await {
            tracing::debug!(%fault, "the server did not take the log level");
        }
    }

    fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    fn touch(&self) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// When it was last used, unless somebody still listens or waits for an answer.
    pub fn idle_since(&self) -> Option<Instant> {
        let used = *self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let since = || self.hub.last_call().map_or(used, |ended| ended.max(used));
        self.hub.is_idle().then(since)
    }

    /// Ends it.
    pub async fn close(&self) {
        self.hub.close();
        self.link.close().await;
    }
}

/// A call whose answer comes in frames, counted until its end.
struct Running {
    frames: Box<dyn Frames>,
    counted: Counted,
    /// Whether a task may come of it.
    creates: bool,
}

impl Frames for Running {
    fn next(&mut self) -> Boxed<'_, Option<Frame>> {
        if !self.creates {
            return self.frames.next();
        }
        Box::pin(async {
            let frame = self.frames.next().await;
            if let Some(Frame::End(end)) = &frame {
                self.counted.adopt(end);
            }
            frame
        })
    }
}

impl Asks for Session {
    fn ask<'a>(&'a self, method: &'a str, params: &'a str) -> Boxed<'a, Result<Message, Fault>> {
        Box::pin(Session::ask(self, method, params))
    }
}
