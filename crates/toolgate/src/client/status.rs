//! What is going on, on stderr: one line that changes, if a person watches, and notes that stay.

use std::borrow::Cow;
use std::cell::Cell;
use std::io::{self, IsTerminal, Write};

use toolgate_protocol::jsonrpc::Message;

use super::text;

/// The voice of a command while it waits.
pub struct Status {
    watched: bool,
    shown: Cell<bool>,
}

impl Status {
    /// On this process's stderr.
    pub fn new() -> Status {
        Status { watched: io::stderr().is_terminal(), shown: Cell::new(false) }
    }

    /// Says what is being waited for, until something else is said.
    pub fn doing(&self, what: &str) {
        if self.watched {
            self.write(&format!("\r\x1b[2K{}...", text::line(what)));
            self.shown.set(true);
        }
    }

    /// Says something that stays.
    pub fn note(&self, what: &str) {
        self.clear();
        self.write(&format!("{}\n", text::block(what)));
    }

    /// Takes the changing line away.
    pub fn clear(&self) {
        if self.shown.replace(false) {
            self.write("\r\x1b[2K");
        }
    }

    /// Shows a notification that came with a call.
    pub fn notification(&self, message: &Message) {
        let Some(params) = message.params() else { return };
        let text = |name: &str| {
            let value = params.get(name)?;
            Some(value.string().map_or_else(|| value.raw().to_owned(), Cow::into_owned))
        };
        match message.method() {
            Some("notifications/progress") => {
                let done = text("progress").unwrap_or_default();
                let of = text("total").map(|total| format!("/{total}")).unwrap_or_default();
                let what = text("message").map(|what| format!(" {what}")).unwrap_or_default();
                let line = format!("progress {done}{of}{what}");
                if self.watched { self.doing(&line) } else { self.note(&line) }
            }
            Some("notifications/message") => {
                let level = text("level").unwrap_or_default();
                let logger = text("logger").map(|name| format!(" {name}:")).unwrap_or_default();
                self.note(&format!("[{level}]{logger} {}", text("data").unwrap_or_default()));
            }
            _ => {}
        }
    }

    fn write(&self, text: &str) {
        // Nobody can be told that stderr is gone.
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

impl Drop for Status {
    fn drop(&mut self) {
        self.clear();
    }
}
