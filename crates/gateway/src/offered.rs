//! The names that a server has listed.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use toolgate_policy::Kind;
use toolgate_protocol::jsonrpc::Message;

/// Names remembered of one server and kind; whoever offers more is asked about all others.
const MOST: usize = 100_000;
/// How often a list is read again for a name that is not on it, in seconds.
const AGAIN: u64 = 5;

/// The names of tools and prompts that one server has listed, to whomever.
#[derive(Default)]
pub struct Offered {
    tools: Names,
    prompts: Names,
}

/// Names of one kind.
#[derive(Default)]
pub(crate) struct Names {
    known: RwLock<Known>,
    hasher: RandomState,
    /// When the list was last read for the sake of a name.
    looked: AtomicU64,
}

#[derive(Default)]
struct Known {
    /// Hashes of names.
    names: HashSet<u64>,
    /// Whether a list was read to its end.
    complete: bool,
}

impl Offered {
    pub(crate) fn of(&self, kind: Kind) -> Option<&Names> {
        match kind {
            Kind::Tool => Some(&self.tools),
            Kind::Prompt => Some(&self.prompts),
            // Resources come and go, and templates stand for any number of them.
            Kind::Resource => None,
            // Nobody lists them.
            Kind::Method => None,
        }
    }

    /// Whether a tool of this name was ever on its list.
    pub(crate) fn has_tool(&self, name: &str) -> bool {
        self.tools.has(name) == Some(true)
    }

    /// Learns from a page of a list.
    pub(crate) fn learn(&self, kind: Kind, page: &Message) {
        let Some(offered) = self.of(kind) else { return };
        let member = if kind == Kind::Tool { "tools" } else { "prompts" };
        let entries = page.result_object().and_then(|result| result.get(member)?.items());
        let entries = entries.into_iter().flatten().filter_map(|entry| entry.object());
        let names = entries.filter_map(|entry| entry.get("name")?.string());
        let names: Vec<u64> = names.map(|name| offered.hasher.hash_one(&*name)).collect();
        let mut known = offered.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.names.len() <= MOST {
            known.names.extend(names);
        }
        known.complete &= known.names.len() <= MOST;
    }

    /// A list was read from its beginning to its end.
    pub(crate) fn complete(&self, kind: Kind) {
        let Some(offered) = self.of(kind) else { return };
        let mut known = offered.known.write().unwrap_or_else(PoisonError::into_inner);
        known.complete = known.names.len() <= MOST;
    }
}

impl Names {
    /// Whether the name is known to be there, or not to be there; `None` while nobody has looked.
    pub(crate) fn has(&self, name: &str) -> Option<bool> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let has = known.names.contains(&self.hasher.hash_one(name));
        (has || known.complete).then_some(has)
    }

    /// Whether it is time to look again; whoever asks first looks.
    pub(crate) fn is_due(&self, now: u64) -> bool {
        let last = self.looked.load(Ordering::Relaxed);
        let due = now.saturating_sub(last) >= AGAIN;
        let exchange =
            || self.looked.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed);
        due && exchange().is_ok()
    }
}
