//! Buckets by the generic cell rate algorithm (ITU-T I.371, annex A): one number for each, however
//! many tokens it holds.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::config::Rate;

/// Buckets are spread over so many locks.
const SHARDS: usize = 16;
/// Buckets kept in one shard at most: 2^20 in all, about 50 MiB.
const MOST: usize = (1 << 20) / SHARDS;

/// Nanoseconds between two looks through a shard: a look takes about one millisecond.
const SHORTEST_REST: u64 = 20_000_000;
/// Tokens that are given back make room earlier than was foreseen.
const LONGEST_REST: u64 = 1_000_000_000;

/// What a bucket is for. Buckets of one kind never meet those of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Kind {
    Caller,
    Tenant,
    Session,
    Server,
    CallerAtServer,
    CallerAtTool,
    SessionAtTool,
    TenantsShare,
    CallersShare,
    Address,
    Refused,
}

impl Kind {
    /// Its name in a store that replicas share: it stays what it is.
    pub(super) fn label(self) -> &'static str {
        match self {
            Kind::Caller => "caller",
            Kind::Tenant => "tenant",
            Kind::Session => "session",
            Kind::Server => "server",
            Kind::CallerAtServer => "caller_at_server",
            Kind::CallerAtTool => "caller_at_tool",
            Kind::SessionAtTool => "session_at_tool",
            Kind::TenantsShare => "tenants_share",
            Kind::CallersShare => "callers_share",
            Kind::Address => "address",
            Kind::Refused => "refused",
        }
    }
}

/// Which bucket: a keyed hash of what it is for, wide enough that two never meet by chance and
/// nobody can make them meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key([u64; 2]);

/// Whether something may happen now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may, and so many more times at once.
    Allowed {
        /// How often it may happen again right now.
        remaining: u32,
        /// When it may happen as often as ever.
        full: Duration,
    },
    /// It may not.
    Refused {
        /// When it may.
        after: Duration,
    },
}

/// All buckets of the process. They outlive a reload.
pub struct Buckets {
    began: Instant,
    hashers: [RandomState; 2],
    shards: [Mutex<Shard>; SHARDS],
    most: usize,
}

/// The theoretical arrival time of the next event of each bucket, in nanoseconds since the start.
/// A bucket whose time has come is full, and as good as forgotten.
#[derive(Default)]
struct Shard {
    arrivals: HashMap<Key, u64>,
    /// Before this time no look for buckets to forget is worth its while.
    sweep_at: u64,
    /// Everybody who finds no room shares this one: memory is bounded, and nobody goes free.
    crowd: u64,
}

impl Shard {
    /// Forgets the buckets that are full again. A flood of new keys does not pay for a look at all
    /// of them each time.
    fn sweep(&mut self, now: u64) {
        if now < self.sweep_at {
            return;
        }
        let mut soonest = u64::MAX;
        self.arrivals.retain(|_, arrival| {
            soonest = soonest.min((*arrival).max(now));
            *arrival > now
        });
        self.sweep_at = soonest.min(now.saturating_add(LONGEST_REST)).max(now + SHORTEST_REST);
    }
}

impl Default for Buckets {
    fn default() -> Buckets {
        Buckets::holding(MOST)
    }
}

impl Buckets {
    fn holding(most: usize) -> Buckets {
        Buckets {
            began: Instant::now(),
            hashers: [RandomState::new(), RandomState::new()],
            shards: std::array::from_fn(|_| Mutex::default()),
            most,
        }
    }

    /// The key of a bucket.
    pub fn key(&self, kind: Kind, of: impl Hash) -> Key {
        Key([0, 1]
            .map(|at: usize| self.hashers.get(at).map_or(0, |hasher| hasher.hash_one((kind, &of)))))
    }

    /// Takes `cost` tokens out of a bucket, or none.
    pub fn take(&self, key: Key, rate: Rate, cost: u32, now: Instant) -> Verdict {
        self.with(key, now, |arrival, now| arrive(arrival, rate, cost, now))
    }

    /// Gives tokens back that were taken for what did not happen in the end.
    pub fn give_back(&self, key: Key, rate: Rate, cost: u32, now: Instant) {
        self.with(key, now, |arrival, _| {
            *arrival = arrival.saturating_sub(interval(rate).saturating_mul(u64::from(cost)));
        });
    }

    /// How many buckets are kept.
    pub fn count(&self) -> usize {
        let count = |shard: &Mutex<Shard>| {
            shard.lock().unwrap_or_else(PoisonError::into_inner).arrivals.len()
        };
        self.shards.iter().map(count).sum()
    }

    fn with<T>(&self, key: Key, now: Instant, act: impl FnOnce(&mut u64, u64) -> T) -> T {
        let now =
            u64::try_from(now.saturating_duration_since(self.began).as_nanos()).unwrap_or(u64::MAX);
        let [high, _] = key.0;
        let at = usize::try_from(high >> 60).unwrap_or(0) % SHARDS;
        let [first, ..] = &self.shards;
        let shard = self.shards.get(at).unwrap_or(first);
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if shard.arrivals.len() >= self.most && !shard.arrivals.contains_key(&key) {
            shard.sweep(now);
            if shard.arrivals.len() >= self.most {
                return act(&mut shard.crowd, now);
            }
        }
        act(shard.arrivals.entry(key).or_insert(0), now)
    }
}

