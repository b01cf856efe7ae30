//! What carries JSON-RPC messages to one server and back, and what all such carriers share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use toolgate_gateway::call::{Answer, Ask, Boxed, End, Reply, Request};
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_gateway::upstream::Interest;
use toolgate_protocol::jsonrpc::{self, Message, codes};
use toolgate_protocol::splice::Edits;
use toolgate_protocol::tasks::{self, Task};

use crate::endpoint::Behalf;
use crate::topic::{Audience, Topic, audience};

/// A request ready to be sent.
pub(crate) struct Outbound {
    /// Our own id, also used as the progress token.
    pub id: u64,
    /// The body, with that id in it.
    pub body: Bytes,
    /// The client's progress token as raw JSON; `None` when it asked for no progress.
    pub token: Option<Box<str>>,
    /// Whose request it is: questions of the server go only to somebody who can be told apart.
    pub owner: Option<Arc<str>>,
    /// Whether the server may ask something back while it runs.
    pub may_ask: bool,
    /// What goes in its head, where there is one.
    pub behalf: Option<Box<Behalf>>,
}

impl Outbound {
    /// The task whose result it fetches.
    pub fn task(&self) -> Option<Box<str>> {
        // One look spares all other requests the scan.
        memchr::memmem::find(&self.body, b"\"tasks/result\"")?;
        let request = Message::scan_reply(self.body.clone(), &Default::default()).ok()?;
        let params = request.params().filter(|_| request.method() == Some("tasks/result"))?;
        Some(params.get("taskId")?.string()?.into())
    }
}

/// A carrier of messages to one legacy server, or to a server of either era on stdio.
pub(crate) trait Link: Send + Sync + 'static {
    /// Sends a request; its frames come back in the reply. Dropping the reply before its end
    /// tells the server that the request is cancelled.
    fn request(self: Arc<Self>, outbound: Outbound) -> Boxed<'static, Result<Reply, Fault>>;

    /// What is told of a request and its caller, and what goes in its head.
    fn tell(&self, _request: &Request) -> (Option<String>, Option<Box<Behalf>>) {
        (None, None)
    }

    /// Sends a notification or a response.
    fn send(&self, body: Bytes) -> Boxed<'_, Result<(), Fault>>;

    /// Makes sure that what the server says outside of requests arrives at the hub.
    fn listen(self: Arc<Self>, hub: Arc<Hub>) -> Boxed<'static, ()>;

    /// Whether it is still of use.
    fn is_alive(&self) -> bool;

    /// Ends it in an orderly way.
    fn close(&self) -> Boxed<'_, ()>;
}

/// Who wants to hear what a server says outside of requests.
///
/// It also knows whose calls are running, which is all there is to say whom a log message
/// outside of a call's own answer belongs to.
#[derive(Default)]
pub(crate) struct Hub {
    listeners: Mutex<Vec<(Interest, mpsc::Sender<Arc<Message>>)>>,
    running: Mutex<Running>,
    /// Whose tasks these are, by the server's ids.
    tasks: Mutex<HashMap<Box<str>, Arc<str>>>,
}

/// Tasks remembered at most. States are told as a courtesy: clients ask for them anyway.
const MOST_TASKS: usize = 10_000;

#[derive(Default)]
struct Running {
    owners: HashMap<Option<Arc<str>>, usize>,
    last: Option<(Option<Arc<str>>, Instant)>,
}

/// A log message may come a little after the end of the call that it belongs to.
const AFTERWARDS: Duration = Duration::from_secs(1);

/// A running call, counted while this lives.
pub(crate) struct Counted {
    hub: Arc<Hub>,
    owner: Option<Arc<str>>,
}

impl Counted {
    /// The call became a task, if its end says so.
    pub fn adopt(&self, end: &End) {
        if let (Some(task), Some(owner)) = (Task::created(&end.message), &self.owner) {
            self.hub.adopt(&task.id, owner);
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut running = self.hub.running();
        if let Some(count) = running.owners.get_mut(&self.owner) {
            *count -= 1;
            if *count == 0 {
                running.owners.remove(&self.owner);
            }
        }
        running.last = Some((self.owner.take(), Instant::now()));
    }
}

/// How many announcements wait for a listener that does not read. They are hints to look
/// again: a listener that has this many unread has what it needs.
const BACKLOG: usize = 256;

impl Hub {
    /// Adds a listener.
    pub fn subscribe(&self, interest: Interest) -> mpsc::Receiver<Arc<Message>> {
        let (sender, receiver) = mpsc::channel(BACKLOG);
        self.lock().push((interest, sender));
        receiver
    }

