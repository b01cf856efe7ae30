//! Sinks that stall: calls are refused in time, nothing goes on unrecorded, nobody else waits.

use std::collections::HashSet;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{Answer, Ask, Call, Gateway, Modern, Server, SlowDisk, Trail, modern, soon};

async fn quick() -> Server {
    modern(|call: Call| async move {
        match call.method() {
            "tools/list" => call
                .result(r#"{"resultType":"complete","tools":[],"ttlMs":0,"cacheScope":"private"}"#),
            _ if call.name() == "slow" => {
                tokio::time::sleep(Duration::from_millis(300)).await;
                call.result(r#"{"resultType":"complete","content":[]}"#)
            }
            _ => call.result(r#"{"resultType":"complete","content":[]}"#),
        }
    })
    .await
}

fn category(answer: &Answer) -> Value {
    answer.result()["_meta"]["dev.toolgate/error"]["category"].clone()
}

/// A process that reads a pipe into a file, until it is told to hold still.
struct Reader(Child);

impl Reader {
    fn of(pipe: &std::path::Path, into: &std::path::Path) -> Reader {
        let file = std::fs::File::create(into).unwrap();
        let child = Command::new("cat").arg(pipe).stdout(file).stdin(Stdio::null()).spawn();
        Reader(child.unwrap())
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.0.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    async fn ends(mut self) {
        let waiting = tokio::task::spawn_blocking(move || self.0.wait().unwrap());
        assert!(soon("the end of the reader", waiting).await.unwrap().success());
    }
}

/// Case L3: the reader of a pipe is stopped.
#[tokio::test]
async fn while_the_reader_of_a_pipe_is_stopped_nothing_goes_on_unrecorded() {
    let (server, folder) = (quick().await, tempfile::tempdir().unwrap());
    let (pipe, captured) = (folder.path().join("pipe"), folder.path().join("captured.jsonl"));
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let reader = Reader::of(&pipe, &captured);
    let mut gateway = Gateway::serve(format!(
        "audit: {{ file: {{ path: '{}' }}, patience: 300ms }}\nservers: [{}]",
        pipe.display(),
        server.entry("up", "")
    ))
    .await;
    let client = Modern::of(&gateway);
    // Large arguments fill the pipe soon.
    let arguments = format!(r#"{{"a":"{}"}}"#, "x".repeat(3000));
    client.call("first", &arguments).await.result();

    reader.signal(Signal::STOP);
    let mut calls = 0;
    let refused = loop {
        let began = Instant::now();
        let answer = client.call(&format!("t{calls}"), &arguments).await;
        calls += 1;
        if category(&answer) == "unrecorded" {
            break began.elapsed();
        }
        assert!(calls < 1000, "the pipe is never full");
    };
    assert!(refused < Duration::from_secs(20), "{refused:?}");
    let arrived = server.count("tools/call");
    for _ in 0..5 {
        assert_eq!(category(&client.call("stalled", &arguments).await), "unrecorded");
    }
    assert_eq!(server.count("tools/call"), arrived);
    assert_eq!(gateway.ask(&Ask::new("GET", "/ready")).await.status, 503);
    gateway.is_well().await;

    reader.signal(Signal::CONT);
    soon("recovery", async {
        while category(&client.call("again", "{}").await) == "unrecorded" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    gateway.terminate();
    gateway.ends_well().await;
    reader.ends().await;

    let text = std::fs::read_to_string(&captured).unwrap();
    let recorded: HashSet<String> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|line| line["kind"] == "intent")
        .map(|line| line["tool"].as_str().unwrap().to_owned())
        .collect();
    let arrived: HashSet<String> =
        server.all("tools/call").iter().map(|call| call.name().to_owned()).collect();
    assert!(arrived.is_subset(&recorded), "{arrived:?} {recorded:?}");
    let report = toolgate_audit::verify(&captured, None).unwrap();
    assert!(report.is_sound() && report.open.is_empty() && report.unrecorded >= 5, "{report:?}");
}

/// Case L3: the disk takes eight seconds.
#[tokio::test]
async fn a_disk_that_takes_longer_than_the_patience_refuses_calls() {
    let (server, trail, disk) = (quick().await, Trail::new(), SlowDisk::new());
    let gateway = forcing(&server, &trail, &disk, "2s").await;
    let client = Modern::of(&gateway);
    client.call("first", "{}").await.result();

    disk.takes(Duration::from_secs(8));
    let began = Instant::now();
    let answer = client.call("slow-disk", "{}").await;

    assert_eq!(category(&answer), "unrecorded");
    assert!(began.elapsed() < Duration::from_secs(7), "{:?}", began.elapsed());
    // The writer began a little later than the first waited.
    tokio::time::sleep(Duration::from_millis(100)).await;
    // Whoever comes now is refused at once, and everybody else is served.
    let began = Instant::now();
    assert_eq!(category(&client.call("after", "{}").await), "unrecorded");
    gateway.is_well().await;
    assert_eq!(gateway.ask(&Ask::new("GET", "/ready")).await.status, 503);
    assert!(began.elapsed() < Duration::from_millis(1900), "{:?}", began.elapsed());
    assert_eq!(server.count("tools/call"), 1);
    disk.takes(Duration::ZERO);
    soon("recovery", async {
        while category(&client.call("again", "{}").await) == "unrecorded" {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    trail.verify(0).await;
}

/// One that waits for its record holds nobody else up.
#[tokio::test]
async fn a_record_that_waits_does_not_stall_other_calls() {
    let (server, trail, disk) = (quick().await, Trail::new(), SlowDisk::new());
    let gateway = forcing(&server, &trail, &disk, "10s").await;
    let client = Modern::of(&gateway);
    client.call("first", "{}").await.result();
    let mut running = client.begin("slow", "{}").await;
    server.nth("tools/call", 1).await;
    disk.takes(Duration::from_secs(4));

    let began = Instant::now();
    let waiting: Vec<_> = (0..20)
        .map(|n| {
            let client = client.clone();
            tokio::spawn(async move { client.call(&format!("t{n}"), "{}").await.result() })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    // A call that is under way ends: its outcome waits for nothing.
    running.answer().await.result();
    gateway.is_well().await;
    assert!(began.elapsed() < Duration::from_millis(3900), "{:?}", began.elapsed());
    for call in waiting {
        call.await.unwrap();
    }

    // The first waits alone, all others together: two turns of the disk, or three, and not twenty.
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    assert_eq!(server.count("tools/call"), 22);
}

/// A gateway that forces each record to this disk.
async fn forcing(server: &Server, trail: &Trail, disk: &SlowDisk, patience: &str) -> Gateway {
    let yaml = format!(
        "audit: {{ file: {{ path: '{}', fsync: always }}, patience: {patience} }}\nservers: [{}]",
        trail.path().display(),
        server.entry("up", "")
    );
    Gateway::start("127.0.0.1:0", yaml, &disk.environment()).await
}
