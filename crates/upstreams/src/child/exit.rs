//! How did a server end, in words a person can act on?

use std::{fmt, process::ExitStatus, sync::Arc};

/// Why a server is no longer running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It ended by itself.
    Itself,
    /// We were asked to stop it.
    Stopped,
    /// It printed a line longer than this many bytes and was killed.
    LineTooLong(usize),
    /// It survives SIGKILL, stuck in the kernel; nobody waits for it any more.
    Stuck,
    /// The runtime ended before the server did.
    Unobserved,
}

/// The end of a server. Its `Display` says why, and quotes what it last wrote to stderr.
#[derive(Clone, Debug)]
pub struct Exit {
    /// Why it ended.
    pub cause: Cause,
    /// With which status, if that is known. Under a keeper, death by signal n is status 128 + n,
    /// as in a shell.
    pub status: Option<ExitStatus>,
    /// The last lines of stderr: control characters neutralised, secrets masked.
    pub stderr: Arc<[String]>,
}

impl Exit {
    pub(super) fn unobserved() -> Self {
        Self { cause: Cause::Unobserved, status: None, stderr: Arc::new([]) }
    }

    /// Whether it ended by itself, and said that all is well.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.cause == Cause::Itself && self.status.is_some_and(|status| status.success())
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cause {
            Cause::Itself => describe(self.status, f)?,
            Cause::Stopped => {
                f.write_str("stopped; ")?;
                describe(self.status, f)?;
            }
            Cause::LineTooLong(limit) => {
                write!(f, "printed a line longer than {limit} bytes and was killed")?;
            }
            Cause::Stuck => f.write_str("survived SIGKILL and was given up")?,
            Cause::Unobserved => f.write_str("was left behind at shutdown")?,
        }
        if !self.stderr.is_empty() {
            write!(f, "; stderr: {}", self.stderr.join(" | "))?;
        }
        Ok(())
    }
}

fn describe(status: Option<ExitStatus>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    use std::os::unix::process::ExitStatusExt as _;
    let Some(status) = status else { return f.write_str("ended") };
    match (status.code(), status.signal()) {
        (Some(code), _) => match name(code - 128) {
            Some(signal) => write!(f, "exited with status {code} ({signal})"),
            None => write!(f, "exited with status {code}"),
        },
        (None, Some(number)) => match name(number) {
            Some(signal) => write!(f, "killed by {signal}"),
            None => write!(f, "killed by signal {number}"),
        },
        (None, None) => f.write_str("ended"),
    }
}

/// The signals that end programs in practice. Their numbers are the same everywhere but for
/// SIGBUS and SIGSYS, which are therefore left out.
fn name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    #[test]
    fn an_exit_says_why_and_quotes_stderr() {
        let exit = |cause, raw, stderr: &[&str]| {
            let stderr = stderr.iter().map(|&line| line.to_owned()).collect();
            Exit { cause, status: Some(ExitStatus::from_raw(raw)), stderr }.to_string()
        };

        assert_eq!(
            exit(Cause::Itself, 1 << 8, &["no API key", "bye"]),
            "exited with status 1; stderr: no API key | bye"
        );
        assert_eq!(exit(Cause::Itself, 9, &[]), "killed by SIGKILL");
        assert_eq!(exit(Cause::Itself, 139 << 8, &[]), "exited with status 139 (SIGSEGV)");
        assert_eq!(exit(Cause::Stopped, 0, &[]), "stopped; exited with status 0");
        assert_eq!(
            exit(Cause::LineTooLong(8), 9, &[]),
            "printed a line longer than 8 bytes and was killed"
        );
    }
}
