//! The task that owns a server's processes, from its start to its end.

use std::{
    io,
    process::ExitStatus,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::timeout,
};
use tracing::{info, warn};

use super::{Cause, Exit, Slot, input::Input, stderr::Tail, tree::Tree};

/// How long SIGKILL may take. The kernel needs milliseconds unless a disk or a network file
/// system holds the process.
const KILLED: Duration = Duration::from_secs(5);
/// How long the last words on stderr may take to arrive once the process has ended.
const LAST_WORDS: Duration = Duration::from_millis(250);

/// What the owner, or the reader of the output, wants to happen.
#[derive(Clone, Copy, Debug)]
pub(super) enum Order {
    Stop,
    /// A line exceeds this many bytes.
    Kill(usize),
}

pub(super) struct Supervised {
    pub(super) name: Arc<str>,
    pub(super) tree: Tree,
    pub(super) grace: Duration,
    pub(super) input: Input,
    pub(super) writer: JoinHandle<io::Result<()>>,
    pub(super) log: JoinHandle<()>,
    pub(super) tail: Arc<Mutex<Tail>>,
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) publish: watch::Sender<Option<Exit>>,
    pub(super) slot: Slot,
}

impl Supervised {
    pub(super) async fn run(mut self) {
        let (cause, status) = tokio::select! {
            status = self.tree.ended() => (Cause::Itself, Some(status)),
            order = self.orders.recv() => match order {
                Some(Order::Kill(limit)) => (Cause::LineTooLong(limit), self.kill().await),
                Some(Order::Stop) | None => (Cause::Stopped, self.stop().await),
            },
        };
        self.writer.abort();
        let _ = timeout(LAST_WORDS, &mut self.log).await;
        self.log.abort();

        let cause = if status.is_some() { cause } else { Cause::Stuck };
        let stderr = self.tail.lock().unwrap_or_else(PoisonError::into_inner).quote();
        let exit = Exit { cause, status: status.flatten(), stderr };
        self.report(&exit);
        self.publish.send_replace(Some(exit));

        // Whoever survives SIGKILL still occupies the slot.
        if status.is_none() {
            self.tree.ended().await;
        }
        drop(self.slot);
    }

    /// Ever less politely, until it has ended; `None` if even SIGKILL does not help.
    async fn stop(&mut self) -> Option<Option<ExitStatus>> {
        if !self.input.close() {
            self.writer.abort();
        }
        if let Ok(status) = timeout(self.grace, self.tree.ended()).await {
            return Some(status);
        }
        // A writer that is blocked holds stdin open.
        self.writer.abort();
        self.tree.ask();
        if let Ok(status) = timeout(self.grace, self.tree.ended()).await {
            return Some(status);
        }
        self.kill().await
    }

    async fn kill(&mut self) -> Option<Option<ExitStatus>> {
        self.tree.kill();
        timeout(KILLED, self.tree.ended()).await.ok()
    }

    fn report(&self, exit: &Exit) {
        let status = exit.status.map(tracing::field::display);
        match exit.cause {
            Cause::Stopped => info!(server = %self.name, status, "process stopped"),
            Cause::Itself if exit.is_success() => info!(server = %self.name, "process ended"),
            _ => warn!(server = %self.name, %exit, "process ended"),
        }
    }
}

#[cfg(test)]
mod tests {
    //! Without a keeper, as in a program whose `main` does not know of it.

    use std::{path::Path, time::Duration};

    use crate::child::{Child, Slots, Spec};

    /// Orphans are reaped by process 1, sooner or later: until then they are zombies.
    fn has_ended(pid: &str) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.is_empty() || stat.contains(") Z ")
    }

    #[tokio::test]
    async fn without_a_keeper_the_process_group_is_killed() {
        let script = "trap '' TERM; sleep 1000 & echo $$ $!; while :; do sleep 0.1; done";
        let grace = Duration::from_millis(100);
        let args = vec!["-c".into(), script.into()];
        let spec = Spec { args, grace, ..Spec::new("bare", "sh") };
        let (child, mut lines) = Child::spawn(spec, Slots::new(1).take().unwrap()).unwrap();
        let line = String::from_utf8(lines.next().await.unwrap().to_vec()).unwrap();

        let exit = child.shutdown().await;

        assert_eq!(exit.to_string(), "stopped; killed by SIGKILL");
        assert!(!Path::new(&format!("/proc/{}", child.pid())).exists(), "it is reaped");
        for pid in line.split(' ') {
            let ended = async {
                while !has_ended(pid.trim()) {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            // What was killed is gone a moment later.
            tokio::time::timeout(Duration::from_secs(5), ended).await.expect("it was killed");
        }
    }
}
