//! A series of files, each of which names the next.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::time::{Duration, SystemTime};

use super::head::Head;
use super::recover::Recovered;
use super::{Found, Sink};
use crate::chain::{Seal, Tip};
use crate::config::FileRules;
use crate::names::Names;

/// The newest file of a series.
pub(crate) struct Files {
    names: Names,
    size: u64,
    age: Option<Duration>,
    keep: Option<usize>,
    head: Head,
    number: u64,
    file: Option<File>,
    /// Bytes that count; whatever follows them is the rest of a failed write.
    length: u64,
    /// Bytes before the newest lines.
    before: u64,
    tainted: bool,
    born: SystemTime,
}

impl Files {
    /// Opens the newest file of the series, or the first.
    ///
    /// # Errors
    /// Files cannot be read or written, another process has them, or they have another key.
    pub(crate) fn open(rules: &FileRules, seal: &Seal) -> io::Result<(Files, Found)> {
        let names = Names::of(&rules.path);
        let mut head = Head::open(&names.head(), seal.clone())?;
        let known = head.read()?;
        let newest = names.existing()?.last().copied();
        let (found, recovered, number) = match newest {
            Some(number) => {
                let recovered = recovered(&names, number, seal)?;
                (found(&recovered, known), Some(recovered), number)
            }
            None => (none_found(known), None, known.map_or(1, |(_, file)| file + 1)),
        };
        let mut files = Files {
            names,
            size: rules.rotate_size.bytes() as u64,
            age: rules.rotate_age.map(|age| age.duration()),
            keep: rules.keep,
            head,
            number,
            file: None,
            length: recovered.as_ref().map_or(0, |recovered| recovered.length),
            before: 0,
            // What a crash left of a line is cut off before the next is written.
            tainted: found.torn > 0,
            born: recovered.as_ref().and_then(|it| it.born).unwrap_or_else(SystemTime::now),
        };
        if recovered.is_some_and(|recovered| recovered.ended) {
            files.turn();
        }
        if known.is_none() {
            files.head.begin(&found.tip, files.number)?;
        }
        Ok((files, found))
    }

    fn file(&mut self) -> io::Result<&File> {
        if self.file.is_none() {
            let mut options = OpenOptions::new();
            let path = self.names.path(self.number);
            let file = options.write(true).create(true).truncate(false).mode(0o600).open(path)?;
            // The name must survive a crash of the machine too.
            File::open(self.names.folder())?.sync_all()?;
            self.file = Some(file);
        }
        self.file.as_ref().ok_or_else(|| io::Error::other("no file"))
    }

    fn add(&mut self, lines: &[u8]) -> io::Result<()> {
        let (length, tainted) = (self.length, self.tainted);
        let file = self.file()?;
        if tainted {
            file.set_len(length)?;
        }
        file.write_all_at(lines, length)
    }
}

/// The newest file, or the one before it if a crash left it without a line.
fn recovered(names: &Names, number: u64, seal: &Seal) -> io::Result<Recovered> {
    let mut recovered = Recovered::read(&names.path(number))?;
    if recovered.tip == Tip::default() && number > 1 && names.path(number - 1).exists() {
        let before = Recovered::read(&names.path(number - 1))?;
        let torn = recovered.length + recovered.torn;
        recovered = Recovered { length: 0, torn, ended: false, born: None, ..before };
    }
    let named = recovered.tip != Tip::default();
    if named && recovered.key.as_deref() != seal.key() {
        return Err(io::Error::other(format!(
            "{} has another key (move the files away, or write to another path)",
            names.path(number).display()
        )));
    }
    Ok(recovered)
}

fn found(recovered: &Recovered, known: Option<(Tip, u64)>) -> Found {
    let mut found = Found {
        tip: recovered.tip,
        open: recovered.open.iter().copied().collect(),
        torn: recovered.torn,
        lost: 0,
        head: if known.is_some() { "known" } else { "missing" },
    };
    if let Some((tip, _)) = known.filter(|(tip, _)| tip.seq > recovered.tip.seq) {
        found.lost = tip.seq - recovered.tip.seq;
        // The gap stays visible: the next line follows on one that is not there.
        found.tip = tip;
    }
    found
}

fn none_found(known: Option<(Tip, u64)>) -> Found {
    let tip = known.map(|(tip, _)| tip).unwrap_or_default();
    let head = if known.is_some() { "known" } else { "new" };
    Found { tip, open: Vec::new(), torn: 0, lost: tip.seq, head }
}

impl Sink for Files {
    fn fresh(&mut self) -> Option<u64> {
        (self.length == 0).then_some(self.number)
    }

    fn due(&self, now: SystemTime) -> Option<String> {
        let old = |age| now.duration_since(self.born).is_ok_and(|since| since >= age);
        let due = self.length >= self.size || self.age.is_some_and(old);
        (due && self.length > 0).then(|| self.names.file(self.number + 1))
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        match self.add(lines) {
            Ok(()) => {
                self.tainted = false;
                self.before = self.length;
                self.length += lines.len() as u64;
                Ok(())
            }
            Err(error) => {
                self.tainted = true;
                // At once if it can be, so that a crash does not leave it; else before the next.
                if let Some(file) = &self.file {
                    let _ = file.set_len(self.length);
                }
                Err(error)
            }
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file()?.sync_data()
    }

    fn undo(&mut self) -> bool {
        self.length = self.before;
        self.tainted = true;
        if let Some(file) = &self.file {
            let _ = file.set_len(self.length);
        }
        true
    }

    fn settle(&mut self, tip: &Tip) -> io::Result<()> {
        self.head.write(tip, self.number)
    }

    fn turn(&mut self) {
        self.number += 1;
        self.file = None;
        self.length = 0;
        self.before = 0;
        self.tainted = false;
        self.born = SystemTime::now();
    }

    fn surplus(&mut self) -> Option<(String, Tip)> {
        let existing = self.names.existing().ok()?;
        let oldest =
            *existing.first().filter(|_| existing.len() > self.keep.unwrap_or(usize::MAX))?;
        let tip = Recovered::read(&self.names.path(oldest)).ok()?.tip;
        Some((self.names.file(oldest), tip))
    }

    fn remove(&mut self) -> io::Result<()> {
        match self.names.existing()?.first() {
            Some(oldest) if *oldest != self.number => {
                std::fs::remove_file(self.names.path(*oldest))
            }
            _ => Ok(()),
        }
    }
}
