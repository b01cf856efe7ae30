//! The text of a PDF, read by a process of its own.
//!
//! Nobody can say of a file of this format how much time, memory and stack it takes, and in a
//! release build of ours a panic ends the process. So it is not ours: the program is started anew
//! with one file on its input, bounds its own processor time and memory, and prints what it read.
//! It always ends: it waits for nothing but its input, which ends, and its output, which is read
//! or closed.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use toolgate_hosted::apart::{self, Program};
use toolgate_pdf::Book;

use super::Unreadable;

/// Processor time for one file, in seconds.
const TIME: u64 = 20;
/// Memory for one file, in bytes.
const MEMORY: u64 = 1 << 30;
/// Text of one file at most, in bytes.
const TEXT: u64 = 8 << 20;
/// Between pages (ASCII: form feed).
const PAGE: char = '\u{c}';

/// How PDFs are read.
#[derive(Clone, Debug)]
pub struct PdfReader(Option<Program>);

impl PdfReader {
    /// By this program, which calls [`PdfReader::serve`] when it is given these arguments.
    pub fn new(path: PathBuf, arguments: Vec<String>) -> PdfReader {
        PdfReader(Some(Program::new(path, arguments)))
    }

    /// Not at all.
    pub fn none() -> PdfReader {
        PdfReader(None)
    }

    /// What that program does: reads a PDF from its input and prints its text.
    ///
    /// # Errors
    /// One sentence, when the input is no PDF that can be read.
    pub fn serve() -> Result<(), String> {
        apart::bound(TIME, MEMORY)?;
        let mut bytes = Vec::new();
        let failed = |error: io::Error| error.to_string();
        io::stdin().lock().read_to_end(&mut bytes).map_err(failed)?;
        let text = pages(&bytes)?.join(&PAGE.to_string());
        io::stdout().lock().write_all(text.as_bytes()).map_err(failed)
    }

    /// The pages of a PDF.
    pub(super) fn read(&self, bytes: &[u8]) -> Result<Vec<String>, Unreadable> {
        let failed = |error: io::Error| Unreadable(format!("PDFs cannot be read here: {error}"));
        let Some(program) = &self.0 else {
            return Err(Unreadable("PDFs are not read here".to_owned()));
        };
        let mut child = program.command().spawn().map_err(failed)?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let mut text = String::new();
        let read = std::thread::scope(|scope| {
            // It may not read all that it is given.
            scope.spawn(|| input.map(|mut input| input.write_all(bytes)));
            output.map(|output| output.take(TEXT).read_to_string(&mut text))
        });
        let ended = child.wait().map_err(failed)?;
        // What is cut off in the middle of a character, or printed before it failed, is no text.
        match read {
            Some(Ok(_)) if ended.success() && text.trim().is_empty() => {
                Err(Unreadable("it has no text; its pages may be pictures".to_owned()))
            }
            Some(Ok(length)) if ended.success() || length as u64 == TEXT => {
                Ok(text.split(PAGE).map(str::to_owned).collect())
            }
            _ => Err(Unreadable("it is not a PDF that can be read".to_owned())),
        }
    }
}

fn pages(bytes: &[u8]) -> Result<Vec<String>, String> {
    let book = Book::open(bytes).map_err(|error| error.to_string())?;
    // All of it: processor time is bounded already.
    let reading = book.read(1..=book.pages(), Duration::MAX);
    Ok(reading.pages.iter().map(toolgate_pdf::Page::text).collect())
}
