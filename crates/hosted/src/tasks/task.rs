//! One task: its work, its state, and whoever waits for its result.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;
use toolgate_audit::stamp;
use toolgate_gateway::call::{Frame, Reply, Request};
use toolgate_gateway::fault::{Fault, Reason};

use super::end::End;
use super::progress::Progress;
use super::question::{self, Waiter};
use super::room::{Room, Share};
use crate::answer::Answer;
use crate::asked::Sent;
use crate::failed::{Failed, Refusal};
use crate::reply::whole;
use crate::work::Work;

/// How often a client need not look more than, in milliseconds.
const POLL_MS: u64 = 1000;
/// Frames that wait for whoever waits for the result.
const AHEAD: usize = 16;
/// How long a result is kept for that came at the last moment.
const LAST: Duration = Duration::from_secs(60);

/// One task.
pub(super) struct Task {
    pub id: Box<str>,
    /// Whose it is: the principal of its caller.
    pub owner: Arc<str>,
    /// Where the results of its caller are counted.
    pub room: Room,
    /// What its own takes there.
    share: Mutex<Option<Share>>,
    trace: String,
    created: SystemTime,
    born: Instant,
    kept: Duration,
    progress: Progress,
    waiter: watch::Sender<Waiter>,
    work: Mutex<Option<AbortHandle>>,
}

impl Task {
    /// Begins the work, which is kept for `kept` and may take `total`, not counting the time in which
    /// its client is asked.
    pub fn begin(
        owner: Arc<str>,
        room: Room,
        trace: String,
        (kept, total): (Duration, Duration),
        work: Work,
        sent: Sent,
    ) -> Result<Arc<Task>, Fault> {
        let mut random = [0; 16];
        getrandom::fill(&mut random)
            .map_err(|error| Fault::new(Reason::Internal, "no randomness").because(error))?;
        let id = random.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let (created, born) = (SystemTime::now(), Instant::now());
        let task = Arc::new(Task {
            id: id.into(),
            owner,
            room,
            share: Mutex::default(),
            trace,
            created,
            born,
            kept: kept.max(total).saturating_add(LAST),
            progress: Progress::new(created),
            waiter: watch::Sender::new(None),
            work: Mutex::default(),
        });
        let running = task.clone();
        let work = tokio::spawn(async move {
            let outcome = tokio::select! {
                outcome = running.run(work, sent) => outcome,
                () = running.out_of_time(total) => {
                    Err(Fault::new(Reason::Timeout, "the task took longer than it may").into())
                }
            };
            running.end(outcome);
        });
        *task.work.lock().unwrap_or_else(PoisonError::into_inner) = Some(work.abort_handle());
        Ok(task)
    }

    /// Does the work; what is sent meanwhile goes to whoever waits.
    async fn run(self: &Arc<Self>, mut work: Work, mut sent: Sent) -> Result<Answer, Failed> {
        loop {
            tokio::select! {
                biased;
                Some(frame) = sent.recv() => match frame {
                    Frame::Ask(ask) => question::put(&self.progress, &self.waiter, ask),
                    frame => self.pass(frame),
                },
                answer = &mut work => return answer,
            }
        }
    }

    /// Progress is of use only to somebody who listens.
    fn pass(&self, frame: Frame) {
        if let Some(frames) = &*self.waiter.borrow() {
            let _ = frames.try_send(frame);
        }
    }

    /// Resolves when the work has taken as long as it may. While its client has the word no time
    /// passes; but nothing goes on for longer than it is kept.
    async fn out_of_time(&self, total: Duration) {
        let kept = self.kept.saturating_sub(LAST);
        let _ = tokio::time::timeout(kept, self.progress.worked(total)).await;
    }

    /// The end, unless there was one.
    fn end(&self, outcome: Result<Answer, Failed>) {
        let outcome = match outcome {
            Ok(answer) => self.kept(answer),
            failed => failed,
        };
        self.settle(End::of(outcome, &self.id, &self.trace));
    }

    /// The result, if there is room for it until it is forgotten.
    fn kept(&self, answer: Answer) -> Result<Answer, Failed> {
        let Some(share) = self.room.take(answer.json().len()) else {
            let text = "the result is there, and too large to be kept beside those of other tasks";
            return Err(Fault::new(Reason::TooLarge, text).into());
        };
        *self.share.lock().unwrap_or_else(PoisonError::into_inner) = Some(share);
        Ok(answer)
    }

    fn settle(&self, end: End) -> bool {
        let is_first = self.progress.settle(end);
        if is_first {
            self.waiter.send_replace(None);
        }
        is_first
    }

    /// Whether it may be forgotten. What runs never is.
    pub fn is_over(&self) -> bool {
        self.progress.is_over() && self.born.elapsed() > self.kept
    }

    /// Its state (2025-11-25, tasks: data types).
    pub fn state(&self) -> Value {
        let (status, updated) = self.progress.told();
        json!({
            "taskId": &*self.id,
            "status": status.as_str(),
            "createdAt": stamp(self.created),
            "lastUpdatedAt": stamp(updated),
            "ttl": u64::try_from(self.kept.as_millis()).unwrap_or(u64::MAX),
            "pollInterval": POLL_MS,
        })
    }

    /// The answer that is its state.
    pub fn told(&self, request: &Request) -> Result<Reply, Failed> {
        whole(request, Ok(self.state().into())).map_err(Failed::Fault)
    }

    /// Ends the work, as its caller wants it.
    ///
    /// # Errors
    /// −32602: it has ended already (2025-11-25, tasks: cancelling tasks).
    pub fn cancel(&self) -> Result<(), Failed> {
        if !self.settle(End::Cancelled) {
            return Err(Refusal::invalid("the task has ended already").into());
        }
        self.abort();
        Ok(())
    }

    /// Ends the work because its server is closed.
    pub fn cut_off(&self, server: &Arc<str>) {
        let text = "the server was closed before the task had ended";
        self.end(Err(Fault::new(Reason::Broken, text).at(server).into()));
        self.abort();
    }

    fn abort(&self) {
        if let Some(work) = self.work.lock().unwrap_or_else(PoisonError::into_inner).take() {
            work.abort();
        }
    }

    /// The answer that is its result, once there is one. Whoever waits last is asked.
    pub fn awaited(self: &Arc<Self>, request: &Request) -> Reply {
        let (frames, waiting) = mpsc::channel(AHEAD);
        self.waiter.send_replace(Some(frames.clone()));
        let (task, id) = (self.clone(), Box::<str>::from(request.message.id().unwrap_or("null")));
        tokio::spawn(async move {
            tokio::select! {
                end = task.progress.ended() => {
                    let _ = frames.send(end.frame(&id)).await;
                }
                () = frames.closed() => {}
            }
        });
        Reply::Stream(Box::new(waiting))
    }
}
