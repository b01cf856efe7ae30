//! The sessions and processes kept with one server: who shares which, and when they end.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use toolgate_gateway::call::{Reply, Request, Who};
use toolgate_gateway::config::Sessions;
use toolgate_gateway::fault::{Fault, Reason, SideEffect};
use toolgate_gateway::upstream::{Description, Interest, Watch};
use toolgate_protocol::client::Abilities;
use toolgate_protocol::jsonrpc::Message;

use crate::fan::Fan;
use crate::legacy::Session;
use crate::modern::{Listened, Modern};
use crate::modern_channel::ModernChannel;
use crate::single::Single;

/// One conversation with a server.
#[derive(Clone)]
pub(crate) enum Peer {
    /// A session with a legacy server.
    Legacy(Arc<Session>),
    /// A modern server in a process.
    Channel(Arc<ModernChannel>),
    /// A modern server over HTTP, with which there is no conversation: it is never kept.
    Alone(Alone),
}

/// A modern server over HTTP, and those who listen to it under one authorization.
#[derive(Clone)]
pub(crate) struct Alone {
    pub server: Arc<Modern>,
    pub who: Who,
    pub description: Arc<Description>,
    pub fan: Arc<Fan>,
}

impl Peer {
    pub async fn call(&self, request: &Request) -> Result<Reply, Fault> {
        match self {
            Peer::Legacy(session) => session.call(request).await,
            Peer::Channel(channel) => channel.call(request).await,
            Peer::Alone(alone) => alone.server.call(request).await,
        }
    }

    pub fn description(&self) -> Arc<Description> {
        match self {
            Peer::Legacy(session) => session.description.clone(),
            Peer::Channel(channel) => channel.description.clone(),
            Peer::Alone(alone) => alone.description.clone(),
        }
    }

    pub async fn watch(&self, interest: Interest) -> Result<Watch, Fault> {
        match self {
            Peer::Legacy(session) => session.watch(interest).await,
            Peer::Channel(channel) => channel.watch(interest).await,
            Peer::Alone(Alone { server, who, fan, .. }) => {
                let source = Listened { server: server.clone(), who: who.clone() };
                fan.watch(Arc::new(source), interest).await
            }
        }
    }

    /// Passes a notification of the client on, to a server of an era that hears any.
    pub async fn notify(&self, message: &Message) -> Result<(), Fault> {
        match self {
            Peer::Legacy(session) => session.link.send(message.line()).await,
            Peer::Channel(_) | Peer::Alone(_) => Ok(()),
        }
    }

    pub fn is_alive(&self) -> bool {
        match self {
            Peer::Legacy(session) => session.link.is_alive(),
            Peer::Channel(channel) => channel.is_alive(),
            Peer::Alone(_) => true,
        }
    }

    fn idle_since(&self) -> Option<Instant> {
        match self {
            Peer::Legacy(session) => session.idle_since(),
            Peer::Channel(channel) => channel.idle_since(),
            Peer::Alone(_) => None,
        }
    }

    async fn close(&self) {
        match self {
            Peer::Legacy(session) => session.close().await,
            Peer::Channel(channel) => channel.close().await,
            Peer::Alone(_) => {}
        }
    }
}

/// Under what a conversation is shared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    scope: Arc<str>,
    abilities: Abilities,
}

/// All conversations with one server.
pub(crate) struct Peers {
    name: Arc<str>,
    mode: Sessions,
    idle: Option<Duration>,
    most: usize,
    peers: Mutex<HashMap<Key, Arc<Single<Peer>>>>,
}

/// How often idle conversations are looked for, unless they may be idle for a shorter time.
const SWEEP: Duration = Duration::from_secs(5);
const SHORTEST_SWEEP: Duration = Duration::from_millis(100);

impl Peers {
    /// No conversation yet. What is `idle` that long is ended; at most `most` are kept.
    pub fn new(name: Arc<str>, mode: Sessions, idle: Option<Duration>, most: usize) -> Arc<Peers> {
        let peers = Arc::new(Peers { name, mode, idle, most, peers: Mutex::default() });
        if let Some(idle) = idle {
            let every = idle.clamp(SHORTEST_SWEEP, SWEEP);
            tokio::spawn(sweep(Arc::downgrade(&peers), every));
        }
        peers
    }

    /// The key of a request under this server's isolation mode.
    pub fn key(&self, who: &Who, abilities: Abilities) -> Key {
        let scope: Arc<str> = match self.mode {
            Sessions::Shared => "".into(),
            Sessions::PerCaller => who.caller.principal.clone(),
            // The protocol gives a modern client no conversation to be told apart by
            // (2026-07-28, SEP-2567): its caller is the closest there is.
            Sessions::PerSession => {
                who.session.clone().unwrap_or_else(|| who.caller.principal.clone())
            }
        };
        // Legacy servers are never told of the extension, and modern ones are with each request.
        Key { scope, abilities: abilities.without(Abilities::TASKS) }
    }

    /// Under whose authorization a request to a modern server travels: there is no conversation
    /// that could be closer.
    pub fn authorization(&self, who: &Who) -> Arc<str> {
        match self.mode {
            Sessions::Shared => "".into(),
            Sessions::PerCaller | Sessions::PerSession => who.caller.principal.clone(),
        }
    }

