//! What this program does when it is started by itself.

use toolgate_upstreams::child::keeper;

/// Lets this process start others of its own program: one that sees to it that child processes end
/// with it, one that reads PDFs, one that converts. In those it never returns.
///
/// To be called first in `main`, while there is only one thread. [`Builder::run`](crate::Builder::run)
/// does; a program that serves in another way, and has servers that are child processes, documents
/// or conversions, calls it itself.
pub fn init() {
    #[cfg(any(feature = "knowledge", feature = "transform"))]
    if let Some(word) = std::env::args_os().nth(1).and_then(|word| word.into_string().ok()) {
        match word.as_str() {
            #[cfg(feature = "knowledge")]
            toolgate_upstreams::READ_PDF => end(toolgate_knowledge::PdfReader::serve()),
            #[cfg(feature = "transform")]
            toolgate_upstreams::TRANSFORM => end(toolgate_transform::serve()),
            _ => {}
        }
    }
    keeper::serve_if_asked();
}

#[cfg(any(feature = "knowledge", feature = "transform"))]
fn end(outcome: Result<(), String>) {
    std::process::exit(match outcome {
        Ok(()) => 0,
        Err(error) => {
            crate::terminal::complain(&error);
            1
        }
    });
}
