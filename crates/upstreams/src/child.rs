//! One server as a child process: lines of bytes in and out, supervised to the end.
//!
//! # Nothing outlives the gateway
//!
//! A crash of the gateway (`kill -9`, the OOM killer) runs no cleanup code, and the process
//! behind `npx` or a shell script is a grandchild the gateway has never heard of. Therefore each
//! server gets a *keeper*: our own binary, started again as `mcp-keeper __keep …`, which starts the
//! server and does nothing but watch ([`keeper`]).
//!
//! - It holds a pidfd of the gateway. That becomes readable when the gateway ends, however it ends.
//!   `PR_SET_PDEATHSIG` alone would not do: it follows the *thread* that forked, and stops at the
//!   first generation.
//! - It is the *child subreaper* of everything below, so a daemon that called `setsid`, or whose
//!   parent has exited, comes back to it. It kills its direct children until none is left, and
//!   signals no process it has not yet reaped, so a recycled pid is never hit.
//! - It lives in its own session: no terminal, no signal meant for the gateway's group. Its name is
//!   not the gateway's, so `pkill -9 toolgate` leaves it alive to clean up.
//! - The server itself dies with its keeper (`PR_SET_PDEATHSIG`; the keeper forks from its main
//!   thread, which lives as long as it does).
//! - When the server ends, what it left running is killed, as with process 1 of a container.
//!
//! The keeper copies nothing: the pipes connect gateway and server directly. It costs one exec and
//! a megabyte or so. Cgroups would also stop a fork bomb, but need rights a gateway seldom has.
//!
//! A program that uses this crate as a library calls [`keeper::serve_if_asked`] first in `main`. If
//! it does not, children run in a process group of their own and are cleaned up in every case but
//! the crash; a warning says so once. On macOS there is neither pidfd nor subreaper: the keeper
//! polls for its parent and kills the process group.

mod allowance;
mod backoff;
mod exit;
mod input;
pub mod keeper;
mod launch;
mod lines;
mod lookup;
mod mask;
mod slots;
mod stderr;
mod supervise;
mod tree;

use std::{
    ffi::OsString,
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::{mpsc, watch};

pub(crate) use self::allowance::Allowance;
pub use self::{
    backoff::Backoff,
    exit::{Cause, Exit},
    input::Gone,
    lines::Lines,
    lookup::SpawnError,
    slots::{Full, Slot, Slots},
};
use self::{
    input::Input,
    mask::Mask,
    stderr::Tail,
    supervise::{Order, Supervised},
    tree::Tree,
};

/// What a server needs from our environment to start at all: the list of the official SDKs, and
/// the variables that name language, time zone and temporary folder.
pub const INHERITED: &[&str] =
    &["HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER"];

/// The longest line of output a server may print, unless configured: 16 MiB.
pub const LINE_LIMIT: usize = 16 << 20;

/// How long each polite step of a shutdown waits, unless configured.
pub const GRACE: Duration = Duration::from_secs(2);

/// Which program to run, and how.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The server's name, for logs.
    pub name: Arc<str>,
    /// A name to look up in the child's `PATH`, or a path. Never a shell line.
    pub program: OsString,
    /// The arguments, passed on as they are.
    pub args: Vec<OsString>,
    /// Variables for the child. Their values never appear in a log.
    pub env: Vec<(OsString, Secret)>,
    /// Variables handed on from our own environment; all others are withheld.
    pub inherit_env: Vec<String>,
    /// The folder to start in; ours if absent.
    pub cwd: Option<PathBuf>,
    /// The longest line of output, in bytes. A child that exceeds it is killed.
    pub line_limit: usize,
    /// How long to wait after closing stdin, and again after SIGTERM.
    pub grace: Duration,
}

impl Spec {
    /// `program` without arguments, with the usual environment and limits.
    pub fn new(name: impl Into<Arc<str>>, program: impl Into<OsString>) -> Self {
        Self {
            name: name.into(),
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            inherit_env: INHERITED.iter().map(|&name| name.to_owned()).collect(),
            cwd: None,
            line_limit: LINE_LIMIT,
            grace: GRACE,
        }
    }
}

/// The value of an environment variable; it cannot be printed.
#[derive(Clone)]
pub struct Secret(OsString);

impl<T: Into<OsString>> From<T> for Secret {
    fn from(value: T) -> Self {
        Self(value.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A running server. Dropping it shuts the server down in the background.
#[derive(Debug)]
pub struct Child {
    name: Arc<str>,
    pid: u32,
    input: Input,
    orders: mpsc::Sender<Order>,
    exit: watch::Receiver<Option<Exit>>,
}

impl Child {
    /// Starts `spec`, occupying `slot` until the last process is gone.
    ///
    /// The owner must keep reading [`Lines`], and not from the task that sends: a server may
    /// refuse to read another line until its last one was taken.
    ///
    /// # Errors
    /// When the program cannot be found or started; the message says what to do about it.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn spawn(spec: Spec, slot: Slot) -> Result<(Self, Lines), SpawnError> {
        let (tree, pipes) = Tree::start(&spec)?;
        let pid = tree.pid();
        let (orders, received) = mpsc::channel(4);
        let (publish, exit) = watch::channel(None);
        let (input, writer) = input::start(pipes.stdin);
        let tail = Arc::new(Mutex::new(Tail::new(Mask::of(&spec.env))));
        let log =
            tokio::spawn(stderr::log(Arc::clone(&spec.name), pipes.stderr, Arc::clone(&tail)));

        let lines = Lines::new(&spec, pipes.stdout, orders.clone());
        let child = Self { name: Arc::clone(&spec.name), pid, input: input.clone(), orders, exit };
        let supervised = Supervised {
            name: spec.name,
            tree,
            grace: spec.grace,
            input,
            writer,
            log,
            tail,
            orders: received,
            publish,
            slot,
        };
        tokio::spawn(supervised.run());
        Ok((child, lines))
    }

    /// The name from the [`Spec`].
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The process id to show to people: of the keeper if there is one, else of the server.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Queues one line, without its newline; waits while the queue is full.
    ///
    /// Cancel safe: a line is written whole or not at all.
    ///
    /// # Errors
    /// When the server no longer reads; [`Child::wait`] tells why.
    pub async fn send(&self, line: Bytes) -> Result<(), Gone> {
        self.input.send(line).await
    }

    /// How the server ended, as soon as it has.
    pub async fn wait(&self) -> Exit {
        let mut exit = self.exit.clone();
        match exit.wait_for(Option::is_some).await {
            Ok(ended) => ended.clone().unwrap_or_else(Exit::unobserved),
            Err(_) => Exit::unobserved(),
        }
    }

    /// How the server ended, if it has.
    #[must_use]
    pub fn exit(&self) -> Option<Exit> {
        self.exit.borrow().clone()
    }

    /// Closes stdin, then sends SIGTERM, then SIGKILL, waiting in between, until it has ended.
    pub async fn shutdown(&self) -> Exit {
        self.order_stop();
        self.wait().await
    }

    fn order_stop(&self) {
        // A full queue means that the end is ordered already.
        let _ = self.orders.try_send(Order::Stop);
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.order_stop();
    }
}
