//! The same lines as rows of a database: the chain is in their text, the columns are an index.

use std::io;

use super::head::{claim, claimed};
use super::{Found, Frame, Sink, Table};
use crate::chain::{Seal, Tip, unsealed};

/// One line as a row.
#[cfg_attr(not(feature = "tables"), expect(dead_code, reason = "there is no table to read them"))]
pub(super) struct Row {
    pub seq: i64,
    pub kind: String,
    /// Of an outcome: the line of its intent.
    pub of: Option<i64>,
    pub line: String,
}

/// What is stored at once, all or nothing.
#[cfg_attr(not(feature = "tables"), expect(dead_code, reason = "there is no table to read them"))]
pub(super) struct Batch {
    pub rows: Vec<Row>,
    /// The head before.
    pub before: Option<String>,
    /// The head after.
    pub head: String,
}

/// A table that the writer adds to.
///
/// Whether a batch was stored cannot be told when the connection breaks before the answer. Such a
/// batch is owed: it is stored before anything else is, unless it is there already.
pub(crate) struct Rows {
    table: Table,
    seal: Seal,
    /// Whether the end of the chain has been looked for.
    ready: bool,
    empty: bool,
    /// The head as it was stored last.
    head: Option<String>,
    pending: Vec<Row>,
    owed: Option<Batch>,
}

impl Rows {
    pub(crate) fn new(table: Table, seal: Seal) -> Rows {
        Rows {
            table,
            seal,
            ready: false,
            empty: false,
            head: None,
            pending: Vec::new(),
            owed: None,
        }
    }

    /// Where the last process stopped.
    fn end(&mut self) -> io::Result<Found> {
        let newest = self.table.newest()?.and_then(|line| tip(&line)).unwrap_or_default();
        self.head = self.table.head()?;
        let known = self.head.as_deref().map(|text| claimed(&self.seal, text));
        if known == Some(None) {
            return Err(io::Error::other(
                "the chain has another key (give the old one, or begin another chain)",
            ));
        }
        let known = known.flatten();
        self.empty = newest == Tip::default();
        Ok(Found {
            open: self.table.open()?,
            torn: 0,
            lost: known.map_or(0, |known| known.seq.saturating_sub(newest.seq)),
            // The gap stays visible: the next row follows on one that is not there.
            tip: known.filter(|known| known.seq > newest.seq).unwrap_or(newest),
            head: match (self.empty, known) {
                (_, Some(_)) => "known",
                (true, None) => "new",
                (false, None) => "missing",
            },
        })
    }
}

fn tip(line: &str) -> Option<Tip> {
    let frame: Frame = serde_json::from_str(line).ok()?;
    let (_, hash) = unsealed(line.as_bytes())?;
    Some(Tip { seq: frame.seq, hash })
}

fn row(line: &str) -> io::Result<Row> {
    let frame: Frame = serde_json::from_str(line)?;
    let number = |number: u64| i64::try_from(number).map_err(io::Error::other);
    Ok(Row {
        seq: number(frame.seq)?,
        kind: frame.kind,
        of: frame.of.map(number).transpose()?,
        line: line.to_owned(),
    })
}

impl Sink for Rows {
    fn ready(&mut self) -> io::Result<Option<Found>> {
        if let Some(owed) = &self.owed {
            self.table.store_once(owed)?;
            self.head = self.owed.take().map(|owed| owed.head);
            self.empty = false;
        }
        if self.ready {
            return Ok(None);
        }
        let found = self.end()?;
        self.ready = true;
        Ok(Some(found))
    }

    fn chain(&self) -> Option<&str> {
        Some(self.table.chain())
    }

    fn fresh(&mut self) -> Option<u64> {
        self.empty.then_some(1)
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let text = std::str::from_utf8(lines).map_err(io::Error::other)?;
        self.pending = text.lines().map(row).collect::<io::Result<_>>()?;
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.table.sync()
    }

    fn undo(&mut self) -> bool {
        self.owed.is_none()
    }

    fn settle(&mut self, tip: &Tip) -> io::Result<()> {
        let head = claim(&self.seal, tip, 1);
        let batch =
            Batch { rows: std::mem::take(&mut self.pending), before: self.head.clone(), head };
        if let Err(error) = self.table.store(&batch) {
            self.owed = Some(batch);
            return Err(error);
        }
        self.head = Some(batch.head);
        self.empty = false;
        Ok(())
    }
}
