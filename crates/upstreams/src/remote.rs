//! A server reached over HTTP, of either era: found out once, then spoken to as it wants.

mod era;
mod handshake;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderName, HeaderValue, Uri};
use toolgate_gateway::call::{Reply, Request, Who};
use toolgate_gateway::config::{EraChoice, Sessions, Transport};
use toolgate_gateway::fault::{Fault, Reason, SideEffect};
use toolgate_gateway::onward::Onward;
use toolgate_gateway::upstream::Vitals;
use toolgate_protocol::client::Abilities;

use crate::connector::{Connector, Reach};
use crate::endpoint::{Bounds, Endpoint};
use crate::fan::Fan;
use crate::http::{Origin, Pool, Proxies, Target};
use crate::listen;
use crate::modern::Modern;
use crate::peers::{Alone, Key, Peer, Peers};
use crate::single::Single;
use era::{Era, is_no_longer_modern};

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
    /// What goes to it besides requests.
    pub onward: Onward,
}

/// A server reached over HTTP.
pub type Remote = Connector<Server>;

/// The one server at an address.
pub struct Server {
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

impl Remote {
    /// A connector that has not connected yet.
    ///
    /// # Errors
    /// One sentence, when the URL cannot be connected to.
    pub fn new(spec: RemoteSpec, proxies: &Proxies) -> Result<Remote, String> {
        let target = Target::of(&spec.url, Origin::Configured, proxies)?;
        let pool = Pool::new(target);
        let (name, onward) = (spec.name.clone(), spec.onward.clone());
        let endpoint = Endpoint::new(name, &spec.url, pool, &spec.headers, onward, spec.bounds);
        let endpoint = Arc::new(endpoint);
        let peers = Peers::new(spec.name.clone(), spec.sessions, Some(spec.idle), MOST_SESSIONS);
        let speaks_sse = AtomicBool::new(spec.transport == Transport::Sse);
        Ok(Connector::of(Server {
            modern: Arc::new(Modern::new(endpoint.clone())),
            endpoint,
            era: Arc::default(),
            peers,
            fans: Mutex::default(),
            speaks_sse,
            spec,
        }))
    }
}

impl Server {
    /// Found out with what the first caller has to show, where each has something else.
    async fn era(self: &Arc<Self>, who: &Who) -> Result<Arc<Era>, Fault> {
        if let Some(era) = self.era.peek() {
            return Ok(era);
        }
        let (server, who) = (self.clone(), who.clone());
        self.era
            .get(|| async move {
                match tokio::time::timeout(HANDSHAKE, server.find_out(&who)).await {
                    Ok(outcome) => outcome,
                    Err(_) => Err(server.silent()),
                }
            })
            .await
    }

    async fn session(
        self: &Arc<Self>,
        key: &Key,
        who: &Who,
        abilities: Abilities,
    ) -> Result<Arc<Peer>, Fault> {
        let (server, who) = (self.clone(), who.clone());
        self.peers
            .get(key, || async move {
                match tokio::time::timeout(HANDSHAKE, server.open(&who, abilities)).await {
                    Ok(outcome) => outcome.map(Peer::Legacy),
                    Err(_) => Err(server.silent()),
                }
            })
            .await
    }

    /// The session with a server that was found to be legacy. If there is none to be had it may
    /// not have been such a server, but none yet: its era is found out again.
    async fn legacy(
        self: &Arc<Self>,
        era: &Arc<Era>,
        key: &Key,
        who: &Who,
        abilities: Abilities,
    ) -> Result<Arc<Peer>, Fault> {
        let outcome = self.session(key, who, abilities).await;
        let tells = |fault: &Fault| fault.reason != Reason::Overloaded && !fault.is_personal;
        if outcome.as_ref().is_err_and(tells) {
            self.era.reset(era, None);
        }
        outcome
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

    /// One try; also whether the server turned out to be another than it was.
    async fn attempt(self: &Arc<Self>, request: &Request) -> (Result<Reply, Fault>, bool) {
        let era = match self.era(&request.who).await {
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
        let peer = match self.legacy(&era, &key, &request.who, abilities).await {
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

    fn fan(&self, who: &Who) -> Arc<Fan> {
        let mut fans = self.fans.lock().unwrap_or_else(PoisonError::into_inner);
        // One that is held elsewhere may be about to be listened to.
        fans.retain(|_, fan| !fan.is_idle() || Arc::strong_count(fan) > 1);
        fans.entry(self.peers.authorization(who)).or_default().clone()
    }
}

impl Reach for Server {
    async fn call(self: &Arc<Self>, request: &Request) -> Result<Reply, Fault> {
        match self.attempt(request).await {
            // What was known of the server no longer holds, and it has not run the call.
            (outcome, true) if is_unsent(&outcome) => self.attempt(request).await.0,
            (outcome, _) => outcome,
        }
    }

    async fn peer(self: &Arc<Self>, who: &Who, abilities: Abilities) -> Result<Arc<Peer>, Fault> {
        let era = self.era(who).await?;
        if let Era::Modern(description) = &*era {
            return Ok(Arc::new(Peer::Alone(Alone {
                server: self.modern.clone(),
                who: who.clone(),
                description: description.clone(),
                fan: self.fan(who),
            })));
        }
        self.legacy(&era, &self.peers.key(who, abilities), who, abilities).await
    }

    /// Somebody may have replaced the server by another: then its era is found out again.
    fn doubt(&self, peer: &Peer, fault: &Fault) {
        if !matches!(fault.reason, Reason::Garbage | Reason::Unreachable) {
            return;
        }
        let (Peer::Alone(doubtful), Some(era)) = (peer, self.era.peek()) else { return };
        // Unless that has happened since.
        if matches!(&*era, Era::Modern(known) if Arc::ptr_eq(known, &doubtful.description)) {
            self.era.reset(&era, None);
        }
    }

    async fn probe(self: &Arc<Self>) -> Result<(), Fault> {
        // Really reached: a fresh exchange, not the memory of one.
        let request = listen::discover(&self.modern.next_id())?;
        // What only callers can prove, we cannot: a server that says so is there.
        let personal = self.spec.onward.attach.as_ref().is_some_and(|attach| attach.is_personal());
        if self.speaks_sse.load(Ordering::Relaxed) && !personal {
            let who = &request.who;
            let key = self.peers.key(who, Abilities::default());
            return self.session(&key, who, Abilities::default()).await.map(|_| ());
        }
        match tokio::time::timeout(HANDSHAKE, self.modern.call(&request)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(fault)) if fault.reason == Reason::Garbage => Ok(()),
            Ok(Err(fault)) if personal && fault.reason == Reason::Refused => Ok(()),
            Ok(Err(fault)) => Err(fault),
            Err(_) => Err(self.silent()),
        }
    }

    async fn close(&self) {
        self.peers.close().await;
        self.endpoint.pool.close();
    }

    fn vitals(&self) -> Vitals {
        Vitals {
            processes: 0,
            sessions: self.peers.count(),
            connections: self.endpoint.pool.idle_count(),
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
