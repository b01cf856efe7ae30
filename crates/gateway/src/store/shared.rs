//! A store as the gateway uses it: nobody waits long for it, and its absence is noticed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use toolgate_identity::dpop::{NobodyKnows, Once};

use super::{Away, Backend, Bucket, Cap, Item, Kept, Name, Placed, Room};
use crate::clock::Timestamp;
use crate::fault::{Fault, Reason};
use crate::future::Boxed;
use crate::quota::buckets::Verdict;
use crate::usage::{Amount, Claim, Counter, Denied, Store};

/// How long reports may take that no call waits for.
const PATIENT: Duration = Duration::from_secs(30);

/// What is done when the store does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waits {
    /// How long a call waits for an answer.
    pub timeout: Duration,
    /// Whether rate limits are counted by each replica alone meanwhile, rather than refusing calls.
    pub local: bool,
}

/// The store that all replicas share.
pub struct Shared {
    backend: Arc<dyn Backend>,
    waits: Waits,
    away: AtomicBool,
    failures: AtomicU64,
    alone: AtomicU64,
}

impl Shared {
    /// This one, with so much patience.
    pub fn new(backend: Arc<dyn Backend>, waits: Waits) -> Shared {
        Shared {
            backend,
            waits,
            away: AtomicBool::new(false),
            failures: AtomicU64::new(0),
            alone: AtomicU64::new(0),
        }
    }

    /// What messages call it.
    pub fn kind(&self) -> &'static str {
        self.backend.kind()
    }

    /// Questions that it did not answer.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Calls that were counted by this replica alone.
    pub fn alone(&self) -> u64 {
        self.alone.load(Ordering::Relaxed)
    }

    /// Whether it answers.
    pub async fn is_there(&self) -> bool {
        self.ask(self.backend.ping()).await.is_ok()
    }

    /// See [`Backend::take`].
    ///
    /// # Errors
    /// It does not answer.
    pub async fn take(&self, buckets: &[Bucket], cost: u32) -> Result<Vec<Verdict>, Away> {
        self.ask(self.backend.take(buckets, cost)).await
    }

    /// See [`Backend::give_back`]. If it does not answer, the tokens are lost: the safe side.
    pub async fn give_back(&self, buckets: &[Bucket], cost: u32) {
        let _ = self.ask(self.backend.give_back(buckets, cost)).await;
    }

    /// See [`Backend::start`].
    ///
    /// # Errors
    /// It does not answer.
    pub async fn start(
        &self,
        caps: &[Cap],
        lease: Name,
        lasting: Duration,
    ) -> Result<Option<usize>, Away> {
        self.ask(self.backend.start(caps, lease, lasting)).await
    }

    /// See [`Backend::renew`].
    ///
    /// # Errors
    /// It does not answer.
    pub async fn renew(&self, working: &[(Name, Name)], lasting: Duration) -> Result<(), Away> {
        self.within(PATIENT, self.backend.renew(working, lasting), Away).await
    }

    /// See [`Backend::end`]. If it does not answer, the lease ends by itself.
    pub async fn end(&self, caps: &[Name], lease: Name) {
        let _ = self.ask(self.backend.end(caps, lease)).await;
    }

    /// See [`Backend::once`].
    ///
    /// # Errors
    /// It does not answer: nobody can tell whether it is the first time.
    pub async fn once(&self, name: Name, lasting: Duration) -> Result<bool, Away> {
        self.ask(self.backend.once(name, lasting)).await
    }

    /// See [`Backend::list`].
    ///
    /// # Errors
    /// It does not answer.
    pub async fn list(&self, shelf: &str, most: usize) -> Result<Vec<Kept>, Away> {
        self.ask(self.backend.list(shelf, most)).await
    }

    /// See [`Backend::put`].
    ///
    /// # Errors
    /// It does not answer: it may have kept the text or not.
    pub async fn put(&self, shelf: &str, item: &Item<'_>) -> Result<bool, Away> {
        self.ask(self.backend.put(shelf, item)).await
    }

    /// See [`Backend::find`].
    ///
    /// # Errors
    /// It does not answer.
    pub async fn find(&self, shelf: &str, name: Name) -> Result<Option<Kept>, Away> {
        self.ask(self.backend.find(shelf, name)).await
    }

    /// See [`Backend::place`].
    ///
    /// # Errors
    /// It does not answer: it may have kept the text or not.
    pub async fn place(&self, shelf: &str, item: &Item<'_>, room: Room) -> Result<Placed, Away> {
        self.ask(self.backend.place(shelf, item, room)).await
    }

    /// See [`Backend::remove`].
    ///
    /// # Errors
    /// It does not answer: it may have taken it away or not.
    pub async fn remove(&self, shelf: &str, name: Name, version: u64) -> Result<bool, Away> {
        self.ask(self.backend.remove(shelf, name, version)).await
    }

    /// Whether this call may be counted by this replica alone, as the store does not answer.
    pub(crate) fn goes_alone(&self) -> bool {
        if self.waits.local {
            self.alone.fetch_add(1, Ordering::Relaxed);
        }
        self.waits.local
    }

    /// What whoever called is told: nothing was sent, and it may be tried again.
    pub(crate) fn fault(&self, away: Away) -> Fault {
        let message = format!(
            "what is shared by all replicas is kept in {}, which does not answer at the moment, so \
             the call was not made",
            self.kind()
        );
        Fault::new(Reason::Unavailable, message).retry_after(Duration::from_secs(1)).because(away)
    }

    async fn ask<T>(&self, question: Boxed<'_, Result<T, Away>>) -> Result<T, Away> {
        self.within(self.waits.timeout, question, Away).await
    }

    async fn within<T, E: std::fmt::Debug>(
        &self,
        timeout: Duration,
        question: Boxed<'_, Result<T, E>>,
        late: impl FnOnce(String) -> E,
    ) -> Result<T, E> {
        let answer = match tokio::time::timeout(timeout, question).await {
            Ok(answer) => answer,
            Err(_) => Err(late(format!("no answer within {} ms", timeout.as_millis()))),
        };
        match &answer {
            Ok(_) => self.answers(),
            Err(error) => self.fails(error),
        }
        answer
    }

    fn answers(&self) {
        if self.away.load(Ordering::Relaxed) && self.away.swap(false, Ordering::Relaxed) {
            tracing::info!(store = self.kind(), "the store answers again");
        }
    }

    /// One line when it goes away, not one for each call.
    fn fails(&self, error: &dyn std::fmt::Debug) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        if !self.away.swap(true, Ordering::Relaxed) {
            let alone = self.waits.local;
            tracing::error!(store = self.kind(), ?error, alone, "the store does not answer");
        }
    }
}

