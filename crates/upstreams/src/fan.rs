//! One `subscriptions/listen` towards a modern server for everybody here who listens to it.
//!
//! A listen cannot be changed once it is open. When somebody asks for more, a new one is opened
//! that covers everybody, and only then the old one is let go. Who comes within a moment of each
//! other shares that change, so that a thousand listeners cost a server few requests.
//!
//! A short task renews the listen, another one reads it; neither exists while nobody listens.

mod state;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use toolgate_gateway::call::{Boxed, Frame, Reply, Request};
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_gateway::upstream::{Interest, Watch};

use crate::listen;
use crate::topic::{Audience, Topics, audience, topics_of};
use state::{Listen, Plan, State, Waiting};

/// Announcements that wait for a watcher that does not read. They are hints to look again: who
/// has this many unread has what it needs.
const BACKLOG: usize = 256;
/// How long a server may take to acknowledge.
const ACKNOWLEDGE: Duration = Duration::from_secs(10);
/// How long the old listen is still read after a new one is there: what the server had sent on
/// it before may be under way. What it announces in between comes twice, which a hint may.
const LINGER: Duration = Duration::from_millis(100);

/// What can open a listen: a modern server, however it is reached.
pub(crate) trait Source: Send + Sync + 'static {
    /// Sends our own `subscriptions/listen`. Dropping the reply ends it.
    fn listen(self: Arc<Self>, request: Request) -> Boxed<'static, Result<Reply, Fault>>;
}

/// Everybody who listens to one server under one authorization.
#[derive(Default)]
pub(crate) struct Fan {
    state: Mutex<State>,
}

impl Fan {
    /// Delivers what of the interest the server grants, for as long as the watch lives.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses; [`Reason::NoMethod`] when there is nothing
    /// that this server could ever announce.
    pub async fn watch(
        self: &Arc<Self>,
        source: Arc<dyn Source>,
        interest: Interest,
    ) -> Result<Watch, Fault> {
        let topics = topics_of(&interest);
        if topics.is_empty() {
            // Log messages never come on a listen stream.
            return Err(Fault::new(Reason::NoMethod, "nothing that a modern server announces"));
        }
        let (sender, events) = mpsc::channel(BACKLOG);
        let (answer, answered) = oneshot::channel();
        let id = self.state().join(Waiting { interest, topics, events: sender, answer });
        let guard = Watching { fan: self.clone(), source, id };
        self.renew_if_needed(&guard.source);
        let gone = |_| Fault::new(Reason::Draining, "the gateway stopped");
        let accepted = answered.await.map_err(gone)??;
        Ok(Watch { accepted, events, guard: Box::new(guard) })
    }

    /// Whether nobody listens.
    pub fn is_idle(&self) -> bool {
        self.state().is_idle()
    }

    fn renew_if_needed(self: &Arc<Self>, source: &Arc<dyn Source>) {
        // Outside of a runtime the process is ending.
        if self.state().begin_renewing()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(self.clone().renew(source.clone()));
        }
    }

    /// Opens listens until what is open covers everybody.
    async fn renew(self: Arc<Self>, source: Arc<dyn Source>) {
        let mut doubt = Doubt::default();
        loop {
            let pause = self.state().pause();
            tokio::time::sleep(pause).await;
            let plan = self.state().plan(doubt.most);
            let Some(plan) = plan else { return };
            match open(&source, &plan.topics).await {
                Ok((reply, accepted)) => {
                    doubt.lessen();
                    self.settle(plan, reply, &accepted);
                }
                Err(fault) => match doubt.after(&fault, plan.joining.len()) {
                    Verdict::TryFewer => {}
                    Verdict::ThisOne => self.state().refuse(&plan.joining, &fault),
                    Verdict::All => self.state().refuse_all(&fault),
                },
            }
        }
    }

    /// From now on this listen is the one.
    fn settle(self: &Arc<Self>, plan: Plan, reply: Reply, accepted: &Topics) {
        let mut state = self.state();
        if state.is_idle() {
            return;
        }
        let generation = state.next_id();
        let accepted = accepted.intersection(&plan.topics).cloned().collect();
        let reading = tokio::spawn(self.clone().read(reply, generation));
        let reading = AbortOnDrop(reading.abort_handle());
        let listen = Listen { generation, asked: plan.topics, accepted, _reading: reading };
        if let Some(old) = state.replace(listen, &plan.joining) {
            tokio::spawn(async move {
                tokio::time::sleep(LINGER).await;
                drop(old);
            });
        }
    }

    async fn read(self: Arc<Self>, mut reply: Reply, generation: u64) {
        while let Some(frame) = reply.next().await {
            match frame {
                Frame::Notification(message) => match audience(&message) {
                    Audience::Of(topics) => self.state().tell(&topics, &Arc::new(message)),
                    Audience::Everybody => self.state().tell_all(&Arc::new(message)),
                    Audience::Nobody => {}
                },
                Frame::End(_) | Frame::Fail(_) => break,
                Frame::Opened | Frame::Ask(_) | Frame::Pause(_) => {}
            }
        }
        self.state().ended(generation);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn open(source: &Arc<dyn Source>, topics: &Topics) -> Result<(Reply, Topics), Fault> {
    let request = listen::request(topics)?;
    let opening = async {
        let mut reply = source.clone().listen(request).await?;
        let accepted = listen::acknowledged(&mut reply).await?;
        Ok((reply, accepted))
    };
    tokio::time::timeout(ACKNOWLEDGE, opening).await.unwrap_or_else(|_| {
        Err(Fault::new(Reason::Timeout, "the server does not acknowledge the subscription"))
    })
}

/// How many may join at once. A refusal may be about one name among many: then halves are tried,
/// until only its owner is refused.
struct Doubt {
    most: usize,
    /// Whether somebody was refused alone, and nobody accepted since.
    alone: bool,
}

/// Whom a failure concerns.
enum Verdict {
    TryFewer,
    ThisOne,
    All,
}

impl Default for Doubt {
    fn default() -> Self {
        Doubt { most: usize::MAX, alone: false }
    }
}

impl Doubt {
    fn lessen(&mut self) {
        *self = Doubt { most: self.most.saturating_mul(2), alone: false };
    }

    fn after(&mut self, fault: &Fault, joining: usize) -> Verdict {
        // Whatever else fails, and whoever is refused right after another was refused alone:
        // that is about the server.
        if fault.reason != Reason::Refused || self.alone {
            return Verdict::All;
        }
        self.most = (joining / 2).max(1);
        self.alone = joining == 1;
        if self.alone { Verdict::ThisOne } else { Verdict::TryFewer }
    }
}

/// Somebody who listens, or waits to; dropping it ends that.
struct Watching {
    fan: Arc<Fan>,
    source: Arc<dyn Source>,
    id: u64,
}

impl Drop for Watching {
    fn drop(&mut self) {
        // What the listen holds is dropped outside of the lock.
        let ended = self.fan.state().leave(self.id);
        drop(ended);
        self.fan.renew_if_needed(&self.source);
    }
}

/// A task that ends with its owner.
struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