    /// Counts a call of this owner as running.
    pub fn count(self: &Arc<Self>, owner: Option<Arc<str>>) -> Counted {
        let mut running = self.running();
        *running.owners.entry(owner.clone()).or_default() += 1;
        drop(running);
        Counted { hub: self.clone(), owner }
    }

    /// The one session whose calls are running, or were a moment ago.
    fn only_owner(&self) -> Option<Arc<str>> {
        let running = self.running();
        let mut owners = running.owners.keys();
        match (owners.next(), owners.next()) {
            (Some(only), None) => only.clone(),
            (None, _) => {
                let (owner, ended) = running.last.as_ref()?;
                owner.clone().filter(|_| ended.elapsed() < AFTERWARDS)
            }
            _ => None,
        }
    }

    /// A task was created for a call of this client session.
    pub fn adopt(&self, task: &str, owner: &Arc<str>) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if tasks.len() >= MOST_TASKS {
            tasks.clear();
        }
        tasks.insert(task.into(), owner.clone());
    }

    fn owner_of_task(&self, message: &Message) -> Option<Arc<str>> {
        let task = message.params()?.get("taskId")?.string()?;
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).get(&*task).cloned()
    }

    /// Tells everybody who wants to hear it.
    pub fn publish(&self, message: Message) {
        // What concerns one client is for that one alone.
        let (is_personal, owner) = match message.method() {
            Some("notifications/message") => (true, self.only_owner()),
            Some("notifications/tasks/status") => (true, self.owner_of_task(&message)),
            _ => (false, None),
        };
        let audience = audience(&message);
        let message = Arc::new(message);
        self.lock().retain(|(interest, sender)| {
            let wanted = if is_personal {
                owner.is_some() && interest.logs_of == owner
            } else {
                match &audience {
                    Audience::Of(topics) => topics.iter().any(|topic| wants(interest, topic)),
                    // What a server invents is passed to whoever listens at all.
                    Audience::Everybody => !interest.is_empty(),
                    Audience::Nobody => false,
                }
            };
            if !wanted {
                return !sender.is_closed();
            }
            // A full backlog loses the newest hint, a closed one the listener.
            !matches!(sender.try_send(message.clone()), Err(mpsc::error::TrySendError::Closed(_)))
        });
    }

    /// Whether nobody listens and no call is running.
    pub fn is_idle(&self) -> bool {
        let mut listeners = self.lock();
        listeners.retain(|(_, sender)| !sender.is_closed());
        listeners.is_empty() && self.running().owners.is_empty()
    }

    /// When the last call ended.
    pub fn last_call(&self) -> Option<Instant> {
        self.running().last.as_ref().map(|(_, ended)| *ended)
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends every subscription: the server is gone.
    pub fn close(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Interest, mpsc::Sender<Arc<Message>>)>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wants(interest: &Interest, topic: &Topic) -> bool {
    let among = |list: &[String], name: &str| list.iter().any(|wanted| wanted == name);
    match topic {
        Topic::Tools => interest.tools,
        Topic::Prompts => interest.prompts,
        Topic::Resources => interest.resources,
        Topic::Resource(uri) => among(&interest.uris, uri),
        Topic::Task(id) => among(&interest.tasks, id),
    }
}

/// The progress token that a notification carries, if it is one of ours.
pub(crate) fn progress_id(message: &Message) -> Option<u64> {
    if message.method() != Some("notifications/progress") {
        return None;
    }
    message.params()?.get("progressToken")?.as_u64()
}

/// The same notification with the client's own token.
pub(crate) fn with_token(message: &Message, token: &str) -> Option<Message> {
    let params = message.params()?;
    let mut edits = Edits::default();
    edits.replace(params.get("progressToken")?.span(), token.to_owned());
    Message::scan_reply(edits.apply(message.bytes()), &Default::default()).ok()
}

/// A question of the server as a frame, and where its answer will come out.
pub(crate) fn ask_of(message: &Message) -> (Ask, oneshot::Receiver<Answer>) {
    let (answer, answered) = oneshot::channel();
    let ask = Ask {
        method: message.method().unwrap_or_default().into(),
        params: message.params().map(|params| message.slice(params.span())),
        answer,
    };
    (ask, answered)
}

/// A running call that may be asked something.
pub(crate) struct Candidate<'a> {
    /// Our own id for it.
    pub id: u64,
    /// Whose call it is.
    pub owner: Option<&'a Arc<str>>,
    /// The task whose result it waits for.
    pub task: Option<&'a str>,
}

