//! What every shared store has to do: each implementation runs this.

use std::time::Duration;

use super::{Backend, Bucket, Cap, Item, Name, Placed, Room};
use crate::config::Rate;
use crate::quota::buckets::Verdict;
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
    counts_calls_in_and_out(store, advance).await;
    keeps_what_nobody_changed_meanwhile(store, advance).await;
    keeps_what_there_is_room_for(store, advance).await;
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

async fn keeps_what_nobody_changed_meanwhile(store: &dyn Backend, advance: &dyn Fn(Duration)) {
    let minute = 60 * SECOND;
    let name = |text: &str| Name::of("conformance", &["shelf", text]);
    let put = async |what, version, text| {
        store.put("shelf", &Item { name: name(what), version, text, lasting: minute }).await
    };
    let find = async |what| {
        let all = store.list("shelf", 100).await.expect("a store that works");
        all.into_iter().find(|kept| kept.name == name(what))
    };
    assert_eq!(put("a", 7, "of nothing").await, Ok(false));
    assert_eq!(put("a", 0, "one").await, Ok(true));
    assert_eq!(put("a", 0, "another").await, Ok(false));
    assert_eq!(put("b", 0, "beside it").await, Ok(true));
    assert_eq!(store.list("another shelf", 100).await, Ok(Vec::new()));
    assert_eq!(store.list("shelf", 1).await.map(|all| all.len()), Ok(1));

    let first = find("a").await.expect("it was kept");
    assert_eq!(first.text, "one");
    assert_eq!(put("a", first.version, "two").await, Ok(true));
    assert_eq!(put("a", first.version, "late").await, Ok(false));
    assert_eq!(store.remove("shelf", name("a"), first.version).await, Ok(false));
    let second = find("a").await.expect("it was kept");
    assert_eq!(second.text, "two");

    let racing = (0..20).map(|_| store.remove("shelf", name("a"), second.version));
    let gone = futures_util::future::join_all(racing).await;
    assert_eq!(gone.iter().filter(|answer| **answer == Ok(true)).count(), 1);
    assert_eq!(find("a").await, None);
    assert_eq!(put("a", 0, "three").await, Ok(true));
    assert_ne!(find("a").await.map(|kept| kept.version), Some(second.version));

    advance(minute + SECOND);
    assert_eq!(store.list("shelf", 100).await, Ok(Vec::new()));
    assert_eq!(put("b", 0, "anew").await, Ok(true));
}

async fn keeps_what_there_is_room_for(store: &dyn Backend, advance: &dyn Fn(Duration)) {
    let (lasting, room) = (60 * SECOND, Room { count: 3, bytes: 100 });
    let name = |text: &str| Name::of("conformance", &["room", text]);
    let place = async |what: &str, version, size| {
        let text = "x".repeat(size);
        let item = Item { name: name(what), version, text: &text, lasting };
        store.place("room", &item, room).await.expect("a store that works")
    };
    let version = async |what: &str| {
        let found = store.find("room", name(what)).await.expect("a store that works");
        found.map_or(0, |kept| kept.version)
    };
    assert_eq!(version("a").await, 0, "nothing is there");
    assert_eq!(place("a", 0, 40).await, Placed::Kept);
    assert_eq!(place("a", 0, 40).await, Placed::Changed);
    assert_eq!(place("a", 7, 40).await, Placed::Changed);
    assert_eq!(store.find("another", name("a")).await, Ok(None));

    let racing = (0..10).map(|n| {
        let text = "x".repeat(10);
        async move {
            let name = Name::of("conformance", &["room", &n.to_string()]);
            let item = Item { name, version: 0, text: &text, lasting };
            store.place("room", &item, room).await
        }
    });
    let placed = futures_util::future::join_all(racing).await;
    assert_eq!(placed.iter().filter(|placed| **placed == Ok(Placed::Kept)).count(), 2);
    assert_eq!(placed.iter().filter(|placed| **placed == Ok(Placed::Full)).count(), 8);

    // 60 bytes are there: 80 are too many instead of 40, 81 even more so; less always fits.
    let first = version("a").await;
    assert_eq!(place("a", first, 81).await, Placed::Full);
    assert_eq!(version("a").await, first);
    assert_eq!(place("a", first, 80).await, Placed::Kept);
    let second = version("a").await;
    assert_ne!(second, first);
    assert_eq!(place("a", first, 1).await, Placed::Changed);
    assert_eq!(place("a", second, 1).await, Placed::Kept);
    assert_eq!(
        store.find("room", name("a")).await.map(|it| it.map(|it| it.text)),
        Ok(Some("x".into()))
    );

    advance(lasting + SECOND);
    assert_eq!(version("a").await, 0, "it ended");
    assert_eq!(place("a", 0, 100).await, Placed::Kept);
    assert_eq!(place("b", 0, 1).await, Placed::Full);
}

async fn counts_calls_in_and_out(store: &dyn Backend, advance: &dyn Fn(Duration)) {
    let (lasting, name) = (30 * SECOND, |text: &str| Name::of("conformance", &["cap", text]));
    let cap = |text: &str, most| Cap { name: name(text), most };
    let both = [cap("wide", 3), cap("narrow", 2)];
    let start = async |caps: &[Cap], lease: &str| {
        store.start(caps, name(lease), lasting).await.expect("a store that works")
    };
    assert_eq!(start(&both, "a").await, None);
    assert_eq!(start(&both, "b").await, None);
    assert_eq!(start(&both, "c").await, Some(1), "the narrow one is reached");
    // It was counted in under neither.
    assert_eq!(start(&both[..1], "d").await, None);
    assert_eq!(start(&both[..1], "e").await, Some(0));

    store.end(&[both[0].name, both[1].name], name("a")).await.expect("a store that works");
    assert_eq!(start(&both, "f").await, None);

    // What is renewed goes on; what is not was of a process that is gone.
    advance(20 * SECOND);
    let still = [(both[0].name, name("f")), (both[1].name, name("f"))];
    store.renew(&still, lasting).await.expect("a store that works");
    advance(20 * SECOND);
    assert_eq!(start(&both, "g").await, None);
    assert_eq!(start(&both, "h").await, Some(1));

    let one = [cap("race", 5)];
    let racing = (0..40).map(|n| {
        let one = &one;
        async move {
            store.start(one, Name::of("conformance", &["race", &n.to_string()]), lasting).await
        }
    });
    let started = futures_util::future::join_all(racing).await;
    assert_eq!(started.iter().filter(|answer| **answer == Ok(None)).count(), 5);
}
