//! What whoever runs a command reads.

use std::io::{self, Write};
use std::process::ExitCode;

/// Says on stderr what went wrong.
#[expect(clippy::print_stderr, reason = "this is the command's voice")]
pub(crate) fn complain(text: &str) {
    eprintln!("toolgate: {text}");
}

/// Prints what was asked for, and a line break. Whoever closed the other end, as `head` does,
/// has seen enough.
pub(crate) fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n"));
    let _ = out.flush();
}

/// Prints what came of a command. Exit: 0 done, 1 not.
pub(crate) fn tell(outcome: Result<String, String>) -> ExitCode {
    ended(outcome.map(|text| print(&text)))
}

/// The end of a command that has printed what there was. Exit: 0 done, 1 not.
pub(crate) fn ended(outcome: Result<(), String>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            complain(&text);
            ExitCode::FAILURE
        }
    }
}
