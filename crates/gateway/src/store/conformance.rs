//! What every shared store has to do: each implementation runs this.

use std::time::Duration;

use super::{Backend, Bucket, Name};
use crate::config::Rate;
use crate::quota::Verdict;
use crate::usage;

const SECOND: Duration = Duration::from_secs(1);

fn bucket(name: &str, rate: &str) -> Bucket {
    Bucket { name: Name::of("conformance", &[name]), rate: rate.parse::<Rate>().expect("a rate") }
}

async fn take(store: &dyn Backend, buckets: &[Bucket], cost: u32) -> Vec<Verdict> {
    store.take(buckets, cost).await.expect("a store that works")
}

fn allowed(remaining: u32, full: Duration) -> Verdict {
    Verdict::Allowed { remaining, full }
}

/// Puts a new store through all of it; `advance` lets its time pass, which otherwise stands still.
///
/// # Panics
/// When it is no store.
pub async fn run(store: &dyn Backend, advance: &dyn Fn(Duration)) {
    assert_eq!(store.ping().await, Ok(()), "it answers");
    empties_and_fills_a_bucket(store, advance).await;
    takes_from_all_buckets_or_from_none(store).await;
    takes_back_what_was_not_used(store).await;
    keeps_the_numbers_of_large_and_crooked_rates(store).await;
    says_yes_once(store, advance).await;
    usage::conformance::run(store).await;
}

async fn empties_and_fills_a_bucket(store: &dyn Backend, advance: &dyn Fn(Duration)) {
    let bucket = [bucket("one", "3/m")];
    assert_eq!(take(store, &bucket, 1).await, [allowed(2, 20 * SECOND)]);
    assert_eq!(take(store, &bucket, 2).await, [allowed(0, 60 * SECOND)]);
    assert_eq!(take(store, &bucket, 1).await, [Verdict::Refused { after: 20 * SECOND }]);

    advance(19 * SECOND);
    assert_eq!(take(store, &bucket, 1).await, [Verdict::Refused { after: SECOND }]);
    advance(SECOND);
    assert_eq!(take(store, &bucket, 1).await, [allowed(0, 60 * SECOND)]);
    advance(3600 * SECOND);
    assert_eq!(take(store, &bucket, 1).await, [allowed(2, 20 * SECOND)]);
}

async fn takes_from_all_buckets_or_from_none(store: &dyn Backend) {
    let (wide, narrow) = (bucket("wide", "100/h"), bucket("narrow", "1/h"));
    assert_eq!(
        take(store, &[wide, narrow], 1).await,
        [allowed(99, 36 * SECOND), allowed(0, 3600 * SECOND)]
    );

    let refused = [allowed(98, 72 * SECOND), Verdict::Refused { after: 3600 * SECOND }];
    assert_eq!(take(store, &[wide, narrow], 1).await, refused);
    // Again, as nothing was taken.
    assert_eq!(take(store, &[wide, narrow], 1).await, refused);
    assert_eq!(
        take(store, &[narrow, wide], 1).await,
        [Verdict::Refused { after: 3600 * SECOND }],
        "the first that refuses is the last that is told"
    );
    assert_eq!(take(store, &[wide], 1).await, [allowed(98, 72 * SECOND)]);
}

async fn takes_back_what_was_not_used(store: &dyn Backend) {
    let bucket = [bucket("back", "2/h")];
    take(store, &bucket, 2).await;

    store.give_back(&bucket, 1).await.expect("a store that works");
    assert_eq!(take(store, &bucket, 1).await, [allowed(0, 3600 * SECOND)]);
    store.give_back(&bucket, 2).await.expect("a store that works");
    assert_eq!(take(store, &bucket, 1).await, [allowed(1, 1800 * SECOND)]);
    // A bucket that is full does not run over.
    store.give_back(&bucket, 1).await.expect("a store that works");
    store.give_back(&bucket, 1).await.expect("a store that works");
    assert_eq!(take(store, &bucket, 2).await, [allowed(0, 3600 * SECOND)]);
}

async fn keeps_the_numbers_of_large_and_crooked_rates(store: &dyn Backend) {
    let fast = [bucket("fast", "1000000/s")];
    assert_eq!(take(store, &fast, 1).await, [allowed(999_999, Duration::from_micros(1))]);
    let crooked = [bucket("crooked", "7/s")];
    let full = Duration::from_nanos(142_857_142);
    assert_eq!(take(store, &crooked, 1).await, [allowed(6, full)]);
    let long = [bucket("long", "2/2000h")];
    assert_eq!(take(store, &long, 1).await, [allowed(1, 3_600_000 * SECOND)]);
}

async fn says_yes_once(store: &dyn Backend, advance: &dyn Fn(Duration)) {
    let name = |text: &str| Name::of("conformance", &["once", text]);
    let once = async |text, lasting| store.once(name(text), lasting).await;
    assert_eq!(once("a", 60 * SECOND).await, Ok(true));
    assert_eq!(once("a", 60 * SECOND).await, Ok(false));
    assert_eq!(once("b", 60 * SECOND).await, Ok(true));

    let many = (0..50).map(|_| store.once(name("many"), 60 * SECOND));
    let first = futures_util::future::join_all(many).await;
    assert_eq!(first.iter().filter(|answer| **answer == Ok(true)).count(), 1);

    advance(61 * SECOND);
    assert_eq!(once("a", 60 * SECOND).await, Ok(true));
}
