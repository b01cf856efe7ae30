//! What did this caller do? Records, each an intent and its outcome together.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::record::{Decision, Status};
use crate::sink::Table;
use crate::stamp::stamp;
use crate::verify::files;

/// One request, as recorded.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// What was wanted.
    #[serde(flatten)]
    pub wish: Wish,
    /// What became of it; none if that is not recorded (yet).
    #[serde(flatten)]
    pub end: Option<End>,
}

/// What a request wanted. What was not known is left out.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields of `Intent`, under their names in the files")]
pub struct Wish {
    /// The line of the intent.
    pub seq: u64,
    /// When it came (RFC 3339, UTC).
    pub time: String,
    /// The principal: the name under which everything of this caller is kept.
    pub caller: String,
    pub subject: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    pub proof: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub toolset: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    pub method: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arguments_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arguments_sha256: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub arguments_redacted: BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catalog: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requester: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approver: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
}

/// What became of a request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields of `Outcome`, under their names in the files")]
pub struct End {
    pub decision: Decision,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub redacted: BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
    pub attempts: u32,
    pub outcome: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub request_bytes: u64,
    pub reply_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_us: Option<u64>,
}

/// Which records are wanted: those that fit everything that is said.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// The principal or the subject.
    pub caller: Option<String>,
    /// The organisation.
    pub tenant: Option<String>,
    /// The tool, prompt or resource.
    pub tool: Option<String>,
    /// The server.
    pub upstream: Option<String>,
    /// The toolset.
    pub toolset: Option<String>,
    /// How it ended.
    pub outcome: Option<Status>,
    /// What was decided.
    pub decision: Option<Decision>,
    /// The trace.
    pub trace: Option<String>,
    /// The approval: its steps, and the calls that it is about.
    pub approval: Option<String>,
    /// Not before this moment.
    pub since: Option<SystemTime>,
    /// Before this moment.
    pub until: Option<SystemTime>,
}

impl Filter {
    /// Whether a record is wanted.
    pub fn fits(&self, entry: &Entry) -> bool {
        let is = |wanted: &Option<String>, found: Option<&String>| {
            wanted.as_ref().is_none_or(|wanted| found == Some(wanted))
        };
        let (wish, end) = (&entry.wish, entry.end.as_ref());
        is(&self.tenant, wish.tenant.as_ref())
            && is(&self.tool, wish.tool.as_ref())
            && is(&self.toolset, wish.toolset.as_ref())
            && is(&self.trace, wish.trace.as_ref())
            && (is(&self.approval, wish.approval.as_ref())
                || is(&self.approval, end.and_then(|end| end.consent.as_ref())))
            && is(&self.upstream, end.and_then(|end| end.upstream.as_ref()))
            && (is(&self.caller, Some(&wish.caller)) || is(&self.caller, Some(&wish.subject)))
            && self.outcome.is_none_or(|wanted| end.is_some_and(|end| end.outcome == wanted))
            && self.decision.is_none_or(|wanted| end.is_some_and(|end| end.decision == wanted))
            // Stamps sort as text.
            && self.since.is_none_or(|since| wish.time >= stamp(since))
            && self.until.is_none_or(|until| wish.time < stamp(until))
    }
}

/// The records that fit, in the order in which they ended; then those that have not.
///
/// # Errors
/// There are no files of this name.
pub fn query(path: &Path, filter: Filter) -> io::Result<Entries> {
    let files = files(path)?.into();
    Ok(Entries::of(Source::Files { files, reader: None }, filter))
}

/// Where lines come from.
enum Source {
    Files { files: VecDeque<PathBuf>, reader: Option<(PathBuf, BufReader<File>)> },
    Table { table: Table, page: VecDeque<(u64, String)>, after: u64 },
}

/// Records, read as they are asked for. A line that cannot be read is an error of its own, after
/// which the next follows.
pub struct Entries {
    source: Source,
    open: HashMap<u64, Wish>,
    /// At the end: what has no outcome.
    rest: VecDeque<Entry>,
    filter: Filter,
}

