//! The tools `read_file` and `read_files`.

use std::{
    io::{self, Read as _},
    ops::ControlFlow,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Deserialize;
use serde_json::{Value, json};
use toolgate_folder::{Content, Place};
use toolgate_gateway::fault::Reason;

use crate::absent::missing;
use crate::address::{BASE, place};
use crate::failure::Failure;
use crate::list::between;
use crate::media;
use crate::text::{self, LINE, Reached};
use crate::version;
use crate::view::View;

pub(crate) const LIMIT: usize = 1000;
pub(crate) const LIMIT_MAX: usize = 5000;
/// How much text one answer holds; a model has little use for more.
const TEXT: usize = 128 << 10;
/// Files in one call.
pub(crate) const FILES: usize = 20;
/// Larger texts are read as they come, and their version is not told with each page.
const WHOLE: u64 = 16 << 20;
/// How deep into a file a line may lie, so that counting lines ends in time.
const DEPTH: u64 = 64 << 20;
/// The largest image or sound that is shown, before base64.
const MEDIA: u64 = 4 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
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

/// Several files in one call.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Several {
    paths: Vec<String>,
    #[serde(default = "limit")]
    limit: usize,
}

/// What is told of one file.
struct Told {
    content: Vec<Value>,
    structured: Value,
}

/// How much may still be told.
struct Room {
    text: usize,
    media: u64,
}

impl Default for Room {
    fn default() -> Room {
        Room { text: TEXT, media: MEDIA }
    }
}

pub(crate) fn run(view: &View, input: &Input) -> Result<Value, Failure> {
    let Told { content, structured } = one(view, input, &mut Room::default())?;
    Ok(json!({ "content": content, "structuredContent": structured }))
}

/// Each file in its turn, as far as there is room; one that fails does not stop the others.
pub(crate) fn several(view: &View, input: &Several) -> Result<Value, Failure> {
    between("the number of paths", input.paths.len(), FILES)?;
    between("limit", input.limit, LIMIT_MAX)?;
    let mut room = Room::default();
    let (mut content, mut files) = (Vec::new(), Vec::new());
    for path in &input.paths {
        let input =
            Input { path: path.clone(), offset: 1, limit: input.limit, line_numbers: false };
        let told = if room.text == 0 {
            Err(Failure::told("there was no room for it in one answer; read it alone"))
        } else {
            one(view, &input, &mut room)
        };
        match told {
            Ok(told) => {
                content.push(json!({ "type": "text", "text": format!("== {path} ==") }));
                content.extend(told.content);
                files.push(told.structured);
            }
            Err(failure) => {
                let sentence = failure.sentence();
                let text = format!("== {path} ==\nNot read: {sentence}");
                content.push(json!({ "type": "text", "text": text }));
                files.push(json!({ "path": path, "error": sentence }));
            }
        }
    }
    Ok(json!({ "content": content, "structuredContent": { "files": files } }))
}

fn one(view: &View, input: &Input, room: &mut Room) -> Result<Told, Failure> {
    let place = place(&input.path)?;
    between("limit", input.limit, LIMIT_MAX)?;
    if input.offset == 0 {
        return Err(Failure::told("offset must be 1 or more: lines are counted from 1"));
    }
    let content = view.file(&place).map_err(|error| unread(view, &place, error))?;

    let mime = media::of(&place);
    match media::shown_as(mime) {
        Some(kind) => show(&place, content, mime, kind, room),
        None => page(&place, content, mime, input, room),
    }
}

/// An image or a sound, whole.
fn show(
    place: &Place,
    content: Content,
    mime: &str,
    kind: &str,
    room: &mut Room,
) -> Result<Told, Failure> {
    let Some(bytes) = whole(content, room.media).map_err(|error| failed(place, error))? else {
        let limit = media::size(room.media);
        let sentence = format!("{place} is larger than {limit}, the most that is shown");
        return Err(Failure::of(Reason::TooLarge, sentence));
    };
    room.media -= bytes.len() as u64;
    let version = version::of(&bytes);
    Ok(Told {
        content: vec![
            json!({ "type": kind, "data": BASE64_STANDARD.encode(&bytes), "mimeType": mime }),
        ],
        structured: json!({
            "path": place.as_str(), "mime_type": mime, "size": bytes.len(), "version": version,
        }),
    })
}

/// All of a file, or `None` if it has more than `limit` bytes, whatever it claimed before.
pub(crate) fn whole(content: Content, limit: u64) -> io::Result<Option<Vec<u8>>> {
    if content.size > limit {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    content.bytes.take(limit + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= limit).then_some(bytes))
}

