//! Redis (6 or later), or Valkey: scripts that look and write in one step, by the clock of the server.
//!
//! All keys have the same hash tag: what one call counts against belongs to a caller, a tenant, a
//! server, and a script wants all its keys in one slot. Every key ends by itself.

mod caps;
mod shelf;
mod usage;
mod wire;

use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{FromRedisValue, RedisError, Script, ScriptInvocation, cmd};
use toolgate_gateway::quota::{Verdict, interval};
use toolgate_gateway::store::{Answer, Away, Backend, Bucket, Cap, Item, Kept, Name, Placed, Room};

use crate::Place;
use crate::buckets::{burst, verdicts};
use crate::link::Link;
use wire::Redis as Wire;

static TAKE: LazyLock<Script> = LazyLock::new(|| script(include_str!("redis/take.lua")));
static GIVE_BACK: LazyLock<Script> = LazyLock::new(|| script(include_str!("redis/give_back.lua")));

/// A script that knows what time it is.
fn script(text: &str) -> Script {
    Script::new(&[include_str!("redis/clock.lua"), text].concat())
}

/// A store in Redis.
pub struct Redis {
    link: Link<MultiplexedConnection>,
    /// What every key begins with.
    prefix: String,
    keep_days: u32,
    /// A time that stands still for tests, in nanoseconds since the epoch; zero for the server's own.
    stopped_at: AtomicU64,
}

impl Redis {
    /// The one at this address.
    ///
    /// # Errors
    /// One sentence, without the address.
    pub fn open(place: &Place) -> Result<Arc<Redis>, String> {
        Ok(Arc::new(Redis {
            link: Link::open(Wire::of(place)?, place.connect),
            prefix: format!("{{{}}}:", place.name),
            keep_days: place.keep_days,
            stopped_at: AtomicU64::new(0),
        }))
    }

    /// Buckets go by this time from now on, in nanoseconds since the epoch. For tests.
    #[doc(hidden)]
    pub fn stop_clock(&self, at: u64) {
        self.stopped_at.store(at, Ordering::Relaxed);
    }

    fn key(&self, what: &str, name: Name) -> String {
        format!("{}{what}:{name}", self.prefix)
    }

    /// Seconds and nanoseconds; empty for the server's own clock.
    fn now(&self) -> String {
        match self.stopped_at.load(Ordering::Relaxed) {
            0 => String::new(),
            at => format!("{}.{:09}", at / 1_000_000_000, at % 1_000_000_000),
        }
    }

    /// A script over these buckets, with what each of them is.
    fn over<'s>(&self, script: &'s Script, buckets: &[Bucket], cost: u32) -> ScriptInvocation<'s> {
        let mut script = script.prepare_invoke();
        script.arg(cost).arg(self.now());
        for bucket in buckets {
            script.key(self.key("bucket", bucket.name));
            script.arg(interval(bucket.rate)).arg(burst(bucket.rate));
        }
        script
    }

    async fn run<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
        connection: &mut MultiplexedConnection,
    ) -> Result<T, Away> {
        script.invoke_async(connection).await.map_err(|error| self.failed(&error))
    }

    /// What went wrong; a connection that is of no use any more is given up.
    fn failed(&self, error: &RedisError) -> Away {
        if error.is_unrecoverable_error() {
            self.link.lost();
        }
        away(error)
    }
}

/// Milliseconds, of which there is at least one: Redis takes zero for a mistake.
fn millis(lasting: Duration) -> u64 {
    u64::try_from(lasting.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// What the server or the system said. It never repeats the address.
fn away(error: &RedisError) -> Away {
    Away(error.to_string())
}

impl Backend for Redis {
    fn kind(&self) -> &'static str {
        "Redis"
    }

    fn ping(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            let mut connection = self.link.session().await?;
            let asked = cmd("PING").query_async::<()>(&mut connection).await;
            asked.map_err(|error| self.failed(&error))
        })
    }

    fn take<'a>(&'a self, buckets: &'a [Bucket], cost: u32) -> Answer<'a, Vec<Verdict>> {
        Box::pin(async move {
            let mut connection = self.link.session().await?;
            let script = self.over(&TAKE, buckets, cost);
            let said: Vec<String> = self.run(&script, &mut connection).await?;
            let said: Option<Vec<i64>> = said.iter().map(|said| said.parse().ok()).collect();
            verdicts(buckets, &said.unwrap_or_default())
        })
    }

    fn give_back<'a>(&'a self, buckets: &'a [Bucket], cost: u32) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut connection = self.link.session().await?;
            let script = self.over(&GIVE_BACK, buckets, cost);
            self.run(&script, &mut connection).await
        })
    }

    fn start<'a>(
        &'a self,
        caps: &'a [Cap],
        lease: Name,
        lasting: Duration,
    ) -> Answer<'a, Option<usize>> {
        Box::pin(self.start_work(caps, lease, lasting))
    }

    fn renew<'a>(&'a self, working: &'a [(Name, Name)], lasting: Duration) -> Answer<'a, ()> {
        Box::pin(self.renew_work(working, lasting))
    }

    fn end<'a>(&'a self, caps: &'a [Name], lease: Name) -> Answer<'a, ()> {
        Box::pin(self.end_work(caps, lease))
    }

    fn once(&self, name: Name, lasting: Duration) -> Answer<'_, bool> {
        Box::pin(async move {
            let mut connection = self.link.session().await?;
            let mut set = cmd("SET");
            set.arg(self.key("once", name)).arg("1").arg("NX").arg("PX").arg(millis(lasting));
            let set = set.query_async::<Option<String>>(&mut connection).await;
            Ok(set.map_err(|error| self.failed(&error))?.is_some())
        })
    }

    fn list<'a>(&'a self, shelf: &'a str, most: usize) -> Answer<'a, Vec<Kept>> {
        Box::pin(self.list_kept(shelf, most))
    }

    fn put<'a>(&'a self, shelf: &'a str, item: &'a Item<'a>) -> Answer<'a, bool> {
        Box::pin(self.keep(shelf, item))
    }

    fn find<'a>(&'a self, shelf: &'a str, name: Name) -> Answer<'a, Option<Kept>> {
        Box::pin(self.find_kept(shelf, name))
    }

    fn place<'a>(&'a self, shelf: &'a str, item: &'a Item<'a>, room: Room) -> Answer<'a, Placed> {
        Box::pin(self.keep_within(shelf, item, room))
    }

    fn remove<'a>(&'a self, shelf: &'a str, name: Name, version: u64) -> Answer<'a, bool> {
        Box::pin(self.let_go(shelf, name, version))
    }
}
