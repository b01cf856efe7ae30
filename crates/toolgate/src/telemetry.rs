//! Logs: fields on stderr, for people or for machines.

use std::io::{self, IsTerminal};

use toolgate_gateway::config::{Level, Log, LogFormat};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

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
    let lines = fmt().with_env_filter(filter).with_writer(io::stderr);
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
