//! Batches on their way: again after what may pass, with growing pauses; never again after a no.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{Post, Record, Reply, Shared, encode};

/// Records of one request.
const BATCH: usize = 512;
/// How long a record waits for others to go with it.
const LINGER: Duration = Duration::from_millis(200);
/// How long the collector may take for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The pauses between attempts; what the collector itself asks for is bounded too.
const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(30);

/// Takes records from the queue to the collector.
pub(super) struct Sender {
    post: Arc<dyn Post>,
    records: mpsc::Receiver<Record>,
    shared: Arc<Shared>,
}

/// What came of an attempt.
#[derive(Debug, PartialEq, Eq)]
enum Came {
    /// It has them, but for so many.
    Taken(u64),
    /// It may take them later.
    Later(String, Option<Duration>),
    /// It will not take them.
    Never(String),
}

impl Sender {
    pub(super) fn new(
        post: Arc<dyn Post>,
        records: mpsc::Receiver<Record>,
        shared: Arc<Shared>,
    ) -> Sender {
        Sender { post, records, shared }
    }

    /// Sends until the queue is closed and empty.
    pub(super) async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        while self.fill(&mut batch).await {
            let body = Bytes::from(encode::request(&batch));
            self.deliver(body, batch.len() as u64).await;
            batch.clear();
        }
    }

    /// Waits for a record, and a little for more; false at the end.
    async fn fill(&mut self, batch: &mut Vec<Record>) -> bool {
        if self.records.recv_many(batch, BATCH).await == 0 {
            return false;
        }
        let until = Instant::now() + LINGER;
        while batch.len() < BATCH {
            let more = self.records.recv_many(batch, BATCH - batch.len());
            if !matches!(tokio::time::timeout_at(until, more).await, Ok(count) if count > 0) {
                break;
            }
        }
        true
    }

    /// Sends a batch until it is taken, or refused for good.
    async fn deliver(&self, body: Bytes, count: u64) {
        let mut pause = FIRST;
        loop {
            let (why, wait) = match self.attempt(body.clone()).await {
                Came::Taken(refused) => return self.taken(refused),
                Came::Never(why) => {
                    // Whoever reads the log finds the count that it tells of.
                    self.shared.lost.fetch_add(count, Ordering::Relaxed);
                    tracing::error!(why, count, "the collector refuses audit records for good");
                    *self.shared.trouble() = Some(why);
                    return;
                }
                Came::Later(why, wait) => (why, wait),
            };
            if self.shared.trouble().replace(why.clone()).is_none() {
                tracing::warn!(why, "audit records wait for the collector");
            }
            tokio::time::sleep(wait.unwrap_or(pause).min(LONGEST)).await;
            pause = (pause * 2).min(LONGEST);
        }
    }

    fn taken(&self, refused: u64) {
        if refused > 0 {
            self.shared.lost.fetch_add(refused, Ordering::Relaxed);
            tracing::error!(refused, "the collector left out audit records");
        }
        if self.shared.trouble().take().is_some() {
            tracing::info!("the collector takes audit records again");
        }
    }

    async fn attempt(&self, body: Bytes) -> Came {
        match tokio::time::timeout(PATIENCE, self.post.post(body)).await {
            Ok(Ok(reply)) => came(&reply),
            Ok(Err(error)) => Came::Later(error, None),
            Err(_) => Came::Later("it does not answer".to_owned(), None),
        }
    }
}

/// What an answer means (OTLP specification, OTLP/HTTP: response and retryable codes).
fn came(reply: &Reply) -> Came {
    match reply.status {
        200..=299 => Came::Taken(refused(&reply.body)),
        429 | 502 | 503 | 504 => Came::Later(format!("status {}", reply.status), reply.retry_after),
        status => Came::Never(format!("status {status}")),
    }
}

/// How many records a collector says that it did not take (partial success).
fn refused(body: &[u8]) -> u64 {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        partial_success: Option<Partial>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Partial {
        rejected_log_records: Option<Count>,
    }
    // 64-bit integers are strings in this encoding; some write numbers.
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Count {
        Number(u64),
        Text(String),
    }
    let answer: Option<Answer> = serde_json::from_slice(body).ok();
    let count = answer.and_then(|answer| answer.partial_success?.rejected_log_records);
    match count {
        Some(Count::Number(count)) => count,
        Some(Count::Text(text)) => text.parse().unwrap_or_default(),
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let reply = |status, body: &'static str| Reply {
            status,
            retry_after: Some(Duration::from_secs(7)),
            body: Bytes::from_static(body.as_bytes()),
        };
        let later = |text: &str| Came::Later(text.to_owned(), Some(Duration::from_secs(7)));
        for (status, body, expected) in [
            (200, "{}", Came::Taken(0)),
            (200, "", Came::Taken(0)),
            (
                200,
                r#"{"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"x"}}"#,
                Came::Taken(3),
            ),
            (200, r#"{"partialSuccess":{"rejectedLogRecords":3}}"#, Came::Taken(3)),
            (429, "", later("status 429")),
            (503, "", later("status 503")),
            (400, "", Came::Never("status 400".to_owned())),
            (401, "", Came::Never("status 401".to_owned())),
            (302, "", Came::Never("status 302".to_owned())),
        ] {
            assert_eq!(came(&reply(status, body)), expected, "{status} {body}");
        }
    }
}