/// Nanoseconds between two events at a steady rate.
pub fn interval(rate: Rate) -> u64 {
    let per = u64::try_from(rate.per().as_nanos()).unwrap_or(u64::MAX);
    (per / u64::from(rate.count().max(1))).max(1)
}

fn arrive(arrival: &mut u64, rate: Rate, cost: u32, now: u64) -> Verdict {
    let interval = interval(rate);
    let burst = interval.saturating_mul(u64::from(rate.count()));
    let from = (*arrival).max(now);
    let next = from.saturating_add(interval.saturating_mul(u64::from(cost)));
    let ahead = next - now;
    if ahead > burst {
        return Verdict::Refused { after: Duration::from_nanos(ahead - burst) };
    }
    *arrival = next;
    let remaining = u32::try_from((burst - ahead) / interval).unwrap_or(u32::MAX);
    let full = Duration::from_nanos(ahead);
    Verdict::Allowed { remaining, full }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(text: &str) -> Rate {
        text.parse().unwrap()
    }

    fn left(verdict: Verdict) -> Option<u32> {
        match verdict {
            Verdict::Allowed { remaining, .. } => Some(remaining),
            Verdict::Refused { .. } => None,
        }
    }

    #[test]
    fn a_full_bucket_gives_its_count_and_then_one_at_a_time() {
        let buckets = Buckets::default();
        let (key, start) = (buckets.key(Kind::Caller, "ada"), Instant::now());
        let rate = rate("3/m");

        for remaining in [2, 1, 0] {
            assert_eq!(left(buckets.take(key, rate, 1, start)), Some(remaining));
        }
        let Verdict::Refused { after } = buckets.take(key, rate, 1, start) else {
            panic!("a fourth within the minute")
        };
        assert!(after <= Duration::from_secs(20), "{after:?}");
        let later = start + after;
        assert_eq!(left(buckets.take(key, rate, 1, later)), Some(0));
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let buckets = Buckets::default();
        let (key, now) = (buckets.key(Kind::Tenant, "acme"), Instant::now());
        assert_eq!(left(buckets.take(key, rate("2/h"), 2, now)), Some(0));

        buckets.give_back(key, rate("2/h"), 1, now);

        assert_eq!(left(buckets.take(key, rate("2/h"), 1, now)), Some(0));
    }

    #[test]
    fn kinds_and_callers_have_buckets_of_their_own() {
        let buckets = Buckets::default();
        let now = Instant::now();
        for (kind, of) in
            [(Kind::Caller, "a"), (Kind::Caller, "b"), (Kind::Tenant, "a"), (Kind::Session, "a")]
        {
            let key = buckets.key(kind, of);
            assert_eq!(left(buckets.take(key, rate("1/h"), 1, now)), Some(0));
        }
    }

    #[test]
    fn memory_is_bounded_and_who_finds_no_room_does_not_go_free() {
        let buckets = Buckets::holding(64);
        let now = Instant::now();
        let allowed = (0..100_000)
            .filter(|n| {
                let verdict = buckets.take(buckets.key(Kind::Caller, n), rate("2/h"), 1, now);
                matches!(verdict, Verdict::Allowed { .. })
            })
            .count();

        assert_eq!(buckets.count(), 64 * SHARDS);
        assert_eq!(allowed, 64 * SHARDS + 2 * SHARDS);
    }

    #[test]
    fn a_million_callers_and_more_take_bounded_room() {
        let (buckets, now, before) = (Buckets::default(), Instant::now(), resident());
        for n in 0..1_500_000_u32 {
            buckets.take(buckets.key(Kind::Caller, n), rate("60/h"), 1, now);
        }

        assert_eq!(buckets.count(), 1 << 20);
        let grown = resident().saturating_sub(before);
        assert!(grown < 128 << 20, "{} MiB", grown >> 20);
    }

    /// Bytes of memory that this process holds.
    fn resident() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() << 10
    }

    #[test]
    fn buckets_that_are_full_again_make_room() {
        let buckets = Buckets::holding(1);
        let now = Instant::now();
        for n in 0..1000 {
            let at = now + Duration::from_secs(n);
            let verdict = buckets.take(buckets.key(Kind::Caller, n), rate("1/s"), 1, at);
            assert_eq!(left(verdict), Some(0));
        }
    }

    proptest! {
        #[test]
        fn no_window_ever_sees_more_than_the_bucket_and_the_rate_allow(
            count in 1..50_u32,
            seconds in 1..100_u64,
            gaps in proptest::collection::vec(0..5_000_u64, 1..200),
        ) {
            let buckets = Buckets::default();
            let rate: Rate = format!("{count}/{seconds}s").parse().unwrap();
            let key = buckets.key(Kind::Caller, "x");
            let start = Instant::now();
            let mut now = start;
            let mut allowed = 0_u64;
            for gap in gaps {
                now += Duration::from_millis(gap);
                if matches!(buckets.take(key, rate, 1, now), Verdict::Allowed { .. }) {
                    allowed += 1;
                }
                let elapsed = (now - start).as_secs_f64();
                let most = f64::from(count) * (1.0 + elapsed / seconds as f64);
                prop_assert!(allowed as f64 <= most + 1.0, "{allowed} of {most} in {elapsed}");
            }
        }
    }
}
