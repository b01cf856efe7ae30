//! Several replicas on one store count as one.

use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::watch;

use crate::peer::toolgate;
use crate::support::{
    Answer, Ask, Call, Gateway, Identity, Modern, Postgres, RedisServer, Server, modern, quick,
    soon,
};

const KEY: &str = "kq3v9Z0eTn1bXw7RyP5sLd2HfJ8mCa4G";

/// A replica in front of a server; `more` is further configuration, `rules` more of the store.
async fn replica(redis: &RedisServer, server: &Server, rules: &str, more: &str) -> Gateway {
    on(&format!("redis: '{}'{rules}", redis.url()), server, more).await
}

/// One on this store.
async fn on(store: &str, server: &Server, more: &str) -> Gateway {
    Gateway::serve(yaml(store, server, more)).await
}

fn yaml(store: &str, server: &Server, more: &str) -> String {
    let entry = server.entry("up", "");
    format!("keys: [{KEY}]\nstore: {{ {store} }}\n{more}\nservers: [{entry}]")
}

fn category(answer: &Answer) -> Value {
    answer.result()["_meta"]["dev.toolgate/error"]["category"].clone()
}

/// How many of these calls, at one replica after the other, were let through; the others were
/// refused for this reason.
async fn let_through(replicas: &[&Gateway], calls: usize, reason: &str) -> usize {
    let mut through = 0;
    for gateway in replicas.iter().cycle().take(calls) {
        let answer = Modern::of(gateway).call("t", "{}").await;
        match category(&answer) {
            Value::Null => through += 1,
            category => assert_eq!(category, reason, "{}", answer.body),
        }
    }
    through
}

