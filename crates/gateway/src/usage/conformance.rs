//! What every store has to do: each implementation runs this.

use std::sync::OnceLock;
use std::time::Duration;

use super::{Amount, Claim, Counter, Denied, Every, Most, Period, Store, What};
use crate::clock::Timestamp;

/// One moment of the whole run: a store that ends what is over does so by the time of day.
fn now() -> Timestamp {
    static NOW: OnceLock<Timestamp> = OnceLock::new();
    *NOW.get_or_init(Timestamp::now)
}

fn quota(name: &str, of: &str, every: Every) -> Counter {
    let what = What::Quota { name: name.into(), of: of.into() };
    Counter { period: Period::of(every, now()), what }
}

fn tool(tenant: Option<&str>, tool: &str, day: u32) -> Counter {
    let what =
        What::Tool { tenant: tenant.map(Into::into), server: "crm".into(), tool: tool.into() };
    Counter { period: Period::Day(day), what }
}

fn calls(most: u64) -> Most {
    Most { calls: Some(most), ..Most::default() }
}

async fn used(store: &dyn Store, counter: &Counter) -> Amount {
    store.read(counter).await.expect("a store that works")
}

/// Puts a new store through all of it.
///
/// # Panics
/// When it is no store.
pub async fn run(store: &dyn Store) {
    counts_to_the_limit(store).await;
    takes_from_all_or_from_none(store).await;
    stops_after_the_call_that_used_up_time_or_bytes(store).await;
    keeps_callers_quotas_and_periods_apart(store).await;
    forgets_what_is_over(store).await;
    counts_every_one_of_many_at_once(store).await;
}

async fn counts_to_the_limit(store: &dyn Store) {
    let claim = Claim { counter: quota("limit", "ada", Every::Day), most: calls(3) };
    for _ in 0..3 {
        assert_eq!(store.claim(std::slice::from_ref(&claim), Amount::call(1)).await, Ok(()));
    }
    let fourth = store.claim(std::slice::from_ref(&claim), Amount::call(1)).await;
    assert_eq!(fourth, Err(Denied::UsedUp(0)));
    assert_eq!(used(store, &claim.counter).await.calls, 3);
}

async fn takes_from_all_or_from_none(store: &dyn Store) {
    let wide = Claim { counter: quota("wide", "ada", Every::Month), most: calls(100) };
    let weight = Most { cost: Some(5), ..Most::default() };
    let narrow = Claim { counter: quota("narrow", "ada", Every::Day), most: weight };
    let claims = [wide, narrow];
    assert_eq!(store.claim(&claims, Amount::call(4)).await, Ok(()));

    assert_eq!(store.claim(&claims, Amount::call(2)).await, Err(Denied::UsedUp(1)));

    let [wide, narrow] = &claims;
    assert_eq!(used(store, &wide.counter).await, Amount::call(4));
    assert_eq!(used(store, &narrow.counter).await, Amount::call(4));
}

async fn stops_after_the_call_that_used_up_time_or_bytes(store: &dyn Store) {
    let most = Most { time: Some(Duration::from_secs(2)), bytes: Some(1000), ..Most::default() };
    for (of, amount) in [
        ("slow", Amount { micros: 1_500_000, ..Amount::default() }),
        ("large", Amount { bytes: 700, ..Amount::default() }),
    ] {
        let claims = [Claim { counter: quota("after", of, Every::Day), most }];
        for _ in 0..2 {
            assert_eq!(store.claim(&claims, Amount::call(1)).await, Ok(()), "{of}");
            let counter = quota("after", of, Every::Day);
            store.add(&[(counter, amount)]).await.expect("a store that works");
        }
        assert_eq!(store.claim(&claims, Amount::call(1)).await, Err(Denied::UsedUp(0)), "{of}");
    }
}

async fn keeps_callers_quotas_and_periods_apart(store: &dyn Store) {
    for counter in [
        quota("apart", "ada", Every::Day),
        quota("apart", "bob", Every::Day),
        quota("apart", "ada", Every::Month),
        quota("other", "ada", Every::Day),
    ] {
        let claims = [Claim { counter, most: calls(1) }];
        assert_eq!(store.claim(&claims, Amount::call(1)).await, Ok(()));
        assert_eq!(store.claim(&claims, Amount::call(1)).await, Err(Denied::UsedUp(0)));
    }
}

async fn forgets_what_is_over(store: &dyn Store) {
    let Period::Day(today) = Period::of(Every::Day, now()) else { unreachable!("a day") };
    let yesterday = Counter {
        period: Period::Day(today - 1),
        what: What::Quota { name: "old".into(), of: "ada".into() },
    };
    let (kept, old) = (tool(Some("acme"), "find", today - 10), tool(None, "find", today - 11));
    let one = Amount::call(1);
    let all = [(yesterday.clone(), one), (kept.clone(), one), (old.clone(), one)];
    store.add(&all).await.expect("a store that works");

    store.prune(now(), 10).await.expect("a store that works");

    assert_eq!(used(store, &yesterday).await, Amount::default());
    assert_eq!(used(store, &old).await, Amount::default());
    assert_eq!(used(store, &kept).await, one);
    let all = store.all().await.expect("a store that works");
    assert!(all.contains(&(kept, one)), "{all:?}");
}

async fn counts_every_one_of_many_at_once(store: &dyn Store) {
    let claim = [Claim { counter: quota("many", "all", Every::Day), most: calls(50) }];
    let claims = (0..200).map(|_| store.claim(&claim, Amount::call(1)));
    let outcomes = futures_util::future::join_all(claims).await;

    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 50);
    store.flush().await.expect("a store that works");
}
