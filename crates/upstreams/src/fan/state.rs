//! Who listens to one server, what is open for them, and what is missing. Nothing here waits.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use toolgate_gateway::fault::Fault;
use toolgate_gateway::upstream::Interest;
use toolgate_protocol::jsonrpc::Message;

use super::AbortOnDrop;
use crate::topic::{Topic, Topics, narrowed};

/// How long others may join before a listen is opened.
const DEBOUNCE: Duration = Duration::from_millis(20);
/// The pause grows up to this while listeners keep coming and going.
const SLOWEST: Duration = Duration::from_secs(1);
/// After so long without a new listen the pause is short again.
const CALM: Duration = Duration::from_secs(2);

#[derive(Default)]
pub(super) struct State {
    listen: Option<Listen>,
    watchers: HashMap<u64, Watcher>,
    /// Who is to be told of what.
    audience: HashMap<Topic, HashSet<u64>>,
    /// In the order in which they came.
    waiting: BTreeMap<u64, Waiting>,
    /// Whether more is open than anybody listens to.
    is_too_wide: bool,
    is_renewing: bool,
    pause: Duration,
    renewed: Option<Instant>,
    last_id: u64,
}

/// An open listen.
pub(super) struct Listen {
    pub generation: u64,
    /// What was asked for. What is not accepted of it was refused.
    pub asked: Topics,
    pub accepted: Topics,
    pub _reading: AbortOnDrop,
}

/// Somebody who listens.
struct Watcher {
    granted: Vec<Topic>,
    events: mpsc::Sender<Arc<Message>>,
}

/// Somebody who wants to listen.
pub(super) struct Waiting {
    pub interest: Interest,
    pub topics: Topics,
    pub events: mpsc::Sender<Arc<Message>>,
    pub answer: oneshot::Sender<Result<Interest, Fault>>,
}

/// The next listen.
pub(super) struct Plan {
    pub topics: Topics,
    /// Who of those that wait is covered by it.
    pub joining: Vec<u64>,
}

impl Listen {
    /// Whether it is known what the server says to these. A list that was refused stays
    /// refused; a resource may have come into being since.
    fn covers(&self, topics: &Topics) -> bool {
        topics.iter().all(|topic| {
            self.accepted.contains(topic) || !topic.is_named() && self.asked.contains(topic)
        })
    }
}

impl State {
    pub fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub fn is_idle(&self) -> bool {
        self.watchers.is_empty() && self.waiting.is_empty()
    }

    /// Adds somebody, who listens at once if what is open suffices.
    pub fn join(&mut self, new: Waiting) -> u64 {
        let id = self.next_id();
        if self.listen.as_ref().is_some_and(|listen| listen.covers(&new.topics)) {
            self.admit(id, new);
        } else {
            self.waiting.insert(id, new);
        }
        id
    }

    /// Removes somebody; with the last one goes the listen.
    pub fn leave(&mut self, id: u64) -> Option<Listen> {
        self.waiting.remove(&id);
        if let Some(watcher) = self.watchers.remove(&id) {
            for topic in watcher.granted {
                let Some(ids) = self.audience.get_mut(&topic) else { continue };
                ids.remove(&id);
                if ids.is_empty() {
                    self.audience.remove(&topic);
                    // What is left of the lists costs the server nothing until they change.
                    self.is_too_wide |= topic.is_named();
                }
            }
        }
        if self.is_idle() { self.listen.take() } else { None }
    }

    /// Whether a task must now be started to renew the listen.
    pub fn begin_renewing(&mut self) -> bool {
        let needed = !self.waiting.is_empty() || self.is_too_wide && self.listen.is_some();
        needed && !std::mem::replace(&mut self.is_renewing, true)
    }

    /// How long to wait for others.
    pub fn pause(&mut self) -> Duration {
        let calm = self.renewed.is_none_or(|at| at.elapsed() > CALM);
        self.pause = if calm { DEBOUNCE } else { (self.pause * 2).min(SLOWEST) };
        self.pause
    }

