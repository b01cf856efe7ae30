//! The tool `list_directory`.

use globset::{GlobBuilder, GlobMatcher};
use serde::Deserialize;
use serde_json::Value;
use toolgate_folder::{Entry, Kind, Place, Walk};

use crate::address::place;
use crate::failure::Failure;
use crate::media;
use crate::page::{Page, after};
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
    let walk = Walk::new(view, recursive, after);
    let is_wanted =
        |place: &Place| pattern.as_ref().is_none_or(|pattern| pattern.matches(place, &folder));
    let page = Page::of(view, &folder, walk, input.limit, is_wanted)?;

    let mut lines: Vec<_> = page.found.iter().map(|(place, entry)| line(place, entry)).collect();
    if page.is_empty() {
        lines.push(format!("No files in {folder} match."));
    }
    Ok(page.answer("list_directory", lines))
}

fn line(place: &Place, entry: &Entry) -> String {
    match entry.kind {
        Kind::File { size, .. } => format!("{place} ({})", media::size(size)),
        Kind::Folder { .. } => format!("{place}/"),
    }
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
