//! Is the chain whole? Every edit, gap and cut is named with its place.

mod file;

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use toolgate_values::Secret;

use crate::chain::{Seal, Tip};
use crate::names::Names;
use crate::sink::{Frame, Head, Table, claimed};

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defect {
    /// The name of the file.
    pub file: String,
    /// The number of the line, from 1; 0 means the file as a whole.
    pub line: u64,
    /// What is wrong.
    pub text: String,
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.text),
            line => write!(f, "{}:{line}: {}", self.file, self.text),
        }
    }
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Files that were read.
    pub files: usize,
    /// Lines that were read.
    pub lines: u64,
    /// The number of the newest line.
    pub last: u64,
    /// Intents, each a call.
    pub intents: u64,
    /// Requests that were refused before they were calls.
    pub events: u64,
    /// Calls whose outcome is not recorded: they run, or the process ended.
    pub open: Vec<u64>,
    /// Requests that were refused without a record of their own.
    pub unrecorded: u64,
    /// Requests that went on without a record.
    pub waived: u64,
    /// Requests that were refused and are only counted: each was one of a flood.
    pub counted: u64,
    /// Whether a key sealed the chain, so that nobody else could have written it.
    pub keyed: bool,
    /// Whether it is known where the chain ends; of a single file or a stream it is not.
    pub ended: bool,
    /// Bytes after the newest line: a write that was never acknowledged.
    pub torn: u64,
    /// Everything that is wrong.
    pub defects: Vec<Defect>,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.defects.is_empty()
    }
}

/// Checks the series that `path` names as the configuration does, or the one file of that name.
///
/// # Errors
/// There is nothing, or it cannot be read.
pub fn verify(path: &Path, key: Option<&Secret>) -> io::Result<Report> {
    let seal = Seal::new(key);
    let mut check = Check::new(seal);
    if path.is_file() {
        check.file(path, &name(path), None)?;
        return Ok(check.report());
    }
    let names = Names::of(path);
    // Read first: what is written meanwhile comes after it.
    let head = std::fs::read(names.head());
    let numbers = names.existing()?;
    if numbers.is_empty() && head.is_err() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "no audit files of this name"));
    }
    let mut expected = None;
    for (at, number) in numbers.iter().enumerate() {
        let file = names.file(*number);
        if expected.is_some_and(|expected| expected != *number) {
            check.defect(
                &file,
                0,
                format!("the file before it is missing: {}", names.file(number - 1)),
            );
        }
        expected = Some(number + 1);
        let next = (at + 1 < numbers.len()).then(|| names.file(number + 1));
        check.file(&names.path(*number), &file, Some((*number, next)))?;
    }
    check.beginning(&names, numbers.first().copied());
    check.head(&name(&names.head()), head);
    Ok(check.report())
}

/// Checks a chain in a table.
pub(crate) fn rows(table: &mut Table, seal: Seal) -> io::Result<Report> {
    let mut check = Check::new(seal);
    check.chain = Some(table.chain().to_owned());
    let name = table.chain().to_owned();
    // Read first: what is written meanwhile comes after it.
    let head = table.head()?;
    let (mut after, mut number, mut before) = (0, 0, None);
    loop {
        let page = table.page(after)?;
        let Some((last, _)) = page.last() else { break };
        after = *last;
        for (seq, line) in page {
            number += 1;
            before = check.line(&name, number, line.as_bytes(), &None, before);
            if before.as_ref().is_some_and(|frame| frame.seq != seq) {
                check.defect(&name, number, "its number is not that of its row");
            }
        }
    }
    if number == 0 && head.is_none() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "no audit records of this chain"));
    }
    check.report.files = 1;
    if check.origin.is_some_and(|origin| origin != Tip::default()) {
        check.defect(&name, 1, "the beginning is missing");
    }
    let slots = head.iter().map(|head| claimed(&check.seal, head)).collect();
    check.ends_at("head", slots);
    Ok(check.report())
}

