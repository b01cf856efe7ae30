//! The gateway itself is killed with `kill -9`.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use super::{end::FAMILY, gone};

/// A gateway in a process of its own, and the ids of everything below it: first the keeper.
fn gateway(script: &str) -> (Child, Vec<u32>) {
    let mut gateway = Command::new(env!("CARGO_BIN_EXE_child-fixture"))
        .args(["python3", "-c", script])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(gateway.stdout.take().unwrap()).lines();
    let keeper = lines.next().unwrap().unwrap();
    let family = lines.next().unwrap().unwrap();
    let pids = [keeper.as_str()].into_iter().chain(family.split_whitespace());
    (gateway, pids.map(|pid| pid.parse().unwrap()).collect())
}

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

/// Process 1 may be slow to reap the keeper, or never do it: a zombie runs nothing.
fn runs(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit_once(')').unwrap().1.starts_with(" Z"))
}

#[tokio::test]
async fn kill_9_of_the_gateway_leaves_nobody_behind() {
    let (mut gateway, pids) = gateway(&format!("{FAMILY}\ntime.sleep(1000)"));
    assert_eq!(pids.len(), 5, "the keeper, the server, its child, an orphan and a daemon");

    kill(gateway.id());
    gateway.wait().unwrap();

    for &pid in &pids[1..] {
        gone(pid).await;
    }
    while runs(pids[0]) {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn kill_9_of_the_keeper_takes_the_server_along() {
    let (mut gateway, pids) =
        gateway("import os, time; print(os.getpid(), flush=True); time.sleep(1000)");

    kill(pids[0]);

    gone(pids[1]).await;
    gateway.wait().unwrap();
}

#[tokio::test]
async fn killing_by_the_name_of_the_gateway_spares_the_keeper() {
    let (mut gateway, pids) =
        gateway("import os, time; print(os.getpid(), flush=True); time.sleep(1000)");
    let keeper = std::fs::read_to_string(format!("/proc/{}/comm", pids[0])).unwrap();

    kill(gateway.id());
    gateway.wait().unwrap();

    assert_eq!(keeper, "mcp-keeper\n");
    gone(pids[1]).await;
}
