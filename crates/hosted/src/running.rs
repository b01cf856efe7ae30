//! A request at work: what the server sends before its answer, and its answer.

use tokio::sync::mpsc;
use toolgate_gateway::call::{Boxed, Frame, Frames, Reply};
use toolgate_gateway::fault::Fault;

use crate::answer::Answer;
use crate::failed::Failed;
use crate::work::Work;

/// Dropped, the work ends.
pub(crate) struct Running<F> {
    work: Option<Work>,
    sent: mpsc::Receiver<Frame>,
    /// The end, while frames from before it are still read.
    end: Option<Frame>,
    /// The first frame, read to find out whether there is one.
    first: Option<Frame>,
    finish: F,
}

impl<F> Running<F>
where
    F: Fn(Result<Answer, Failed>) -> Frame + Send + 'static,
{
    pub(crate) fn new(work: Work, sent: mpsc::Receiver<Frame>, finish: F) -> Running<F> {
        Running { work: Some(work), sent, end: None, first: None, finish }
    }

    /// The reply: whole if the answer is all there is.
    pub(crate) async fn reply(mut self) -> Result<Reply, Fault> {
        match self.step().await {
            Some(Frame::End(end)) => Ok(Reply::Whole(end)),
            Some(Frame::Fail(fault)) => Err(fault),
            first => {
                self.first = first;
                Ok(Reply::Stream(Box::new(self)))
            }
        }
    }

    async fn step(&mut self) -> Option<Frame> {
        if let Some(work) = &mut self.work {
            tokio::select! {
                biased;
                Some(frame) = self.sent.recv() => return Some(frame),
                answer = work => {
                    self.work = None;
                    self.end = Some((self.finish)(answer));
                }
            }
        }
        self.sent.try_recv().ok().or_else(|| self.end.take())
    }
}

impl<F> Frames for Running<F>
where
    F: Fn(Result<Answer, Failed>) -> Frame + Send + 'static,
{
    fn next(&mut self) -> Boxed<'_, Option<Frame>> {
        Box::pin(async {
            match self.first.take() {
                Some(first) => Some(first),
                None => self.step().await,
            }
        })
    }
}
