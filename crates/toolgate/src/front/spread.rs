//! One session at several replicas: who else serves it, and has it ended where it began?

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::OnceCell;

/// How long what the home said of a session holds.
const HOLDS: Duration = Duration::from_secs(60);
/// Replicas remembered for one session at most.
const MOST: usize = 256;

/// What one replica knows of a session at the others.
pub struct Spread {
    served_at: Mutex<BTreeSet<Arc<str>>>,
    first: OnceCell<bool>,
    asked: Mutex<Instant>,
}

impl Spread {
    /// A session that is served here since `now`.
    pub fn new(now: Instant) -> Spread {
        Spread { served_at: Mutex::default(), first: OnceCell::new(), asked: Mutex::new(now) }
    }

    /// Remembers, at the home, a replica that serves the session too.
    pub fn note(&self, replica: &Arc<str>) {
        let mut served_at = self.served_at.lock().unwrap_or_else(PoisonError::into_inner);
        if served_at.len() < MOST {
            served_at.insert(replica.clone());
        }
    }

    /// The replicas that serve the session too, but for one.
    pub fn others(&self, but: Option<&str>) -> Vec<Arc<str>> {
        let served_at = self.served_at.lock().unwrap_or_else(PoisonError::into_inner);
        served_at.iter().filter(|replica| Some(&***replica) != but).cloned().collect()
    }

    /// What the home said when the session was taken up here. It is asked once, and whoever
    /// comes meanwhile waits for the same answer.
    pub async fn first<F: Future<Output = bool>>(&self, ask: impl FnOnce() -> F) -> bool {
        *self.first.get_or_init(ask).await
    }

    /// Whether the home is to be asked again; whoever hears so asks.
    pub fn is_due(&self, now: Instant) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = now.saturating_duration_since(*asked) >= HOLDS;
        if is_due {
            *asked = now;
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_home_is_asked_once_a_minute_at_most() {
        let begun = Instant::now();
        let spread = Spread::new(begun);

        let due: Vec<_> = [0, 59, 60, 61, 119, 120]
            .map(|seconds| spread.is_due(begun + Duration::from_secs(seconds)))
            .into();

        assert_eq!(due, [false, false, true, false, false, true]);
    }

    #[tokio::test]
    async fn all_who_come_at_first_hear_one_answer() {
        let spread = Spread::new(Instant::now());

        assert!(!spread.first(|| async { false }).await);
        assert!(!spread.first(|| async { true }).await);
    }

    #[test]
    fn whoever_brings_news_is_not_told_of_it() {
        let spread = Spread::new(Instant::now());
        for replica in ["http://b", "http://c", "http://b"] {
            spread.note(&replica.into());
        }

        let others = |from| spread.others(from).iter().map(|it| it.to_string()).collect::<Vec<_>>();
        assert_eq!(others(None), ["http://b", "http://c"]);
        assert_eq!(others(Some("http://b")), ["http://c"]);
    }
}
