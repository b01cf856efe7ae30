//! Tokens that were got for somebody, until they end: got once, however many ask.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_gateway::onward::Credential;

/// Whose a token is, and for what: a hash, so that the name gives nothing away.
pub(crate) type Name = [u8; 32];

/// Tokens held at most.
const MOST: usize = 10_000;
/// A token goes out for no longer than this before its end: the request has to arrive in time.
const MARGIN: Duration = Duration::from_secs(10);
/// How long a token is taken to be good of which nobody said so.
pub(crate) const UNKNOWN: Duration = Duration::from_secs(60);
/// A token this new that is refused is not refused for its age: another would do no better.
const FRESH: Duration = Duration::from_secs(5);

/// Tokens, by whose they are.
#[derive(Default)]
pub(crate) struct Kept {
    slots: Mutex<HashMap<Name, Arc<Slot>>>,
}

#[derive(Default)]
struct Slot {
    /// Held while one is got.
    turn: Arc<tokio::sync::Mutex<()>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    /// How the last attempt failed.
    failed: Option<Fault>,
    /// How many attempts there were.
    attempts: u64,
}

#[derive(Clone)]
struct Held {
    credential: Credential,
    since: Instant,
    until: Instant,
}

/// What was got, and how long it is good.
pub(crate) type Got = Result<(Credential, Duration), Fault>;

impl Kept {
    /// The token of this name, got by `get` if there is none.
    ///
    /// Whoever waits while it is got shares what comes of it. It is got in a task of its own: a
    /// client that leaves takes nothing away from the others.
    ///
    /// # Errors
    /// It could not be got.
    pub(crate) async fn get<F>(
        &self,
        name: Name,
        get: impl FnOnce() -> F,
    ) -> Result<Credential, Fault>
    where
        F: Future<Output = Got> + Send + 'static,
    {
        let slot = self.slot(name);
        if let Some(held) = slot.held() {
            return Ok(held.credential);
        }
        let before = slot.state().attempts;
        let turn = Arc::clone(&slot.turn).lock_owned().await;
        if let Some(held) = slot.held() {
            return Ok(held.credential);
        }
        if let Some(fault) = slot.failed_since(before) {
            return Err(fault);
        }
        let getting = get();
        let getting = tokio::spawn(async move {
            let got = getting.await;
            slot.settle(&got);
            drop(turn);
            got
        });
        match getting.await {
            Ok(got) => got.map(|(credential, _)| credential),
            Err(error) => Err(Fault::new(Reason::Internal, "a token was not got").because(error)),
        }
    }

    /// Lets go of a token that was refused; false when it is so new that another is of no use.
    pub(crate) fn refused(&self, name: Name, refused: Option<&Credential>) -> bool {
        let slot = self.slot(name);
        let mut state = slot.state();
        match &state.held {
            Some(held) if Some(&held.credential) == refused => {
                let old = held.since.elapsed() >= FRESH;
                if old {
                    state.held = None;
                }
                old
            }
            // Somebody else has let go of it, or has got another already.
            _ => true,
        }
    }

    /// Lets go of what is held: there is something newer.
    pub(crate) fn forget(&self, name: Name) {
        self.slot(name).state().held = None;
    }

    fn slot(&self, name: Name) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= MOST && !slots.contains_key(&name) {
            // What somebody waits for stays, and so does what is good.
            slots.retain(|_, slot| Arc::strong_count(slot) > 1 || slot.held().is_some());
            if slots.len() >= MOST {
                slots.retain(|_, slot| Arc::strong_count(slot) > 1);
            }
        }
        slots.entry(name).or_default().clone()
    }
}

impl Slot {
    fn held(&self) -> Option<Held> {
        self.state().held.clone().filter(|held| Instant::now() < held.until)
    }

    fn failed_since(&self, before: u64) -> Option<Fault> {
        let state = self.state();
        state.failed.clone().filter(|_| state.attempts > before)
    }

    fn settle(&self, got: &Got) {
        let now = Instant::now();
        let mut state = self.state();
        state.attempts += 1;
        match got {
            Ok((credential, life)) => {
                // Of a short life the last tenth, of a longer one the margin is not used.
                let until = now + life.saturating_sub(MARGIN.min(*life / 10));
                state.held = Some(Held { credential: credential.clone(), since: now, until });
                state.failed = None;
            }
            Err(fault) => state.failed = Some(fault.clone()),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    async fn token(kept: &Kept, got: &Arc<AtomicUsize>, life: u64) -> Result<Credential, Fault> {
        let got = got.clone();
        kept.get([0; 32], || async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let number = got.fetch_add(1, Ordering::Relaxed);
            Ok((crate::bearer(&format!("t{number}"))?, Duration::from_secs(life)))
        })
        .await
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_that_ask_at_once_share_what_one_got() {
        let (kept, got) = (Arc::new(Kept::default()), Arc::<AtomicUsize>::default());

        let asking = (0..1000).map(|_| {
            let (kept, got) = (kept.clone(), got.clone());
            tokio::spawn(async move { token(&kept, &got, 60).await.unwrap() })
        });
        for asking in asking.collect::<Vec<_>>() {
            assert_eq!(asking.await.unwrap().value, "Bearer t0");
        }

        assert_eq!(got.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_leaves_takes_nothing_away() {
        let (kept, got) = (Kept::default(), Arc::<AtomicUsize>::default());

        let gone = tokio::time::timeout(Duration::from_millis(1), token(&kept, &got, 60)).await;
        let stays = token(&kept, &got, 60).await.unwrap();

        assert!(gone.is_err());
        assert_eq!((stays.value.to_str().unwrap(), got.load(Ordering::Relaxed)), ("Bearer t0", 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_goes_out_until_shortly_before_its_end() {
        let (kept, got) = (Kept::default(), Arc::<AtomicUsize>::default());
        token(&kept, &got, 300).await.unwrap();

        tokio::time::sleep(Duration::from_secs(285)).await;
        token(&kept, &got, 300).await.unwrap();
        assert_eq!(got.load(Ordering::Relaxed), 1);
        tokio::time::sleep(Duration::from_secs(10)).await;
        token(&kept, &got, 300).await.unwrap();

        assert_eq!(got.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_is_refused_when_new_is_not_got_again() {
        let (kept, got) = (Kept::default(), Arc::<AtomicUsize>::default());
        let credential = token(&kept, &got, 300).await.unwrap();

        assert!(!kept.refused([0; 32], Some(&credential)));
        tokio::time::sleep(FRESH).await;
        assert!(kept.refused([0; 32], Some(&credential)));
        token(&kept, &got, 300).await.unwrap();

        assert_eq!(got.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_shared_by_those_who_waited_and_tried_again_by_those_who_come_later() {
        let kept = Arc::new(Kept::default());
        let tried = Arc::<AtomicUsize>::default();
        let attempt = |kept: Arc<Kept>, tried: Arc<AtomicUsize>| async move {
            kept.get([0; 32], || async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                tried.fetch_add(1, Ordering::Relaxed);
                Err(Fault::new(Reason::Refused, "no"))
            })
            .await
        };

        let first = tokio::spawn(attempt(kept.clone(), tried.clone()));
        let second = tokio::spawn(attempt(kept.clone(), tried.clone()));
        assert!(first.await.unwrap().is_err() && second.await.unwrap().is_err());
        assert_eq!(tried.load(Ordering::Relaxed), 1);
        assert!(attempt(kept, tried.clone()).await.is_err());

        assert_eq!(tried.load(Ordering::Relaxed), 2);
    }
}
