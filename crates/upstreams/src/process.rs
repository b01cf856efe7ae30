//! A server that runs as our child, of either era: started when first needed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use toolgate_gateway::call::{Reply, Request, Who};
use toolgate_gateway::config::{EraChoice, Sessions};
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_gateway::onward::Broker;
use toolgate_gateway::upstream::Vitals;
use toolgate_protocol::client::Abilities;
use toolgate_protocol::json::Limits;
use toolgate_protocol::modern;
use toolgate_protocol::splice::Edits;
use toolgate_protocol::version::Era;

use crate::channel::Channel;
use crate::child::{Slots, Spec};
use crate::connector::{Connector, Reach};
use crate::legacy;
use crate::link::{Link, Outbound};
use crate::listen::{self, Probe};
use crate::modern_channel::ModernChannel;
use crate::peers::{Key, Peer, Peers};
use crate::stdio;

/// How long a process may take to start and finish its handshake. Programs that are fetched
/// when first run take their time.
const START: Duration = Duration::from_secs(60);
/// Silence after which a server is taken for a legacy one that ignores the probe.
const PROBE: Duration = Duration::from_secs(10);
/// Our ids while the era is found out; requests count on after them.
const PROBE_ID: u64 = 0;
const SECOND_PROBE_ID: u64 = 2;
const FIRST_FREE_ID: u64 = 3;

/// What to run.
pub struct ProcessSpec {
    /// The process.
    pub child: Spec,
    /// Which era it speaks, if that is known.
    pub era: EraChoice,
    /// Who shares a process.
    pub sessions: Sessions,
    /// Ended when unused for so long; `None` for never.
    pub idle: Option<Duration>,
    /// Bounds on its messages.
    pub limits: Limits,
    /// What it is told of requests.
    pub broker: Option<Arc<dyn Broker>>,
}

/// A server that runs as our child.
pub type Process = Connector<Children>;

/// The processes of one program.
pub struct Children {
    spec: ProcessSpec,
    slots: Slots,
    peers: Arc<Peers>,
    era: Found,
}

/// The era, once found out. Every later process of the same program speaks it too.
#[derive(Default)]
struct Found(AtomicU8);

impl Found {
    fn get(&self) -> Option<Era> {
        match self.0.load(Ordering::Relaxed) {
            1 => Some(Era::Legacy),
            2 => Some(Era::Modern),
            _ => None,
        }
    }

    fn set(&self, era: Era) {
        self.0.store(if era == Era::Legacy { 1 } else { 2 }, Ordering::Relaxed);
    }
}

impl Process {
    /// A connector that has started nothing yet.
    pub fn new(spec: ProcessSpec, slots: Slots) -> Process {
        let era = Found::default();
        match spec.era {
            EraChoice::Auto => {}
            EraChoice::Legacy => era.set(Era::Legacy),
            EraChoice::Modern => era.set(Era::Modern),
        }
        // How many processes there may be is for the slots to say.
        let peers = Peers::new(spec.child.name.clone(), spec.sessions, spec.idle, usize::MAX);
        Connector::of(Children { spec, slots, peers, era })
    }
}

impl Children {
    fn key(&self, who: &Who, abilities: Abilities) -> Key {
        // A modern server learns the capabilities with every request: one process serves all.
        let abilities =
            if self.era.get() == Some(Era::Modern) { Abilities::default() } else { abilities };
        self.peers.key(who, abilities)
    }

    async fn peer_of(
        self: &Arc<Self>,
        key: &Key,
        abilities: Abilities,
    ) -> Result<Arc<Peer>, Fault> {
        let children = self.clone();
        self.peers
            .get(key, || async move {
                match tokio::time::timeout(START, children.start(abilities)).await {
                    Ok(outcome) => outcome,
                    Err(_) => Err(children.silent()),
                }
            })
            .await
    }

