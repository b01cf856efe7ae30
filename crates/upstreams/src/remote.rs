//! A server reached over HTTP, of either era: found out once, then spoken to as it wants.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderName, HeaderValue, StatusCode, Uri};
use toolgate_gateway::call::{Boxed, Reply, Request, Who};
use toolgate_gateway::config::{EraChoice, Sessions, Transport};
use toolgate_gateway::fault::{Fault, Reason, SideEffect};
use toolgate_gateway::upstream::{Description, Interest, Upstream, Vitals, Watch};
use toolgate_protocol::client::Abilities;
use toolgate_protocol::jsonrpc::{Message, codes};

use crate::endpoint::{self, Bounds, Endpoint, Shape};
use crate::fan::Fan;
use crate::http::{Origin, Pool, Proxies, Target};
use crate::legacy::{self, Session};
use crate::link::{Link, Outbound};
use crate::listen::{self, Probe};
use crate::modern::Modern;
use crate::peers::{Key, Peer, Peers};
use crate::single::Single;
use crate::sse;
use crate::streamable::Streamable;

/// How long finding out the era, or a handshake, may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Sessions kept with one server at most.
const MOST_SESSIONS: usize = 10_000;

/// What to connect to.
pub struct RemoteSpec {
    /// The server's name in the configuration.
    pub name: Arc<str>,
    /// Its URL.
    pub url: Uri,
    /// Sent with every request.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Which era it speaks, if that is known.
    pub era: EraChoice,
    /// Which transport it speaks, if that is known.
    pub transport: Transport,
    /// Who shares a session.
    pub sessions: Sessions,
    /// Sessions unused for so long are ended.
    pub idle: Duration,
    /// Bounds on what it may send.
    pub bounds: Bounds,
}

/// A server reached over HTTP.
pub struct Remote {
    inner: Arc<Inner>,
}

struct Inner {
    spec: RemoteSpec,
    endpoint: Arc<Endpoint>,
    modern: Arc<Modern>,
    era: Arc<Single<Era>>,
    peers: Arc<Peers>,
    /// Who listens to a modern server, by the authorization they share.
    fans: Mutex<HashMap<Arc<str>, Arc<Fan>>>,
    /// Whether the server turned out to speak HTTP+SSE.
    speaks_sse: AtomicBool,
}

enum Era {
    Modern(Arc<Description>),
    Legacy,
}

impl Remote {
    /// A connector that has not connected yet.
    ///
    /// # Errors
    /// One sentence, when the URL cannot be connected to.
    pub fn new(spec: RemoteSpec, proxies: &Proxies) -> Result<Remote, String> {
        let target = Target::of(&spec.url, Origin::Configured, proxies)?;
        let pool = Pool::new(target);
        let endpoint =
            Arc::new(Endpoint::new(spec.name.clone(), &spec.url, pool, &spec.headers, spec.bounds));
        let peers = Peers::new(spec.name.clone(), spec.sessions, Some(spec.idle), MOST_SESSIONS);
        let speaks_sse = AtomicBool::new(spec.transport == Transport::Sse);
        Ok(Remote {
            inner: Arc::new(Inner {
                modern: Arc::new(Modern::new(endpoint.clone())),
                endpoint,
                era: Arc::default(),
                peers,
                fans: Mutex::default(),
                speaks_sse,
                spec,
            }),
        })
    }
}

impl Inner {
    async fn era(self: &Arc<Self>) -> Result<Arc<Era>, Fault> {
        if let Some(era) = self.era.peek() {
            return Ok(era);
        }
        let inner = self.clone();
        self.era
            .get(|| async move {
                match tokio::time::timeout(HANDSHAKE, inner.probe()).await {
                    Ok(outcome) => outcome,
                    Err(_) => Err(inner.silent()),
                }
            })
            .await
    }

