//! What servers answered last, for when they do not answer: one that is slow or gone delays
//! nobody for long, and nobody loses what it has already told.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use toolgate_protocol::client::Abilities;

use crate::deadline::late;
use crate::entries::Part;
use crate::fault::{Fault, Reason};
use crate::upstream::Description;

/// How long a server may take whose last answer is still at hand.
const KNOWN: Duration = Duration::from_secs(1);
/// How long one is waited for that failed the last time.
const FAILING: Duration = Duration::from_millis(100);

/// Answers remembered at most: with these many, all are forgotten.
const MOST: usize = 1024;

/// The last answers, by key.
pub(crate) struct Recall<K, V>(Arc<Mutex<HashMap<K, Last<V>>>>);

/// The first page of each list of each server, by whom it was shown to.
pub(crate) type Kept = Recall<(usize, &'static str, Abilities, Option<Arc<str>>), Part>;

/// What servers said of themselves, for when they do not answer.
pub(crate) type Known = Recall<(usize, Abilities, Option<Arc<str>>), Arc<Description>>;

struct Last<V> {
    answer: Option<V>,
    failed: bool,
}

impl<K, V> Default for Recall<K, V> {
    fn default() -> Self {
        Recall(Arc::default())
    }
}

impl<K, V> Recall<K, V>
where
    K: Eq + Hash + Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    /// The answer that `asking` gets, or the last one if it takes too long: `first` when there
    /// is none yet. Also whether it is fresh. The asking goes on when nobody waits any more, so
    /// that the next answer is better.
    ///
    /// # Errors
    /// When there is neither.
    pub(crate) async fn ask(
        &self,
        server: &Arc<str>,
        key: K,
        first: Duration,
        asking: impl Future<Output = Result<V, Fault>> + Send + 'static,
    ) -> Result<(V, bool), Fault> {
        let (known, failed) = self.get(&key);
        let patience = match (&known, failed) {
            (_, true) => FAILING,
            (Some(_), false) => KNOWN,
            (None, false) => first,
        };
        let last = self.0.clone();
        let task = tokio::spawn(async move {
            let outcome = asking.await;
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            if last.len() >= MOST && !last.contains_key(&key) {
                last.clear();
            }
            let entry = last.entry(key).or_insert(Last { answer: None, failed: false });
            entry.failed = outcome.is_err();
            if let Ok(answer) = &outcome {
                entry.answer = Some(answer.clone());
            }
            outcome
        });
        let fault = match tokio::time::timeout(patience, task).await {
            Ok(Ok(Ok(answer))) => return Ok((answer, true)),
            Ok(Ok(Err(fault))) => fault,
            Ok(Err(error)) => Fault::new(Reason::Internal, "asking a server failed").because(error),
            Err(_) => late(server, patience),
        };
        tracing::warn!(%server, %fault, known = known.is_some(), "no fresh answer");
        known.map(|answer| (answer, false)).ok_or(fault)
    }

    fn get(&self, key: &K) -> (Option<V>, bool) {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.get(key).map_or((None, false), |last| (last.answer.clone(), last.failed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn answer(after: u64) -> Result<u64, Fault> {
        tokio::time::sleep(Duration::from_secs(after)).await;
        Ok(after)
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_has_become_slow_is_stood_in_for_after_a_second() {
        let recall = Recall::default();
        let (server, first) = ("crm".into(), Duration::from_secs(10));
        recall.ask(&server, 1, first, answer(2)).await.unwrap();

        let start = tokio::time::Instant::now();
        let (value, fresh) = recall.ask(&server, 1, first, answer(9)).await.unwrap();

        assert_eq!((value, fresh), (2, false));
        assert_eq!(start.elapsed(), KNOWN);
    }

    #[tokio::test(start_paused = true)]
    async fn the_answer_that_came_too_late_serves_the_next_time() {
        let recall = Recall::default();
        let (server, first) = ("crm".into(), Duration::from_secs(1));
        recall.ask(&server, 1, first, answer(5)).await.unwrap_err();

        tokio::time::sleep(Duration::from_secs(10)).await;

        assert_eq!(recall.ask(&server, 1, first, answer(60)).await.unwrap(), (5, false));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_failed_delays_the_next_list_hardly_at_all() {
        let recall = Recall::<_, u64>::default();
        let (server, first) = ("crm".into(), Duration::from_secs(10));
        let failing = async { Err(Fault::new(Reason::Unreachable, "gone")) };
        recall.ask(&server, 1, first, failing).await.unwrap_err();

        let start = tokio::time::Instant::now();
        recall.ask(&server, 1, first, std::future::pending()).await.unwrap_err();

        assert_eq!(start.elapsed(), FAILING);
    }
}