#[derive(Deserialize)]
struct Kind {
    kind: String,
    of: Option<u64>,
}

impl Entries {
    fn of(source: Source, filter: Filter) -> Entries {
        Entries { source, open: HashMap::new(), rest: VecDeque::new(), filter }
    }

    pub(crate) fn of_table(table: Table, filter: Filter) -> Entries {
        Entries::of(Source::Table { table, page: VecDeque::new(), after: 0 }, filter)
    }

    /// The record that a line completes.
    fn complete(&mut self, line: &[u8]) -> serde_json::Result<Option<Entry>> {
        let Kind { kind, of } = serde_json::from_slice(line)?;
        match kind.as_str() {
            "event" => {
                let end = Some(serde_json::from_slice::<End>(line)?);
                Ok(Some(Entry { wish: serde_json::from_slice(line)?, end }))
            }
            "intent" => {
                let wish: Wish = serde_json::from_slice(line)?;
                self.open.insert(wish.seq, wish);
                Ok(None)
            }
            "outcome" => {
                let end = Some(serde_json::from_slice::<End>(line)?);
                let wish = of.and_then(|of| self.open.remove(&of));
                Ok(wish.map(|wish| Entry { wish, end }))
            }
            _ => Ok(None),
        }
    }
}

impl Source {
    /// The next line; none at the end.
    fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        match self {
            Source::Files { files, reader } => file_line(files, reader),
            Source::Table { table, page, after } => {
                if page.is_empty() {
                    *page = table.page(*after)?.into();
                }
                let next = page.pop_front();
                *after = next.as_ref().map_or(*after, |(seq, _)| *seq);
                Ok(next.map(|(_, line)| line.into_bytes()))
            }
        }
    }

    fn place(&self) -> String {
        match self {
            Source::Files { reader: Some((path, _)), .. } => path.display().to_string(),
            Source::Files { .. } => String::new(),
            Source::Table { after, .. } => format!("row {after}"),
        }
    }

    /// Reads nothing more.
    fn give_up(&mut self) {
        *self = Source::Files { files: VecDeque::new(), reader: None };
    }
}

fn file_line(
    files: &mut VecDeque<PathBuf>,
    reader: &mut Option<(PathBuf, BufReader<File>)>,
) -> io::Result<Option<Vec<u8>>> {
    loop {
        if reader.is_none() {
            let Some(path) = files.pop_front() else { return Ok(None) };
            let file = File::open(&path)?;
            *reader = Some((path, BufReader::with_capacity(1 << 16, file)));
        }
        let Some((_, open)) = reader else { return Ok(None) };
        let mut line = Vec::new();
        let read = open.read_until(b'\n', &mut line);
        if !matches!(read, Ok(size) if size > 0) {
            *reader = None;
            read?;
            continue;
        }
        // A line without its end is a write that was never acknowledged.
        if line.ends_with(b"\n") {
            return Ok(Some(line));
        }
    }
}

impl Iterator for Entries {
    type Item = io::Result<Entry>;

    fn next(&mut self) -> Option<io::Result<Entry>> {
        loop {
            let line = match self.source.line() {
                Ok(Some(line)) => line,
                Ok(None) => break,
                Err(error) => {
                    // A database that fails would fail forever; of files the next is read.
                    if matches!(self.source, Source::Table { .. }) {
                        self.source.give_up();
                    }
                    return Some(Err(error));
                }
            };
            match self.complete(&line) {
                Ok(Some(entry)) if self.filter.fits(&entry) => return Some(Ok(entry)),
                Ok(_) => {}
                Err(error) => {
                    let text = format!("{}: {error}", self.source.place());
                    return Some(Err(io::Error::new(io::ErrorKind::InvalidData, text)));
                }
            }
        }
        if !self.open.is_empty() {
            let mut rest: Vec<_> =
                self.open.drain().map(|(_, wish)| Entry { wish, end: None }).collect();
            rest.retain(|entry| self.filter.fits(entry));
            rest.sort_by_key(|entry| entry.wish.seq);
            self.rest = rest.into();
        }
        self.rest.pop_front().map(Ok)
    }
}
