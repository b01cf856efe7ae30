//! PostgreSQL (14 or later): a function for each question, by the clock of the server.

mod caps;
mod shelf;
mod usage;
mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::PgPool;
use toolgate_gateway::quota::{Verdict, interval};
use toolgate_gateway::store::{Answer, Away, Backend, Bucket, Cap, Item, Kept, Name, Placed, Room};

use crate::Place;
use crate::buckets::{burst, verdicts};
use crate::link::Link;
use wire::{Postgres as Wire, away};

/// Far beyond any bucket, and no two of them overflow.
const MOST: u64 = 1 << 61;

/// A store in PostgreSQL.
pub struct Postgres {
    link: Link<PgPool>,
    deployment: String,
    keep_days: u32,
    /// A time that stands still for tests, in nanoseconds since the epoch; zero for the server's own.
    stopped_at: AtomicU64,
}

impl Postgres {
    /// The one at this address.
    ///
    /// # Errors
    /// One sentence, without the address.
    pub fn open(place: &Place) -> Result<Arc<Postgres>, String> {
        Ok(Arc::new(Postgres {
            link: Link::open(Wire::of(place)?, place.connect),
            deployment: place.name.clone(),
            keep_days: place.keep_days,
            stopped_at: AtomicU64::new(0),
        }))
    }

    /// Buckets and single uses go by this time from now on, in nanoseconds since the epoch. For tests.
    #[doc(hidden)]
    pub fn stop_clock(&self, at: u64) {
        self.stopped_at.store(at, Ordering::Relaxed);
    }

    fn now(&self) -> Option<i64> {
        let at = self.stopped_at.load(Ordering::Relaxed);
        (at > 0).then_some(at.cast_signed())
    }

    /// Deployments in one database do not meet.
    fn name(&self, name: Name) -> Vec<u8> {
        Name::of(&self.deployment, &[&name.to_string()]).bytes().to_vec()
    }

    fn names(&self, buckets: &[Bucket]) -> Vec<Vec<u8>> {
        buckets.iter().map(|bucket| self.name(bucket.name)).collect()
    }

    /// What went wrong; sessions that are of no use any more are given up.
    fn failed(&self, error: &sqlx::Error) -> Away {
        if matches!(error, sqlx::Error::Io(_) | sqlx::Error::Protocol(_)) {
            self.link.lost();
        }
        away(error)
    }
}

fn nanos(lasting: Duration) -> i64 {
    u64::try_from(lasting.as_nanos()).unwrap_or(MOST).min(MOST).cast_signed()
}

/// Nanoseconds that so many tokens are worth, in each of these buckets.
fn wanted(buckets: &[Bucket], cost: u32) -> Vec<i64> {
    let of =
        |it: &Bucket| interval(it.rate).saturating_mul(u64::from(cost)).min(MOST).cast_signed();
    buckets.iter().map(of).collect()
}

impl Backend for Postgres {
    fn kind(&self) -> &'static str {
        "PostgreSQL"
    }

    fn ping(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            let pool = self.link.session().await?;
            let asked = sqlx::query("SELECT 1").execute(&pool).await;
            asked.map(drop).map_err(|error| self.failed(&error))
        })
    }

    fn take<'a>(&'a self, buckets: &'a [Bucket], cost: u32) -> Answer<'a, Vec<Verdict>> {
        Box::pin(async move {
            let pool = self.link.session().await?;
            let bursts: Vec<i64> =
                buckets.iter().map(|it| burst(it.rate).min(MOST).cast_signed()).collect();
            let taken = sqlx::query_scalar::<_, Vec<i64>>("SELECT toolgate_take_1($1, $2, $3, $4)")
                .bind(self.names(buckets))
                .bind(wanted(buckets, cost))
                .bind(bursts)
                .bind(self.now());
            let said = taken.fetch_one(&pool).await.map_err(|error| self.failed(&error))?;
            verdicts(buckets, &said)
        })
    }

    fn give_back<'a>(&'a self, buckets: &'a [Bucket], cost: u32) -> Answer<'a, ()> {
        Box::pin(async move {
            let pool = self.link.session().await?;
            let given = sqlx::query("SELECT toolgate_give_back_1($1, $2)")
                .bind(self.names(buckets))
                .bind(wanted(buckets, cost));
            given.execute(&pool).await.map(drop).map_err(|error| self.failed(&error))
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
            let pool = self.link.session().await?;
            let first = sqlx::query_scalar("SELECT toolgate_once_1($1, $2, $3)")
                .bind(self.name(name))
                .bind(nanos(lasting))
                .bind(self.now());
            first.fetch_one(&pool).await.map_err(|error| self.failed(&error))
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
