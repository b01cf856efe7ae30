//! Vectors of queries: the last ones are remembered, and an endpoint that failed is not waited for.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::backoff::pause;
use super::embedder::{EmbedError, Embedder};
use super::nearest::normalized;

/// Queries whose vectors are remembered.
const REMEMBERED: usize = 256;

#[derive(Default)]
pub(crate) struct Queries(Mutex<State>);

#[derive(Default)]
struct State {
    /// The last used one at the end.
    recent: VecDeque<(String, Arc<[f32]>)>,
    failures: u32,
    /// When the endpoint is asked again.
    again: Option<Instant>,
}

impl Queries {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The vector of a text, of `dimensions` numbers, if it can be had within `patience`.
    pub(crate) async fn vector(
        &self,
        embedder: &dyn Embedder,
        text: String,
        dimensions: usize,
        patience: Duration,
    ) -> Option<Arc<[f32]>> {
        {
            let mut state = self.state();
            if let Some(vector) = state.recall(&text, dimensions) {
                return Some(vector);
            }
            if state.again.is_some_and(|again| Instant::now() < again) {
                return None;
            }
        }
        let texts = [text];
        let asked = tokio::time::timeout(patience, embedder.embed(&texts)).await;
        let made = asked.unwrap_or(Err(EmbedError::Late(patience)));
        let made = made.and_then(|vectors| one(vectors, dimensions));
        let [text] = texts;
        let mut state = self.state();
        match made {
            Ok(vector) => {
                state.remember(text, vector.clone());
                (state.failures, state.again) = (0, None);
                Some(vector)
            }
            Err(error) => {
                state.failures += 1;
                let pause = pause(state.failures, error.retry_after());
                state.again = Some(Instant::now() + pause);
                tracing::warn!(%error, ?pause, "a query has no vector; searches are by words alone");
                None
            }
        }
    }
}

/// The only vector, of the length that those of the documents have.
fn one(vectors: Vec<Vec<f32>>, dimensions: usize) -> Result<Arc<[f32]>, EmbedError> {
    let found = vectors.first().map_or(0, Vec::len);
    match <[Vec<f32>; 1]>::try_from(vectors) {
        Ok([vector]) if found == dimensions => Ok(normalized(vector).into()),
        _ => Err(EmbedError::Unusable(format!(
            "the vector of a query has {found} numbers, and those of the documents have {dimensions}"
        ))),
    }
}

impl State {
    fn recall(&mut self, text: &str, dimensions: usize) -> Option<Arc<[f32]>> {
        let at = self.recent.iter().position(|(known, _)| known == text)?;
        let known = self.recent.remove(at)?;
        let vector = known.1.clone();
        (vector.len() == dimensions).then(|| {
            self.recent.push_back(known);
            vector
        })
    }

    fn remember(&mut self, text: String, vector: Arc<[f32]>) {
        self.recent.retain(|(known, _)| *known != text);
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back((text, vector));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use toolgate_gateway::call::Boxed;

    use super::*;

    /// Makes the length of a text its vector, or fails for `bad`, and waits for `slow`.
    #[derive(Default)]
    struct Lengths(AtomicUsize);

    impl Embedder for Lengths {
        fn embed<'a>(
            &'a self,
            texts: &'a [String],
        ) -> Boxed<'a, Result<Vec<Vec<f32>>, EmbedError>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Box::pin(async move {
                match texts[0].as_str() {
                    "bad" => Err(EmbedError::Refused { status: 500, retry_after: None }),
                    "slow" => std::future::pending().await,
                    text => Ok(vec![vec![0.0, text.len() as f32]]),
                }
            })
        }
    }

    async fn vector(queries: &Queries, lengths: &Lengths, text: &str) -> Option<Arc<[f32]>> {
        queries.vector(lengths, text.to_owned(), 2, Duration::from_millis(5)).await
    }

    #[tokio::test]
    async fn a_query_is_asked_for_once_and_the_oldest_are_forgotten() {
        let (queries, lengths) = (Queries::default(), Lengths::default());

        for _ in 0..3 {
            assert_eq!(vector(&queries, &lengths, "text").await.as_deref(), Some(&[0.0, 1.0][..]));
        }
        assert_eq!(lengths.0.load(Ordering::Relaxed), 1);

        for number in 0..REMEMBERED {
            vector(&queries, &lengths, &number.to_string()).await;
        }
        vector(&queries, &lengths, "text").await;
        assert_eq!(lengths.0.load(Ordering::Relaxed), REMEMBERED + 2);
    }

    #[tokio::test]
    async fn after_a_failure_or_silence_nobody_waits_but_what_is_known_stays_known() {
        for failing in ["bad", "slow"] {
            let (queries, lengths) = (Queries::default(), Lengths::default());
            vector(&queries, &lengths, "known").await;

            assert_eq!(vector(&queries, &lengths, failing).await, None);
            assert_eq!(vector(&queries, &lengths, "other").await, None);

            assert!(vector(&queries, &lengths, "known").await.is_some());
            assert_eq!(lengths.0.load(Ordering::Relaxed), 2, "{failing}");
        }
    }

    #[tokio::test]
    async fn a_vector_of_another_length_is_none() {
        let (queries, lengths) = (Queries::default(), Lengths::default());

        let vector = queries.vector(&lengths, "text".to_owned(), 3, Duration::from_secs(1)).await;

        assert_eq!(vector, None);
    }
}
