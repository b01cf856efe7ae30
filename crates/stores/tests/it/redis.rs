//! Redis does what memory does.

use std::sync::Arc;
use std::time::Duration;

use toolgate_gateway::store::{Backend, Name, conformance};
use toolgate_stores::redis::Redis;

use crate::support::{
    RedisServer, are_those_of_memory, bucket, going_on, is_used_again, place, take_what_there_is,
};

/// Lets time pass for what ends by itself: only buckets have a clock of their own.
const PASS: &str = "for _, pattern in ipairs({ '{toolgate}:once:*', '{toolgate}:shelf:*' }) do
  for _, key in ipairs(redis.call('KEYS', pattern)) do
    local left = redis.call('PTTL', key) - ARGV[1]
    if left <= 0 then redis.call('DEL', key) else redis.call('PEXPIRE', key, left) end
  end
end";

fn open(server: &RedisServer) -> Arc<Redis> {
    Redis::open(&place(server.url(), Duration::from_secs(2))).unwrap()
}

#[tokio::test]
async fn redis_is_a_store() {
    let server = RedisServer::start();
    let store = open(&server);
    let go_on = going_on(|now| store.stop_clock(now));

    conformance::run(&*store, &|time| {
        go_on(time);
        server.tell(&["EVAL", PASS, "0", &time.as_millis().to_string()]);
    })
    .await;
}

#[tokio::test]
async fn buckets_in_redis_are_those_of_memory() {
    let server = RedisServer::start();
    let store = open(&server);

    are_those_of_memory(store.clone(), 40, move |now| store.stop_clock(now)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_from_many_connections_take_what_there_is() {
    let server = RedisServer::start();
    let stores = (0..10).map(|_| open(&server) as Arc<dyn Backend>);

    take_what_there_is(stores.collect(), 50).await;
}

/// Memory is bounded by that, however many keys there are.
#[tokio::test]
async fn everything_ends_by_itself_and_no_name_of_anybody_is_there() {
    let server = RedisServer::start();
    let store = open(&server);
    store.take(&[bucket("ada@example.com", "60/m"), bucket("b", "2/h")], 2).await.unwrap();
    store.once(Name::of("once", &["ada@example.com"]), Duration::from_secs(60)).await.unwrap();

    let keys = server.tell(&["KEYS", "*"]);

    assert_eq!(keys.lines().count(), 3, "{keys}");
    assert!(!keys.contains("ada"), "{keys}");
    let ttl = |key: &str| server.tell(&["PTTL", key]).trim().parse::<i64>().unwrap();
    let mut left: Vec<i64> = keys.lines().map(ttl).collect();
    left.sort_unstable();
    let near = |left: i64, seconds: i64| (0..2000).contains(&(seconds * 1000 + 1000 - left));
    assert!(near(left[0], 2) && near(left[1], 60) && near(left[2], 3600), "{left:?}");
}

#[tokio::test]
async fn a_store_that_comes_back_is_used_again() {
    let mut server = RedisServer::start();
    let store = open(&server);
    let one = [bucket("one", "9/h")];
    store.take(&one, 1).await.unwrap();

    server.end();
    let mut away = store.take(&one, 1).await;
    for _ in 0..100 {
        if away.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        away = store.take(&one, 1).await;
    }
    let error = away.unwrap_err().to_string();
    assert!(!error.contains("secret"), "{error}");

    server.begin();
    is_used_again(&*store, &one).await;
}

#[tokio::test]
async fn an_address_that_is_none_is_not_repeated() {
    for url in ["redis://:secret@", "redis://:secret@host:port", "secret", "http://secret"] {
        let place = place(url, Duration::from_secs(2));
        let error = toolgate_stores::open(&place).err().unwrap();
        assert!(!error.contains("secret"), "{error}");
    }
}
