//! One task: its work, its state, and whoever waits for its result.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::AbortHandle;
use toolgate_audit::stamp;
use toolgate_gateway::call::{Ask, Frame, Reply, Request};
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_protocol::client::key;
use toolgate_protocol::tasks::Status;

use crate::answer::Answer;
use crate::asked::{Asked, Sent};
use crate::failed::{Failed, Refusal};
use crate::server::Server;
use crate::upstream::whole;

/// How often a client need not look more than, in milliseconds.
const POLL_MS: u64 = 1000;
/// Frames that wait for whoever waits for the result.
const AHEAD: usize = 16;

/// One task.
pub(super) struct Task {
    pub id: Box<str>,
    /// Whose it is: the principal of its caller.
    pub owner: Arc<str>,
    created: SystemTime,
    born: Instant,
    kept: Duration,
    progress: watch::Sender<Progress>,
    /// Questions that nobody has been asked yet, and who is to be.
    waiter: Mutex<Waiter>,
    work: Mutex<Option<AbortHandle>>,
}

#[derive(Clone)]
struct Progress {
    status: Status,
    updated: SystemTime,
    /// How it ended, once it has; a cancelled task has no such end.
    end: Option<Arc<End>>,
}

/// How a task ended.
enum End {
    /// A result, as JSON.
    Result(String),
    /// An error of the request itself.
    Refused(Refusal),
}

#[derive(Default)]
struct Waiter {
    frames: Option<mpsc::Sender<Frame>>,
    asks: VecDeque<Ask>,
}

impl Task {
    /// Begins the work, which may take `total`.
    pub fn begin(
        owner: Arc<str>,
        kept: Duration,
        total: Duration,
        server: Arc<dyn Server>,
        asked: Asked,
        sent: Sent,
    ) -> Result<Arc<Task>, Fault> {
        let mut random = [0; 16];
        getrandom::fill(&mut random)
            .map_err(|error| Fault::new(Reason::Internal, "no randomness").because(error))?;
        let id = random.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let (created, born) = (SystemTime::now(), Instant::now());
        let first = Progress { status: Status::Working, updated: created, end: None };
        let task = Arc::new(Task {
            id: id.into(),
            owner,
            created,
            born,
            // What runs is never forgotten.
            kept: kept.max(total),
            progress: watch::Sender::new(first),
            waiter: Mutex::default(),
            work: Mutex::default(),
        });
        let trace = asked.trace().id().to_owned();
        let running = task.clone();
        let work = tokio::spawn(async move {
            let outcome = tokio::time::timeout(total, running.run(server, asked, sent)).await;
            let outcome = outcome.unwrap_or_else(|_| {
                Err(Fault::new(Reason::Timeout, "the task took longer than it may").into())
            });
            running.end(match outcome {
                Ok(answer) => End::Result(answer.into_json()),
                Err(Failed::Refused(refusal)) => End::Refused(refusal),
                Err(Failed::Fault(fault)) => End::Result(fault.tool_result(&trace)),
            });
        });
        *task.work.lock().unwrap_or_else(PoisonError::into_inner) = Some(work.abort_handle());
        Ok(task)
    }

    /// Does the work; what is sent meanwhile goes to whoever waits.
    async fn run(
        self: &Arc<Self>,
        server: Arc<dyn Server>,
        asked: Asked,
        mut sent: Sent,
    ) -> Result<Answer, Failed> {
        let mut work = server.answer(asked);
        loop {
            tokio::select! {
                biased;
                Some(frame) = sent.recv() => self.pass(frame),
                answer = &mut work => return answer,
            }
        }
    }

    fn pass(self: &Arc<Self>, frame: Frame) {
        match frame {
            Frame::Ask(ask) => self.ask(ask),
            // Progress is of use only to somebody who listens.
            frame => {
                if let Some(frames) = &self.waiter().frames {
                    let _ = frames.try_send(frame);
                }
            }
        }
    }

    /// The client is asked as soon as it waits for the result (2025-11-25, tasks: input required
    /// status); until it has answered, the task says so. Who leaves without an answer leaves the
    /// question to whoever waits next.
    fn ask(self: &Arc<Self>, Ask { method, params, answer }: Ask) {
        self.becomes(Status::InputRequired);
        let task = self.clone();
        tokio::spawn(async move {
            while !answer.is_closed() {
                let (ours, answered) = oneshot::channel();
                let question = Ask { method: method.clone(), params: params.clone(), answer: ours };
                task.waiter().put(question);
                if let Ok(said) = answered.await {
                    task.becomes(Status::Working);
                    let _ = answer.send(said);
                    return;
                }
            }
        });
    }

    fn becomes(&self, status: Status) {
        self.progress.send_if_modified(|progress| {
            let changes = progress.end.is_none() && progress.status != Status::Cancelled;
            if changes {
                progress.status = status;
                progress.updated = SystemTime::now();
            }
            changes
        });
    }

