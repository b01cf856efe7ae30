//! The process between the gateway and a server, which sees to it that nothing is left behind.
//!
//! It waits for its server to end, for its gateway to end, or for a signal (SIGTERM: ask the server's process group to end; SIGUSR1: kill everything).
//! Afterwards it kills whatever is still below it and exits with the server's status. The module
//! [`child`](super) explains why it exists.

use std::{
    ffi::{OsStr, OsString},
    io::{self, Write as _},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::Duration,
};

use rustix::process::{
    Pid, Signal, WaitOptions, WaitStatus, getppid, kill_process, kill_process_group, setsid, wait,
};
use tokio::{
    signal::unix::{Signal as Signals, SignalKind, signal},
    sync::oneshot,
};

/// The first argument that turns our binary into a keeper.
const KEEP: &str = "__keep";
/// The exit status when the server cannot be executed, as in a shell.
const CANNOT_EXECUTE: i32 = 126;

static BINARY: OnceLock<PathBuf> = OnceLock::new();

/// Becomes a keeper, and never returns, if this process was started as one; otherwise lets this
/// process start keepers. To be called first in `main`, while there is only one thread.
pub fn serve_if_asked() {
    let mut args = std::env::args_os().skip(1);
    if args.next().is_some_and(|first| first == KEEP) {
        std::process::exit(serve(args));
    }
    // On Linux the running image itself, which an upgrade may have replaced on disk.
    let binary = if cfg!(target_os = "linux") {
        Ok(PathBuf::from("/proc/self/exe"))
    } else {
        std::env::current_exe()
    };
    if let Ok(binary) = binary {
        use_binary(binary);
    }
}

/// Starts keepers from `binary`, whose `main` calls [`serve_if_asked`]: for programs that cannot
/// call it themselves. The first one named is used.
pub fn use_binary(binary: PathBuf) {
    let _ = BINARY.set(binary);
}

/// This program, to be started again as another process; `None` if nobody said what it is.
pub fn binary() -> Option<&'static Path> {
    BINARY.get().map(PathBuf::as_path)
}

/// The command of a keeper for `program`; `None` if this process cannot start keepers.
pub(super) fn command(program: &Path) -> Option<Command> {
    let mut command = Command::new(BINARY.get()?);
    command.arg0("mcp-keeper").arg(KEEP).arg(std::process::id().to_string()).arg(program);
    Some(command)
}

fn serve(args: impl Iterator<Item = OsString>) -> i32 {
    match keep(args) {
        Ok(status) => status,
        Err(error) => {
            // This is the server's stderr, which the gateway logs and quotes, if it is still there.
            let _ = writeln!(io::stderr(), "{error}");
            CANNOT_EXECUTE
        }
    }
}

fn keep(mut args: impl Iterator<Item = OsString>) -> io::Result<i32> {
    let usage = || io::Error::other("usage: __keep PARENT PROGRAM [ARG]...");
    let parent = args.next().as_deref().and_then(OsStr::to_str).and_then(|pid| pid.parse().ok());
    let parent = parent.and_then(Pid::from_raw).ok_or_else(usage)?;
    let program = args.next().ok_or_else(usage)?;

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut signals = Received::new()?;
        setsid()?;
        system::become_keeper()?;
        let server = start(&program, args, parent)?;
        Ok(signals.watch(server, parent).await)
    })
}

/// Starts the server in a process group of its own, with our stdio, and lets go of that.
fn start(program: &OsStr, args: impl Iterator<Item = OsString>, parent: Pid) -> io::Result<Pid> {
    if getppid() != Some(parent) {
        return Err(io::Error::other("the gateway has ended"));
    }
    let mut command = Command::new(program);
    command.args(args).process_group(0);
    system::die_with_us(&mut command);
    let child = command.spawn().map_err(|error| {
        let program = program.display();
        io::Error::other(format!(
            "{program}: cannot be executed ({error}); is the interpreter it names installed?"
        ))
    })?;

    // Otherwise neither side would see the other close its end of a pipe.
    let null = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    pid(child.id()).ok_or_else(|| io::Error::other("no process id"))
}

/// The signals a keeper listens to. They are caught, not ignored: to ignore is inherited.
struct Received {
    ask: Signals,
    kill: Signals,
    ended: Signals,
}

impl Received {
    fn new() -> io::Result<Self> {
        Ok(Self {
            ask: signal(SignalKind::terminate())?,
            kill: signal(SignalKind::user_defined1())?,
            ended: signal(SignalKind::child())?,
        })
    }

