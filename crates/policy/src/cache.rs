//! A bounded memory: what was not asked for since the last time half of it was dropped goes.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

const SHARDS: usize = 16;

/// Holds at most twice `limit` entries, a little more by uneven shards never.
#[derive(Debug)]
pub(crate) struct Cache<K, V> {
    shards: [Mutex<Generations<K, V>>; SHARDS],
    hasher: RandomState,
    limit: usize,
}

#[derive(Debug)]
struct Generations<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Copy + Eq + Hash, V: Clone> Cache<K, V> {
    pub(crate) fn new(limit: usize) -> Cache<K, V> {
        let empty = || Mutex::new(Generations { young: HashMap::new(), old: HashMap::new() });
        Cache {
            shards: std::array::from_fn(|_| empty()),
            hasher: RandomState::new(),
            limit: limit.div_ceil(SHARDS),
        }
    }

    pub(crate) fn get(&self, key: K) -> Option<V> {
        let mut shard = self.shard(key)?;
        if let Some(value) = shard.young.get(&key) {
            return Some(value.clone());
        }
        let value = shard.old.remove(&key)?;
        shard.keep(key, value.clone(), self.limit);
        Some(value)
    }

    pub(crate) fn put(&self, key: K, value: V) {
        if let Some(mut shard) = self.shard(key) {
            shard.keep(key, value, self.limit);
        }
    }

    fn shard(&self, key: K) -> Option<MutexGuard<'_, Generations<K, V>>> {
        let shard = self.hasher.hash_one(key) as usize % SHARDS;
        Some(self.shards.get(shard)?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        let lock = |shard: &Mutex<Generations<K, V>>| {
            let shard = shard.lock().unwrap();
            shard.young.len() + shard.old.len()
        };
        self.shards.iter().map(lock).sum()
    }
}

impl<K: Eq + Hash, V> Generations<K, V> {
    fn keep(&mut self, key: K, value: V, limit: usize) {
        if self.young.len() >= limit {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_grows_beyond_its_bound_and_keeps_what_is_used() {
        let cache = Cache::new(64);
        cache.put(0, 'a');

        for key in 1..10_000 {
            cache.put(key, 'b');
            assert_eq!(cache.get(0), Some('a'));
        }

        assert!(cache.len() <= 128);
        assert_eq!(cache.get(1), None);
    }
}
