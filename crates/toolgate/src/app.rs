//! What one process holds: the gateway that serves now, and what outlives it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Notify, watch};
use toolgate_gateway::gateway::{Gateway, Lasting};
use toolgate_gateway::seal::Purpose;
use toolgate_gateway::toolset::Toolset;

use toolgate_onward::Onwards;

use crate::front::{Door, Forwarder, Guard, Sessions};
use crate::telemetry;

/// One running process.
pub struct App {
    current: ArcSwap<Serving>,
    /// What outlives a reload.
    pub lasting: Lasting,
    /// Sessions of older clients.
    pub sessions: Sessions,
    /// Towards other replicas.
    pub forwarder: Forwarder,
    /// What precedes ids that lead back to this replica; empty where there is only one.
    pub prefix: Arc<str>,
    /// Since when it runs.
    pub started: std::time::Instant,
    in_flight: AtomicUsize,
    listening: AtomicUsize,
    idle: Notify,
    draining: AtomicBool,
    stop: watch::Sender<bool>,
    replaced: Notify,
}

/// A gateway and whom it answers to.
pub struct Serving {
    /// The gateway.
    pub gateway: Arc<Gateway>,
    /// The same gateway in each of its toolsets, by name.
    toolsets: HashMap<Arc<str>, Arc<Gateway>>,
    /// Hosts and origins.
    pub guard: Guard,
    /// Callers.
    pub door: Arc<Door>,
    /// Who we are to servers.
    pub onwards: Arc<Onwards>,
}

impl Serving {
    fn of(gateway: Gateway, door: Door, onwards: Onwards) -> Serving {
        telemetry::redact(gateway.log_rules());
        let guard = Guard::of(&gateway.config);
        let within =
            |toolset: &Arc<Toolset>| (toolset.name.clone(), Arc::new(gateway.within(toolset)));
        let toolsets = gateway.config.toolsets().iter().map(within).collect();
        let (door, onwards) = (Arc::new(door), Arc::new(onwards));
        let gateway = Arc::new(gateway);
        gateway.follow_documents();
        Serving { gateway, toolsets, guard, door, onwards }
    }

    /// The gateway in this toolset, or the whole one; `None` when there is no such toolset.
    pub fn at(&self, toolset: Option<&str>) -> Option<&Arc<Gateway>> {
        match toolset {
            Some(name) => self.toolsets.get(name),
            None => Some(&self.gateway),
        }
    }

    /// Whether a call still runs here, or somebody listens.
    pub fn is_used(&self) -> bool {
        let mut all = std::iter::once(&self.gateway).chain(self.toolsets.values());
        all.any(|gateway| Arc::strong_count(gateway) > 1)
    }
}

impl App {
    /// A process that serves `gateway`.
    pub fn new(gateway: Gateway, door: Door, onwards: Onwards) -> Arc<App> {
        let lasting = gateway.lasting.clone();
        let prefix = match &gateway.replica {
            Some(url) => format!("{}~", lasting.keys.seal(Purpose::Question, &**url)).into(),
            None => "".into(),
        };
        let sessions = Sessions::new(gateway.config.sessions.clone());
        let forwarder = Forwarder::new(gateway.replica.clone(), lasting.keys.clone());
        Arc::new(App {
            current: ArcSwap::from_pointee(Serving::of(gateway, door, onwards)),
            lasting,
            sessions,
            forwarder,
            prefix,
            started: std::time::Instant::now(),
            in_flight: AtomicUsize::new(0),
            listening: AtomicUsize::new(0),
            idle: Notify::new(),
            draining: AtomicBool::new(false),
            stop: watch::channel(false).0,
            replaced: Notify::new(),
        })
    }

    /// Whether there may be other replicas.
    pub fn has_replicas(&self) -> bool {
        !self.prefix.is_empty()
    }

    /// What serves now.
    pub fn serving(&self) -> arc_swap::Guard<Arc<Serving>> {
        self.current.load()
    }

    /// The gateway that serves now.
    pub fn gateway(&self) -> Arc<Gateway> {
        self.current.load().gateway.clone()
    }

    /// The gateway that serves now in this toolset, or the whole one; `None` when there is no such
    /// toolset any more.
    pub fn gateway_at(&self, toolset: Option<&str>) -> Option<Arc<Gateway>> {
        self.current.load().at(toolset).cloned()
    }

    /// Swaps the gateway whole. The old one ends when its last call has ended.
    pub fn replace(&self, gateway: Gateway, door: Door, onwards: Onwards) -> Arc<Serving> {
        let old = self.current.swap(Arc::new(Serving::of(gateway, door, onwards)));
        self.replaced.notify_waiters();
        old
    }

    /// Resolves when another gateway has taken over.
    pub async fn replaced(&self) {
        self.replaced.notified().await;
    }

    /// Counts a request in; `None` when too many are at work.
    pub fn admit(self: &Arc<Self>, most: usize) -> Option<Admitted> {
        if self.in_flight.fetch_add(1, Ordering::AcqRel) >= most {
            self.in_flight.fetch_sub(1, Ordering::AcqRel);
            return None;
        }
        Some(Admitted(self.clone()))
    }

    /// Counts a listener in; `None` when too many listen. A listener is no request at work: it
    /// may stay for days, takes no call's place, and nobody waits for its end.
    pub fn listen(self: &Arc<Self>, most: usize) -> Option<Listening> {
        if self.listening.fetch_add(1, Ordering::AcqRel) >= most {
            self.listening.fetch_sub(1, Ordering::AcqRel);
            return None;
        }
        Some(Listening(self.clone()))
    }

    /// How many requests are at work.
    pub fn at_work(&self) -> usize {
        self.in_flight.load(Ordering::Acquire)
    }

    /// Whether the process is about to end.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Tells everybody that the process is about to end.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        self.stop.send_replace(true);
    }

    /// Resolves when draining begins.
    pub async fn draining(&self) {
        let mut stop = self.stop.subscribe();
        // The sender lives as long as this does.
        let _ = stop.wait_for(|stop| *stop).await;
    }

    /// Waits until no request is at work, at most `limit`. Whether it came to that.
    pub async fn idle(&self, limit: Duration) -> bool {
        let waiting = async {
            loop {
                let idle = self.idle.notified();
                if self.at_work() == 0 {
                    return;
                }
                idle.await;
            }
        };
        tokio::time::timeout(limit, waiting).await.is_ok()
    }
}

/// A listener; dropping it counts it out.
pub struct Listening(Arc<App>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.listening.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A request at work; dropping it counts it out.
pub struct Admitted(Arc<App>);

impl Drop for Admitted {
    fn drop(&mut self) {
        if self.0.in_flight.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.idle.notify_waiters();
        }
    }
}
