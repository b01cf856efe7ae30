//! How many share what a server can bear? Whoever called it lately counts, refused or not.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::buckets::Key;

/// Callers remembered of one thing, and things, at most. All of them are verified: nobody invents
/// callers.
const MOST: usize = 10_000;

/// Who called what lately.
#[derive(Default)]
pub(super) struct Sharers {
    seen: Mutex<HashMap<Key, Callers>>,
}

/// Who called one thing lately.
struct Callers {
    seen: HashMap<Key, Instant>,
    swept: Instant,
}

impl Callers {
    fn sweep(&mut self, window: Duration, now: Instant) {
        self.seen.retain(|_, at| now.saturating_duration_since(*at) < window);
        self.swept = now;
    }
}

impl Sharers {
    /// Notes that `who` asks for `what`; how many did within `window`, itself included.
    pub(super) fn count(&self, what: Key, who: Key, window: Duration, now: Instant) -> u32 {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let callers =
            seen.entry(what).or_insert_with(|| Callers { seen: HashMap::new(), swept: now });
        // Now and then: a call does not pay for a look at everybody.
        if now.saturating_duration_since(callers.swept) >= window / 8 {
            callers.sweep(window, now);
        }
        if callers.seen.len() < MOST || callers.seen.contains_key(&who) {
            callers.seen.insert(who, now);
        }
        let count = u32::try_from(callers.seen.len().max(1)).unwrap_or(u32::MAX);
        if seen.len() > MOST {
            seen.values_mut().for_each(|callers| callers.sweep(window, now));
            seen.retain(|_, callers| !callers.seen.is_empty());
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quota::{Buckets, Kind};

    #[test]
    fn whoever_was_here_lately_counts() {
        let (sharers, buckets) = (Sharers::default(), Buckets::default());
        let key = |name: &str| buckets.key(Kind::Caller, name);
        let (start, window) = (Instant::now(), Duration::from_secs(60));
        let crm = buckets.key(Kind::Server, "crm");

        assert_eq!(sharers.count(crm, key("ada"), window, start), 1);
        assert_eq!(sharers.count(crm, key("ada"), window, start), 1);
        assert_eq!(sharers.count(crm, key("bob"), window, start + window / 2), 2);
        assert_eq!(sharers.count(crm, key("bob"), window, start + window * 5 / 4), 1);
    }
}
