//! How long may an upstream take? Silence is bounded, and so is the whole call.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::call::{Boxed, Frame, Frames, Reply};
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
            waiting: None,
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
    /// Since when a question is out: while the client has the word, no time runs.
    waiting: Option<Instant>,
    over: bool,
}

impl Frames for Bounded {
    fn next(&mut self) -> Boxed<'_, Option<Frame>> {
        Box::pin(async {
            if self.over {
                return None;
            }
            if let Some(since) = self.waiting.take() {
                let waited = since.elapsed();
                self.last += waited;
                self.end += waited;
            }
            let deadline = (self.last + self.bounds.silence).min(self.end);
            match timeout_at(deadline, self.reply.next()).await {
                Ok(frame) => {
                    self.last = Instant::now();
                    match &frame {
                        Some(Frame::Ask(_)) => self.waiting = Some(self.last),
                        // The server said how long it will be away.
                        Some(Frame::Pause(pause)) => {
                            self.last += pause.unwrap_or_default().min(self.bounds.total);
                        }
                        _ => {}
                    }
                    frame
                }
                Err(_) => {
                    self.over = true;
                    // Dropping the call tells the server.
                    self.reply = Reply::nothing();
                    let after =
                        if deadline == self.end { self.bounds.total } else { self.bounds.silence };
                    Some(Frame::Fail(late(&self.upstream, after)))
                }
            }
        })
    }
}
