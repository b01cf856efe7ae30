//! Sinks that fail: no call goes on without a record, and the ledger recovers by itself.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::{Scene, intent, opened};
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use toolgate_audit::{Audit, Ledger, Outcome, Refused, Status};

fn at(path: &Path) -> Ledger {
    let mut audit = Audit::to(path);
    audit.patience = "1s".parse().unwrap();
    opened(&audit)
}

async fn until(ledger: &Ledger, good: bool) {
    let waiting = async {
        while ledger.health().is_good() != good {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.unwrap();
}

/// Case L2.
#[tokio::test]
async fn a_full_disk_refuses_calls_and_is_not_healthy() {
    let ledger = at(Path::new("/dev/full"));

    for _ in 0..3 {
        assert_eq!(ledger.reserve(intent("t")).await.unwrap_err(), Refused::Failing);
    }

    let health = ledger.health();
    assert!(health.trouble.is_some_and(|it| it.contains("No space left")));
    assert_eq!((health.unrecorded, health.waiting), (3, 0));
}

/// Case L3: a reader that is stopped.
#[tokio::test]
async fn a_pipe_that_nobody_empties_refuses_in_time_and_recovers_when_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).unwrap();
    let reader = OpenOptions::new().read(true).custom_flags(nonblocking).open(&path).unwrap();
    let ledger = at(&path);

    let mut granted = 0;
    let refused = loop {
        let began = Instant::now();
        match ledger.reserve(intent("t")).await {
            Ok(ticket) => ticket.end_as(Status::Ok),
            Err(refused) => break (refused, began.elapsed()),
        }
        granted += 1;
    };
    assert_eq!(refused.0, Refused::Late);
    assert!(refused.1 < Duration::from_secs(20), "{:?}", refused.1);
    assert!(granted > 10 && !ledger.health().is_good());
    // Once that is known, nobody waits for it any more.
    let began = Instant::now();
    assert_eq!(ledger.reserve(intent("t")).await.unwrap_err(), Refused::Late);
    assert!(began.elapsed() < Duration::from_millis(900), "{:?}", began.elapsed());

    let lines = std::thread::spawn(move || read_to_the_end(reader));
    until(&ledger, true).await;
    ledger.reserve(intent("again")).await.unwrap().end_as(Status::Ok);
    assert!(ledger.close().await);

    let text = lines.join().unwrap();
    let count = |what: &str| text.lines().filter(|line| line.contains(what)).count();
    assert!(count(r#""outcome":"ok""#) > granted, "each granted call and the last");
    assert_eq!(count(r#""kind":"intent""#), count(r#""kind":"outcome""#), "none is left open");
    assert_eq!(count(r#""kind":"missing""#), 1);
    let captured = folder.path().join("captured.jsonl");
    std::fs::write(&captured, text).unwrap();
    assert!(toolgate_audit::verify(&captured, None).unwrap().is_sound());
}

/// All that comes until the writer is gone.
fn read_to_the_end(reader: File) -> String {
    rustix::fs::fcntl_setfl(&reader, OFlags::empty()).unwrap();
    let mut text = String::new();
    BufReader::new(reader).read_to_string(&mut text).unwrap();
    text
}

#[tokio::test]
async fn a_pipe_without_a_reader_refuses_until_one_comes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let ledger = at(&path);
    assert_eq!(ledger.reserve(intent("t")).await.unwrap_err(), Refused::Failing);
    assert!(!ledger.health().is_good());

    let reader = tokio::task::spawn_blocking(move || BufReader::new(File::open(&path).unwrap()));
    until(&ledger, true).await;

    ledger.reserve(intent("t")).await.unwrap().end_as(Status::Ok);
    let mut line = String::new();
    reader.await.unwrap().read_line(&mut line).unwrap();
    assert!(line.contains(r#""kind":"file""#), "{line}");
}

#[tokio::test]
async fn a_queue_that_is_full_refuses_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).unwrap();
    let _reader = OpenOptions::new().read(true).custom_flags(nonblocking).open(&path).unwrap();
    let mut audit = Audit::to(&path);
    (audit.patience, audit.queue) = ("1m".parse().unwrap(), 20);
    let ledger = opened(&audit);

    let recording = async {
        loop {
            match ledger.record(intent("t"), Outcome::new(Status::Refused)) {
                Ok(()) => tokio::task::yield_now().await,
                // The pipe is full once nothing is written any more.
                Err(refused) if ledger.health().written > 100 => break refused,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    };
    let refused = tokio::time::timeout(Duration::from_secs(60), recording).await.unwrap();

    assert_eq!(refused, Refused::Full);
    assert!(ledger.health().waiting <= 10);
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_told_at_the_start() {
    let scene = Scene::filed(|file| file.path = "/nonexistent/audit.jsonl".into());

    assert!(Ledger::open(scene.rules(), &scene.plan).is_err());
}
