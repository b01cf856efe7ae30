//! Things kept for a while under names that nobody can guess; the oldest gives way.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The most things on one shelf.
const MOST: usize = 10_000;

pub struct Shelf<T> {
    kept: Mutex<Kept<T>>,
}

struct Kept<T> {
    things: HashMap<String, (T, u64)>,
    order: VecDeque<String>,
}

/// 256 bits of chance, as text.
pub fn unguessable() -> String {
    let mut bytes = [0; 32];
    match getrandom::fill(&mut bytes) {
        Ok(()) => URL_SAFE_NO_PAD.encode(bytes),
        // Only ever on a machine where TLS does not work either.
        Err(error) => {
            tracing::error!(%error, "no randomness");
            std::process::abort();
        }
    }
}

impl<T: Clone> Shelf<T> {
    pub fn new() -> Shelf<T> {
        Shelf { kept: Mutex::new(Kept { things: HashMap::new(), order: VecDeque::new() }) }
    }

    /// Keeps `thing` until `until` and says under which name.
    pub fn add(&self, thing: T, until: u64) -> String {
        let name = unguessable();
        self.put(name.clone(), thing, until);
        name
    }

    pub fn put(&self, name: String, thing: T, until: u64) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.things.insert(name.clone(), (thing, until)).is_none() {
            kept.order.push_back(name);
        }
        if kept.order.len() > MOST
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.things.remove(&oldest);
        }
    }

    pub fn get(&self, name: &str, now: u64) -> Option<T> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (thing, until) = kept.things.get(name)?;
        (now < *until).then(|| thing.clone())
    }

    /// Takes what stands under `name` away.
    pub fn take(&self, name: &str, now: u64) -> Option<T> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (thing, until) = kept.things.remove(name)?;
        kept.order.retain(|known| known != name);
        (now < until).then_some(thing)
    }

    /// Takes away everything that `gone` says it of.
    pub fn clear(&self, gone: impl Fn(&T) -> bool) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { things, order } = &mut *kept;
        things.retain(|_, (thing, _)| !gone(thing));
        order.retain(|name| things.contains_key(name));
    }
}
