//! What was used, in the memory of one process: it is gone when that ends.

use std::collections::HashMap;
use std::future::ready;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::counter::{Amount, Counter};
use super::{Claim, Denied, Store};
use crate::clock::Timestamp;
use crate::future::Boxed;

/// Counters kept at most, about 30 MiB.
const MOST: usize = 200_000;

/// Counters of one process.
pub struct Memory {
    counters: Mutex<HashMap<Counter, Amount>>,
    most: usize,
}

impl Default for Memory {
    fn default() -> Memory {
        Memory::holding(MOST)
    }
}

impl Memory {
    /// One that keeps at most so many counters; those beyond share one for each quota and server,
    /// so that nobody goes free.
    pub fn holding(most: usize) -> Memory {
        Memory { counters: Mutex::default(), most }
    }

    /// One that goes on from what was kept elsewhere.
    pub fn of(kept: impl IntoIterator<Item = (Counter, Amount)>) -> Memory {
        let memory = Memory::default();
        let mut counters = memory.lock();
        for (counter, amount) in kept {
            memory.add_one(&mut counters, &counter, amount);
        }
        drop(counters);
        memory
    }

    /// A copy of all that is kept.
    pub fn snapshot(&self) -> Vec<(Counter, Amount)> {
        self.lock().iter().map(|(counter, amount)| (counter.clone(), *amount)).collect()
    }

    fn claim_now(&self, claims: &[Claim], amount: Amount) -> Result<(), Denied> {
        let mut counters = self.lock();
        for (at, claim) in claims.iter().enumerate() {
            let used = self.find(&counters, &claim.counter);
            if !claim.most.allows(used, amount) {
                return Err(Denied::UsedUp(at));
            }
        }
        for claim in claims {
            self.add_one(&mut counters, &claim.counter, amount);
        }
        Ok(())
    }

    fn find(&self, counters: &HashMap<Counter, Amount>, counter: &Counter) -> Amount {
        let own = counters.get(counter);
        let crowd = || counters.get(&counter.crowd());
        let known = own.or_else(|| if self.has_room(counters, counter) { None } else { crowd() });
        known.copied().unwrap_or_default()
    }

    fn has_room(&self, counters: &HashMap<Counter, Amount>, counter: &Counter) -> bool {
        counters.len() < self.most && counter.is_modest()
    }

    fn add_one(&self, counters: &mut HashMap<Counter, Amount>, counter: &Counter, more: Amount) {
        if let Some(amount) = counters.get_mut(counter) {
            *amount = amount.plus(more);
            return;
        }
        // The crowd's own are few: one for each quota and server.
        let counter = match self.has_room(counters, counter) {
            true => counter.clone(),
            false => counter.crowd(),
        };
        let amount = counters.entry(counter).or_default();
        *amount = amount.plus(more);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Counter, Amount>> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for Memory {
    fn claim<'a>(&'a self, claims: &'a [Claim], amount: Amount) -> Boxed<'a, Result<(), Denied>> {
        Box::pin(ready(self.claim_now(claims, amount)))
    }

    fn add<'a>(&'a self, used: &'a [(Counter, Amount)]) -> Boxed<'a, Result<(), String>> {
        let mut counters = self.lock();
        for (counter, amount) in used {
            self.add_one(&mut counters, counter, *amount);
        }
        drop(counters);
        Box::pin(ready(Ok(())))
    }

    fn read<'a>(&'a self, counter: &'a Counter) -> Boxed<'a, Result<Amount, String>> {
        Box::pin(ready(Ok(self.find(&self.lock(), counter))))
    }

    fn all(&self) -> Boxed<'_, Result<Vec<(Counter, Amount)>, String>> {
        Box::pin(ready(Ok(self.snapshot())))
    }

    fn prune(&self, now: Timestamp, keep: u32) -> Boxed<'_, Result<(), String>> {
        self.lock().retain(|counter, _| !counter.is_over(now, keep));
        Box::pin(ready(Ok(())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::{Most, Period, What, conformance};

    #[tokio::test]
    async fn memory_is_a_store() {
        conformance::run(&Memory::default()).await;
    }

    #[tokio::test]
    async fn a_hundred_thousand_callers_take_bounded_room_and_none_goes_free() {
        let store = Memory::holding(1000);
        let mut allowed = 0_u32;
        for n in 0..100_000_u32 {
            let counter = Counter {
                period: Period::Day(20_000),
                what: What::Quota { name: "free".into(), of: format!("key:{n}").into() },
            };
            let most = Most { calls: Some(2), ..Most::default() };
            let claim = Claim { counter, most };
            allowed += u32::from(store.claim(&[claim], Amount::call(1)).await.is_ok());
        }

        assert_eq!(store.snapshot().len(), 1001);
        assert_eq!(allowed, 1002);
    }

    #[tokio::test]
    async fn a_name_as_long_as_a_book_is_not_kept() {
        let store = Memory::default();
        let tool = "x".repeat(1_000_000);
        let counter = Counter {
            period: Period::Day(20_000),
            what: What::Tool { tenant: None, server: "crm".into(), tool: tool.into() },
        };

        store.add(&[(counter, Amount::call(1))]).await.unwrap();

        let kept = store.snapshot();
        assert!(
            matches!(&kept[..], [(Counter { what: What::Tool { tool, .. }, .. }, _)] if **tool == *"other")
        );
    }
}