    /// Which era does it speak? (2026-07-28, versioning: client behaviour over HTTP.)
    async fn probe(&self) -> Result<Era, Fault> {
        let known_legacy =
            self.spec.era == EraChoice::Legacy || self.spec.transport == Transport::Sse;
        if known_legacy {
            return Ok(Era::Legacy);
        }
        let mut found = self.discover().await?;
        if let Probe::Again = found {
            found = self.discover().await?;
        }
        match found {
            Probe::Modern(description) => {
                tracing::info!(server = %self.endpoint.name, era = "modern", "found out the era");
                Ok(Era::Modern(Arc::new(description)))
            }
            Probe::Legacy if self.spec.era == EraChoice::Modern => {
                let name = &self.endpoint.name;
                Err(Fault::new(
                    Reason::Garbage,
                    format!("server \"{name}\" is configured as modern but does not answer so"),
                )
                .at(name))
            }
            Probe::Legacy => {
                tracing::info!(server = %self.endpoint.name, era = "legacy", "found out the era");
                Ok(Era::Legacy)
            }
            Probe::Again => Err(listen::undecided(&self.endpoint.name)),
        }
    }

    async fn discover(&self) -> Result<Probe, Fault> {
        let request = listen::discover(&self.modern.next_id())?;
        let outcome = match self.modern.call(&request).await {
            Ok(reply) => reply.end().await,
            Err(fault) => Err(fault),
        };
        match outcome {
            Ok(end) => listen::read_probe(&self.endpoint.name, &end.message),
            // Whatever it answered was no JSON-RPC: an older server, or none at all, which the
            // handshake will tell.
            Err(fault) if fault.reason == Reason::Garbage => Ok(Probe::Legacy),
            Err(fault) => Err(fault),
        }
    }

    async fn peer(self: &Arc<Self>, key: &Key, abilities: Abilities) -> Result<Arc<Peer>, Fault> {
        let inner = self.clone();
        self.peers
            .get(key, || async move {
                match tokio::time::timeout(HANDSHAKE, inner.open(abilities)).await {
                    Ok(outcome) => outcome.map(Peer::Legacy),
                    Err(_) => Err(inner.silent()),
                }
            })
            .await
    }

    /// The session with a server that was found to be legacy. If there is none to be had it may
    /// not have been such a server, but none yet: its era is found out again.
    async fn legacy_peer(
        self: &Arc<Self>,
        era: &Arc<Era>,
        key: &Key,
        abilities: Abilities,
    ) -> Result<Arc<Peer>, Fault> {
        let outcome = self.peer(key, abilities).await;
        if outcome.as_ref().is_err_and(|fault| fault.reason != Reason::Overloaded) {
            self.era.reset(era, None);
        }
        outcome
    }

    async fn open(&self, abilities: Abilities) -> Result<Arc<Session>, Fault> {
        if !self.speaks_sse.load(Ordering::Relaxed) {
            match self.open_streamable(abilities).await {
                Err(fault) if self.may_be_sse(&fault) => {}
                outcome => return outcome,
            }
        }
        let session = self.open_sse(abilities).await?;
        self.speaks_sse.store(true, Ordering::Relaxed);
        Ok(session)
    }

    fn may_be_sse(&self, fault: &Fault) -> bool {
        fault.reason == Reason::Garbage && self.spec.transport == Transport::Auto
    }

    async fn open_streamable(&self, abilities: Abilities) -> Result<Arc<Session>, Fault> {
        let endpoint = &self.endpoint;
        let body = legacy::initialize(abilities, listen::CLIENT_INFO);
        let mut response = endpoint.send(endpoint.post(body, None)).await?;
        let status = response.status();
        let session_id = response.headers().get(endpoint::SESSION_ID).cloned();
        let message = match endpoint::shape(&response) {
            Shape::Events if status.is_success() => self.first_answer(response.into_body()).await?,
            Shape::Json => {
                let body = endpoint.collect(&mut response).await?;
                let message = endpoint.message(status, body)?;
                if is_no_handshake(status) {
                    return Err(endpoint.garbage(format!("HTTP {status} to initialize")));
                }
                message
            }
            _ => {
                let body = endpoint.collect(&mut response).await?;
                return Err(endpoint.not_mcp(status, &body));
            }
        };
        let welcome = legacy::welcome(&endpoint.name, &message)?;
        let link = Streamable::new(endpoint.clone(), session_id, welcome.version);
        link.send(legacy::initialized()).await?;
        Ok(Session::new(link, welcome))
    }

