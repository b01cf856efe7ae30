//! Why a tool failed, told so that the model can do better.

use std::error::Error;

use serde_json::Value;
use toolgate_folder::{Entry, Kind, Place};
use toolgate_gateway::fault::{Fault, Reason};

use crate::definitions::BASE;
use crate::view::View;

/// Why a tool failed: one sentence that says what to do instead, and its category.
#[derive(Debug)]
pub(crate) struct Failure(Fault);

impl Failure {
    /// Other arguments would do.
    pub(crate) fn told(sentence: impl Into<String>) -> Failure {
        Failure::of(Reason::Arguments, sentence)
    }

    /// Of another category.
    pub(crate) fn of(reason: Reason, sentence: impl Into<String>) -> Failure {
        Failure(Fault::new(reason, sentence).unsent())
    }

    /// The system refused, for a reason that the operator knows more of.
    pub(crate) fn system(
        place: &Place,
        what: &str,
        error: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Failure {
        let error = error.into();
        let sentence = format!("{place} cannot be {what}: {error}");
        Failure(Fault::new(Reason::Internal, sentence).because(error))
    }

    /// The sentence.
    pub(crate) fn sentence(&self) -> &str {
        &self.0.message
    }

    /// The result that says so, in the form of the gateway's own failures.
    pub(crate) fn result(&self) -> Value {
        let Failure(fault) = self;
        if let Some(cause) = fault.cause() {
            tracing::warn!(cause, "a file could not be served");
        }
        toolgate_hosted::failure(fault)
    }
}

/// A path argument; models sometimes give the URI of a resource instead.
pub(crate) fn place(path: &str) -> Result<Place, Failure> {
    if path.starts_with(BASE) {
        return Place::from_uri(path, BASE)
            .ok_or_else(|| Failure::told(format!("{}: no such resource", path.escape_debug())));
    }
    Place::with_hidden(path).map_err(Failure::told)
}

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
