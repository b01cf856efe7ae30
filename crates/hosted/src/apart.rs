//! Work on what nobody trusts, by a process apart: this program, started anew for one piece of it.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustix::process::{Resource, Rlimit, setrlimit};

/// The program, and the arguments by which it knows what it is started for.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    arguments: Vec<String>,
}

impl Program {
    /// This one.
    pub fn new(path: PathBuf, arguments: Vec<String>) -> Program {
        Program { path, arguments }
    }

    /// How it is started: it gets nothing of our environment, reads its work from a pipe, and prints
    /// what came of it into another.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command
            .args(&self.arguments)
            .env_clear()
            // Memory that is set aside before it is bounded would not be bounded.
            .env("MIMALLOC_ARENA_RESERVE", "32M")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        command
    }
}

/// Bounds this process for good: its processor time in seconds, and its memory in bytes. It leaves
/// no image of its memory behind.
///
/// # Errors
/// One sentence, when the system refuses: the work must not be done.
pub fn bound(seconds: u64, memory: u64) -> Result<(), String> {
    for (resource, most) in
        [(Resource::Cpu, seconds), (Resource::Data, memory), (Resource::Core, 0)]
    {
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        setrlimit(resource, limit).map_err(|error| format!("it cannot be bounded: {error}"))?;
    }
    Ok(())
}
