//! What is asked of every store, beyond the conformance run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use toolgate_gateway::quota::{Rate, Verdict};
use toolgate_gateway::store::{Backend, Bucket, Memory, Name};
use toolgate_stores::Place;
use toolgate_values::Secret;

/// A moment of 2026, in nanoseconds since the epoch.
pub const THEN: u64 = 1_795_867_200_123_456_789;

pub fn bucket(name: &str, rate: &str) -> Bucket {
    Bucket { name: Name::of("test", &[name]), rate: rate.parse::<Rate>().unwrap() }
}

/// A store of a test at this address.
pub fn place(url: impl Into<String>, connect: Duration) -> Place {
    Place { url: Secret::new(url.into()), name: "toolgate".to_owned(), connect, keep_days: 92 }
}

/// Lets a clock go on from [`THEN`] by as much as is said each time.
pub fn going_on(stop_clock: impl Fn(u64)) -> impl Fn(Duration) {
    stop_clock(THEN);
    let now = AtomicU64::new(THEN);
    move |time| {
        let step = u64::try_from(time.as_nanos()).unwrap();
        stop_clock(now.fetch_add(step, Ordering::Relaxed) + step);
    }
}

/// A store whose server was away is there again, by itself.
pub async fn is_used_again(store: &dyn Backend, buckets: &[Bucket]) {
    for _ in 0..100 {
        if store.take(buckets, 1).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it was not connected to again");
}

/// Takes from two buckets, and gives back to one, as time passes: the verdicts are those of buckets
/// in memory, to the nanosecond.
pub async fn are_those_of_memory(
    store: Arc<dyn Backend>,
    cases: u32,
    stop_clock: impl Fn(u64) + Send + 'static,
) {
    let rates = (1..50_u32, 1..100_u64).prop_map(|(count, per)| format!("{count}/{per}s"));
    let steps = proptest::collection::vec((0..5000_u64, 1..4_u32, any::<bool>()), 1..100);
    let all = (rates.clone(), rates, steps, any::<u64>());
    let runtime = tokio::runtime::Handle::current();
    let tested = tokio::task::spawn_blocking(move || {
        let mut runner = TestRunner::new(ProptestConfig::with_cases(cases));
        runner.run(&all, |(one, other, steps, salt)| {
            runtime.block_on(async {
                let memory = Memory::default();
                let both = [bucket(&format!("a{salt}"), &one), bucket(&format!("b{salt}"), &other)];
                let mut now = THEN;
                for (gap, cost, gives_back) in steps {
                    now += gap * 1_000_000;
                    stop_clock(now);
                    memory.advance(Duration::from_millis(gap));
                    let expected = memory.take(&both, cost).await.unwrap();
                    prop_assert_eq!(store.take(&both, cost).await.unwrap(), expected);
                    if gives_back {
                        memory.give_back(&both[..1], cost).await.unwrap();
                        store.give_back(&both[..1], cost).await.unwrap();
                    }
                }
                Ok(())
            })
        })
    });
    tested.await.unwrap().unwrap();
}

/// Many take at once from all of these, `each` times from each: they get what there is.
pub async fn take_what_there_is(stores: Vec<Arc<dyn Backend>>, each: usize) {
    let (wide, narrow) = (bucket("wide", "1000/h"), bucket("narrow", "60/h"));
    let first = stores[0].clone();
    let tasks: Vec<_> = stores
        .into_iter()
        .enumerate()
        .map(|(at, store)| {
            // Half of them in another order.
            let both = if at % 2 == 0 { [wide, narrow] } else { [narrow, wide] };
            tokio::spawn(async move {
                let takes = (0..each).map(|_| store.take(&both, 1));
                let answers = futures_util::future::join_all(takes).await;
                let all = |answer: &Vec<Verdict>| {
                    answer.iter().all(|verdict| matches!(verdict, Verdict::Allowed { .. }))
                };
                answers.iter().filter(|answer| all(answer.as_ref().unwrap())).count()
            })
        })
        .collect();

    let mut taken = 0;
    for task in tasks {
        taken += task.await.unwrap();
    }

    assert_eq!(taken, 60);
    let left = first.take(&[wide], 1).await.unwrap();
    assert!(matches!(left[..], [Verdict::Allowed { remaining: 939, .. }]), "{left:?}");
}
