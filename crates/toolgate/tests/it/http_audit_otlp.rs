//! A copy of each record for a collector, beside the chain: a stand-in for one takes them, or does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::peer::toolgate;
use crate::support::{
    Answer, Ask, Call, Gateway, Modern, Reply, Server, Trail, free_port, quick, soon,
};

async fn taking(call: Call) -> Reply {
    drop(call);
    Reply::json(200, "{}")
}

fn yaml(trail: &Trail, server: &Server, port: u16, more: &str) -> String {
    format!(
        "audit: {{ file: {{ path: '{}' }}, otlp: {{ endpoint: 'http://127.0.0.1:{port}/v1/logs'{more} }} }}\nservers: [{}]",
        trail.path().display(),
        server.entry("up", "")
    )
}

/// The records that a collector was sent, whether it took them or not.
fn sent(collector: &Server) -> Vec<Value> {
    let calls = collector.all("response");
    let records = calls.iter().flat_map(|call| {
        let records = &call.json["resourceLogs"][0]["scopeLogs"][0]["logRecords"];
        records.as_array().unwrap().clone()
    });
    let bodies = records.map(|record| {
        let body = record["body"]["stringValue"].as_str().unwrap().to_owned();
        serde_json::from_str(&body).unwrap()
    });
    bodies.collect()
}

async fn arrive(collector: &Server, count: usize) {
    soon("the records", async {
        while sent(collector).len() < count {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

fn category(answer: &Answer) -> Value {
    answer.result()["_meta"]["dev.toolgate/error"]["category"].clone()
}

#[tokio::test]
async fn each_record_reaches_the_collector_once_with_its_outcome() {
    let (server, trail, port) = (quick().await, Trail::new(), free_port());
    let collector = Server::at(port, taking).await;
    let headers = ", headers: { Authorization: 'Bearer c0llect' }";
    let gateway = Gateway::serve(yaml(&trail, &server, port, headers)).await;
    let client = Modern::of(&gateway);
    for name in ["one", "two", "three"] {
        client.call(name, r#"{"password":"hT8!kq2$Lm9zQw"}"#).await.result();
    }
    gateway.ask(&Ask::new("GET", "/nothing")).await;

    arrive(&collector, 4).await;

    let records = sent(&collector);
    let told: Vec<_> =
        records.iter().map(|it| (it["tool"].as_str(), it["outcome"].as_str())).collect();
    let ok = Some("ok");
    assert_eq!(
        told,
        [(Some("one"), ok), (Some("two"), ok), (Some("three"), ok), (None, Some("refused"))]
    );
    let call = &collector.all("response")[0];
    assert_eq!((call.path.as_str(), call.verb.as_str()), ("/v1/logs", "POST"));
    assert_eq!(call.header("authorization"), Some("Bearer c0llect"));
    assert_eq!(call.header("content-type"), Some("application/json"));
    assert!(!call.body.contains("hT8!kq2") && !gateway.log().contains("c0llect"));
    trail.verify(0).await;
}

#[tokio::test]
async fn what_a_collector_does_not_take_now_is_sent_again() {
    let (server, trail, port) = (quick().await, Trail::new(), free_port());
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = tries.clone();
    let collector = Server::at(port, move |_: Call| {
        let attempt = counted.fetch_add(1, Ordering::Relaxed);
        async move {
            match attempt {
                0 => Reply::json(503, ""),
                1 => Reply::json(429, "").header("retry-after", "1"),
                _ => Reply::json(200, "{}"),
            }
        }
    })
    .await;
    let gateway = Gateway::serve(yaml(&trail, &server, port, "")).await;
    let began = Instant::now();

    Modern::of(&gateway).call("t", "{}").await.result();

    gateway.logged("the collector takes audit records again").await;
    assert!(began.elapsed() > Duration::from_secs(1), "it was asked to wait a second");
    // Three attempts at the same record.
    assert_eq!((tries.load(Ordering::Relaxed), sent(&collector).len()), (3, 3));
    assert_eq!(gateway.ask(&Ask::new("GET", "/ready")).await.status, 200);
}

/// Fail closed: each request that goes on has a place in the queue.
#[tokio::test]
async fn when_too_many_records_wait_for_a_collector_that_is_gone_calls_are_refused() {
    let (server, trail, port) = (quick().await, Trail::new(), free_port());
    let gateway = Gateway::serve(yaml(&trail, &server, port, ", queue: 16")).await;
    let client = Modern::of(&gateway);
    let mut granted = 0;
    while category(&client.call("t", "{}").await) != "unrecorded" {
        granted += 1;
        assert!(granted < 1000, "the queue is never full");
    }
    assert!(granted >= 16);
    assert_eq!(server.count("tools/call"), granted);
    let ready = gateway.ask(&Ask::new("GET", "/ready")).await;
    assert_eq!((ready.status, &ready.json()["audit"]), (503, &"failing".into()));

    let collector = Server::at(port, taking).await;
    arrive(&collector, granted).await;

    soon("recovery", async {
        while category(&client.call("again", "{}").await) == "unrecorded" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        while gateway.ask(&Ask::new("GET", "/ready")).await.status != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    trail.verify(0).await;
}

#[tokio::test]
async fn a_slow_collector_slows_no_call() {
    let (server, trail, port) = (quick().await, Trail::new(), free_port());
    let collector = Server::at(port, |_: Call| async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        Reply::json(200, "{}")
    })
    .await;
    let gateway = Gateway::serve(yaml(&trail, &server, port, "")).await;
    let client = Modern::of(&gateway);
    client.call("first", "{}").await.result();
    collector.seen("response").await;

    let began = Instant::now();
    for _ in 0..20 {
        client.call("t", "{}").await.result();
    }

    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}

#[tokio::test]
async fn what_a_collector_refuses_for_good_is_counted_and_is_in_the_chain() {
    let (server, trail, port) = (quick().await, Trail::new(), free_port());
    let _collector = Server::at(port, |_: Call| async { Reply::json(400, "") }).await;
    let gateway = Gateway::serve(yaml(&trail, &server, port, "")).await;

    Modern::of(&gateway).call("t", "{}").await.result();

    gateway.logged("the collector refuses audit records for good").await;
    let metrics = gateway.ask(&Ask::new("GET", "/metrics")).await.body;
    assert!(metrics.contains("toolgate_audit_lost_total 1"), "{metrics}");
    assert_eq!(trail.records(1).await.len(), 1);
}

#[test]
fn a_collector_alone_keeps_no_chain() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.yaml");
    for (audit, told) in [
        ("{ otlp: { endpoint: 'http://127.0.0.1:4318/v1/logs' } }", "a collector keeps no chain"),
        (
            "{ file: { path: a.jsonl }, otlp: { endpoint: 'http://collector.example.com/v1/logs' } }",
            "expected https, found http",
        ),
    ] {
        std::fs::write(
            &path,
            format!("audit: {audit}\nservers: [{{ name: f, files: {{ root: . }} }}]"),
        )
        .unwrap();
        let checked = toolgate(&["check", path.to_str().unwrap()]);
        assert!(checked.code != 0, "{}", checked.out);
        assert!((checked.out + &checked.err).contains(told));
    }
}
