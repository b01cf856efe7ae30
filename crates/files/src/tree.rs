//! The tool `tree`.

use std::ops::ControlFlow;

use serde::Deserialize;
use serde_json::Value;
use toolgate_folder::{End, Entry, Kind, Place, Walk, cursor};

use crate::address::place;
use crate::failure::Failure;
use crate::list::{after, between, page, unlisted};
use crate::media;
use crate::view::View;

pub(crate) const DEPTH: usize = 3;
pub(crate) const DEPTH_MAX: usize = 10;
pub(crate) const LIMIT: usize = 300;
pub(crate) const LIMIT_MAX: usize = 2000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    #[serde(default)]
    path: String,
    #[serde(default = "depth")]
    depth: usize,
    #[serde(default = "limit")]
    limit: usize,
    cursor: Option<String>,
}

fn depth() -> usize {
    DEPTH
}

fn limit() -> usize {
    LIMIT
}

pub(crate) fn run(view: &View, input: &Input) -> Result<Value, Failure> {
    let folder = place(&input.path)?;
    between("depth", input.depth, DEPTH_MAX)?;
    between("limit", input.limit, LIMIT_MAX)?;
    let after = input.cursor.as_deref().map(after).transpose()?;

    let mut found: Vec<(Place, Entry)> = Vec::new();
    let mut walk = Walk::new(view, true, after).levels(input.depth);
    let end = walk.run(&folder, &mut |_, place, entry| {
        if found.len() == input.limit {
            return ControlFlow::Break(End::Enough);
        }
        found.push((place.clone(), entry.clone()));
        ControlFlow::Continue(())
    });
    let end = end.map_err(|error| unlisted(view, &folder, &error))?;
    let next = walk.last.as_ref().filter(|_| end != End::Complete).map(cursor::cursor);

    let mut lines = vec![format!("{folder}:")];
    lines.extend(found.iter().map(|(place, entry)| line(&folder, place, entry)));
    if found.is_empty() && next.is_none() {
        lines.push("  (nothing)".to_owned());
    }
    Ok(page("tree", lines, &found, next, &walk))
}

/// The name, set in by how deep it is.
fn line(folder: &Place, place: &Place, entry: &Entry) -> String {
    let inset = "  ".repeat(place.depth() - folder.depth());
    match entry.kind {
        Kind::File { size, .. } => format!("{inset}{} ({})", entry.name, media::size(size)),
        Kind::Folder { link: true } => format!("{inset}{}/ (a link)", entry.name),
        Kind::Folder { link: false } => format!("{inset}{}/", entry.name),
    }
}
