//! Logs: fields on stderr, for people or for machines, without what must not be seen.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use toolgate_gateway::config::{Level, Log, LogFormat};
use toolgate_gateway::screening::LogRules;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

/// What is taken out of every line: the rules of the gateway that serves now.
static RULES: ArcSwapOption<LogRules> = ArcSwapOption::const_empty();

/// Begins to log. `TOOLGATE_LOG` overrides the configured level, with the usual filter syntax.
pub fn begin(log: &Log) {
    let level = match log.level {
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    };
    let filter = EnvFilter::try_from_env("TOOLGATE_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    // On stderr: stdout belongs to the protocol, or to what a command prints.
    let lines = fmt().with_env_filter(filter).with_writer(|| Lines(io::stderr()));
    // A second call, as in tests, changes nothing.
    let _ = match log.format {
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).try_init(),
    };
}

/// Begins to log for a command that a person waits for: only what went wrong.
pub fn for_command() {
    begin(&Log { level: Level::Error, format: LogFormat::Text });
}

/// From now on these rules hold for every line.
pub fn redact(rules: Option<LogRules>) {
    RULES.store(rules.map(Arc::new));
}

/// Standard error. A formatter writes each line at once.
struct Lines(io::Stderr);

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match &*RULES.load() {
            Some(rules) => self.0.write_all(&rules.line(line))?,
            None => self.0.write_all(line)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
