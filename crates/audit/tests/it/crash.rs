//! Case L5: a process that is killed loses no record that it acknowledged.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::support::{Scene, intent, opened};
use toolgate_audit::{Audit, Ledger, Outcome, Status};

const FOLDER: &str = "AUDIT_CRASH_FOLDER";
const FSYNC: &str = "AUDIT_CRASH_FSYNC";

fn audit(folder: &str, fsync: &str) -> Audit {
    let mut audit = Audit::to(PathBuf::from(folder).join("audit.jsonl"));
    let file = audit.file.as_mut().unwrap();
    (file.rotate_size, file.fsync) = ("64KiB".parse().unwrap(), fsync.parse().unwrap());
    audit
}

/// The process that is killed: says the number of each intent once it has the ticket.
#[test]
#[ignore = "runs as a process of its own, in the test below"]
fn writes_until_it_is_killed() {
    let (Ok(folder), Ok(fsync)) = (std::env::var(FOLDER), std::env::var(FSYNC)) else { return };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let ledger = opened(&audit(&folder, &fsync));
        let tasks: Vec<_> = (0..8).map(|_| tokio::spawn(calls(ledger.clone()))).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

async fn calls(ledger: Ledger) {
    loop {
        let Ok(ticket) = ledger.reserve(intent("t")).await else { return };
        let said =
            std::io::stdout().lock().write_all(format!("granted {}\n", ticket.seq()).as_bytes());
        if said.is_err() {
            return;
        }
        tokio::task::yield_now().await;
        ticket.finish(Outcome::new(Status::Ok));
    }
}

#[tokio::test]
async fn what_was_acknowledged_before_a_kill_is_in_the_ledger() {
    for (round, fsync) in
        ["always", "50ms", "never", "50ms", "never", "50ms"].into_iter().enumerate()
    {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap().to_owned();

        let granted = killed_after(500 + 300 * round, &path, fsync);

        let plan = audit(&path, fsync).compile().unwrap();
        let scene = Scene { folder, plan };
        assert!(scene.open().close().await);
        let report = scene.verify();
        assert!(report.is_sound(), "{:?}", report.defects);
        assert!(report.open.is_empty());
        let text = scene.text();
        let recorded: std::collections::HashSet<u64> = text
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .filter(|line| line["kind"] == "intent")
            .map(|line| line["seq"].as_u64().unwrap())
            .collect();
        let lost: Vec<_> = granted.iter().filter(|seq| !recorded.contains(seq)).collect();
        assert!(lost.is_empty(), "{lost:?}");
    }
}

/// The intents that a process was granted before it was killed, in the middle of more.
fn killed_after(count: usize, folder: &str, fsync: &str) -> Vec<u64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::writes_until_it_is_killed", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .env(FSYNC, fsync)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let seq = |line: String| line.strip_prefix("granted ").and_then(|seq| seq.parse().ok());
    let mut granted: Vec<u64> = lines.by_ref().filter_map(seq).take(count).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    granted.extend(lines.filter_map(seq));
    assert!(granted.len() >= count);
    granted
}
