//! Records under load: exactly one for each request, and none lost however the gateway ends.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Ask, Call, Gateway, Legacy, Modern, Server, Trail, modern, post};

async fn server() -> Server {
    modern(|call: Call| async move {
        match call.name() {
            "hangs" => std::future::pending().await,
            "breaks" => call.error(200, r#"{"code":-32603,"message":"no"}"#),
            _ if call.method() == "tools/list" => call
                .result(r#"{"resultType":"complete","tools":[],"ttlMs":0,"cacheScope":"private"}"#),
            _ => call.result(r#"{"resultType":"complete","content":[]}"#),
        }
    })
    .await
}

/// A sequence that looks random and is the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Measure 4: good, bad, refused and cancelled requests, mixed by chance.
#[tokio::test]
async fn each_request_has_exactly_one_record() {
    let (server, trail) = (server().await, Trail::new());
    let gateway = Gateway::serve(trail.before(&server, "limits: { body: 2KiB }")).await;
    let old = Legacy::open(&gateway, "2025-11-25", "{}").await;
    let client = Modern::of(&gateway);
    let mut dice = Dice(20_261_128);
    let mut expected: HashMap<&str, usize> = HashMap::from([("initialize ok", 1)]);
    let mut cancelled = Vec::new();

    for n in 0..400 {
        let id = (n + 10).to_string();
        let what = match dice.roll(12) {
            0 => {
                client.request(&id, "tools/list", "{}").await;
                "tools/list ok"
            }
            1 => {
                gateway.ask(&post("{]")).await;
                "POST refused"
            }
            2 => {
                gateway.ask(&post("{}").header("Host", "evil.example.com")).await;
                "POST refused"
            }
            3 => {
                gateway.ask(&post("x".repeat(4096))).await;
                "POST refused"
            }
            4 => {
                client.call("breaks", "{}").await;
                "tools/call failed"
            }
            5 => {
                let before = server.count("tools/call");
                cancelled.push(client.begin("hangs", "{}").await);
                server.nth("tools/call", before).await;
                "tools/call cancelled"
            }
            6 => {
                old.request(&id, "ping", "{}").await;
                "ping ok"
            }
            7 => {
                old.call("t", "{}").await;
                "tools/call ok"
            }
            8 => {
                client.request(&id, "tools/call", r#"{"arguments":{}}"#).await;
                "tools/call refused"
            }
            9 => {
                gateway.ask(&Ask::new("GET", "/nothing")).await;
                "GET refused"
            }
            10 => {
                client.request(&id, "prompts/get", r#"{"name":"p"}"#).await;
                "prompts/get ok"
            }
            _ => {
                client.call("t", r#"{"a":1}"#).await;
                "tools/call ok"
            }
        };
        *expected.entry(what).or_default() += 1;
    }
    drop(cancelled);

    let records = trail.records(401).await;

    let mut found: HashMap<String, usize> = HashMap::new();
    for record in &records {
        let text = |name: &str| record[name].as_str().unwrap_or("open").to_owned();
        *found.entry(format!("{} {}", text("method"), text("outcome"))).or_default() += 1;
    }
    let expected: HashMap<String, usize> =
        expected.into_iter().map(|(what, count)| (what.to_owned(), count)).collect();
    assert_eq!(found, expected);
    trail.verify(0).await;
}

/// Whether anything comes back.
async fn is_answered(address: SocketAddr, ask: &Ask) -> bool {
    let answered = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(&ask.bytes(address)).await?;
        stream.read(&mut [0; 4096]).await
    };
    answered.await.is_ok_and(|read| read > 0)
}

/// Case L5, under load: the server's own list of calls is a part of the intents.
#[tokio::test]
async fn a_gateway_that_is_killed_has_recorded_each_call_that_arrived() {
    let (server, trail) = (server().await, Trail::new());
    let next = Arc::new(AtomicU64::new(0));
    for round in 0..4_u64 {
        let mut gateway = Gateway::serve(trail.before(&server, "")).await;
        let callers: Vec<_> = (0..8)
            .map(|_| {
                let (client, next, address) = (Modern::of(&gateway), next.clone(), gateway.address);
                tokio::spawn(async move {
                    loop {
                        let n = next.fetch_add(1, Ordering::Relaxed);
                        let name = format!("t{n}");
                        let params = format!(r#"{{"name":"{name}","arguments":{{}}}}"#);
                        let ask = client.ask("1", "tools/call", &params);
                        if !is_answered(address, &ask).await {
                            return;
                        }
                    }
                })
            })
            .collect();
        let enough = usize::try_from(300 * (round + 1)).unwrap();
        while server.count("tools/call") < enough {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        gateway.kill().await;
        for caller in callers {
            caller.await.unwrap();
        }
    }
    let mut last = Gateway::serve(trail.before(&server, "")).await;
    last.terminate();
    last.ends_well().await;

    let arrived: HashSet<String> =
        server.all("tools/call").iter().map(|call| call.name().to_owned()).collect();
    let recorded: HashSet<String> = trail
        .text()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|line| line["kind"] == "intent")
        .map(|line| line["tool"].as_str().unwrap().to_owned())
        .collect();

    assert!(arrived.len() >= 1200, "{}", arrived.len());
    let lost: Vec<_> = arrived.difference(&recorded).collect();
    assert!(lost.is_empty(), "{lost:?}");
    let told = trail.verify(0).await;
    assert!(!told.contains("without an outcome"), "{told}");
}
