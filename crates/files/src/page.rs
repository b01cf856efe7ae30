//! Entries of a folder, a page at a time.

use std::ops::ControlFlow;

use serde_json::{Value, json};
use toolgate_audit::stamp;
use toolgate_folder::{End, Entry, Kind, Place, Walk, cursor};

use crate::absent::missing_folder;
use crate::failure::Failure;
use crate::media;
use crate::view::View;

/// One page.
pub(crate) struct Page {
    pub(crate) found: Vec<(Place, Entry)>,
    /// The cursor of the next one.
    next: Option<String>,
    /// Folders that could not be read.
    unreadable: usize,
}

impl Page {
    /// At most `limit` of the entries that a walk through `folder` meets and that are wanted.
    pub(crate) fn of(
        view: &View,
        folder: &Place,
        mut walk: Walk<'_>,
        limit: usize,
        is_wanted: impl Fn(&Place) -> bool,
    ) -> Result<Page, Failure> {
        let mut found = Vec::new();
        let end = walk.run(folder, &mut |_, place, entry| {
            if is_wanted(place) {
                if found.len() == limit {
                    return ControlFlow::Break(End::Enough);
                }
                found.push((place.clone(), entry.clone()));
            }
            ControlFlow::Continue(())
        });
        let end = end.map_err(|error| unlisted(view, folder, &error))?;
        let next = walk.last.as_ref().filter(|_| end != End::Complete).map(cursor::cursor);
        Ok(Page { found, next, unreadable: walk.unread.len() })
    }

    /// Whether there is nothing, neither here nor on a next one.
    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty() && self.next.is_none()
    }

    /// What a tool answers with: these lines, and what they tell of.
    pub(crate) fn answer(self, tool: &str, mut lines: Vec<String>) -> Value {
        let Page { found, next, unreadable } = self;
        if let Some(next) = &next {
            lines.push(format!("More follow: call {tool} again with cursor \"{next}\"."));
        }
        if unreadable > 0 {
            lines.push(format!("{unreadable} folders could not be read."));
        }
        let entries: Vec<_> = found.iter().map(|(place, entry)| row(place, entry)).collect();
        let mut structured = json!({ "entries": entries, "unreadable_folders": unreadable });
        if let Some(next) = next {
            structured["next_cursor"] = next.into();
        }
        json!({
            "content": [{ "type": "text", "text": lines.join("\n") }],
            "structuredContent": structured,
        })
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