/// The files that `path` names, in order.
///
/// # Errors
/// There is nothing, or the folder cannot be read.
pub(crate) fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let names = Names::of(path);
    let numbers = names.existing()?;
    if numbers.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "no audit files of this name"));
    }
    Ok(numbers.into_iter().map(|number| names.path(number)).collect())
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// What is known on the way from line to line.
struct Check {
    seal: Seal,
    report: Report,
    /// The line before; none after one that could not be read, or at the very beginning.
    tip: Option<Tip>,
    /// The hash that the first line follows on.
    origin: Option<Tip>,
    /// The newest lines, which the head may name.
    seen: Vec<Tip>,
    open: BTreeSet<u64>,
    /// Files that were deleted by rule, and their last lines.
    removed: Vec<(String, String)>,
    /// The last line of the last file has no end.
    tail: u64,
    /// The file has another key than we.
    strange: bool,
    /// The chain that it must be, where several share a place.
    chain: Option<String>,
}

impl Check {
    fn new(seal: Seal) -> Check {
        Check {
            seal,
            report: Report::default(),
            tip: None,
            origin: None,
            seen: Vec::new(),
            open: BTreeSet::new(),
            removed: Vec::new(),
            tail: 0,
            strange: false,
            chain: None,
        }
    }

    fn defect(&mut self, file: &str, line: u64, text: impl Into<String>) {
        self.report.defects.push(Defect { file: file.to_owned(), line, text: text.into() });
    }

    /// Reads a file. `place` is its number and the name of the next, if there is one.
    fn file(
        &mut self,
        path: &Path,
        name: &str,
        place: Option<(u64, Option<String>)>,
    ) -> io::Result<()> {
        let mut reader = BufReader::with_capacity(1 << 16, File::open(path)?);
        let mut bytes = Vec::new();
        let (mut number, mut last) = (0, None);
        self.report.files += 1;
        loop {
            bytes.clear();
            let size = reader.read_until(b'\n', &mut bytes)?;
            if size == 0 {
                break;
            }
            number += 1;
            match bytes.strip_suffix(b"\n") {
                Some(line) => last = self.line(name, number, line, &place, last),
                // Only at the very end it may be a write that is not complete.
                None if matches!(place, Some((_, None))) => self.tail = size as u64,
                None => self.defect(name, number, "the line has no end"),
            }
        }
        if let Some((_, Some(next))) = place {
            let named = last.as_ref().and_then(|frame: &Frame| frame.next.as_deref());
            if named != Some(&next) {
                self.defect(name, number, "the end is missing: it does not name the next file");
            }
        }
        Ok(())
    }

    /// The first file that is there must be the first, or the ones before were deleted by rule.
    fn beginning(&mut self, names: &Names, first: Option<u64>) {
        let (Some(first), Some(origin)) = (first, self.origin) else { return };
        let name = names.file(first);
        if first == 1 {
            if origin != Tip::default() {
                self.defect(&name, 1, "the beginning is missing");
            }
            return;
        }
        let hash = String::from_utf8_lossy(&crate::line::hex(&origin.hash)).into_owned();
        let before = (names.file(first - 1), hash);
        if !self.removed.contains(&before) {
            self.defect(&name, 1, format!("the file before it is missing: {}", before.0));
        }
    }

    /// The end must be the one that the head knows.
    fn head(&mut self, name: &str, head: io::Result<Vec<u8>>) {
        let Ok(bytes) = head else {
            self.defect(name, 0, "the file is missing: a cut end would not be noticed");
            return;
        };
        let slots = Head::slots(&self.seal, &bytes).into_iter();
        self.ends_at(name, slots.map(|slot| slot.map(|(tip, _)| tip)).collect());
    }

    /// The end must be the newest of those that are claimed.
    fn ends_at(&mut self, name: &str, slots: Vec<Option<Tip>>) {
        if slots.is_empty() {
            self.defect(name, 0, "it is missing: a cut end would not be noticed");
        }
        if slots.iter().any(Option::is_none) {
            self.defect(name, 0, "it was changed, or has another key");
        }
        let Some(tip) = slots.into_iter().flatten().max_by_key(|tip| tip.seq) else {
            return;
        };
        self.report.ended = true;
        if tip.seq > self.report.last {
            let text =
                format!("lines {} to {} are missing at the end", self.report.last + 1, tip.seq);
            self.defect(name, 0, text);
        } else if tip.seq > 0 && !self.seen.contains(&tip) {
            self.defect(name, 0, format!("line {} is not the one that was written", tip.seq));
        }
    }

    fn report(mut self) -> Report {
        self.report.torn = self.tail;
        self.report.open = self.open.into_iter().collect();
        self.report
    }
}
