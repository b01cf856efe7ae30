//! Which tool began a task? Remembered, as servers name only the task when they speak of it.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use crate::call::Caller;

/// Tasks remembered, twice as many at most.
const MANY: usize = 16_384;

/// The tools of tasks that were heard of lately.
#[derive(Default)]
pub struct Origins {
    known: Mutex<Generations>,
    hasher: RandomState,
}

#[derive(Default)]
struct Generations {
    young: HashMap<u64, Arc<str>>,
    old: HashMap<u64, Arc<str>>,
}

impl Origins {
    /// Notes that a call of this tool began a task.
    pub(crate) fn note(&self, server: &str, caller: &Caller, task: &str, tool: Arc<str>) {
        let key = self.key(server, caller, task);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.young.len() >= MANY {
            known.old = std::mem::take(&mut known.young);
        }
        known.young.insert(key, tool);
    }

    /// The tool that began a task.
    pub(crate) fn of(&self, server: &str, caller: &Caller, task: &str) -> Option<Arc<str>> {
        let key = self.key(server, caller, task);
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.young.get(&key).or_else(|| known.old.get(&key)).cloned()
    }

    fn key(&self, server: &str, caller: &Caller, task: &str) -> u64 {
        self.hasher.hash_one((server, &*caller.principal, task))
    }
}
