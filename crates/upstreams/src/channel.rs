//! One channel shared by all requests to a server, as stdio and HTTP+SSE are: many requests out,
//! one stream of messages back, told apart by our own ids.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::mpsc;
use toolgate_gateway::call::{Boxed, End, Frame, Frames, Reply, Request};
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_protocol::client::key;
use toolgate_protocol::json::Limits;
use toolgate_protocol::jsonrpc::{Kind, Message};
use toolgate_protocol::version::Era;

use crate::child::Allowance;
use crate::endpoint::Behalf;
use crate::link::{self, Candidate, Hub, Link, Outbound};

/// Frames that wait for a caller that does not read. Beyond it notifications are dropped: one
/// slow client must never stop the reading for the others.
const BACKLOG: usize = 1024;

/// Writes one message to the server.
pub(crate) trait Writer: Send + Sync + 'static {
    /// Sends one message, waiting while the server does not read. `behalf` goes in its head,
    /// where there is one.
    fn write<'a>(&'a self, body: Bytes, behalf: Option<&'a Behalf>)
    -> Boxed<'a, Result<(), Fault>>;

    /// What is told of a request and its caller, and what goes in its head.
    fn tell(&self, request: &Request) -> (Option<String>, Option<Box<Behalf>>);

    /// Ends the connection or process in an orderly way.
    fn close(&self) -> Boxed<'_, ()>;
}

/// The shared channel.
pub(crate) struct Channel {
    name: Arc<str>,
    /// Found out only after the channel is open.
    is_modern: AtomicBool,
    writer: Box<dyn Writer>,
    pending: Mutex<HashMap<u64, Pending>>,
    hub: Mutex<Option<Arc<Hub>>>,
    /// When a request last ended.
    rested: Mutex<Instant>,
    alive: AtomicBool,
    limits: Limits,
    /// For what is no message.
    told: Mutex<Allowance>,
}

struct Pending {
    frames: mpsc::UnboundedSender<Frame>,
    queued: Arc<AtomicUsize>,
    token: Option<Box<str>>,
    owner: Option<Arc<str>>,
    may_ask: bool,
    /// The task whose result it waits for.
    task: Option<Box<str>>,
}

impl Channel {
    pub fn new(name: Arc<str>, era: Era, writer: Box<dyn Writer>, limits: Limits) -> Arc<Channel> {
        Arc::new(Channel {
            name,
            is_modern: AtomicBool::new(era == Era::Modern),
            writer,
            pending: Mutex::default(),
            hub: Mutex::default(),
            rested: Mutex::new(Instant::now()),
            alive: AtomicBool::new(true),
            limits,
            told: Mutex::new(Allowance::full()),
        })
    }

    /// The server turned out to speak this.
    pub fn set_era(&self, era: Era) {
        self.is_modern.store(era == Era::Modern, Ordering::Relaxed);
    }

    fn era(&self) -> Era {
        if self.is_modern.load(Ordering::Relaxed) { Era::Modern } else { Era::Legacy }
    }

