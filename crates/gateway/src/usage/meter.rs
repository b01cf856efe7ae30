//! One call on the meter: what it used is counted when it has ended, however it ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Amount, Counter, Store};
use crate::call::{Boxed, End, Frame, Frames, Reply};
use crate::fault::Fault;
use crate::metrics::Metrics;

/// A call on the meter. Dropped before its end, it was cancelled, and is counted all the same.
pub(crate) struct Meter(Option<Open>);

/// The tool that is called.
pub(crate) struct Tool {
    pub counter: Counter,
    /// What is known of the call before it is made.
    pub known: Amount,
    /// Whether its server has shown it to be one.
    pub is_proven: bool,
}

struct Open {
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
    tool: Tool,
    /// Of the quotas that it counted against.
    quotas: Vec<Counter>,
    started: Instant,
    bytes: u64,
}

impl Meter {
    /// A call of so many bytes begins.
    pub(crate) fn begin(
        store: Arc<dyn Store>,
        metrics: Arc<Metrics>,
        tool: Tool,
        quotas: Vec<Counter>,
        bytes: usize,
    ) -> Meter {
        let started = Instant::now();
        Meter(Some(Open { store, metrics, tool, quotas, started, bytes: bytes as u64 }))
    }

    /// Follows the call to its end.
    pub(crate) async fn follow(mut self, reply: Result<Reply, Fault>) -> Result<Reply, Fault> {
        match reply {
            Ok(Reply::Whole(end)) => {
                self.end(&end).await;
                Ok(Reply::Whole(end))
            }
            Ok(reply) => Ok(Reply::Stream(Box::new(Metered { reply, meter: self }))),
            Err(fault) => {
                self.close(true).await;
                Err(fault)
            }
        }
    }

    fn passes(&mut self, bytes: usize) {
        if let Some(open) = &mut self.0 {
            open.bytes = open.bytes.saturating_add(bytes as u64);
        }
    }

    async fn end(&mut self, end: &End) {
        self.passes(end.message.bytes().len());
        self.close(end.has_failed()).await;
    }

    async fn close(&mut self, failed: bool) {
        if let Some(open) = self.0.take() {
            open.count(failed).await;
        }
    }
}

impl Open {
    async fn count(self, failed: bool) {
        let used = Amount {
            micros: self.started.elapsed().as_micros().try_into().unwrap_or(u64::MAX),
            bytes: self.bytes,
            ..Amount::default()
        };
        let Tool { counter, known, is_proven } = self.tool;
        // Whoever makes names up fills no memory: what never answered has no counter of its own.
        let counter = if is_proven || !failed { counter } else { counter.of_another_tool() };
        let amount = Amount { errors: u64::from(failed), ..known }.plus(used);
        self.metrics.used(&counter.what, amount, Duration::from_micros(used.micros));
        let mut all = vec![(counter, amount)];
        all.extend(self.quotas.into_iter().map(|counter| (counter, used)));
        if let Err(error) = self.store.add(&all).await {
            tracing::error!(error, "what a call used could not be counted");
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        let Some(open) = self.0.take() else { return };
        // Without a runtime the process is ending.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(open.count(true));
        }
    }
}

/// A reply in frames on the meter.
struct Metered {
    reply: Reply,
    meter: Meter,
}

impl Frames for Metered {
    fn next(&mut self) -> Boxed<'_, Option<Frame>> {
        Box::pin(async {
            let frame = self.reply.next().await;
            match &frame {
                Some(Frame::End(end)) => self.meter.end(end).await,
                Some(Frame::Fail(_)) => self.meter.close(true).await,
                Some(Frame::Notification(message)) => self.meter.passes(message.bytes().len()),
                _ => {}
            }
            frame
        })
    }
}
