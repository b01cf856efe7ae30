//! The text of a PDF, read by a process of its own.
//!
//! Nobody can say of a file of this format how much time, memory and stack it takes, and in a
//! release build of ours a panic ends the process. So it is not ours: the program is started anew
//! with one file on its input, bounds its own processor time and memory, and prints what it read.
//! It always ends: it waits for nothing but its input, which ends, and its output, which is read
//! or closed.
//!
//! It prints what is lost of the file, a sentence a line, and an empty line; then the text, or why there
//! is none.

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
const TEXT: usize = 8 << 20;
/// What is printed of one file at most, in bytes.
const PRINTED: u64 = TEXT as u64 + (64 << 10);
/// Characters of why there is no text.
const REASON: usize = 500;
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
        let printed = printed(&bytes);
        let text = match &printed {
            Ok(text) => text.clone(),
            Err(why) => format!("\n{}", why.chars().take(REASON).collect::<String>()),
        };
        io::stdout().lock().write_all(text.as_bytes()).map_err(failed)?;
        printed.map(|_| ())
    }

    /// The pages of a PDF.
    pub(super) fn read(&self, bytes: &[u8]) -> Result<Printed, Unreadable> {
        let failed = |error: io::Error| Unreadable(format!("PDFs cannot be read here: {error}"));
        let Some(program) = &self.0 else {
            return Err(Unreadable("PDFs are not read here".to_owned()));
        };
        let mut child = program.command().spawn().map_err(failed)?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let mut printed = String::new();
        let read = std::thread::scope(|scope| {
            // It may not read all that it is given.
            scope.spawn(|| input.map(|mut input| input.write_all(bytes)));
            output.map(|output| output.take(PRINTED).read_to_string(&mut printed))
        });
        let ended = child.wait().map_err(failed)?;
        // What was printed before it was ended is no text.
        let parts = match printed.strip_prefix('\n') {
            Some(text) => Some(("", text)),
            None => printed.split_once("\n\n"),
        };
        match (read, ended.code(), parts) {
            (Some(Ok(_)), Some(0), Some((losses, text))) => {
                if text.trim().is_empty() {
                    let why = "it has no text; its pages may be pictures";
                    return Err(Unreadable(why.to_owned()));
                }
                Ok(Printed {
                    pages: text.split(PAGE).map(str::to_owned).collect(),
                    losses: losses.lines().map(str::to_owned).collect(),
                })
            }
            (Some(Ok(_)), Some(_), Some((_, why))) if !why.is_empty() => {
                Err(Unreadable(why.to_owned()))
            }
            _ => Err(Unreadable(format!(
                "reading it takes more than {TIME} s of processor time or {} GiB of memory, or fails",
                MEMORY >> 30
            ))),
        }
    }
}

/// A PDF, read.
#[derive(Debug, PartialEq)]
pub(super) struct Printed {
    pub(super) pages: Vec<String>,
    /// What is lost, each a sentence without its full stop.
    pub(super) losses: Vec<String>,
}

/// What is printed of a PDF.
fn printed(bytes: &[u8]) -> Result<String, String> {
    let book = Book::open(bytes).map_err(|error| error.to_string())?;
    // All of it: processor time is bounded already.
    let reading = book.read(1..=book.pages(), Duration::MAX);
    let pages = reading.pages.iter().map(|page| page.text().replace(PAGE, " "));
    let (text, cut) = joined(pages.collect(), TEXT);
    let losses: Vec<_> = reading.torn.into_iter().chain(cut).map(|loss| loss + "\n").collect();
    Ok(format!("{}\n{text}", losses.concat()))
}

/// Pages as one text of at most so many bytes, and what is lost of them.
fn joined(pages: Vec<String>, most: usize) -> (String, Option<String>) {
    let count = pages.len();
    let mut text = pages.join(&PAGE.to_string());
    let lost = text.len().saturating_sub(most);
    if lost == 0 {
        return (text, None);
    }
    text.truncate(text.floor_char_boundary(most));
    let last = text.matches(PAGE).count() + 1;
    let told = format!(
        "its text ends on page {last} of {count}: what comes after the first {most} bytes is left out, {lost} bytes"
    );
    (text, Some(told))
}

#[cfg(test)]
mod tests {
    use toolgate_pdf::testing::{page, pdf};

    use super::*;

    /// A reader whose program prints this and ends so.
    fn reader(printed: &str, end: &str) -> PdfReader {
        let script = format!("cat > /dev/null; printf '{printed}'; {end}");
        PdfReader::new("/bin/sh".into(), vec!["-c".to_owned(), script])
    }

    #[test]
    fn what_does_not_fit_is_cut_between_characters_and_told() {
        let pages = || ["one", "zwö", "three"].map(str::to_owned).to_vec();

        assert_eq!(joined(pages(), 20), ("one\u{c}zwö\u{c}three".to_owned(), None));
        let (text, lost) = joined(pages(), 7);
        assert_eq!(text, "one\u{c}zw");
        assert_eq!(
            lost.unwrap(),
            "its text ends on page 2 of 3: what comes after the first 7 bytes is left out, 7 bytes"
        );
    }

    #[test]
    fn what_is_printed_is_read_as_it_was() {
        let bytes = pdf(&["one", "two"].map(|word| page(&[("F1", 12, 72, 700, word)])));

        assert_eq!(printed(&bytes).unwrap(), "\none\u{c}two");
        for (text, pages, losses) in [
            ("\none\n\ntwo", &["one\n\ntwo"][..], &[][..]),
            ("\n\n\none\u{c}\u{c}two", &["\n\none", "", "two"], &[]),
            ("a is lost\n\none\n\ntwo", &["one\n\ntwo"], &["a is lost"]),
            ("a is lost\nso is b\n\none", &["one"], &["a is lost", "so is b"]),
        ] {
            let read = reader(text, "exit 0").read(&bytes).unwrap();
            assert_eq!((read.pages, read.losses), (owned(pages), owned(losses)), "{text:?}");
        }
    }

    fn owned(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn why_there_is_no_text_is_told() {
        for (printed, end, why) in [
            ("\nit is encrypted", "exit 1", "it is encrypted"),
            ("", "exit 1", "or fails"),
            ("\nhalf of a te", "kill -9 $$", "or fails"),
            ("\n \u{c} ", "exit 0", "pictures"),
        ] {
            let Unreadable(told) = reader(printed, end).read(b"").unwrap_err();
            assert!(told.contains(why), "{printed:?}: {told}");
        }
        let Err(why) = printed(b"noise") else { panic!("noise is read") };
        assert!(why.starts_with("it is no PDF"), "{why}");
    }
}