    /// When its last request ended, unless one waits for an answer.
    pub fn idle_since(&self) -> Option<Instant> {
        let is_idle = self.pending().is_empty();
        is_idle.then(|| *self.rested.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes one message from the server. What is not MCP is logged and dropped: a stray print
    /// must not take a server down.
    pub fn receive(self: &Arc<Self>, line: Bytes) {
        let message = match Message::scan_reply(line.clone(), &self.limits) {
            Ok(message) => message,
            Err(malformed) => {
                let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
                if told.take(tokio::time::Instant::now()) {
                    let start = String::from_utf8_lossy(&line[..line.len().min(120)]).into_owned();
                    tracing::warn!(
                        server = %self.name,
                        error = %malformed,
                        start = start.escape_debug().to_string(),
                        left_out = told.left_out(),
                        "the server wrote what is not a message"
                    );
                }
                return;
            }
        };
        match message.kind() {
            Kind::Result | Kind::Error => self.settle(message),
            Kind::Notification => self.notify(message),
            Kind::Request => self.question(message),
        }
    }

    /// The server is gone: every waiting request fails with this.
    pub fn fail(&self, fault: &Fault) {
        self.alive.store(false, Ordering::Release);
        for (_, pending) in self.pending().drain() {
            let _ = pending.frames.send(Frame::Fail(fault.clone()));
        }
        if let Some(hub) = self.hub.lock().unwrap_or_else(PoisonError::into_inner).take() {
            hub.close();
        }
    }

    fn settle(&self, message: Message) {
        let id = message.id().and_then(|id| id.parse::<u64>().ok());
        let Some(pending) = id.and_then(|id| self.pending().remove(&id)) else {
            // Cancelled calls are answered late; everything else is a server that errs.
            tracing::debug!(server = %self.name, id = ?message.id(), "an answer nobody waits for");
            return;
        };
        let end = End { message, era: self.era(), status: None };
        let _ = pending.frames.send(Frame::End(end));
    }

    fn notify(&self, message: Message) {
        if let Some(id) = link::progress_id(&message) {
            let pending = self.pending();
            let Some(waiting) = pending.get(&id) else { return };
            let Some(token) = &waiting.token else { return };
            if let Some(message) = link::with_token(&message, token) {
                waiting.push(Frame::Notification(message));
            }
            return;
        }
        if let Some(id) = subscription_of(&message) {
            if let Some(waiting) = self.pending().get(&id) {
                waiting.push(Frame::Notification(message));
            }
            return;
        }
        if message.method() == Some("notifications/message") {
            // It names no request: it is passed on only where it can belong to just one.
            let pending = self.pending();
            if let (1, Some(only)) = (pending.len(), pending.values().next()) {
                only.push(Frame::Notification(message));
                return;
            }
            drop(pending);
        }
        if let Some(hub) = &*self.hub.lock().unwrap_or_else(PoisonError::into_inner) {
            hub.publish(message);
        }
    }

    fn question(self: &Arc<Self>, message: Message) {
        let id = message.id().unwrap_or("null").to_owned();
        let this = self.clone();
        if message.method() == Some("ping") || !self.ask(&message) {
            let refusal = link::unsolicited(&message);
            tokio::spawn(async move { this.writer.write(refusal, None).await });
            return;
        }
        tracing::debug!(server = %self.name, id, method = message.method(), "the server asks");
    }

    /// Hands a question to the call that it belongs to; false when there is none.
    fn ask(self: &Arc<Self>, message: &Message) -> bool {
        let pending = self.pending();
        let candidates: Vec<_> = pending
            .iter()
            .filter(|(_, waiting)| waiting.may_ask)
            .map(|(id, waiting)| Candidate {
                id: *id,
                owner: waiting.owner.as_ref(),
                task: waiting.task.as_deref(),
            })
            .collect();
        let chosen = link::addressee(&self.name, message, &candidates);
        let chosen = chosen.and_then(|id| pending.get(&id));
        let Some(chosen) = chosen else { return false };
        let (ask, answered) = link::ask_of(message);
        let _ = chosen.frames.send(Frame::Ask(ask));
        let id = message.id().unwrap_or("null").to_owned();
        let this = self.clone();
        tokio::spawn(async move {
            let response = link::response_to(&id, answered.await);
            let _ = this.writer.write(response, None).await;
        });
        true
    }

    fn pending(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Pending>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The listen request that a modern notification belongs to.
fn subscription_of(message: &Message) -> Option<u64> {
    message.meta()?.get(key::SUBSCRIPTION)?.as_u64()
}

impl Pending {
    fn push(&self, frame: Frame) {
        if self.queued.fetch_add(1, Ordering::Relaxed) < BACKLOG {
            let _ = self.frames.send(frame);
        } else {
            self.queued.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Link for Channel {
    fn request(self: Arc<Self>, outbound: Outbound) -> Boxed<'static, Result<Reply, Fault>> {
        Box::pin(async move {
            let (sender, frames) = mpsc::unbounded_channel();
            let queued = Arc::new(AtomicUsize::new(0));
            let task = outbound.task();
            let pending = Pending {
                frames: sender,
                queued: queued.clone(),
                token: outbound.token,
                owner: outbound.owner,
                may_ask: outbound.may_ask,
                task,
            };
            if !self.is_alive() {
                return Err(link::gone(&self.name, "it had already ended").unsent());
            }
            self.pending().insert(outbound.id, pending);
            let waiting = Waiting { channel: self.clone(), id: outbound.id, frames, queued };
            self.writer.write(outbound.body, outbound.behalf.as_deref()).await?;
            // It may have ended between the look and the insertion, when nobody fails us.
            if !self.is_alive() && self.pending().contains_key(&outbound.id) {
                return Err(link::gone(&self.name, "it ended while the request was sent"));
            }
            Ok(Reply::Stream(Box::new(waiting)))
        })
    }

    fn send(&self, body: Bytes) -> Boxed<'_, Result<(), Fault>> {
        self.writer.write(body, None)
    }

    fn tell(&self, request: &Request) -> (Option<String>, Option<Box<Behalf>>) {
        self.writer.tell(request)
    }

    fn listen(self: Arc<Self>, hub: Arc<Hub>) -> Boxed<'static, ()> {
        *self.hub.lock().unwrap_or_else(PoisonError::into_inner) = Some(hub);
        Box::pin(std::future::ready(()))
    }

    fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Acquire)
    }

    fn close(&self) -> Boxed<'_, ()> {
        self.alive.store(false, Ordering::Release);
        self.writer.close()
    }
}

/// The frames of one request.
struct Waiting {
    channel: Arc<Channel>,
    id: u64,
    frames: mpsc::UnboundedReceiver<Frame>,
    queued: Arc<AtomicUsize>,
}

impl Frames for Waiting {
    fn next(&mut self) -> Boxed<'_, Option<Frame>> {
        Box::pin(async {
            let frame = self.frames.recv().await;
            if matches!(frame, Some(Frame::Notification(_))) {
                self.queued.fetch_sub(1, Ordering::Relaxed);
            }
            frame
        })
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        *self.channel.rested.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        if self.channel.pending().remove(&self.id).is_none() || !self.channel.is_alive() {
            return;
        }
        let (channel, id) = (self.channel.clone(), self.id);
        // Outside of a runtime the process is ending, and the server with it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { channel.writer.write(link::cancelled(id), None).await });
        }
    }
}