    async fn first_answer(&self, mut body: crate::http::Body) -> Result<Message, Fault> {
        let mut decoder = self.endpoint.decoder();
        loop {
            while let Some(event) =
                decoder.next_event().map_err(|error| self.endpoint.too_long(error))?
            {
                if event.data.is_empty() {
                    continue;
                }
                let message = self.endpoint.message(StatusCode::OK, event.data)?;
                if message.id() == Some(&legacy::FIRST_ID.to_string()) {
                    body.finish_later();
                    return Ok(message);
                }
            }
            match body.chunk().await.map_err(|error| self.endpoint.fault(error))? {
                Some(chunk) => decoder.feed(chunk),
                None => return Err(self.endpoint.garbage("the handshake's stream ended early")),
            }
        }
    }

    async fn open_sse(&self, abilities: Abilities) -> Result<Arc<Session>, Fault> {
        let channel = sse::open(&self.endpoint, &self.spec.url).await?;
        let outbound = Outbound {
            id: legacy::FIRST_ID,
            body: legacy::initialize(abilities, listen::CLIENT_INFO),
            token: None,
            owner: None,
            may_ask: false,
        };
        let end = channel.clone().request(outbound).await?.end().await?;
        let welcome = legacy::welcome(&self.endpoint.name, &end.message)?;
        channel.send(legacy::initialized()).await?;
        Ok(Session::new(channel, welcome))
    }

    fn silent(&self) -> Fault {
        let name = &self.endpoint.name;
        Fault::new(
            Reason::Timeout,
            format!("server \"{name}\" did not answer the handshake within {HANDSHAKE:?}"),
        )
        .at(name)
        .unsent()
    }

    async fn call(self: &Arc<Self>, request: &Request) -> Result<Reply, Fault> {
        match self.attempt(request).await {
            // What was known of the server no longer holds, and it has not run the call.
            (outcome, true) if is_unsent(&outcome) => self.attempt(request).await.0,
            (outcome, _) => outcome,
        }
    }

    /// One try; also whether the server turned out to be another than it was.
    async fn attempt(self: &Arc<Self>, request: &Request) -> (Result<Reply, Fault>, bool) {
        let era = match self.era().await {
            Ok(era) => era,
            Err(fault) => return (Err(fault), false),
        };
        if let Era::Modern(_) = &*era {
            let outcome = self.modern.call(request).await;
            let changed = is_no_longer_modern(&outcome);
            if changed {
                self.era.reset(&era, None);
            }
            return (outcome, changed);
        }
        let abilities = request.client.abilities();
        let key = self.peers.key(&request.who, abilities);
        let peer = match self.legacy_peer(&era, &key, abilities).await {
            Ok(peer) => peer,
            Err(fault) => return (Err(fault), false),
        };
        let outcome = peer.call(request).await;
        let lost = !peer.is_alive();
        if lost {
            self.peers.forget(&key, &peer);
            self.era.reset(&era, None);
        }
        (outcome, lost)
    }

    async fn watch(
        self: &Arc<Self>,
        who: &Who,
        abilities: Abilities,
        interest: Interest,
    ) -> Result<Watch, Fault> {
        let era = self.era().await?;
        if let Era::Modern(_) = &*era {
            let outcome = self.fan(who).watch(self.modern.clone(), interest).await;
            self.doubt(&era, outcome.as_ref().err());
            return outcome;
        }
        let key = self.peers.key(who, abilities);
        self.legacy_peer(&era, &key, abilities).await?.watch(interest).await
    }

    fn fan(&self, who: &Who) -> Arc<Fan> {
        let mut fans = self.fans.lock().unwrap_or_else(PoisonError::into_inner);
        // One that is held elsewhere may be about to be listened to.
        fans.retain(|_, fan| !fan.is_idle() || Arc::strong_count(fan) > 1);
        fans.entry(self.peers.authorization(who)).or_default().clone()
    }