/// Some lines of a text.
fn page(
    place: &Place,
    content: Content,
    mime: &str,
    input: &Input,
    room: &mut Room,
) -> Result<Told, Failure> {
    let Content { size, mut bytes, .. } = content;
    let mut page =
        Page { offset: input.offset, limit: input.limit, room: room.text, ..Page::default() };
    let mut version = None;
    let mut held = Vec::new();
    let bytes: Box<dyn io::Read> = if size <= WHOLE {
        // What is told of the file and its version belong together.
        let read = bytes.by_ref().take(WHOLE).read_to_end(&mut held);
        read.map_err(|error| failed(place, error))?;
        version = Some(version::of(&held));
        Box::new(held.as_slice())
    } else {
        bytes
    };
    let reached = text::lines(bytes, DEPTH, &mut |line| page.take(&line));
    match reached.map_err(|error| failed(place, error))? {
        Reached::Binary => return Ok(linked(place, mime, size, version)),
        Reached::Limit if page.lines.is_empty() => {
            let (offset, depth) = (input.offset, media::size(DEPTH));
            let what = format!("line {offset} of {place} is more than {depth} into the file");
            return Err(Failure::of(
                Reason::TooLarge,
                format!("{what}, too far to count lines; use search_files"),
            ));
        }
        Reached::End(total) if page.lines.is_empty() && input.offset > 1 => {
            let offset = input.offset;
            return Err(Failure::told(format!(
                "{place} has {total} lines; offset {offset} is too large"
            )));
        }
        Reached::Limit => page.note(format!("Reading ends at {}.", media::size(DEPTH))),
        Reached::Stop => page.has_more = true,
        Reached::End(_) => {}
    }
    room.text -= page.bytes.min(room.text);
    let mut told = page.answer(place, mime, size, input.line_numbers);
    if let Some(version) = version {
        told.structured["version"] = version.into();
    }
    Ok(told)
}

#[derive(Default)]
struct Page {
    offset: u64,
    limit: usize,
    lines: Vec<String>,
    bytes: usize,
    /// Bytes that fit into the answer.
    room: usize,
    has_more: bool,
    /// Whether some of it is no UTF-8.
    is_foreign: bool,
    notes: Vec<String>,
}

impl Page {
    fn take(&mut self, line: &text::Line<'_>) -> ControlFlow<()> {
        if line.number < self.offset {
            return ControlFlow::Continue(());
        }
        let is_full = !self.lines.is_empty() && self.bytes + line.bytes.len() > self.room;
        if self.lines.len() == self.limit || is_full {
            return ControlFlow::Break(());
        }
        self.bytes += line.bytes.len() + 1;
        if line.cut {
            let length = media::size(LINE as u64);
            self.note(format!("Line {} is longer than {length} and was cut.", line.number));
        }
        // What is cut may end within a character.
        self.is_foreign |= !line.cut && std::str::from_utf8(line.bytes).is_err();
        self.lines.push(String::from_utf8_lossy(line.bytes).into_owned());
        ControlFlow::Continue(())
    }

    fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    fn answer(mut self, place: &Place, mime: &str, size: u64, line_numbers: bool) -> Told {
        let next = self.offset + self.lines.len() as u64;
        if self.has_more {
            let (first, last) = (self.offset, next - 1);
            self.note(format!("Lines {first} to {last}; go on with offset {next}."));
        }
        if self.is_foreign {
            self.note("It is not all UTF-8: U+FFFD stands for what is not.".to_owned());
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
        Told { content, structured }
    }
}

/// What a model has no use for is a resource, which its host may read.
fn linked(place: &Place, mime: &str, size: u64, version: Option<String>) -> Told {
    let uri = place.uri(BASE);
    let text = format!(
        "{place} is not text ({mime}, {}); its bytes are the resource {uri}",
        media::size(size)
    );
    let mut structured =
        json!({ "path": place.as_str(), "mime_type": mime, "size": size, "uri": uri });
    if let Some(version) = version {
        structured["version"] = version.into();
    }
    let link = json!({
        "type": "resource_link",
        "uri": uri,
        "name": place.as_str(),
        "mimeType": mime,
        "size": size,
    });
    Told { content: vec![json!({ "type": "text", "text": text }), link], structured }
}

/// `place` cannot be opened: for a reason of its own, or because it is no file.
fn unread(view: &View, place: &Place, error: io::Error) -> Failure {
    let parent = view.entries(&place.parent()).unwrap_or_default();
    let is_listed = parent.iter().any(|entry| entry.name == place.name());
    if is_listed && !view.is_folder(place) {
        return failed(place, error);
    }
    missing(view, place)
}

fn failed(place: &Place, error: io::Error) -> Failure {
    Failure::system(place, "read", error)
}