/// What a full channel or closed pipe means to a caller.
pub(crate) fn unsent(name: &Arc<str>, why: impl Into<String>) -> Fault {
    Fault::new(Reason::Broken, format!("server \"{name}\" takes no more messages"))
        .because(why.into())
        .at(name)
        .unsent()
}

#[cfg(test)]
mod tests {
    use toolgate_gateway::call::Answer;
    use toolgate_protocol::jsonrpc;

    use super::*;

    /// A server that only talks.
    struct Deaf;

    impl Writer for Deaf {
        fn write<'a>(
            &'a self,
            _body: Bytes,
            _behalf: Option<&'a Behalf>,
        ) -> Boxed<'a, Result<(), Fault>> {
            Box::pin(std::future::ready(Ok(())))
        }

        fn tell(&self, _request: &Request) -> (Option<String>, Option<Box<Behalf>>) {
            (None, None)
        }

        fn close(&self) -> Boxed<'_, ()> {
            Box::pin(std::future::ready(()))
        }
    }

    fn outbound(id: u64, method: &str, params: &str) -> Outbound {
        let body = jsonrpc::request(&id.to_string(), method, params);
        Outbound { id, body, token: None, owner: None, may_ask: true, behalf: None }
    }

    #[tokio::test]
    async fn a_task_asks_whoever_waits_for_its_result_and_a_call_its_own_client() {
        let limits = Limits::default();
        let channel = Channel::new("a".into(), Era::Legacy, Box::new(Deaf), limits);
        let other = channel.clone().request(outbound(1, "tools/call", r#"{"name":"x"}"#));
        let mut other = other.await.unwrap();
        let waiting = channel.clone().request(outbound(2, "tasks/result", r#"{"taskId":"t"}"#));
        let mut waiting = waiting.await.unwrap();

        let params = format!(r#"{{"_meta":{{"{}":{{"taskId":"t"}}}}}}"#, key::RELATED_TASK);
        channel.receive(jsonrpc::request("9", "elicitation/create", &params));
        channel.receive(jsonrpc::request("10", "elicitation/create", "{}"));

        let Some(Frame::Ask(ask)) = waiting.next().await else { panic!("no question") };
        ask.answer.send(Answer::Result("{}".into())).unwrap();
        // What belongs to no task is for the call that is none.
        assert!(matches!(other.next().await, Some(Frame::Ask(_))));
    }
}