    /// The conversation of this key, started if need be.
    ///
    /// # Errors
    /// When it cannot be started, or too many exist.
    pub async fn get<F>(&self, key: &Key, start: impl FnOnce() -> F) -> Result<Arc<Peer>, Fault>
    where
        F: Future<Output = Result<Peer, Fault>> + Send + 'static,
    {
        let single = {
            let mut peers = self.lock();
            if peers.len() >= self.most && !peers.contains_key(key) {
                return Err(Fault::new(
                    Reason::Overloaded,
                    format!("too many sessions with server \"{}\"", self.name),
                )
                .at(&self.name)
                .unsent());
            }
            peers.entry(key.clone()).or_default().clone()
        };
        if let Some(peer) = single.peek()
            && !peer.is_alive()
        {
            let fault = Fault::new(
                Reason::Unreachable,
                format!("server \"{}\" has ended; it is started again after a pause", self.name),
            );
            single.reset(&peer, Some(fault.at(&self.name)));
        }
        // What did not start was not sent anything.
        single.get(start).await.map_err(Fault::unsent)
    }

    /// Calls the one of this key, which `peer` gets; once more another, if it turns out not to be
    /// there any more.
    ///
    /// # Errors
    /// When there is none to be had, and how the call failed.
    pub async fn call<F>(
        &self,
        key: &Key,
        request: &Request,
        peer: impl Fn() -> F,
    ) -> Result<Reply, Fault>
    where
        F: Future<Output = Result<Arc<Peer>, Fault>>,
    {
        let found = peer().await?;
        match found.call(request).await {
            // It ended before it took the request: the next one may have it.
            Err(fault) if !found.is_alive() && fault.side_effect == SideEffect::None => {
                self.forget(key, &found);
                peer().await?.call(request).await
            }
            outcome => outcome,
        }
    }

    /// Forgets a conversation that has ended.
    pub fn forget(&self, key: &Key, peer: &Arc<Peer>) {
        let single = self.lock().get(key).cloned();
        if let Some(single) = single {
            single.reset(peer, None);
        }
    }

    /// A live conversation, if there is one.
    pub fn any(&self) -> Option<Arc<Peer>> {
        self.lock().values().find_map(|single| single.peek().filter(|peer| peer.is_alive()))
    }

    /// How the last start failed, if nothing is alive.
    pub fn failure(&self) -> Option<Fault> {
        self.lock().values().find_map(|single| single.failure())
    }

    /// How many are alive.
    pub fn count(&self) -> usize {
        self.lock().values().filter(|single| single.peek().is_some_and(|p| p.is_alive())).count()
    }

    /// Ends all, at once.
    pub async fn close(&self) {
        let all: Vec<_> = self.lock().drain().filter_map(|(_, single)| single.peek()).collect();
        let closing: Vec<_> =
            all.into_iter().map(|peer| tokio::spawn(async move { peer.close().await })).collect();
        for closing in closing {
            let _ = closing.await;
        }
    }

    /// Ends what has been idle for too long, and forgets what did not start.
    async fn evict(&self) {
        let Some(idle) = self.idle else { return };
        let is_over = |single: &Arc<Single<Peer>>| match single.peek() {
            Some(peer) => {
                !peer.is_alive() || peer.idle_since().is_some_and(|since| since.elapsed() > idle)
            }
            // Whoever is about to start it holds it, too.
            None => Arc::strong_count(single) == 1 && single.is_empty(),
        };
        let old: Vec<_> = {
            let mut peers = self.lock();
            let keys: Vec<_> = peers
                .iter()
                .filter(|(_, single)| is_over(single))
                .map(|(key, _)| key.clone())
                .collect();
            keys.iter().filter_map(|key| peers.remove(key)).collect()
        };
        for single in old {
            if let Some(peer) = single.peek() {
                tracing::info!(server = %self.name, "an idle session is ended");
                peer.close().await;
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Arc<Single<Peer>>>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn sweep(peers: Weak<Peers>, every: Duration) {
    let mut ticks = tokio::time::interval(every);
    loop {
        ticks.tick().await;
        let Some(peers) = peers.upgrade() else { return };
        peers.evict().await;
    }
}

#[cfg(test)]
mod tests {
    use toolgate_gateway::testing::caller;

    use super::*;

    fn who(name: &str) -> Who {
        Who::of(caller(name))
    }

    #[tokio::test]
    async fn what_did_not_start_takes_nobodys_place_for_long() {
        let idle = Some(Duration::from_secs(60));
        let peers = Peers::new("crm".into(), Sessions::PerCaller, idle, 1);
        let lacking = || async {
            Err(Fault::new(Reason::Unconnected, "nothing is allowed yet").of_this_caller())
        };
        let begin = async |name: &str| {
            let key = peers.key(&who(name), Abilities::default());
            peers.get(&key, lacking).await.err().unwrap().reason
        };

        assert_eq!(begin("ada").await, Reason::Unconnected);
        assert_eq!(begin("bob").await, Reason::Overloaded);
        peers.evict().await;

        assert_eq!(begin("bob").await, Reason::Unconnected);
    }
}
