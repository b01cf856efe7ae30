//! The tool `tree`.

use serde::Deserialize;
use serde_json::Value;
use toolgate_folder::{Entry, Kind, Place, Walk};

use crate::address::place;
use crate::failure::Failure;
use crate::list::between;
use crate::media;
use crate::page::{Page, after};
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

    let walk = Walk::new(view, true, after).levels(input.depth);
    let page = Page::of(view, &folder, walk, input.limit, |_| true)?;

    let mut lines = vec![format!("{folder}:")];
    lines.extend(page.found.iter().map(|(place, entry)| line(&folder, place, entry)));
    if page.is_empty() {
        lines.push("  (nothing)".to_owned());
    }
    Ok(page.answer("tree", lines))
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
