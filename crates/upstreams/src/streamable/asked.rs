//! Questions on the session's own stream: whose call do they belong to?
//!
//! A server that asks in the middle of a call may do so on the call's own stream or, as many that
//! are built on the TypeScript SDK do, on the session's (2025-11-25, transports: listening).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;
use toolgate_gateway::call::{Boxed, Frame, Frames, Reply};
use toolgate_gateway::fault::Fault;
use toolgate_protocol::jsonrpc::Message;

use crate::link::{self, Candidate, Outbound};

/// The calls of one session that may be asked something.
#[derive(Default)]
pub(crate) struct Asking(Mutex<HashMap<u64, Waiting>>);

struct Waiting {
    owner: Option<Arc<str>>,
    /// The task whose result it waits for.
    task: Option<Box<str>>,
    questions: mpsc::UnboundedSender<Frame>,
}

/// Where the questions for one call come out. Dropped, it takes none any more.
pub(crate) struct Asked {
    asking: Arc<Asking>,
    id: u64,
    questions: mpsc::UnboundedReceiver<Frame>,
}

impl Asking {
    /// Takes questions for a call.
    pub fn register(self: &Arc<Self>, call: &Outbound) -> Asked {
        let (sender, questions) = mpsc::unbounded_channel();
        let (owner, task) = (call.owner.clone(), call.task());
        self.lock().insert(call.id, Waiting { owner, task, questions: sender });
        Asked { asking: self.clone(), id: call.id, questions }
    }

    /// Hands a question to the call that it belongs to; the receiver gives the answer. `None`
    /// when there is no such call, or nobody can tell.
    pub fn ask(
        &self,
        server: &Arc<str>,
        message: &Message,
    ) -> Option<tokio::sync::oneshot::Receiver<toolgate_gateway::call::Answer>> {
        let waiting = self.lock();
        let candidates: Vec<_> = waiting
            .iter()
            .map(|(id, waiting)| Candidate {
                id: *id,
                owner: waiting.owner.as_ref(),
                task: waiting.task.as_deref(),
            })
            .collect();
        let chosen = waiting.get(&link::addressee(server, message, &candidates)?)?;
        let (ask, answered) = link::ask_of(message);
        chosen.questions.send(Frame::Ask(ask)).ok()?;
        Some(answered)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.asking.lock().remove(&self.id);
    }
}

/// The next question for a call; never, for one that is not to be asked.
pub(crate) async fn next(asked: &mut Option<Asked>) -> Frame {
    match asked {
        // The sender lives in the map until this receiver is dropped.
        Some(asked) => match asked.questions.recv().await {
            Some(question) => question,
            None => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

/// What a request becomes while its answer has not begun.
pub(crate) type Posting = Boxed<'static, Result<Begun, Fault>>;

/// An answer that has begun, and how it goes on.
pub(crate) type Begun =
    Box<dyn FnOnce(Option<Asked>) -> Boxed<'static, Result<Reply, Fault>> + Send>;

/// A call that was asked something before its answer began, as servers do that answer with JSON.
pub(crate) struct Early {
    question: Option<Frame>,
    posting: Option<Posting>,
    asked: Option<Asked>,
    reply: Reply,
}

impl Early {
    pub fn new(question: Frame, posting: Posting, asked: Option<Asked>) -> Early {
        Early { question: Some(question), posting: Some(posting), asked, reply: Reply::nothing() }
    }

    async fn begin(&mut self, begun: Result<Begun, Fault>) -> Result<(), Fault> {
        self.reply = begun?(self.asked.take()).await?;
        Ok(())
    }
}

impl Frames for Early {
    fn next(&mut self) -> Boxed<'_, Option<Frame>> {
        Box::pin(async {
            if let Some(question) = self.question.take() {
                return Some(question);
            }
            if let Some(posting) = &mut self.posting {
                let begun = tokio::select! {
                    biased;
                    question = next(&mut self.asked) => return Some(question),
                    begun = posting => begun,
                };
                self.posting = None;
                if let Err(fault) = self.begin(begun).await {
                    return Some(Frame::Fail(fault));
                }
            }
            self.reply.next().await
        })
    }
}
