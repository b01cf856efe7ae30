//! The tool `search_files`.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;
use serde_json::{Value, json};
use toolgate_folder::{Bounds, Content, End, Entry, Kind, Place, Walk};

use crate::Tell;
use crate::address::place;
use crate::failure::Failure;
use crate::list::{Pattern, between};
use crate::media;
use crate::page::unlisted;
use crate::text::{self, Line, Reached};
use crate::view::View;

pub(crate) const LIMIT: usize = 50;
pub(crate) const LIMIT_MAX: usize = 200;
pub(crate) const QUERY_MAX: usize = 500;
/// How much is searched in one file, and in one call. Time is bounded besides.
const FILE: u64 = 32 << 20;
const TOTAL: u64 = 256 << 20;
/// How much one call visits, and how long it takes.
const BOUNDS: Bounds = Bounds { entries: 200_000, time: Duration::from_secs(8) };
/// How often the client hears how far it is.
const TOLD: Duration = Duration::from_millis(500);
/// Lines shown before and after each match, at most.
pub(crate) const CONTEXT: usize = 5;
/// How much of a line is shown around a match.
const SHOWN: usize = 240;
/// After how many bytes the clock is looked at: an expression may take long for each.
const LOOK: usize = 4 << 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    query: String,
    #[serde(default)]
    path: String,
    pattern: Option<String>,
    #[serde(default)]
    regex: bool,
    #[serde(default)]
    case_sensitive: bool,
    #[serde(default)]
    context: usize,
    #[serde(default = "limit")]
    limit: usize,
}

fn limit() -> usize {
    LIMIT
}

pub(crate) fn run(view: &View, input: &Input, tell: &Tell) -> Result<Value, Failure> {
    let folder = place(&input.path)?;
    let pattern = input.pattern.as_deref().map(Pattern::parse).transpose()?;
    between("limit", input.limit, LIMIT_MAX)?;
    if input.context > CONTEXT {
        let given = input.context;
        return Err(Failure::told(format!("context must be between 0 and {CONTEXT}, not {given}")));
    }
    let mut search = Search::new(regex(input)?, input);

    if let Ok(file) = view.file(&folder) {
        search.file(&folder, file, &Walk::within(view, false, None, BOUNDS));
        return Ok(search.answer());
    }
    let mut walk = Walk::within(view, true, None, BOUNDS);
    let mut told = Instant::now();
    let end = walk.run(&folder, &mut |walk, place, Entry { kind, .. }| {
        let wanted = pattern.as_ref().is_none_or(|pattern| pattern.matches(place, &folder));
        if matches!(kind, Kind::Folder { .. }) || !wanted {
            return ControlFlow::Continue(());
        }
        if told.elapsed() > TOLD {
            told = Instant::now();
            tell(search.files);
        }
        search.place(view, place, walk)
    });
    let end = end.map_err(|error| unlisted(view, &folder, &error))?;
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
        .map_err(|error| Failure::told(format!("query is no valid regular expression: {error}")))
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
    before: Vec<String>,
    after: Vec<String>,
}

struct Search {
    regex: Regex,
    limit: usize,
    /// Lines shown before and after each match.
    context: usize,
    found: Vec<Found>,
    files: usize,
    /// Files that could not be read, or not wholly.
    unfinished: usize,
    bytes: u64,
    stopped: Option<Stopped>,
}

impl Search {
    fn new(regex: Regex, input: &Input) -> Self {
        Self {
            regex,
            limit: input.limit,
            context: input.context,
            found: Vec::new(),
            files: 0,
            unfinished: 0,
            bytes: 0,
            stopped: None,
        }
    }

