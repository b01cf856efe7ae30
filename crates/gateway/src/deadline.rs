//! How long may an upstream take? Silence is bounded, and so is the whole call.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::call::{Ask, Boxed, Frame, Frames, Reply};
use crate::fault::{Fault, Reason};

/// The bounds on one call.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How long the server may say nothing. Progress starts it anew.
    pub silence: Duration,
    /// How long the call may take, not counting the time it waits for the client.
    pub total: Duration,
}

/// Waits for a reply to begin, and bounds what follows.
///
/// # Errors
/// With [`Reason::Timeout`] when it does not begin in time, and with what the call itself says.
pub async fn bounded(
    upstream: &Arc<str>,
    bounds: Bounds,
    call: impl Future<Output = Result<Reply, Fault>>,
) -> Result<Reply, Fault> {
    let start = Instant::now();
    let first = start + bounds.silence.min(bounds.total);
    match timeout_at(first, call).await {
        // The answer is here: nothing is left to be late.
        Ok(Ok(whole @ Reply::Whole(_))) => Ok(whole),
        Ok(Ok(reply)) => Ok(Reply::Stream(Box::new(Bounded {
            reply,
            upstream: upstream.clone(),
            bounds,
            last: start,
            end: start + bounds.total,
            questions: Arc::default(),
            asked: None,
            over: false,
        }))),
        Ok(Err(fault)) => Err(fault),
        Err(_) => Err(late(upstream, bounds.silence.min(bounds.total))),
    }
}

/// A call that took too long.
pub fn late(upstream: &Arc<str>, after: Duration) -> Fault {
    Fault::new(
        Reason::Timeout,
        format!("server \"{upstream}\" did not answer within {}", in_words(after)),
    )
    .at(upstream)
}

fn in_words(time: Duration) -> String {
    if time.subsec_millis() == 0 {
        format!("{}s", time.as_secs())
    } else {
        format!("{}ms", time.as_millis())
    }
}

struct Bounded {
    reply: Reply,
    upstream: Arc<str>,
    bounds: Bounds,
    last: Instant,
    end: Instant,
    /// Questions to the client that are out: while it has the word, no time runs.
    questions: Arc<Questions>,
    asked: Option<Instant>,
    over: bool,
}

#[derive(Default)]
struct Questions {
    open: AtomicUsize,
    answered: Notify,
}

impl Bounded {
    fn is_asking(&self) -> bool {
        self.questions.open.load(Ordering::Acquire) > 0
    }

    /// The clock goes on where it stood when the first question went out.
    fn resume_clock(&mut self) {
        if let Some(asked) = self.asked.take() {
            self.last = Instant::now();
            self.end += asked.elapsed();
        }
    }

    async fn step(&mut self) -> Option<Frame> {
        loop {
            let asking = self.is_asking();
            if !asking {
                self.resume_clock();
            }
            let deadline = (self.last + self.bounds.silence).min(self.end);
            tokio::select! {
                biased;
                frame = self.reply.next() => return self.pass(frame),
                () = self.questions.answered.notified(), if asking => {}
                () = sleep_until(deadline), if !asking => {
                    self.over = true;
                    // Dropping the call tells the server.
                    self.reply = Reply::nothing();
                    let whole = deadline == self.end;
                    let after = if whole { self.bounds.total } else { self.bounds.silence };
                    return Some(Frame::Fail(late(&self.upstream, after)));
                }
            }
        }
    }

    fn pass(&mut self, frame: Option<Frame>) -> Option<Frame> {
        self.last = Instant::now();
        match frame {
            Some(Frame::Ask(ask)) => Some(Frame::Ask(self.count(ask))),
            Some(Frame::Pause(pause)) => {
                // The server said how long it will be away.
                self.last += pause.unwrap_or_default().min(self.bounds.total);
                Some(Frame::Pause(pause))
            }
            other => other,
        }
    }

    fn count(&mut self, ask: Ask) -> Ask {
        self.asked.get_or_insert_with(Instant::now);
        self.questions.open.fetch_add(1, Ordering::AcqRel);
        let (answer, answered) = oneshot::channel();
        let questions = self.questions.clone();
        tokio::spawn(async move {
            let outcome = answered.await;
            questions.open.fetch_sub(1, Ordering::AcqRel);
            questions.answered.notify_one();
            if let Ok(outcome) = outcome {
                let _ = ask.answer.send(outcome);
            }
        });
        Ask { method: ask.method, params: ask.params, answer }
    }
}

impl Frames for Bounded {
    fn next(&mut self) -> Boxed<'_, Option<Frame>> {
        Box::pin(async { if self.over { None } else { self.step().await } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Answer;

    fn bounds() -> Bounds {
        Bounds { silence: Duration::from_secs(10), total: Duration::from_secs(300) }
    }

    struct Scripted(tokio::sync::mpsc::Receiver<Frame>);

    impl Frames for Scripted {
        fn next(&mut self) -> Boxed<'_, Option<Frame>> {
            Box::pin(self.0.recv())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_never_begins_is_given_up_after_its_silence() {
        let never = std::future::pending();

        let fault = bounded(&"crm".into(), bounds(), never).await.err().unwrap();

        assert_eq!(fault.reason, Reason::Timeout);
        assert_eq!(fault.message, "server \"crm\" did not answer within 10s");
    }

    #[tokio::test(start_paused = true)]
    async fn no_time_runs_while_the_client_has_the_word() {
        let (send, frames) = tokio::sync::mpsc::channel(4);
        let (answer, answered) = oneshot::channel();
        let ask = Ask { method: "roots/list".into(), params: None, answer };
        send.send(Frame::Ask(ask)).await.unwrap();
        let reply = async { Ok(Reply::Stream(Box::new(Scripted(frames)))) };
        let mut reply = bounded(&"crm".into(), bounds(), reply).await.unwrap();

        let Some(Frame::Ask(ask)) = reply.next().await else { panic!("no question") };
        let thinking = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(120)).await;
            ask.answer.send(Answer::Result("{}".into())).unwrap();
            drop(answered);
            tokio::time::sleep(Duration::from_secs(5)).await;
            send.send(Frame::Pause(None)).await.unwrap();
        });

        assert!(matches!(reply.next().await, Some(Frame::Pause(None))));
        thinking.await.unwrap();
    }
}
