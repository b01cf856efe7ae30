//! A store of one process, for tests: what the others have to be like.

use std::collections::HashMap;
use std::future::ready;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Answer, Backend, Bucket, Cap, Item, Kept, Name, Placed, Room, Shelves};
use crate::clock::Timestamp;
use crate::future::Boxed;
use crate::quota::buckets::{Buckets, Kind, Verdict};
use crate::usage::{self, Amount, Claim, Counter, Denied, Store};

/// All of it, with a clock that goes forward by hand or by itself.
pub struct Memory {
    buckets: Buckets,
    used: Mutex<HashMap<Name, Instant>>,
    shelves: Shelves,
    working: Mutex<HashMap<(Name, Name), Instant>>,
    usage: usage::Memory,
    began: Instant,
    ahead: AtomicU64,
}

impl Default for Memory {
    fn default() -> Memory {
        Memory {
            buckets: Buckets::default(),
            used: Mutex::default(),
            shelves: Shelves::default(),
            working: Mutex::default(),
            usage: usage::Memory::default(),
            began: Instant::now(),
            ahead: AtomicU64::new(0),
        }
    }
}

impl Memory {
    /// Lets so much time pass.
    pub fn advance(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.ahead.fetch_add(nanos, Ordering::Relaxed);
    }

    /// Time that goes only by hand.
    fn now(&self) -> Instant {
        self.began + Duration::from_nanos(self.ahead.load(Ordering::Relaxed))
    }

    fn take_now(&self, buckets: &[Bucket], cost: u32) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        for (at, bucket) in buckets.iter().enumerate() {
            let key = self.buckets.key(Kind::Caller, bucket.name);
            let verdict = self.buckets.take(key, bucket.rate, cost, self.now());
            verdicts.push(verdict);
            if matches!(verdict, Verdict::Refused { .. }) {
                self.return_now(&buckets[..at], cost);
                break;
            }
        }
        verdicts
    }

    fn return_now(&self, buckets: &[Bucket], cost: u32) {
        for bucket in buckets {
            let key = self.buckets.key(Kind::Caller, bucket.name);
            self.buckets.give_back(key, bucket.rate, cost, self.now());
        }
    }

    /// What has not ended.
    fn working(&self) -> MutexGuard<'_, HashMap<(Name, Name), Instant>> {
        let mut working = self.working.lock().unwrap_or_else(PoisonError::into_inner);
        working.retain(|_, until| *until > self.now());
        working
    }

    fn once_now(&self, name: Name, lasting: Duration) -> bool {
        let (now, mut used) =
            (self.now(), self.used.lock().unwrap_or_else(PoisonError::into_inner));
        used.retain(|_, until| *until > now);
        used.insert(name, now + lasting).is_none()
    }
}

impl Backend for Memory {
    fn kind(&self) -> &'static str {
        "memory"
    }

    fn ping(&self) -> Answer<'_, ()> {
        Box::pin(ready(Ok(())))
    }

    fn take<'a>(&'a self, buckets: &'a [Bucket], cost: u32) -> Answer<'a, Vec<Verdict>> {
        Box::pin(ready(Ok(self.take_now(buckets, cost))))
    }

    fn give_back<'a>(&'a self, buckets: &'a [Bucket], cost: u32) -> Answer<'a, ()> {
        self.return_now(buckets, cost);
        Box::pin(ready(Ok(())))
    }

    fn start<'a>(
        &'a self,
        caps: &'a [Cap],
        lease: Name,
        lasting: Duration,
    ) -> Answer<'a, Option<usize>> {
        let mut working = self.working();
        let count = |cap: &Cap| working.keys().filter(|(of, _)| *of == cap.name).count();
        let full = caps.iter().position(|cap| count(cap) >= cap.most as usize);
        if full.is_none() {
            working.extend(caps.iter().map(|cap| ((cap.name, lease), self.now() + lasting)));
        }
        Box::pin(ready(Ok(full)))
    }

    fn renew<'a>(&'a self, working: &'a [(Name, Name)], lasting: Duration) -> Answer<'a, ()> {
        self.working().extend(working.iter().map(|key| (*key, self.now() + lasting)));
        Box::pin(ready(Ok(())))
    }

    fn end<'a>(&'a self, caps: &'a [Name], lease: Name) -> Answer<'a, ()> {
        self.working().retain(|(cap, of), _| *of != lease || !caps.contains(cap));
        Box::pin(ready(Ok(())))
    }

    fn once(&self, name: Name, lasting: Duration) -> Answer<'_, bool> {
        Box::pin(ready(Ok(self.once_now(name, lasting))))
    }

    fn list<'a>(&'a self, shelf: &'a str, most: usize) -> Answer<'a, Vec<Kept>> {
        Box::pin(ready(Ok(self.shelves.list(shelf, most, self.now()))))
    }

    fn put<'a>(&'a self, shelf: &'a str, item: &'a Item<'a>) -> Answer<'a, bool> {
        let placed = self.shelves.place(shelf, item, Room::UNBOUNDED, self.now());
        Box::pin(ready(Ok(placed == Placed::Kept)))
    }

    fn find<'a>(&'a self, shelf: &'a str, name: Name) -> Answer<'a, Option<Kept>> {
        Box::pin(ready(Ok(self.shelves.find(shelf, name, self.now()))))
    }

    fn place<'a>(&'a self, shelf: &'a str, item: &'a Item<'a>, room: Room) -> Answer<'a, Placed> {
        Box::pin(ready(Ok(self.shelves.place(shelf, item, room, self.now()))))
    }

    fn remove<'a>(&'a self, shelf: &'a str, name: Name, version: u64) -> Answer<'a, bool> {
        Box::pin(ready(Ok(self.shelves.remove(shelf, name, version, self.now()))))
    }
}

impl Store for Memory {
    fn claim<'a>(&'a self, claims: &'a [Claim], amount: Amount) -> Boxed<'a, Result<(), Denied>> {
        self.usage.claim(claims, amount)
    }

    fn add<'a>(&'a self, used: &'a [(Counter, Amount)]) -> Boxed<'a, Result<(), String>> {
        self.usage.add(used)
    }

    fn read<'a>(&'a self, counter: &'a Counter) -> Boxed<'a, Result<Amount, String>> {
        self.usage.read(counter)
    }

    fn all(&self) -> Boxed<'_, Result<Vec<(Counter, Amount)>, String>> {
        self.usage.all()
    }

    fn prune(&self, now: Timestamp, keep: u32) -> Boxed<'_, Result<(), String>> {
        self.usage.prune(now, keep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance;

    #[tokio::test]
    async fn memory_is_a_store_that_could_be_shared() {
        let memory = Memory::default();

        conformance::run(&memory, &|time| memory.advance(time)).await;
    }
}
