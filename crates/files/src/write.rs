//! The tools `write_file`, `move_file`, `delete_file` and `create_directory`.
//!
//! Whoever writes anew or deletes says which version they read: what somebody else wrote meanwhile is
//! not lost. One change of a folder is made at a time, and each is there as a whole or not at all.

use std::io;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Deserialize;
use serde_json::{Value, json};
use toolgate_folder::{Place, Source};
use toolgate_gateway::fault::Reason;

use crate::absent::missing;
use crate::address::place;
use crate::failure::Failure;
use crate::ledger::{Change, Ledger, Turn};
use crate::media;
use crate::version;
use crate::view::{Intent, Spot, View};

/// Characters of a text that is written; the rules of a root may allow fewer bytes.
pub(crate) const TEXT: usize = 16 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Writing {
    path: String,
    content: String,
    #[serde(default)]
    encoding: Encoding,
    expected_version: Option<String>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Encoding {
    #[default]
    Text,
    Base64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Moving {
    path: String,
    destination: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Deleting {
    path: String,
    expected_version: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Making {
    path: String,
}

/// A file as it is.
pub(crate) struct Current {
    pub(crate) version: String,
    pub(crate) size: u64,
}

pub(crate) fn write(view: &View, input: &Writing) -> Result<Value, Failure> {
    let shown = place(&input.path)?;
    let bytes = match input.encoding {
        Encoding::Text => input.content.as_bytes().to_vec(),
        Encoding::Base64 => BASE64_STANDARD.decode(&input.content).map_err(|error| {
            Failure::told(format!("content is no base64 (RFC 4648, section 4, padded): {error}"))
        })?,
    };
    let spot = view.spot(&shown, Intent::Write)?;
    let version = version::of(&bytes);
    let created = with_turn(&spot, |turn| {
        let current = current(&spot)?;
        match (&current, &input.expected_version) {
            (None, None) => {}
            (None, Some(_)) => {
                return Err(Failure::told(format!(
                    "there is no file {shown} any more; leave expected_version out to create it"
                )));
            }
            (Some(current), None) => {
                return Err(Failure::told(format!(
                    "{shown} exists already, in version {}; read it first, then give its version as expected_version to write it anew, or choose another path",
                    current.version
                )));
            }
            (Some(current), Some(expected)) => unchanged(&shown, current, expected)?,
        }
        put(turn, &spot, current.as_ref(), &bytes)?;
        Ok(current.is_none())
    })?;
    spot.touched();
    let done = if created { "was created" } else { "was written" };
    let size = media::size(bytes.len() as u64);
    Ok(answer(
        &format!("{shown} {done} ({size}). Its version is {version}."),
        &json!({ "path": shown.as_str(), "version": version, "size": bytes.len(), "created": created }),
    ))
}

pub(crate) fn move_to(view: &View, input: &Moving) -> Result<Value, Failure> {
    let (from, to) = (place(&input.path)?, place(&input.destination)?);
    let is_folder = view.is_folder(&from);
    if !is_folder && view.file(&from).is_err() {
        return Err(missing(view, &from));
    }
    let (before, after) = (view.spot(&from, Intent::Write)?, view.spot(&to, Intent::Write)?);
    if !before.is_beside(&after) {
        return Err(Failure::told(format!(
            "{from} and {to} are in different roots; write it there, then delete it here"
        )));
    }
    with_turn(&after, |turn| {
        let folders = after.source.missing_folders(&after.place.parent());
        let change = Change { bytes: 0, files: signed(folders) };
        turn.change(&to, change, |source| {
            source.rename(&before.place, &after.place).map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => Failure::told(format!(
                    "there is something at {to} already, which is never overwritten; choose another destination"
                )),
                io::ErrorKind::InvalidInput => {
                    Failure::told(format!("{from} cannot be moved into itself"))
                }
                _ => unwritten(&from, "moved", error),
            })
        })
    })?;
    before.touched();
    after.touched();
    let kind = if is_folder { "folder" } else { "file" };
    Ok(answer(
        &format!("The {kind} {from} is now {to}."),
        &json!({ "path": to.as_str(), "from": from.as_str(), "kind": kind }),
    ))
}

pub(crate) fn delete(view: &View, input: &Deleting) -> Result<Value, Failure> {
    let shown = place(&input.path)?;
    let is_folder = view.is_folder(&shown);
    if !is_folder && view.file(&shown).is_err() {
        return Err(missing(view, &shown));
    }
    let spot = view.spot(&shown, Intent::Delete)?;
    with_turn(&spot, |turn| {
        if is_folder {
            let change = Change { bytes: 0, files: -1 };
            return turn.change(&shown, change, |source| {
                source.remove_folder(&spot.place).map_err(|error| match error.kind() {
                    io::ErrorKind::DirectoryNotEmpty => Failure::told(format!(
                        "{shown} is not empty; delete what is in it first (it may also hold what is not served)"
                    )),
                    _ => unwritten(&shown, "deleted", error),
                })
            });
        }
        let current = current(&spot)?.ok_or_else(|| missing(view, &shown))?;
        let Some(expected) = &input.expected_version else {
            return Err(Failure::told(format!(
                "give the version of {shown} that you read as expected_version; read_file and file_info tell it"
            )));
        };
        unchanged(&shown, &current, expected)?;
        let weight = spot.source.weight(&spot.place);
        let weight = weight.map_err(|error| unwritten(&shown, "deleted", error))?;
        let change = Change { bytes: -signed(weight), files: -1 };
        turn.change(&shown, change, |source| {
            source.remove(&spot.place).map_err(|error| unwritten(&shown, "deleted", error))
        })
    })?;
    spot.touched();
    Ok(answer(&format!("{shown} was deleted."), &json!({ "path": shown.as_str() })))
}

pub(crate) fn make_folder(view: &View, input: &Making) -> Result<Value, Failure> {
    let shown = place(&input.path)?;
    if view.is_folder(&shown) {
        let text = format!("{shown} is there already.");
        return Ok(answer(&text, &json!({ "path": shown.as_str(), "created": false })));
    }
    let spot = view.spot(&shown, Intent::Write)?;
    with_turn(&spot, |turn| {
        let change = Change { bytes: 0, files: signed(spot.source.missing_folders(&spot.place)) };
        turn.change(&shown, change, |source| {
            source.create_folder(&spot.place).map_err(|error| unwritten(&shown, "made", error))
        })
    })?;
    spot.touched();
    Ok(answer(
        &format!("The folder {shown} was made."),
        &json!({ "path": shown.as_str(), "created": true }),
    ))
}

/// Works while no gateway changes the folder otherwise.
pub(crate) fn with_turn<T>(
    spot: &Spot,
    work: impl FnOnce(&mut Turn<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let failed = |error| Failure::system(&spot.shown, "written", error);
    let ledger = Ledger::of(&spot.source).map_err(failed)?;
    work(&mut ledger.turn(&spot.source, &spot.root.quota, &spot.shown)?)
}

/// What is there now; `None` if there is nothing.
pub(crate) fn current(spot: &Spot) -> Result<Option<Current>, Failure> {
    let Spot { source, place, shown, .. } = spot;
    let content = match source.file(place) {
        Ok(content) => content,
        Err(_) if source.is_folder(place) => {
            return Err(Failure::told(format!("{shown} is a folder; name a file in it")));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unwritten(shown, "written", error)),
    };
    let read = version::of_file(content);
    match read.map_err(|error| Failure::system(shown, "read", error))? {
        Some((version, size)) => Ok(Some(Current { version, size })),
        None => {
            let largest = media::size(version::LARGEST);
            let sentence = format!("{shown} is larger than {largest}, the most that is compared");
            Err(Failure::of(Reason::TooLarge, format!("{sentence}; it is not changed from here")))
        }
    }
}

/// What was read is what is there.
pub(crate) fn unchanged(shown: &Place, current: &Current, expected: &str) -> Result<(), Failure> {
    if current.version == expected {
        return Ok(());
    }
    Err(Failure::told(format!(
        "conflict: the version of {shown} is {} now, not {}; somebody changed it. Read it again and apply your change to that",
        current.version,
        expected.escape_debug()
    )))
}

/// Writes the file, in the place of what is there.
pub(crate) fn put(
    turn: &mut Turn<'_>,
    spot: &Spot,
    current: Option<&Current>,
    bytes: &[u8],
) -> Result<(), Failure> {
    let Spot { source, place, shown, root, .. } = spot;
    let length = bytes.len() as u64;
    if length > root.quota.file.bytes() as u64 {
        let (length, most) = (media::size(length), media::size(root.quota.file.bytes() as u64));
        return Err(Failure::of(
            Reason::TooLarge,
            format!("{shown} would have {length}, and a file here has {most} at most; split it"),
        ));
    }
    let change = match current {
        Some(current) => Change { bytes: signed(length) - signed(current.size), files: 0 },
        None => {
            let folders = source.missing_folders(&place.parent());
            Change { bytes: signed(length), files: signed(folders + 1) }
        }
    };
    let write = |source: &Source| match current {
        Some(_) => source.replace(place, bytes),
        None => source.create(place, bytes),
    };
    turn.change(shown, change, |source| {
        write(source).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Failure::told(format!(
                "there is something at {shown} that is no file to be written; choose another path"
            )),
            _ => unwritten(shown, "written", error),
        })
    })
}

/// The system or the rules of the root refused.
fn unwritten(shown: &Place, what: &str, error: io::Error) -> Failure {
    match error.kind() {
        // What we say ourselves has no number of the system.
        io::ErrorKind::PermissionDenied if error.raw_os_error().is_none() => {
            Failure::of(Reason::Forbidden, format!("{shown} cannot be {what}: {error}"))
        }
        io::ErrorKind::NotADirectory => Failure::told(format!(
            "{shown} cannot be {what}: a part of its path is a file; choose another path"
        )),
        _ => Failure::system(shown, what, error),
    }
}

/// A size as a change; none is ever so large that it does not fit.
fn signed(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

/// A sentence for the model, and the same as data.
pub(crate) fn answer(text: &str, structured: &Value) -> Value {
    json!({ "content": [{ "type": "text", "text": text }], "structuredContent": structured })
}
