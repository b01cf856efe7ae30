//! Where did the last process stop?

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::time::SystemTime;

use serde::Deserialize;

use crate::chain::{Tip, unsealed};
use crate::stamp::moment;

/// What of a line belongs to the chain and the files, not to the record.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Frame {
    pub seq: u64,
    pub kind: String,
    pub time: String,
    pub prev: String,
    /// Of an outcome: the line of its intent.
    pub of: Option<u64>,
    /// Of a header: the number of the file.
    pub number: Option<u64>,
    /// Of a header: the chain, where several share a place.
    pub chain: Option<String>,
    /// Of a header: how lines are hashed, and with which key.
    pub method: Option<String>,
    pub key: Option<String>,
    /// Of a header: intents of earlier files that had no outcome yet.
    pub open: Option<Vec<u64>>,
    /// Of the last line of a file: the next one.
    pub next: Option<String>,
    /// Of a removal: which file, and its last line.
    pub file: Option<String>,
    pub last: Option<String>,
    /// Of a start: whether the end of the chain was known.
    pub head: Option<String>,
    /// Of a count of what has no record: how many were refused as there was none to be had, how
    /// many went on, how many were refused and only counted.
    pub unrecorded: Option<u64>,
    pub waived: Option<u64>,
    pub counted: Option<u64>,
}

/// What the newest file says.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub tip: Tip,
    /// Bytes of complete lines.
    pub length: u64,
    /// Bytes after them.
    pub torn: u64,
    /// Intents without an outcome.
    pub open: BTreeSet<u64>,
    /// When the file was begun.
    pub born: Option<SystemTime>,
    /// The key of the file.
    pub key: Option<String>,
    /// Whether the file ends in the name of the next one.
    pub ended: bool,
}

impl Recovered {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn read(path: &Path) -> io::Result<Recovered> {
        let mut reader = BufReader::with_capacity(1 << 16, File::open(path)?);
        let mut found = Recovered {
            tip: Tip::default(),
            length: 0,
            torn: 0,
            open: BTreeSet::new(),
            born: None,
            key: None,
            ended: false,
        };
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            let size = reader.read_until(b'\n', &mut bytes)? as u64;
            let Some(line) = bytes.strip_suffix(b"\n") else {
                found.torn = size;
                return Ok(found);
            };
            found.length += size;
            found.take(line);
        }
    }

    /// A line that is none of ours counts for nothing here; verification will name it.
    fn take(&mut self, line: &[u8]) {
        let Ok(frame) = serde_json::from_slice::<Frame>(line) else { return };
        let Some((_, hash)) = unsealed(line) else { return };
        self.tip = Tip { seq: frame.seq, hash };
        self.ended = frame.kind == "next";
        match frame.kind.as_str() {
            "file" => {
                self.born = moment(&frame.time);
                self.key = frame.key;
                self.open.extend(frame.open.into_iter().flatten());
            }
            "intent" => {
                self.open.insert(frame.seq);
            }
            "outcome" => {
                self.open.remove(&frame.of.unwrap_or_default());
            }
            _ => {}
        }
    }
}