/// Waits until a call is let through or not.
async fn until(gateway: &Gateway, category_of: Value) {
    let waiting = async {
        while category(&Modern::of(gateway).call("t", "{}").await) != category_of {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    soon(&format!("calls that end in {category_of}"), waiting).await;
}

#[tokio::test]
async fn two_replicas_let_through_what_one_would() {
    let redis = RedisServer::start();

    count_as_one(&format!("redis: '{}'", redis.url())).await;
}

#[tokio::test]
async fn two_replicas_on_postgres_let_through_what_one_would() {
    let postgres = Postgres::start();

    count_as_one(&format!("postgres: '{}'", postgres.url())).await;
}

/// Rates and quotas of two replicas on this store; and what a quota refuses costs no token.
async fn count_as_one(store: &str) {
    let server = quick().await;
    // What is counted, not how soon.
    let store = &format!("{store}, timeout: 10s");
    let more = "rate_limits: { caller: 7/h }";
    let (a, b) = (on(store, &server, more).await, on(store, &server, more).await);
    assert_eq!(let_through(&[&a, &b], 20, "rate_limited").await, 7);
    assert_eq!(server.count("tools/call"), 7);

    let store = format!("{store}, name: another");
    let more = "rate_limits: { caller: 9/h }
quotas: [{ name: daily, per: caller, every: day, calls: 5 }]";
    let (a, b) = (on(&store, &server, more).await, on(&store, &server, more).await);
    // Of nine tokens five are gone, however often the quota refuses.
    assert_eq!(let_through(&[&a, &b], 30, "quota_exceeded").await, 5);
    assert_eq!(server.count("tools/call"), 12);

    let folder = TempDir::new().unwrap();
    let file = folder.path().join("gateway.yaml");
    std::fs::write(&file, yaml(&store, &server, more)).unwrap();
    let used = toolgate(&["usage", file.to_str().unwrap(), "--json"]);
    assert!(used.code == 0 && used.out.contains(r#""calls": 5"#), "{}{}", used.out, used.err);
}

#[tokio::test]
async fn calls_at_work_are_capped_at_all_replicas_together() {
    let (redis, (go_on, waiting)) = (RedisServer::start(), watch::channel(false));
    let server = modern(move |call: Call| {
        let mut waiting = waiting.clone();
        async move {
            if call.name() == "hang" {
                waiting.wait_for(|go_on| *go_on).await.unwrap();
            }
            call.result(r#"{"resultType":"complete","content":[]}"#)
        }
    })
    .await;
    let store = format!("redis: '{}', timeout: 10s", redis.url());
    let more = "rate_limits: { concurrent: 2 }";
    let (a, b) = (on(&store, &server, more).await, on(&store, &server, more).await);
    let hang = Modern::of(&a).ask("1", "tools/call", r#"{"name":"hang","arguments":{}}"#);
    let at_work = [a.send(&hang).await, b.send(&hang).await];
    soon("two calls at the server", async {
        while server.count("tools/call") < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;

    for gateway in [&a, &b] {
        assert_eq!(category(&Modern::of(gateway).call("t", "{}").await), "overloaded");
    }

    go_on.send_replace(true);
    for mut call in at_work {
        assert_eq!(call.answer().await.status, 200);
    }
    until(&b, Value::Null).await;
    soon("all are counted out", async {
        while !redis.tell(&["KEYS", "*"]).trim().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn unknown_addresses_are_counted_together() {
    let (redis, server) = (RedisServer::start(), quick().await);
    let more = "rate_limits: { ip: 6/h }";
    let a = replica(&redis, &server, "", more).await;
    let b = replica(&redis, &server, "", more).await;

    let mut statuses = Vec::new();
    for gateway in [&a, &b].into_iter().cycle().take(10) {
        statuses.push(Modern::of(gateway).call("t", "{}").await.status);
    }

    assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 429, 429, 429, 429]);
}

#[tokio::test]
async fn without_the_store_calls_are_refused_and_with_it_they_go_on() {
    let (mut redis, server) = (RedisServer::start(), quick().await);
    let gateway = replica(&redis, &server, "", "rate_limits: { caller: 1000/s }").await;
    let ready = Ask::new("GET", "/ready");
    assert_eq!(gateway.ask(&ready).await.status, 200);
    until(&gateway, Value::Null).await;
    let before = server.count("tools/call");

    redis.end();
    until(&gateway, "unavailable".into()).await;
    let reached = server.count("tools/call");
    let refused = Modern::of(&gateway).call("t", "{}").await;
    let error = &refused.result()["_meta"]["dev.toolgate/error"];
    assert_eq!((&error["retryable"], &error["sideEffect"]), (&true.into(), &"none".into()));
    assert!(refused.body.contains("Redis") && !refused.body.contains("secret"), "{}", refused.body);
    assert_eq!(server.count("tools/call"), reached);
    assert!(reached <= before + 1, "{reached} after {before}");
    let unready = gateway.ask(&ready).await;
    assert_eq!(unready.status, 503);
    assert!(unready.body.contains(r#""store":"away""#), "{}", unready.body);
    // What needs no count goes on.
    gateway.is_well().await;
    Modern::of(&gateway).request("9", "tools/list", "{}").await.result();

    redis.begin();
    until(&gateway, Value::Null).await;
    assert_eq!(gateway.ask(&ready).await.status, 200);
    let log = gateway.log();
    assert!(!log.contains("secret"), "{log}");
    assert_eq!(log.matches("the store does not answer").count(), 1, "{log}");
    assert_eq!(log.matches("the store answers again").count(), 1, "{log}");
}

#[tokio::test]
async fn a_store_that_hangs_is_waited_for_briefly_and_holds_nobody_else_up() {
    let (redis, server) = (RedisServer::start(), quick().await);
    let gateway =
        replica(&redis, &server, ", timeout: 300ms", "rate_limits: { caller: 1000/s }").await;
    until(&gateway, Value::Null).await;

    redis.hang();
    let start = Instant::now();
    let calls = (0..20).map(async |_| category(&Modern::of(&gateway).call("t", "{}").await));
    let all = futures_util::future::join_all(calls);
    let list = async {
        let start = Instant::now();
        Modern::of(&gateway).request("9", "tools/list", "{}").await.result();
        start.elapsed()
    };
    let (refused, listed) = tokio::join!(all, list);

    let waited = start.elapsed();
    assert!(refused.iter().all(|category| *category == "unavailable"), "{refused:?}");
    assert!(waited >= Duration::from_millis(300), "{waited:?}");
    assert!(waited < Duration::from_millis(5900), "{waited:?}");
    assert!(listed < waited, "{listed:?} of {waited:?}");

    redis.go_on();
    until(&gateway, Value::Null).await;
}

#[tokio::test]
async fn replicas_that_may_count_alone_bound_rates_and_refuse_quotas_while_the_store_is_away() {
    let (mut redis, server) = (RedisServer::start(), quick().await);
    let rules = ", when_unavailable: local";
    let limited = replica(&redis, &server, rules, "rate_limits: { caller: 3/h }").await;
    let quota = "quotas: [{ name: daily, per: caller, every: day, calls: 500 }]";
    let metered = replica(&redis, &server, rules, quota).await;
    until(&metered, Value::Null).await;

    redis.end();
    limited.is_well().await;
    until(&metered, "unavailable".into()).await;

    // Its own buckets are full, whatever was taken out of those of all.
    assert_eq!(let_through(&[&limited], 5, "rate_limited").await, 3);
    assert!(limited.log().contains("alone=true"), "{}", limited.log());
    let metrics = limited.ask(&Ask::new("GET", "/metrics")).await.body;
    let count = |name: &str| -> u64 {
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().parse().unwrap()
    };
    assert_eq!(count("toolgate_store_alone_total"), 5);
    assert!(count("toolgate_store_failures_total") >= 5, "{metrics}");
}

#[tokio::test]
async fn a_gateway_may_start_before_its_store() {
    let (mut redis, server) = (RedisServer::start(), quick().await);
    redis.end();
    let gateway = replica(&redis, &server, "", "rate_limits: { caller: 1000/s }").await;
    assert_eq!(category(&Modern::of(&gateway).call("t", "{}").await), "unavailable");

    redis.begin();

    until(&gateway, Value::Null).await;
}

#[tokio::test]
async fn a_store_is_reached_over_tls_if_its_certificate_is_trusted() {
    let (identity, other) = (Identity::of(&["localhost"]), Identity::of(&["localhost"]));
    let (redis, server) = (RedisServer::with(Some(identity.pem())), quick().await);
    let store = format!("redis: '{}', timeout: 10s, connect_timeout: 10s", redis.url());
    let yaml = yaml(&store, &server, "rate_limits: { caller: 1000/s }");
    let (trusted, untrusted) = (identity.pem(), other.pem());
    let front = Gateway::start("127.0.0.1:0", &yaml, &[("SSL_CERT_FILE", &trusted)]).await;
    let wary = Gateway::start("127.0.0.1:0", &yaml, &[("SSL_CERT_FILE", &untrusted)]).await;

    assert_eq!(category(&Modern::of(&front).call("t", "{}").await), Value::Null);
    assert_eq!(category(&Modern::of(&wary).call("t", "{}").await), "unavailable");
    assert!(!wary.log().contains("secret"), "{}", wary.log());
}

#[tokio::test]
async fn without_postgres_calls_are_refused_and_with_it_they_go_on() {
    let (mut postgres, server) = (Postgres::start(), quick().await);
    let store = format!("postgres: '{}'", postgres.url());
    let gateway = on(&store, &server, "rate_limits: { caller: 1000/s }").await;
    until(&gateway, Value::Null).await;

    postgres.end();
    until(&gateway, "unavailable".into()).await;
    let reached = server.count("tools/call");
    assert_eq!(category(&Modern::of(&gateway).call("t", "{}").await), "unavailable");
    assert_eq!(server.count("tools/call"), reached);
    assert_eq!(gateway.ask(&Ask::new("GET", "/ready")).await.status, 503);

    postgres.begin();
    until(&gateway, Value::Null).await;
}