/// The call that a question belongs to, among those that may be asked. A task asks whoever waits
/// for its result (2025-11-25, tasks: input required status). Otherwise, with several of different
/// owners running, nobody can tell, and the wrong person must not be asked.
pub(crate) fn addressee(
    server: &Arc<str>,
    question: &Message,
    candidates: &[Candidate<'_>],
) -> Option<u64> {
    let task = question.meta().and_then(|meta| tasks::related(&meta)?.string());
    let awaited = candidates.iter().find(|call| task.is_some() && call.task == task.as_deref());
    if let Some(call) = awaited {
        return Some(call.id);
    }
    let is_call = |candidate: &&Candidate<'_>| candidate.task.is_none();
    let any_call = candidates.iter().any(|candidate| is_call(&candidate));
    let mut among = candidates.iter().filter(|candidate| !any_call || is_call(candidate));
    let first = among.next()?;
    let mut chosen = first.id;
    for other in among {
        if other.owner.is_none() || other.owner != first.owner {
            tracing::warn!(
                %server,
                "a question that could belong to calls of several sessions was refused; \
                 set `sessions: per_session` for this server"
            );
            return None;
        }
        chosen = chosen.max(other.id);
    }
    Some(chosen)
}

/// The response to a server's question.
pub(crate) fn response_to(id: &str, answer: Result<Answer, oneshot::error::RecvError>) -> Bytes {
    match answer {
        Ok(Answer::Result(result)) => {
            jsonrpc::result(id, std::str::from_utf8(&result).unwrap_or("{}"))
        }
        Ok(Answer::Error(error)) => {
            let error = std::str::from_utf8(&error).unwrap_or("{}");
            Bytes::from(format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#))
        }
        Err(_) => {
            jsonrpc::error(Some(id), codes::INTERNAL_ERROR, "the client gave no answer", None)
        }
    }
}

/// What to say to a server that asks outside of any call, where nobody can be asked.
pub(crate) fn unsolicited(message: &Message) -> Bytes {
    let id = message.id().unwrap_or("null");
    match message.method() {
        Some("ping") => jsonrpc::result(id, "{}"),
        Some("roots/list" | "sampling/createMessage" | "elicitation/create") => jsonrpc::error(
            Some(id),
            codes::INTERNAL_ERROR,
            "no call is running that this question could belong to",
            None,
        ),
        _ => jsonrpc::error(Some(id), codes::METHOD_NOT_FOUND, "no such method", None),
    }
}

/// What tells a server that nobody waits for a request any more.
pub(crate) fn cancelled(id: u64) -> Bytes {
    jsonrpc::notification(
        "notifications/cancelled",
        &format!(r#"{{"requestId":{id},"reason":"the client cancelled the call"}}"#),
    )
}

/// A server that has gone.
pub(crate) fn gone(name: &Arc<str>, why: impl Into<String>) -> Fault {
    Fault::new(Reason::Broken, format!("server \"{name}\" ended while the call was running"))
        .because(why.into())
        .at(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(hub: &Hub, session: &str) -> mpsc::Receiver<Arc<Message>> {
        hub.subscribe(Interest { logs_of: Some(session.into()), ..Interest::default() })
    }

    #[test]
    fn the_state_of_a_task_is_told_to_the_session_that_created_it_alone() {
        let hub = Hub::default();
        let (mut ada, mut eve) = (listener(&hub, "ada"), listener(&hub, "eve"));
        hub.adopt("t-1", &"ada".into());

        for task in ["t-1", "t-2"] {
            let params = format!(r#"{{"taskId":"{task}","status":"working"}}"#);
            let bytes = jsonrpc::notification("notifications/tasks/status", &params);
            hub.publish(Message::scan_reply(bytes, &Default::default()).unwrap());
        }

        assert!(ada.try_recv().is_ok());
        assert!(ada.try_recv().is_err() && eve.try_recv().is_err());
    }
}