impl Once for Shared {
    fn first<'a>(
        &'a self,
        names: &[&str],
        lasting: Duration,
    ) -> Boxed<'a, Result<bool, NobodyKnows>> {
        let name = Name::of("proof", names);
        Box::pin(async move { self.once(name, lasting).await.map_err(|_| NobodyKnows) })
    }
}

impl Store for Shared {
    fn claim<'a>(&'a self, claims: &'a [Claim], amount: Amount) -> Boxed<'a, Result<(), Denied>> {
        Box::pin(async move {
            let question = self.backend.claim(claims, amount);
            match tokio::time::timeout(self.waits.timeout, question).await {
                Ok(answer @ (Ok(()) | Err(Denied::UsedUp(_)))) => {
                    self.answers();
                    answer
                }
                Ok(Err(denied @ Denied::Unavailable(_))) => {
                    self.fails(&denied);
                    Err(denied)
                }
                Err(_) => {
                    let denied = Denied::Unavailable("no answer in time".to_owned());
                    self.fails(&denied);
                    Err(denied)
                }
            }
        })
    }

    fn add<'a>(&'a self, used: &'a [(Counter, Amount)]) -> Boxed<'a, Result<(), String>> {
        let question = self.backend.add(used);
        Box::pin(self.within(self.waits.timeout, question, std::convert::identity))
    }

    fn read<'a>(&'a self, counter: &'a Counter) -> Boxed<'a, Result<Amount, String>> {
        let question = self.backend.read(counter);
        Box::pin(self.within(self.waits.timeout, question, std::convert::identity))
    }

    fn all(&self) -> Boxed<'_, Result<Vec<(Counter, Amount)>, String>> {
        Box::pin(self.within(PATIENT, self.backend.all(), std::convert::identity))
    }

    fn prune(&self, now: Timestamp, keep: u32) -> Boxed<'_, Result<(), String>> {
        Box::pin(self.within(PATIENT, self.backend.prune(now, keep), std::convert::identity))
    }

    fn flush(&self) -> Boxed<'_, Result<(), String>> {
        // It holds nothing back, so whether it answers is not found out here.
        self.backend.flush()
    }
}
