//! Which line is the newest: a small file beside the others, so that a cut end is noticed.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use serde::Deserialize;

use crate::chain::{Seal, Tip};
use crate::line::{Line, unhex};

/// Bytes of a slot. There are two, written in turn: a torn write leaves the other one.
const SLOT: usize = 256;

/// Slots of the file.
const SLOTS: usize = 2;

/// The open file. Whoever has it holds its lock: two processes would tear the chain apart.
pub(crate) struct Head {
    file: File,
    seal: Seal,
    turn: u64,
}

#[derive(Deserialize)]
struct Said {
    head: u64,
    last: String,
    file: u64,
}

impl Head {
    /// Opens the file, empty if there was none.
    ///
    /// # Errors
    /// It cannot be opened, or another process has it.
    pub(crate) fn open(path: &Path, seal: Seal) -> io::Result<Head> {
        let mut options = OpenOptions::new();
        let file =
            options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
            io::Error::other(format!("{} is in use by another process", path.display()))
        })?;
        Ok(Head { file, seal, turn: 0 })
    }

    /// What the newest good slot says: the newest line and the number of its file.
    pub(crate) fn read(&mut self) -> io::Result<Option<(Tip, u64)>> {
        let mut text = Vec::new();
        (&self.file).take(4096).read_to_end(&mut text)?;
        let slots = text.chunks(SLOT).zip(0..).take(SLOTS);
        let good = slots.filter_map(|(bytes, at)| Some((slot(&self.seal, bytes)?, at)));
        let Some((newest, at)) = good.max_by_key(|((tip, _), _)| tip.seq) else { return Ok(None) };
        // The next write must not touch the only slot that is surely good.
        self.turn = 1 - at;
        Ok(Some(newest))
    }

    /// Writes both slots, where none is good.
    pub(crate) fn begin(&mut self, tip: &Tip, file: u64) -> io::Result<()> {
        self.file.set_len(0)?;
        self.write(tip, file)?;
        self.write(tip, file)?;
        self.file.sync_data()
    }

    /// Writes the slot whose turn it is.
    pub(crate) fn write(&mut self, tip: &Tip, file: u64) -> io::Result<()> {
        let text = said(&self.seal, tip, file);
        self.file.write_all_at(text.as_bytes(), self.turn * SLOT as u64)?;
        self.turn = 1 - self.turn;
        Ok(())
    }

    /// Its slots, good or not; a file of another length has none.
    pub(crate) fn slots(seal: &Seal, bytes: &[u8]) -> Vec<Option<(Tip, u64)>> {
        if bytes.len() != SLOT * SLOTS {
            return vec![None; SLOTS];
        }
        bytes.chunks(SLOT).map(|bytes| slot(seal, bytes)).collect()
    }
}

/// What is said of the newest line.
pub(super) fn claim(seal: &Seal, tip: &Tip, file: u64) -> String {
    let mut out = String::with_capacity(SLOT);
    out.push('{');
    let mut line = Line(&mut out);
    line.number("head", tip.seq);
    line.hash("last", &tip.hash);
    line.number("file", file);
    let check = seal.hash(line.0.as_bytes());
    line.hash("check", &check);
    out.push('}');
    out
}

/// The newest line that a text claims, if each of its bytes is as we would have written it.
pub(crate) fn claimed(seal: &Seal, text: &str) -> Option<Tip> {
    let (tip, file) = read(text.as_bytes())?;
    (claim(seal, &tip, file) == text).then_some(tip)
}

fn read(bytes: &[u8]) -> Option<(Tip, u64)> {
    let said: Said = serde_json::from_slice(bytes).ok()?;
    Some((Tip { seq: said.head, hash: unhex(said.last.as_bytes())? }, said.file))
}

fn said(seal: &Seal, tip: &Tip, file: u64) -> String {
    format!("{:<width$}\n", claim(seal, tip, file), width = SLOT - 1)
}

/// What a slot says, if each of its bytes is as we would have written it.
fn slot(seal: &Seal, bytes: &[u8]) -> Option<(Tip, u64)> {
    let (tip, file) = read(bytes)?;
    (said(seal, &tip, file).as_bytes() == bytes).then_some((tip, file))
}
