//! Servers that misbehave in every way we know, each run under a keeper.

#![expect(clippy::unwrap_used, reason = "these are tests, with helpers")]

mod crash;
mod end;
mod talk;

use std::{
    ffi::OsString,
    path::Path,
    time::{Duration, Instant},
};

use toolgate_upstreams::child::{Child, Lines, Slots, Spec, keeper};

/// `program` with `args`, impatient.
fn spec(program: &str, args: &[&str]) -> Spec {
    keeper::use_binary(env!("CARGO_BIN_EXE_child-fixture").into());
    let args = args.iter().map(OsString::from).collect();
    Spec { args, grace: Duration::from_millis(150), ..Spec::new("test", program) }
}

fn start(spec: Spec) -> (Child, Lines) {
    Child::spawn(spec, Slots::new(1).take().unwrap()).unwrap()
}

fn sh(script: &str) -> (Child, Lines) {
    start(spec("sh", &["-c", script]))
}

fn python(script: &str) -> (Child, Lines) {
    start(spec("python3", &["-c", script]))
}

/// The process ids a server printed as its first line.
async fn pids(lines: &mut Lines) -> Vec<u32> {
    let line = lines.next().await.unwrap();
    String::from_utf8_lossy(&line).split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

/// Whether there is a process `pid`; a zombie counts.
fn exists(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

async fn gone(pid: u32) {
    let start = Instant::now();
    while exists(pid) {
        assert!(start.elapsed() < Duration::from_secs(10), "process {pid} is still there");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
