//! The rest of results that were cut, for whom they were cut, for a while.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use toolgate_policy::{Kind, Thing};
use toolgate_screen::size::Over;

/// Text kept at once, in bytes: of all callers, and of one of them.
const ALL: usize = 64 << 20;
const ONE: usize = 16 << 20;

/// The kept results.
#[derive(Default)]
pub struct Results(Mutex<Held>);

/// What is kept.
#[derive(Default)]
pub(super) struct Held {
    pub(super) results: HashMap<u64, Kept>,
    bytes: usize,
}

/// The rest of one result.
pub(super) struct Kept {
    pub(super) text: Arc<str>,
    pub(super) principal: Arc<str>,
    /// What the caller was when the text was redacted for it.
    pub(super) roles: Vec<Arc<str>>,
    pub(super) source: Option<Source>,
    pub(super) page: usize,
    pub(super) over: Over,
    pub(super) since: Instant,
    pub(super) ttl: Duration,
}

/// What a result came from: whoever may not use it any more may not read the rest either.
#[derive(Clone)]
pub(super) struct Source {
    server: Arc<str>,
    kind: Kind,
    name: Arc<str>,
}

impl Source {
    /// A thing of a server, by its own name; `None` if that is not known.
    pub(super) fn of(server: &Arc<str>, kind: Kind, name: Option<Cow<'_, str>>) -> Option<Source> {
        Some(Source { server: server.clone(), kind, name: (*name?).into() })
    }

    pub(super) fn thing(&self) -> Thing<'_> {
        Thing { kind: self.kind, server: &self.server, name: &self.name }
    }
}

impl Results {
    pub(super) fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Makes room by what is over, then by the oldest of the same caller, then of all.
    pub(super) fn put(&mut self, id: u64, kept: Kept) -> bool {
        let size = kept.text.len();
        if size > ONE {
            return false;
        }
        let over: Vec<_> = self.results.iter().filter(|(_, kept)| kept.is_over()).collect();
        let over: Vec<_> = over.into_iter().map(|(id, _)| *id).collect();
        over.into_iter().for_each(|id| self.remove(id));
        let mine = |held: &Held| -> usize {
            let own = held.results.values().filter(|other| other.principal == kept.principal);
            own.map(|other| other.text.len()).sum()
        };
        while mine(self) + size > ONE {
            self.remove_oldest(|other| other.principal == kept.principal);
        }
        while self.bytes + size > ALL {
            self.remove_oldest(|_| true);
        }
        self.bytes += size;
        self.results.insert(id, kept);
        true
    }

    fn remove_oldest(&mut self, of: impl Fn(&Kept) -> bool) {
        let all = self.results.iter().filter(|(_, kept)| of(kept));
        let oldest = all.min_by_key(|(_, kept)| kept.since).map(|(id, _)| *id);
        if let Some(id) = oldest {
            self.remove(id);
        }
    }

    fn remove(&mut self, id: u64) {
        if let Some(kept) = self.results.remove(&id) {
            self.bytes -= kept.text.len();
        }
    }
}

impl Kept {
    pub(super) fn is_over(&self) -> bool {
        self.since.elapsed() >= self.ttl
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(principal: &str, size: usize) -> Kept {
        Kept {
            text: "x".repeat(size).into(),
            principal: principal.into(),
            roles: Vec::new(),
            source: None,
            page: 1000,
            over: Over::Page,
            since: Instant::now(),
            ttl: Duration::from_secs(60),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded_for_all_and_for_each() {
        let mut held = Held::default();
        assert!(!held.put(0, kept("ada", ONE + 1)));
        for id in 0..20 {
            assert!(held.put(id, kept("ada", ONE / 4)));
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        // The oldest of the same caller went.
        assert_eq!(held.bytes, ONE);
        assert!(held.results.contains_key(&19) && !held.results.contains_key(&15));

        for id in 20..40 {
            assert!(held.put(id, kept(&format!("caller-{id}"), ONE)));
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        assert_eq!(held.bytes, ALL);

        tokio::time::advance(Duration::from_secs(61)).await;
        assert!(held.put(99, kept("eve", 10)));
        assert_eq!((held.bytes, held.results.len()), (10, 1));
    }
}
