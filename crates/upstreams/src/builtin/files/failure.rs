//! Why a tool failed, told so that the model can do better.

use toolgate_folder::{Entry, Kind, Place, Source};

use super::definitions::BASE;

/// Why a tool failed: one sentence that says what to do instead.
#[derive(Debug)]
pub(super) struct Failure(pub(super) String);

/// A path argument; models sometimes give the URI of a resource instead.
pub(super) fn place(path: &str) -> Result<Place, Failure> {
    if path.starts_with(BASE) {
        return Place::from_uri(path, BASE)
            .ok_or_else(|| Failure(format!("{path}: no such resource")));
    }
    Place::parse(path).map_err(Failure)
}

/// There is no `place`: what is there instead?
pub(super) fn missing(source: &Source, place: &Place) -> Failure {
    if source.is_folder(place) {
        let path = place.as_str();
        return Failure(format!("{place} is a folder; list it with list_files path=\"{path}\""));
    }
    let mut absent = place.clone();
    loop {
        let folder = absent.parent();
        if let Ok(entries) = source.entries(&folder) {
            let what = if absent == *place { "file" } else { "folder" };
            let there = if folder == Place::default() { "at the root" } else { "there" };
            let names = names(&entries);
            return Failure(format!("no {what} {absent}; files {there}: {names}"));
        }
        if folder == Place::default() {
            return Failure(format!("no file {place}; the served folder cannot be read"));
        }
        absent = folder;
    }
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
