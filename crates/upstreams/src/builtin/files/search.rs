//! The tool `search_files`.

use std::ops::ControlFlow;

use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;
use serde_json::{Value, json};
use toolgate_folder::{Content, End, Entry, Kind, Place, Source, Walk};

use super::{
    failure::{Failure, place},
    list::{Pattern, between, unlisted},
    media,
    text::{self, Reached},
};

pub(super) const LIMIT: usize = 50;
pub(super) const LIMIT_MAX: usize = 200;
pub(super) const QUERY_MAX: usize = 500;
/// How much is searched in one file, and in one call. Time is bounded besides.
const FILE: u64 = 32 << 20;
const TOTAL: u64 = 256 << 20;
/// How much of a line is shown around a match.
const SHOWN: usize = 240;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    query: String,
    #[serde(default)]
    path: String,
    pattern: Option<String>,
    #[serde(default)]
    regex: bool,
    #[serde(default)]
    case_sensitive: bool,
    #[serde(default = "limit")]
    limit: usize,
}

fn limit() -> usize {
    LIMIT
}

pub(super) fn run(source: &Source, input: &Input) -> Result<Value, Failure> {
    let folder = place(&input.path)?;
    let pattern = input.pattern.as_deref().map(Pattern::parse).transpose()?;
    between("limit", input.limit, LIMIT_MAX)?;
    let mut search = Search::new(regex(input)?, input.limit);

    if let Ok(file) = source.file(&folder) {
        search.file(&folder, file, &Walk::new(source, false, None));
        return Ok(search.answer());
    }
    let mut walk = Walk::new(source, true, None);
    let end = walk.run(&folder, &mut |walk, place, Entry { kind, .. }| {
        let wanted = pattern.as_ref().is_none_or(|pattern| pattern.matches(place, &folder));
        if matches!(kind, Kind::Folder { .. }) || !wanted {
            return ControlFlow::Continue(());
        }
        search.place(source, place, walk)
    });
    let end = end.map_err(|error| unlisted(source, &folder, &error))?;
    if end == End::Spent {
        search.stopped = Some(Stopped::Spent);
    }
    Ok(search.answer())
}

fn regex(input: &Input) -> Result<Regex, Failure> {
    between("the length of query", input.query.len(), QUERY_MAX)?;
    let escaped = if input.regex { input.query.clone() } else { regex::escape(&input.query) };
    // Matching takes time in proportion to the line and to the compiled expression, which is
    // bounded here; the deadline is looked at between lines.
    RegexBuilder::new(&escaped)
        .case_insensitive(!input.case_sensitive)
        .size_limit(256 << 10)
        .dfa_size_limit(1 << 20)
        .build()
        .map_err(|error| Failure(format!("query is no valid regular expression: {error}")))
}

/// Why not everything was searched.
#[derive(Clone, Copy)]
enum Stopped {
    Matches,
    Spent,
}

struct Found {
    path: String,
    line: u64,
    text: String,
}

struct Search {
    regex: Regex,
    limit: usize,
    found: Vec<Found>,
    files: usize,
    /// Files that could not be read, or not to their end.
    unfinished: usize,
    bytes: u64,
    stopped: Option<Stopped>,
}

impl Search {
    fn new(regex: Regex, limit: usize) -> Self {
        Self { regex, limit, found: Vec::new(), files: 0, unfinished: 0, bytes: 0, stopped: None }
    }

    fn place(&mut self, source: &Source, place: &Place, walk: &Walk<'_>) -> ControlFlow<End> {
        match source.file(place) {
            Ok(content) => self.file(place, content, walk),
            Err(_) => self.unfinished += 1,
        }
        if self.stopped.is_none() && self.bytes > TOTAL {
            self.stopped = Some(Stopped::Spent);
        }
        if self.stopped.is_some() {
            ControlFlow::Break(End::Enough)
        } else {
            ControlFlow::Continue(())
        }
    }

    fn file(&mut self, place: &Place, content: Content, walk: &Walk<'_>) {
        self.bytes += content.size.min(FILE);
        let reached = text::lines(content.bytes, FILE, &mut |line| {
            if line.number % 16 == 0 && walk.is_late() {
                self.stopped = Some(Stopped::Spent);
                return ControlFlow::Break(());
            }
            let Some(at) = self.regex.find(line.bytes) else { return ControlFlow::Continue(()) };
            if self.found.len() == self.limit {
                self.stopped = Some(Stopped::Matches);
                return ControlFlow::Break(());
            }
            let text = excerpt(line.bytes, at.start());
            self.found.push(Found { path: place.as_str().to_owned(), line: line.number, text });
            ControlFlow::Continue(())
        });
        match reached {
            Ok(Reached::Binary) => {}
            Ok(Reached::End(_) | Reached::Stop) => self.files += 1,
            Ok(Reached::Limit) | Err(_) => self.unfinished += 1,
        }
    }

    fn answer(self) -> Value {
        let mut lines: Vec<_> =
            self.found.iter().map(|f| format!("{}:{}: {}", f.path, f.line, f.text)).collect();
        lines.extend(self.notes());
        let rows: Vec<_> = self
            .found
            .iter()
            .map(|f| json!({ "path": f.path, "line": f.line, "text": f.text }))
            .collect();
        json!({
            "content": [{ "type": "text", "text": lines.join("\n") }],
            "structuredContent": {
                "matches": rows,
                "files_searched": self.files,
                "complete": self.stopped.is_none() && self.unfinished == 0,
            },
        })
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let files = self.files;
        if self.found.is_empty() {
            notes.push(format!("No match in {files} text files."));
        }
        match self.stopped {
            Some(Stopped::Matches) => notes.push(format!(
                "There are more matches than {}; narrow query, path or pattern.",
                self.limit
            )),
            Some(Stopped::Spent) => notes.push(format!(
                "The search was stopped after {files} files; narrow path or pattern."
            )),
            None => {}
        }
        if self.unfinished > 0 {
            let limit = media::size(FILE);
            notes.push(format!(
                "{} files could not be read, or not beyond their first {limit}.",
                self.unfinished
            ));
        }
        notes
    }
}

/// The line, or what is around byte `at` of a long one.
fn excerpt(line: &[u8], at: usize) -> String {
    if line.len() <= SHOWN {
        return String::from_utf8_lossy(line).trim().to_owned();
    }
    let start = boundary(line, at.saturating_sub(SHOWN / 3));
    let end = boundary(line, (start + SHOWN).min(line.len()));
    let before = if start > 0 { "…" } else { "" };
    let behind = if end < line.len() { "…" } else { "" };
    format!("{before}{}{behind}", String::from_utf8_lossy(&line[start..end]).trim())
}

/// The start of the character that `at` lies in, in UTF-8.
fn boundary(line: &[u8], at: usize) -> usize {
    let is_inside = |at: &usize| line.get(*at).is_some_and(|byte| byte & 0xc0 == 0x80);
    (at.saturating_sub(3)..=at).rev().find(|at| !is_inside(at)).unwrap_or(at)
}