    /// Until nothing is left below us; the server's exit status.
    async fn watch(&mut self, server: Pid, parent: Pid) -> i32 {
        let mut gone = gone(parent);
        let mut status = None;
        while status.is_none() {
            tokio::select! {
                _ = self.ended.recv() => { reap(server, &mut status); }
                _ = self.ask.recv() => { let _ = kill_process_group(server, Signal::TERM); }
                _ = self.kill.recv() => break,
                _ = &mut gone => break,
            }
        }
        self.sweep(server, &mut status).await;
        status.unwrap_or(CANNOT_EXECUTE)
    }

    /// Kills and reaps until there is nobody left.
    ///
    /// The group comes first because that is one call and nearly always enough. Then, round by
    /// round, our direct children: what they leave behind becomes ours, and a process whose
    /// parent we are keeps its pid until we reap it.
    async fn sweep(&mut self, server: Pid, status: &mut Option<i32>) {
        let _ = kill_process_group(server, Signal::KILL);
        let mut pause = Duration::from_millis(5);
        while reap(server, status) {
            for child in system::children() {
                let _ = kill_process(child, Signal::KILL);
            }
            let _ = tokio::time::timeout(pause, self.ended.recv()).await;
            // One that is stuck in the kernel must not keep a processor busy.
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }
}

/// Resolves when `parent` has ended. Watching has a thread of its own, started after the server,
/// because no safe call of the runtime takes a pidfd.
fn gone(parent: Pid) -> oneshot::Receiver<()> {
    let (report, gone) = oneshot::channel();
    std::thread::spawn(move || {
        system::wait_for(parent);
        while getppid() == Some(parent) {
            std::thread::sleep(Duration::from_millis(250));
        }
        let _ = report.send(());
    });
    gone
}

/// Collects every child that has ended, and the server's status among them; false once there is
/// no child left.
fn reap(server: Pid, status: &mut Option<i32>) -> bool {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, ended))) if pid == server => *status = Some(code(ended)),
            Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

fn code(status: WaitStatus) -> i32 {
    let signal = status.terminating_signal().map(|signal| 128 + signal);
    status.exit_status().or(signal).unwrap_or(CANNOT_EXECUTE)
}

fn pid(id: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(id).ok()?)
}

#[cfg(target_os = "linux")]
mod system {
    use std::{io, process::Command};

    use rustix::{
        event::{PollFd, PollFlags, poll},
        process::{
            Pid, PidfdFlags, Signal, getpid, pidfd_open, set_child_subreaper,
            set_parent_process_death_signal,
        },
    };

    pub(super) fn become_keeper() -> io::Result<()> {
        set_child_subreaper(Some(getpid()))?;
        rustix::thread::set_name(c"mcp-keeper")?;
        Ok(())
    }

    /// The server is killed when we are.
    #[expect(unsafe_code, reason = "nothing but pre_exec runs between fork and exec")]
    pub(super) fn die_with_us(command: &mut Command) {
        use std::os::unix::process::CommandExt as _;
        let kill = || Ok(set_parent_process_death_signal(Some(Signal::KILL))?);
        // SAFETY: the closure makes one system call, and neither allocates nor takes a lock.
        unsafe { command.pre_exec(kill) };
    }

    /// Blocks until `parent` has ended; returns at once where a pidfd cannot be had (before
    /// Linux 5.3, in some sandboxes).
    pub(super) fn wait_for(parent: Pid) {
        let Ok(handle) = pidfd_open(parent, PidfdFlags::empty()) else { return };
        // A pid that was recycled before the call is not our parent.
        while super::getppid() == Some(parent) {
            let _ = poll(&mut [PollFd::new(&handle, PollFlags::IN)], None);
        }
    }

    /// Our direct children, as far as /proc shows them.
    pub(super) fn children() -> Vec<Pid> {
        let me = getpid();
        let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
        let pids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|&pid| parent_of(pid) == Some(me.as_raw_nonzero().get()))
            .filter_map(Pid::from_raw)
            .collect()
    }

    /// The fourth field of `/proc/PID/stat`; the second, the name, may hold anything (proc(5)).
    fn parent_of(pid: i32) -> Option<i32> {
        let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
        let stat = String::from_utf8_lossy(&stat);
        stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::{io, process::Command};

    use rustix::process::Pid;

    pub(super) fn become_keeper() -> io::Result<()> {
        Ok(())
    }

    pub(super) fn die_with_us(_: &mut Command) {}

    pub(super) fn wait_for(_: Pid) {}

    /// Orphans go to process 1 here: the process group is all we can reach.
    pub(super) fn children() -> Vec<Pid> {
        Vec::new()
    }
}