    fn end(&self, end: End) {
        // A result that says `isError` is a failed task here (2025-11-25, tasks: status).
        let status = match &end {
            End::Result(json) if !is_error(json) => Status::Completed,
            End::Result(_) | End::Refused(_) => Status::Failed,
        };
        self.progress.send_modify(|progress| {
            if progress.status != Status::Cancelled {
                progress.status = status;
                progress.updated = SystemTime::now();
                progress.end = Some(Arc::new(end));
            }
        });
        *self.waiter() = Waiter::default();
    }

    /// Whether it may be forgotten.
    pub fn is_over(&self) -> bool {
        let status = self.progress.borrow().status;
        let has_ended = !matches!(status, Status::Working | Status::InputRequired);
        has_ended && self.born.elapsed() > self.kept
    }

    /// Its state (2025-11-25, tasks: data types).
    pub fn state(&self) -> Value {
        let progress = self.progress.borrow();
        json!({
            "taskId": &*self.id,
            "status": progress.status.as_str(),
            "createdAt": stamp(self.created),
            "lastUpdatedAt": stamp(progress.updated),
            "ttl": u64::try_from(self.kept.as_millis()).unwrap_or(u64::MAX),
            "pollInterval": POLL_MS,
        })
    }

    /// The answer that is its state.
    pub fn told(&self, request: &Request) -> Result<Reply, Failed> {
        whole(request, Ok(self.state().into())).map_err(Failed::Fault)
    }

    /// Ends the work.
    ///
    /// # Errors
    /// −32602: it has ended already (2025-11-25, tasks: cancelling tasks).
    pub fn cancel(&self) -> Result<(), Failed> {
        let cancelled = self.progress.send_if_modified(|progress| {
            let runs = matches!(progress.status, Status::Working | Status::InputRequired);
            if runs {
                progress.status = Status::Cancelled;
                progress.updated = SystemTime::now();
            }
            runs
        });
        if !cancelled {
            return Err(Refusal::invalid("the task has ended already").into());
        }
        self.abort();
        Ok(())
    }

    /// Ends the work without a word.
    pub fn abort(&self) {
        if let Some(work) = self.work.lock().unwrap_or_else(PoisonError::into_inner).take() {
            work.abort();
        }
        *self.waiter() = Waiter::default();
    }

    /// The answer that is its result, once there is one. Whoever waits last is asked.
    pub fn awaited(self: &Arc<Self>, request: &Request) -> Reply {
        let (frames, waiting) = mpsc::channel(AHEAD);
        {
            let mut waiter = self.waiter();
            waiter.frames = Some(frames.clone());
            waiter.pass();
        }
        let mut progress = self.progress.subscribe();
        let (task, id) = (self.clone(), Box::<str>::from(request.message.id().unwrap_or("null")));
        tokio::spawn(async move {
            let settled =
                progress.wait_for(|now| now.end.is_some() || now.status == Status::Cancelled);
            let end = match settled.await {
                Ok(now) => now.end.clone(),
                Err(_) => None,
            };
            let _ = frames.send(task.last(&id, end.as_deref())).await;
        });
        Reply::Stream(Box::new(waiting))
    }

    fn last(&self, id: &str, end: Option<&End>) -> Frame {
        let answer = match end {
            Some(End::Result(json)) => Ok(Answer::from(related(json, &self.id))),
            Some(End::Refused(refusal)) => Err(refusal.clone().into()),
            None => Err(Refusal::invalid("the task was cancelled").into()),
        };
        crate::upstream::end(id, answer).map_or_else(Frame::Fail, Frame::End)
    }

    fn waiter(&self) -> std::sync::MutexGuard<'_, Waiter> {
        self.waiter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiter {
    /// Asks whoever waits, or whoever comes next.
    fn put(&mut self, ask: Ask) {
        self.asks.push_back(ask);
        self.pass();
    }

    fn pass(&mut self) {
        let Some(frames) = &self.frames else { return };
        while let Some(ask) = self.asks.pop_front() {
            let Err(error) = frames.try_send(Frame::Ask(ask)) else { continue };
            // Nobody is there any more: the next one is asked.
            if let Frame::Ask(ask) = error.into_inner() {
                self.asks.push_front(ask);
            }
            self.frames = None;
            return;
        }
    }
}

/// The result, with the task that it is of (2025-11-25, tasks: related task metadata).
fn related(json: &str, id: &str) -> Value {
    let mut result: Value = serde_json::from_str(json).unwrap_or_default();
    if let Some(object) = result.as_object_mut() {
        let meta = object.entry("_meta").or_insert_with(|| json!({}));
        meta[key::RELATED_TASK] = json!({ "taskId": id });
    }
    result
}

fn is_error(json: &str) -> bool {
    let result: Value = serde_json::from_str(json).unwrap_or_default();
    result["isError"] == true
}
