//! The tool `read_file`.

use std::{
    io::{self, Read as _},
    ops::ControlFlow,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Deserialize;
use serde_json::{Value, json};
use toolgate_folder::{Content, Place, Source};

use super::{
    definitions::BASE,
    failure::{Failure, missing, place},
    list::between,
    media,
    text::{self, LINE, Reached},
};

pub(super) const LIMIT: usize = 1000;
pub(super) const LIMIT_MAX: usize = 5000;
/// How much text one answer holds; a model has little use for more.
const TEXT: usize = 128 << 10;
/// How deep into a file a line may lie, so that counting lines ends in time.
const DEPTH: u64 = 64 << 20;
/// The largest image or sound that is shown, before base64.
const MEDIA: u64 = 4 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    path: String,
    #[serde(default = "first")]
    offset: u64,
    #[serde(default = "limit")]
    limit: usize,
    #[serde(default)]
    line_numbers: bool,
}

fn first() -> u64 {
    1
}

fn limit() -> usize {
    LIMIT
}

pub(super) fn run(source: &Source, input: &Input) -> Result<Value, Failure> {
    let place = place(&input.path)?;
    between("limit", input.limit, LIMIT_MAX)?;
    if input.offset == 0 {
        return Err(Failure("offset must be 1 or more: lines are counted from 1".to_owned()));
    }
    let content = source.file(&place).map_err(|error| unread(source, &place, &error))?;

    let mime = media::of(&place);
    match media::shown_as(mime) {
        Some(kind) => show(&place, content, mime, kind),
        None => page(&place, content, mime, input),
    }
}

/// An image or a sound, whole.
fn show(place: &Place, content: Content, mime: &str, kind: &str) -> Result<Value, Failure> {
    let Some(bytes) = whole(content, MEDIA).map_err(|error| failed(place, &error))? else {
        let limit = media::size(MEDIA);
        return Err(Failure(format!("{place} is larger than {limit}, the most that is shown")));
    };
    Ok(json!({
        "content": [{ "type": kind, "data": BASE64_STANDARD.encode(&bytes), "mimeType": mime }],
        "structuredContent": { "path": place.as_str(), "mime_type": mime, "size": bytes.len() },
    }))
}

/// All of a file, or `None` if it has more than `limit` bytes, whatever it claimed before.
pub(super) fn whole(content: Content, limit: u64) -> io::Result<Option<Vec<u8>>> {
    if content.size > limit {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    content.bytes.take(limit + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= limit).then_some(bytes))
}

/// Some lines of a text.
fn page(place: &Place, content: Content, mime: &str, input: &Input) -> Result<Value, Failure> {
    let size = content.size;
    let mut page = Page { offset: input.offset, limit: input.limit, ..Page::default() };
    let reached = text::lines(content.bytes, DEPTH, &mut |line| page.take(&line));
    match reached.map_err(|error| failed(place, &error))? {
        Reached::Binary => return Err(binary(place, mime, size)),
        Reached::Limit if page.lines.is_empty() => {
            let (offset, depth) = (input.offset, media::size(DEPTH));
            let what = format!("line {offset} of {place} is more than {depth} into the file");
            return Err(Failure(format!("{what}, too far to count lines; use search_files")));
        }
        Reached::End(total) if page.lines.is_empty() && input.offset > 1 => {
            let offset = input.offset;
            return Err(Failure(format!(
                "{place} has {total} lines; offset {offset} is too large"
            )));
        }
        Reached::Limit => page.note(format!("Reading ends at {}.", media::size(DEPTH))),
        Reached::Stop => page.has_more = true,
        Reached::End(_) => {}
    }
    Ok(page.answer(place, mime, size, input.line_numbers))
}

#[derive(Default)]
struct Page {
    offset: u64,
    limit: usize,
    lines: Vec<String>,
    bytes: usize,
    has_more: bool,
    notes: Vec<String>,
}

impl Page {
    fn take(&mut self, line: &text::Line<'_>) -> ControlFlow<()> {
        if line.number < self.offset {
            return ControlFlow::Continue(());
        }
        let is_full = !self.lines.is_empty() && self.bytes + line.bytes.len() > TEXT;
        if self.lines.len() == self.limit || is_full {
            return ControlFlow::Break(());
        }
        self.bytes += line.bytes.len() + 1;
        if line.cut {
            let length = media::size(LINE as u64);
            self.note(format!("Line {} is longer than {length} and was cut.", line.number));
        }
        self.lines.push(String::from_utf8_lossy(line.bytes).into_owned());
        ControlFlow::Continue(())
    }

    fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    fn answer(mut self, place: &Place, mime: &str, size: u64, line_numbers: bool) -> Value {
        let next = self.offset + self.lines.len() as u64;
        if self.has_more {
            let (first, last) = (self.offset, next - 1);
            self.note(format!("Lines {first} to {last}; go on with offset {next}."));
        }
        if self.lines.is_empty() {
            self.note("The file is empty.".to_owned());
        }
        if line_numbers {
            for (line, number) in self.lines.iter_mut().zip(self.offset..) {
                line.insert_str(0, &format!("{number}\t"));
            }
        }
        let text = self.lines.join("\n");
        let mut content = vec![json!({ "type": "text", "text": text })];
        if !self.notes.is_empty() {
            content.push(json!({ "type": "text", "text": self.notes.join(" ") }));
        }
        let mut structured = json!({
            "path": place.as_str(),
            "mime_type": mime,
            "size": size,
            "text": text,
            "first_line": self.offset,
            "lines": self.lines.len(),
        });
        if self.has_more {
            structured["next_offset"] = next.into();
        }
        json!({ "content": content, "structuredContent": structured })
    }
}

fn binary(place: &Place, mime: &str, size: u64) -> Failure {
    let (size, uri) = (media::size(size), place.uri(BASE));
    Failure(format!("{place} is not text ({mime}, {size}); its bytes are the resource {uri}"))
}

/// `place` cannot be opened: for a reason of its own, or because it is no file.
fn unread(source: &Source, place: &Place, error: &io::Error) -> Failure {
    let parent = source.entries(&place.parent()).unwrap_or_default();
    let is_listed = parent.iter().any(|entry| entry.name == place.name());
    if is_listed && !source.is_folder(place) {
        return failed(place, error);
    }
    missing(source, place)
}

fn failed(place: &Place, error: &io::Error) -> Failure {
    Failure(format!("{place} cannot be read: {error}"))
}