    /// Somebody may have replaced the server by another: then find out the era again.
    fn doubt(&self, era: &Arc<Era>, fault: Option<&Fault>) {
        if fault.is_some_and(|f| matches!(f.reason, Reason::Garbage | Reason::Unreachable)) {
            self.era.reset(era, None);
        }
    }
}

/// Whether a call has certainly not been run.
fn is_unsent(outcome: &Result<Reply, Fault>) -> bool {
    match outcome {
        Ok(Reply::Whole(end)) => end.status.is_some(),
        Ok(Reply::Stream(_)) => false,
        Err(fault) => fault.side_effect == SideEffect::None && fault.reason != Reason::Unreachable,
    }
}

/// Whether an answer shows that another server stands there now: it refuses with an error that
/// no modern server uses, or answers what is no JSON-RPC.
fn is_no_longer_modern(outcome: &Result<Reply, Fault>) -> bool {
    match outcome {
        Ok(Reply::Whole(end)) if end.status.is_some() => {
            let code = end.message.error().and_then(|error| error.get("code")?.as_i64());
            matches!(code, Some(codes::INVALID_REQUEST) | Some(-32_019..=-32_000))
        }
        Ok(_) => false,
        Err(fault) => matches!(fault.reason, Reason::Garbage | Reason::Unreachable),
    }
}

/// The answers to `initialize` after which an older transport is tried (2025-11-25,
/// transports: backwards compatibility).
fn is_no_handshake(status: StatusCode) -> bool {
    matches!(status.as_u16(), 404 | 405)
}

impl Upstream for Remote {
    fn call<'a>(&'a self, request: &'a Request) -> Boxed<'a, Result<Reply, Fault>> {
        Box::pin(self.inner.call(request))
    }

    fn describe<'a>(
        &'a self,
        who: &'a Who,
        abilities: Abilities,
    ) -> Boxed<'a, Result<Arc<Description>, Fault>> {
        Box::pin(async move {
            let era = self.inner.era().await?;
            if let Era::Modern(description) = &*era {
                return Ok(description.clone());
            }
            let key = self.inner.peers.key(who, abilities);
            Ok(self.inner.legacy_peer(&era, &key, abilities).await?.description())
        })
    }

    fn notify<'a>(
        &'a self,
        who: &'a Who,
        abilities: Abilities,
        message: &'a Message,
    ) -> Boxed<'a, Result<(), Fault>> {
        Box::pin(async move {
            if let Era::Modern(_) = &*self.inner.era().await? {
                // Modern clients send no notifications over HTTP.
                return Ok(());
            }
            let key = self.inner.peers.key(who, abilities);
            match &*self.inner.peer(&key, abilities).await? {
                Peer::Legacy(session) => session.link.send(message.bytes().clone()).await,
                Peer::Modern(_) => Ok(()),
            }
        })
    }

    fn watch<'a>(
        &'a self,
        who: &'a Who,
        abilities: Abilities,
        interest: Interest,
    ) -> Boxed<'a, Result<Watch, Fault>> {
        Box::pin(self.inner.watch(who, abilities, interest))
    }

    fn probe(&self) -> Boxed<'_, Result<(), Fault>> {
        Box::pin(async {
            // Really reached: a fresh exchange, not the memory of one.
            let inner = &self.inner;
            let request = listen::discover(&inner.modern.next_id())?;
            if inner.speaks_sse.load(Ordering::Relaxed) {
                let key = inner.peers.key(&request.who, Abilities::default());
                return inner.peer(&key, Abilities::default()).await.map(|_| ());
            }
            match tokio::time::timeout(HANDSHAKE, inner.modern.call(&request)).await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(fault)) if fault.reason == Reason::Garbage => Ok(()),
                Ok(Err(fault)) => Err(fault),
                Err(_) => Err(inner.silent()),
            }
        })
    }

    fn close(&self) -> Boxed<'_, ()> {
        Box::pin(async {
            self.inner.peers.close().await;
            self.inner.endpoint.pool.close();
        })
    }

    fn vitals(&self) -> Vitals {
        Vitals {
            processes: 0,
            sessions: self.inner.peers.count(),
            connections: self.inner.endpoint.pool.idle_count(),
        }
    }
}
