//! A started server with everything it starts: what the gateway can do to all of it at once.

use std::{io, process::ExitStatus};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};

use super::{SpawnError, Spec, launch};

/// The processes of one server. Dropping it kills them.
#[derive(Debug)]
pub(super) struct Tree {
    child: Child,
    id: Pid,
    /// Whether `id` is a keeper, which passes signals on, or the server and its process group.
    kept: bool,
    /// Once it has ended its pid may belong to somebody else.
    status: Option<ExitStatus>,
}

pub(super) struct Pipes {
    pub(super) stdin: ChildStdin,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
}

impl Tree {
    pub(super) fn start(spec: &Spec) -> Result<(Self, Pipes), SpawnError> {
        let refused = |source| {
            let program = spec.program.to_string_lossy().into_owned();
            SpawnError::Refused { program, source }
        };
        let (mut command, kept) = launch::command(spec)?;
        let mut child = command.spawn().map_err(refused)?;

        let parts = id(&child).zip(pipes(&mut child));
        let (id, pipes) = parts.ok_or_else(|| refused(io::Error::other("it has ended already")))?;
        Ok((Self { child, id, kept, status: None }, pipes))
    }

    pub(super) fn pid(&self) -> u32 {
        self.id.as_raw_nonzero().get().unsigned_abs()
    }

    /// Sends SIGTERM to the server and its process group.
    pub(super) fn ask(&self) {
        self.signal(Signal::TERM, Signal::TERM);
    }

    /// Kills every process.
    pub(super) fn kill(&self) {
        self.signal(Signal::USR1, Signal::KILL);
    }

    fn signal(&self, to_keeper: Signal, to_group: Signal) {
        if self.status.is_some() {
            return;
        }
        // It fails only if there is nobody left to receive it.
        let _ = match self.kept {
            true => kill_process(self.id, to_keeper),
            false => kill_process_group(self.id, to_group),
        };
    }

    /// Waits until the server has ended, and reaps it. Cancel safe.
    pub(super) async fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.wait().await.ok()?;
        if !self.kept && self.status.is_none() {
            // What the server left running. A group keeps its number while it has members.
            let _ = kill_process_group(self.id, Signal::KILL);
        }
        self.status = Some(status);
        self.status
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        self.kill();
    }
}

fn id(child: &Child) -> Option<Pid> {
    Pid::from_raw(i32::try_from(child.id()?).ok()?)
}

fn pipes(child: &mut Child) -> Option<Pipes> {
    let (stdin, stdout) = child.stdin.take().zip(child.stdout.take())?;
    Some(Pipes { stdin, stdout, stderr: child.stderr.take()? })
}
