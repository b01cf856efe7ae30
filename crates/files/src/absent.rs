//! There is no such file: what is there instead?

use toolgate_folder::{Entry, Kind, Place};

use crate::failure::Failure;
use crate::view::View;

/// There is no `place`: what is there instead?
pub(crate) fn missing(view: &View, place: &Place) -> Failure {
    if view.is_folder(place) {
        let path = place.as_str();
        return Failure::told(format!(
            "{place} is a folder; list it with list_directory path=\"{path}\""
        ));
    }
    let mut absent = place.clone();
    loop {
        let folder = absent.parent();
        if let Ok(entries) = view.entries(&folder) {
            let what = if absent == *place { "file" } else { "folder" };
            let there = if folder.is_root() { "at the root" } else { "there" };
            let names = names(&entries);
            return Failure::told(format!("no {what} {absent}; files {there}: {names}"));
        }
        if folder.is_root() {
            return Failure::told(format!("no file {place}; the served folder cannot be read"));
        }
        absent = folder;
    }
}

/// There is no folder `place`.
pub(crate) fn missing_folder(view: &View, place: &Place) -> Failure {
    let failure = missing(view, place);
    Failure::told(failure.sentence().replacen("no file ", "no folder ", 1))
}

/// The first entries, as a person would list them.
fn names(entries: &[Entry]) -> String {
    const SHOWN: usize = 20;
    if entries.is_empty() {
        return "none".to_owned();
    }
    let shown = entries.iter().take(SHOWN).map(|entry| match entry.kind {
        Kind::File { .. } => entry.name.clone(),
        Kind::Folder { .. } => format!("{}/", entry.name),
    });
    let mut names = shown.collect::<Vec<_>>().join(", ");
    if entries.len() > SHOWN {
        names.push_str(&format!(" and {} more", entries.len() - SHOWN));
    }
    names
}
