//! A task for a client that cannot follow one: the gateway waits in its place.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use toolgate_protocol::json::quote;
use toolgate_protocol::jsonrpc::{self, Message};
use toolgate_protocol::method::Method;
use toolgate_protocol::splice::Edits;
use toolgate_protocol::tasks::{Status, Task, unrelate};

use crate::authorize::Permit;
use crate::call::{End, Frame, Reply, Request};
use crate::deadline::{Bounds, bounded};
use crate::fault::{Fault, Reason};
use crate::gateway::{Gateway, Route};

/// The pause between two looks where the server names none.
const PAUSE: Duration = Duration::from_secs(1);
/// Pauses that a server may ask for: neither a busy loop nor a result that lies around.
const PAUSES: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(50)..=Duration::from_secs(10);
/// Looks that may fail in a row.
const MISSES: u32 = 3;
/// Frames that wait for a client that does not read.
const BACKLOG: usize = 16;

/// Follows a task to its end, bounded by the time that the call may take. The reply is that of
/// the call itself; dropping it cancels the task.
pub(super) async fn begin(
    gateway: &Arc<Gateway>,
    permit: &Permit,
    route: &Route,
    request: &Request,
    task: String,
    interval: Option<u64>,
) -> Result<Reply, Fault> {
    let (frames, received) = mpsc::channel(BACKLOG);
    let token = request.message.meta().and_then(|meta| meta.get("progressToken"));
    let errand = Errand {
        gateway: gateway.clone(),
        permit: permit.clone(),
        server: route.name.clone(),
        params: format!(r#"{{"taskId":{}}}"#, quote(&task)),
        request: request.for_record(),
        token: token.map(|token| token.raw().to_owned()),
        frames,
        steps: 0,
    };
    tokio::spawn(errand.run(pause(interval)));
    let bounds = Bounds { silence: route.bounds.total, total: route.bounds.total };
    let reply = std::future::ready(Ok(Reply::Stream(Box::new(received))));
    bounded(&route.name, bounds, reply).await
}

fn pause(interval: Option<u64>) -> Duration {
    interval.map_or(PAUSE, Duration::from_millis).clamp(*PAUSES.start(), *PAUSES.end())
}

struct Errand {
    gateway: Arc<Gateway>,
    /// That of the call which the client made.
    permit: Permit,
    server: Arc<str>,
    request: Box<Request>,
    /// The parameters of everything that is asked about the task.
    params: String,
    /// The client's progress token, as raw JSON.
    token: Option<String>,
    frames: mpsc::Sender<Frame>,
    steps: u64,
}

impl Errand {
    async fn run(mut self, pause: Duration) {
        let frames = self.frames.clone();
        tokio::select! {
            outcome = self.follow(pause) => {
                let last = match outcome {
                    Ok(end) => Frame::End(end),
                    Err(fault) => {
                        self.cancel().await;
                        Frame::Fail(fault)
                    }
                };
                // The client may have left meanwhile.
                let _ = frames.send(last).await;
            }
            () = frames.closed() => self.cancel().await,
        }
    }

    /// Looks at the task until there is something to fetch.
    async fn follow(&mut self, mut wait: Duration) -> Result<End, Fault> {
        let mut missed = 0;
        loop {
            tokio::time::sleep(wait).await;
            let end = match self.ask(Method::TasksGet).await {
                Ok(reply) => reply.end().await,
                Err(fault) => Err(fault),
            };
            let end = match end {
                Ok(end) => end,
                // Looking changes nothing, so it may be repeated.
                Err(fault) if fault.reason.retryable() && missed < MISSES => {
                    missed += 1;
                    continue;
                }
                Err(fault) => return Err(fault),
            };
            missed = 0;
            let Some(task) = Task::stated(&end.message) else { return Err(self.lost(&end)) };
            match task.status {
                Status::Working => {
                    wait = pause(task.poll_interval());
                    self.tell(task.message().as_deref()).await;
                }
                // The server asks on the stream of the result (2025-11-25, tasks: input
                // required), and the result follows there.
                _ => return self.fetch().await,
            }
        }
    }

    /// Reads the result, and passes on what the server asks meanwhile.
    async fn fetch(&mut self) -> Result<End, Fault> {
        let mut reply = self.ask(Method::TasksResult).await?;
        while let Some(frame) = reply.next().await {
            match frame {
                Frame::End(end) => return without_task(end),
                Frame::Fail(fault) => return Err(fault),
                Frame::Ask(_) | Frame::Notification(_) => {
                    let _ = self.frames.send(frame).await;
                }
                Frame::Opened | Frame::Pause(_) => {}
            }
        }
        Err(Fault::new(Reason::Broken, "the server ended without an answer"))
    }

    /// Reports progress to a client that asked for it. The server's own reports ended with its
    /// answer to the call.
    async fn tell(&mut self, message: Option<&str>) {
        let Some(token) = &self.token else { return };
        self.steps += 1;
        let message =
            message.map(|text| format!(r#","message":{}"#, quote(text))).unwrap_or_default();
        let params = format!(r#"{{"progressToken":{token},"progress":{}{message}}}"#, self.steps);
        let bytes = jsonrpc::notification("notifications/progress", &params);
        if let Ok(message) = Message::scan_reply(bytes, &Default::default()) {
            let _ = self.frames.send(Frame::Notification(message)).await;
        }
    }

    async fn ask(&self, method: Method) -> Result<Reply, Fault> {
        let route = self.gateway.route_named(&self.server).ok_or_else(|| {
            Fault::new(Reason::Internal, "the server of a task has left its gateway")
        })?;
        self.gateway.send(&self.permit, route, &*self.request.asking(method, &self.params)?).await
    }

    /// The server does not know the task any more.
    fn lost(&self, end: &End) -> Fault {
        let error = end.message.error();
        let text = error.and_then(|error| Some(error.get("message")?.string()?.into_owned()));
        Fault::new(Reason::Broken, format!("server \"{}\" lost the task", self.server))
            .because(text.unwrap_or_default())
            .at(&self.server)
    }

    /// Nobody waits any more.
    async fn cancel(&self) {
        let outcome = match self.ask(Method::TasksCancel).await {
            Ok(reply) => reply.end().await.map(|_| ()),
            Err(fault) => Err(fault),
        };
        if let Err(fault) = outcome {
            tracing::debug!(server = %self.server, %fault, "a task was not cancelled");
        }
    }
}

/// The client knows of no task.
fn without_task(end: End) -> Result<End, Fault> {
    let mut edits = Edits::default();
    unrelate(&end.message, &mut edits);
    if edits.is_empty() {
        return Ok(end);
    }
    end.edited(&edits)
}