    /// The listen to open now for those present and at most so many that wait; `None` when
    /// nothing is missing, which ends the renewing.
    pub fn plan(&mut self, most: usize) -> Option<Plan> {
        self.admit_covered();
        let is_too_wide = std::mem::take(&mut self.is_too_wide) && self.listen.is_some();
        if self.waiting.is_empty() && !is_too_wide {
            self.is_renewing = false;
            return None;
        }
        self.renewed = Some(Instant::now());
        let mut topics: Topics = self.audience.keys().cloned().collect();
        let lists = self.listen.iter().flat_map(|listen| &listen.asked);
        topics.extend(lists.filter(|topic| !topic.is_named()).cloned());
        let mut joining = Vec::new();
        for (id, waiting) in self.waiting.iter().take(most) {
            joining.push(*id);
            topics.extend(waiting.topics.iter().cloned());
        }
        Some(Plan { topics, joining })
    }

    /// A new listen takes over; gives the old one.
    pub fn replace(&mut self, listen: Listen, joined: &[u64]) -> Option<Listen> {
        let old = self.listen.replace(listen);
        for id in joined {
            if let Some(waiting) = self.waiting.remove(id) {
                self.admit(*id, waiting);
            }
        }
        self.withdraw();
        old
    }

    /// What the new listen does not grant any more is not expected any more.
    fn withdraw(&mut self) {
        let Some(listen) = &self.listen else { return };
        let lost: HashSet<u64> = self
            .audience
            .iter()
            .filter(|(topic, _)| !listen.accepted.contains(*topic))
            .flat_map(|(_, ids)| ids.iter().copied())
            .collect();
        // Their subscription has changed under them: they begin anew and learn what is left.
        for id in lost {
            self.leave(id);
        }
    }

    fn admit_covered(&mut self) {
        let Some(listen) = &self.listen else { return };
        let covered: Vec<_> = self
            .waiting
            .iter()
            .filter(|(_, waiting)| listen.covers(&waiting.topics))
            .map(|(id, _)| *id)
            .collect();
        for id in covered {
            if let Some(waiting) = self.waiting.remove(&id) {
                self.admit(id, waiting);
            }
        }
    }

    fn admit(&mut self, id: u64, new: Waiting) {
        let Some(listen) = &self.listen else { return };
        let granted: Vec<_> = new.topics.intersection(&listen.accepted).cloned().collect();
        let accepted = narrowed(&new.interest, |topic| listen.accepted.contains(topic));
        for topic in &granted {
            self.audience.entry(topic.clone()).or_default().insert(id);
        }
        self.watchers.insert(id, Watcher { granted, events: new.events });
        // Who does not wait any more leaves by its guard.
        let _ = new.answer.send(Ok(accepted));
    }

    /// Tells some of those that wait that they wait in vain.
    pub fn refuse(&mut self, some: &[u64], fault: &Fault) {
        for id in some {
            if let Some(waiting) = self.waiting.remove(id) {
                let _ = waiting.answer.send(Err(fault.clone()));
            }
        }
    }

    /// Tells all that wait.
    pub fn refuse_all(&mut self, fault: &Fault) {
        for (_, waiting) in std::mem::take(&mut self.waiting) {
            let _ = waiting.answer.send(Err(fault.clone()));
        }
    }

    /// The server ended a listen. If it was the one, everybody learns it.
    pub fn ended(&mut self, generation: u64) {
        if self.listen.as_ref().is_some_and(|listen| listen.generation == generation) {
            self.listen = None;
            self.watchers.clear();
            self.audience.clear();
        }
    }

    /// Tells those who wait for one of these topics, each once.
    pub fn tell(&self, topics: &[Topic], message: &Arc<Message>) {
        let mut audiences = topics.iter().filter_map(|topic| self.audience.get(topic));
        let Some(first) = audiences.next() else { return };
        let mut told = first.clone();
        for more in audiences {
            told.extend(more);
        }
        for id in told {
            self.hand(id, message);
        }
    }

    /// Tells everybody.
    pub fn tell_all(&self, message: &Arc<Message>) {
        for id in self.watchers.keys() {
            self.hand(*id, message);
        }
    }

    fn hand(&self, id: u64, message: &Arc<Message>) {
        if let Some(watcher) = self.watchers.get(&id) {
            // A full backlog loses the newest hint; nobody waits for a slow watcher.
            let _ = watcher.events.try_send(message.clone());
        }
    }
}