    fn place(&mut self, view: &View, place: &Place, walk: &Walk<'_>) -> ControlFlow<End> {
        match view.file(place) {
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
        let mut around = Around::new(self.found.len(), self.context);
        let (mut unlooked, mut is_cut) = (0, false);
        let reached = text::lines(content.bytes, FILE, &mut |line| {
            unlooked += line.bytes.len() + 1;
            if unlooked > LOOK {
                unlooked = 0;
                if walk.is_late() {
                    self.stopped = Some(Stopped::Spent);
                    return ControlFlow::Break(());
                }
            }
            around.follow(&mut self.found, &line);
            is_cut |= line.cut;
            let at = self.regex.find(line.bytes);
            if self.found.len() == self.limit {
                if at.is_some() {
                    self.stopped = Some(Stopped::Matches);
                }
                // What follows the last match is still to be shown.
                let is_done = self.stopped.is_some() && !around.is_owed(&self.found, &line);
                return if is_done { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
            }
            if let Some(at) = at {
                self.found.push(Found {
                    path: place.as_str().to_owned(),
                    line: line.number,
                    text: excerpt(line.bytes, at.start()),
                    before: around.before(),
                    after: Vec::new(),
                });
            }
            around.remember(&line);
            ControlFlow::Continue(())
        });
        match reached {
            Ok(Reached::Binary) => {}
            Ok(Reached::End(_) | Reached::Stop) => {
                self.files += 1;
                self.unfinished += usize::from(is_cut);
            }
            Ok(Reached::Limit) | Err(_) => self.unfinished += 1,
        }
    }

    fn answer(self) -> Value {
        let mut lines: Vec<_> = self.found.iter().map(shown).collect();
        lines.extend(self.notes());
        let rows: Vec<_> = self
            .found
            .iter()
            .map(|f| {
                let mut row = json!({ "path": f.path, "line": f.line, "text": f.text });
                if self.context > 0 {
                    row["before"] = json!(f.before);
                    row["after"] = json!(f.after);
                }
                row
            })
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
            let (file, line) = (media::size(FILE), media::size(text::LINE as u64));
            notes.push(format!(
                "{} files could not be read, or not wholly: the first {file} of a file are searched, and of a line the first {line}.",
                self.unfinished
            ));
        }
        notes
    }
}

/// The lines around matches in one file.
struct Around {
    /// How many matches there were before this file.
    first: usize,
    size: usize,
    last: VecDeque<String>,
}

impl Around {
    fn new(first: usize, size: usize) -> Around {
        Around { first, size, last: VecDeque::new() }
    }

    /// Gives the line to the matches before it.
    fn follow(&self, found: &mut [Found], line: &Line<'_>) {
        if self.size == 0 {
            return;
        }
        let near = found.iter_mut().skip(self.first).rev();
        for found in near.take_while(|found| line.number - found.line <= self.size as u64) {
            found.after.push(excerpt(line.bytes, 0));
        }
    }

    /// Whether the last match wants lines behind this one.
    fn is_owed(&self, found: &[Found], line: &Line<'_>) -> bool {
        let last = found.iter().skip(self.first).next_back();
        last.is_some_and(|last| line.number - last.line < self.size as u64)
    }

    fn remember(&mut self, line: &Line<'_>) {
        if self.size == 0 {
            return;
        }
        if self.last.len() == self.size {
            self.last.pop_front();
        }
        self.last.push_back(excerpt(line.bytes, 0));
    }

    fn before(&self) -> Vec<String> {
        self.last.iter().cloned().collect()
    }
}

/// A match as a person would print it.
fn shown(found: &Found) -> String {
    let Found { path, line, text, before, after } = found;
    let first = *line - before.len() as u64;
    let mut lines = Vec::new();
    lines.extend(before.iter().zip(first..).map(|(text, at)| format!("{path}-{at}- {text}")));
    lines.push(format!("{path}:{line}: {text}"));
    lines.extend(after.iter().zip(line + 1..).map(|(text, at)| format!("{path}-{at}- {text}")));
    if !before.is_empty() || !after.is_empty() {
        lines.push("--".to_owned());
    }
    lines.join("\n")
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

#[cfg(test)]
mod tests {
    use super::*;
    use toolgate_folder::Source;

    #[test]
    fn a_few_long_lines_do_not_outlast_the_time() {
        let input = serde_json::from_value(json!({ "query": "x", "context": 0 })).unwrap();
        let mut search = Search::new(regex(&input).unwrap(), &input);
        let source = Source::Embedded(&[]);
        let over = Bounds { time: Duration::ZERO, ..BOUNDS };
        let text = "y".repeat(50_000) + "\n" + &"x".repeat(50_000);
        let content = Content {
            size: text.len() as u64,
            modified: None,
            bytes: Box::new(std::io::Cursor::new(text)),
        };

        search.file(&Place::default(), content, &Walk::within(&source, true, None, over));

        assert!(matches!(search.stopped, Some(Stopped::Spent)) && search.found.is_empty());
    }
}
