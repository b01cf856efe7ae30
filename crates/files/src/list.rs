//! The tool `list_directory`.

use std::ops::ControlFlow;

use globset::{GlobBuilder, GlobMatcher};
use serde::Deserialize;
use serde_json::{Value, json};
use toolgate_audit::stamp;
use toolgate_folder::{End, Entry, Kind, Place, Walk, cursor};

use crate::absent::missing_folder;
use crate::address::place;
use crate::failure::Failure;
use crate::media;
use crate::view::View;

pub(crate) const LIMIT: usize = 100;
pub(crate) const LIMIT_MAX: usize = 1000;
pub(crate) const PATTERN_MAX: usize = 200;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    #[serde(default)]
    path: String,
    pattern: Option<String>,
    #[serde(default)]
    recursive: bool,
    #[serde(default = "limit")]
    limit: usize,
    cursor: Option<String>,
}

fn limit() -> usize {
    LIMIT
}

pub(crate) fn run(view: &View, input: &Input) -> Result<Value, Failure> {
    let folder = place(&input.path)?;
    let pattern = input.pattern.as_deref().map(Pattern::parse).transpose()?;
    between("limit", input.limit, LIMIT_MAX)?;
    let after = input.cursor.as_deref().map(after).transpose()?;

    let recursive = input.recursive || pattern.as_ref().is_some_and(|pattern| pattern.is_deep);
    let mut found = Vec::new();
    let mut walk = Walk::new(view, recursive, after);
    let end = walk.run(&folder, &mut |_, place, entry| {
        if pattern.as_ref().is_none_or(|pattern| pattern.matches(place, &folder)) {
            if found.len() == input.limit {
                return ControlFlow::Break(End::Enough);
            }
            found.push((place.clone(), entry.clone()));
        }
        ControlFlow::Continue(())
    });
    let end = end.map_err(|error| unlisted(view, &folder, &error))?;

    let next = walk.last.as_ref().filter(|_| end != End::Complete).map(cursor::cursor);
    let mut lines: Vec<_> = found.iter().map(|(place, entry)| line(place, entry)).collect();
    if found.is_empty() && next.is_none() {
        lines.push(format!("No files in {folder} match."));
    }
    Ok(page("list_directory", lines, &found, next, &walk))
}

/// The page that a tool answers with: these lines, and what they tell of.
pub(crate) fn page(
    tool: &str,
    mut lines: Vec<String>,
    found: &[(Place, Entry)],
    next: Option<String>,
    walk: &Walk<'_>,
) -> Value {
    if let Some(next) = &next {
        lines.push(format!("More follow: call {tool} again with cursor \"{next}\"."));
    }
    if walk.unreadable > 0 {
        lines.push(format!("{} folders could not be read.", walk.unreadable));
    }
    let entries: Vec<_> = found.iter().map(|(place, entry)| row(place, entry)).collect();
    let mut structured = json!({ "entries": entries, "unreadable_folders": walk.unreadable });
    if let Some(next) = next {
        structured["next_cursor"] = next.into();
    }
    json!({
        "content": [{ "type": "text", "text": lines.join("\n") }],
        "structuredContent": structured,
    })
}

fn line(place: &Place, entry: &Entry) -> String {
    match entry.kind {
        Kind::File { size, .. } => format!("{place} ({})", media::size(size)),
        Kind::Folder { .. } => format!("{place}/"),
    }
}

fn row(place: &Place, entry: &Entry) -> Value {
    match entry.kind {
        Kind::File { size, modified } => {
            let mut row = json!({
                "path": place.as_str(), "kind": "file", "size": size, "mime_type": media::of(place),
            });
            if let Some(modified) = modified {
                row["modified"] = stamp(modified).into();
            }
            row
        }
        Kind::Folder { .. } => json!({ "path": place.as_str(), "kind": "folder" }),
    }
}

/// `folder` cannot be listed: for a reason of its own, or because it is none.
pub(crate) fn unlisted(view: &View, folder: &Place, error: &std::io::Error) -> Failure {
    if view.file(folder).is_ok() {
        let path = folder.as_str();
        let sentence = format!("{folder} is a file; read it with read_file path=\"{path}\"");
        return Failure::told(sentence);
    }
    if view.is_folder(folder) {
        return Failure::system(folder, "listed", error.to_string());
    }
    missing_folder(view, folder)
}

pub(crate) fn after(cursor: &str) -> Result<Place, Failure> {
    let sentence = "the cursor is none of ours; leave it out to begin at the start";
    cursor::after(cursor).ok_or_else(|| Failure::told(sentence))
}

pub(crate) fn between(name: &str, value: usize, max: usize) -> Result<(), Failure> {
    if (1..=max).contains(&value) {
        return Ok(());
    }
    Err(Failure::told(format!("{name} must be between 1 and {max}, not {value}")))
}

/// A glob. Without `/` it is matched against names, otherwise against paths within the folder.
pub(crate) struct Pattern {
    glob: GlobMatcher,
    is_deep: bool,
}

impl Pattern {
    pub(crate) fn parse(pattern: &str) -> Result<Self, Failure> {
        if pattern.len() > PATTERN_MAX {
            return Err(Failure::told(format!("the pattern is longer than {PATTERN_MAX} bytes")));
        }
        let glob = GlobBuilder::new(pattern).literal_separator(true).build();
        let glob =
            glob.map_err(|error| Failure::told(format!("the pattern is no glob: {error}")))?;
        let is_deep = pattern.contains('/') || pattern.contains("**");
        Ok(Self { glob: glob.compile_matcher(), is_deep })
    }

    pub(crate) fn matches(&self, place: &Place, folder: &Place) -> bool {
        self.glob.is_match(if self.is_deep { place.within(folder) } else { place.name() })
    }
}