    async fn start(&self, abilities: Abilities) -> Result<Peer, Fault> {
        let known = self.era.get();
        if known != Some(Era::Legacy) {
            let (channel, _) = self.spawn(Era::Modern)?;
            let mut found = self.probe(&channel, PROBE_ID).await;
            if let Ok(Probe::Again) = found {
                found = self.probe(&channel, SECOND_PROBE_ID).await;
            }
            match found {
                Ok(Probe::Again) => return Err(listen::undecided(&self.spec.child.name)),
                Ok(Probe::Modern(description)) => {
                    self.era.set(Era::Modern);
                    let description = Arc::new(description);
                    return Ok(Peer::Channel(ModernChannel::new(
                        channel,
                        description,
                        FIRST_FREE_ID,
                    )));
                }
                Ok(Probe::Legacy) if known == Some(Era::Modern) => {
                    return Err(self.fault(Reason::Garbage, "does not answer as a modern server"));
                }
                Ok(Probe::Legacy) => {
                    self.era.set(Era::Legacy);
                    channel.set_era(Era::Legacy);
                    return self.shake_hands(channel, abilities).await;
                }
                // Some old servers die of what comes before the handshake: once more, without.
                Err(_) if !channel.is_alive() => self.era.set(Era::Legacy),
                Err(fault) => return Err(fault),
            }
        }
        let (channel, _) = self.spawn(Era::Legacy)?;
        let outcome = self.shake_hands(channel, abilities).await;
        if outcome.is_err() && known.is_none() {
            // Nothing was learnt of a server that does not start at all.
            self.era.0.store(0, Ordering::Relaxed);
        }
        outcome
    }

    fn spawn(&self, era: Era) -> Result<(Arc<Channel>, Arc<crate::child::Child>), Fault> {
        let ProcessSpec { child, limits, broker, .. } = &self.spec;
        stdio::start(child.clone(), &self.slots, era, *limits, broker.clone())
    }

    /// Which era does it speak? An answer that is no sign of the modern era, or silence, means
    /// legacy (2026-07-28, versioning: client behaviour on stdio).
    async fn probe(&self, channel: &Arc<Channel>, id: u64) -> Result<Probe, Fault> {
        let request = listen::discover(&id.to_string())?;
        let mut edits = Edits::default();
        modern::dress(&request.message, &request.client, None, &mut edits);
        let outbound = Outbound {
            id,
            body: edits.apply(request.message.bytes()),
            token: None,
            owner: None,
            may_ask: false,
            behalf: None,
        };
        let reply = channel.clone().request(outbound).await?;
        match tokio::time::timeout(PROBE, reply.end()).await {
            Ok(Ok(end)) => listen::read_probe(&self.spec.child.name, &end.message),
            Ok(Err(fault)) => Err(fault),
            Err(_) => Ok(Probe::Legacy),
        }
    }

    async fn shake_hands(
        &self,
        channel: Arc<Channel>,
        abilities: Abilities,
    ) -> Result<Peer, Fault> {
        let name = &self.spec.child.name;
        match legacy::shake_hands(name, channel.clone(), abilities).await {
            Ok(session) => Ok(Peer::Legacy(session)),
            Err(fault) => {
                channel.close().await;
                Err(fault)
            }
        }
    }

    fn fault(&self, reason: Reason, what: &str) -> Fault {
        let name = &self.spec.child.name;
        Fault::new(reason, format!("server \"{name}\" {what}")).at(name)
    }

    fn silent(&self) -> Fault {
        self.fault(Reason::Timeout, "did not finish its handshake within 60s").unsent()
    }
}

impl Reach for Children {
    async fn call(self: &Arc<Self>, request: &Request) -> Result<Reply, Fault> {
        let abilities = request.client.abilities();
        let key = self.key(&request.who, abilities);
        self.peers.call(&key, request, || self.peer_of(&key, abilities)).await
    }

    async fn peer(self: &Arc<Self>, who: &Who, abilities: Abilities) -> Result<Arc<Peer>, Fault> {
        self.peer_of(&self.key(who, abilities), abilities).await
    }

    async fn probe(self: &Arc<Self>) -> Result<(), Fault> {
        // Dormant is well: only a process that failed to start is not.
        match (self.peers.any(), self.peers.failure()) {
            (None, Some(fault)) => Err(fault),
            _ => Ok(()),
        }
    }

    async fn close(&self) {
        self.peers.close().await;
    }

    fn vitals(&self) -> Vitals {
        let alive = self.peers.count();
        Vitals { processes: alive, sessions: alive, connections: 0 }
    }
}
