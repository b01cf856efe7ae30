//! Logs: fields on stderr, for people or for machines, without what must not be seen.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use toolgate_catalog::visible::is_hidden;
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
        // The SDK of hosted servers tells of each conversation.
        Level::Info => "info,rmcp=warn",
        Level::Debug => "debug",
        Level::Trace => "trace",
    };
    let filter = EnvFilter::try_from_env("TOOLGATE_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let colours = matches!(log.format, LogFormat::Text) && io::stderr().is_terminal();
    // On stderr: stdout belongs to the protocol, or to what a command prints.
    let writer = move || Lines { out: io::stderr(), colours };
    let lines = fmt().with_env_filter(filter).with_writer(writer);
    // A second call, as in tests, changes nothing.
    let _ = match log.format {
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
        LogFormat::Text => lines.with_ansi(colours).try_init(),
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

/// A line of the log as one line, whatever peers chose to be called: what breaks it, hides in it,
/// turns it round or commands a terminal is escaped, in a form that is one in JSON too. `colours`
/// are those of the formatter.
fn one_line(line: &[u8], colours: bool) -> Cow<'_, [u8]> {
    let (text, end) = line.strip_suffix(b"\n").map_or((line, ""), |text| (text, "\n"));
    // Nearly all lines.
    if text.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(line);
    }
    let text = String::from_utf8_lossy(text);
    let mut out = String::with_capacity(text.len() + 16);
    for (at, c) in text.char_indices() {
        let rest = text.get(at..).unwrap_or_default();
        if !is_hidden(c) || (colours && is_colour(rest)) {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
    out.push_str(end);
    Cow::Owned(out.into_bytes())
}

/// Whether a text begins with an escape sequence that the formatter uses, and a peer may as well:
/// plain, bold, dim, italic, or a colour (ECMA-48, SGR).
fn is_colour(text: &str) -> bool {
    let code = text.strip_prefix("\u{1b}[").and_then(|rest| rest.split_once('m'));
    code.is_some_and(|(code, _)| {
        matches!(code, "0" | "1" | "2" | "3" | "31" | "32" | "33" | "34" | "35")
    })
}

/// Standard error. A formatter writes each line at once.
struct Lines {
    out: io::Stderr,
    colours: bool,
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match &*RULES.load() {
            Some(rules) => self.out.write_all(&one_line(&rules.line(line), self.colours))?,
            None => self.out.write_all(&one_line(line, self.colours))?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Case L1: what a peer is called, in a line of the log.
    #[test]
    fn a_line_stays_one_line_and_shows_all_that_it_holds() {
        for (line, expected) in [
            ("INFO tool=find größe 言葉\n", "INFO tool=find größe 言葉\n"),
            ("a\nb\r\tc\n", "a\\u000ab\\u000d\\u0009c\n"),
            ("a\u{202e}b\u{2028}c\u{e0041}", "a\\u202eb\\u2028c\\udb40\\udc41"),
            ("\u{1b}[2mdim\u{1b}[0m\n", "\\u001b[2mdim\\u001b[0m\n"),
        ] {
            assert_eq!(String::from_utf8_lossy(&one_line(line.as_bytes(), false)), expected);
        }
        let shown = one_line("\u{1b}[2mdim\u{1b}[0m \u{1b}[2J\u{1b}]0;x".as_bytes(), true);
        assert_eq!(shown, "\u{1b}[2mdim\u{1b}[0m \\u001b[2J\\u001b]0;x".as_bytes());
    }
}
