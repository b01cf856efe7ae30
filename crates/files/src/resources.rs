//! Files as resources: listed in pages, read whole, their paths completed.

use std::ops::ControlFlow;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use toolgate_folder::{End, Kind, Place, Walk, cursor};
use toolgate_hosted::Refusal;

use crate::address::BASE;
use crate::media;
use crate::read::whole;
use crate::view::View;

const PAGE: usize = 100;
/// The largest resource that is sent.
const LARGEST: u64 = 4 << 20;
/// The most values a completion may offer (MCP, completion/complete).
const VALUES: usize = 100;

/// One page of all files.
pub(crate) fn list(view: &View, after: Option<Place>) -> Result<Value, Refusal> {
    let mut resources = Vec::new();
    let mut walk = Walk::new(view, true, after);
    let end = walk.run(&Place::default(), &mut |_, place, entry| {
        let Kind::File { size, .. } = entry.kind else { return ControlFlow::Continue(()) };
        if resources.len() == PAGE {
            return ControlFlow::Break(End::Enough);
        }
        resources.push(json!({
            "uri": place.uri(BASE),
            "name": place.as_str(),
            "title": place.name(),
            "mimeType": media::of(place),
            "size": size,
        }));
        ControlFlow::Continue(())
    });
    let end = end.map_err(|error| {
        Refusal::internal(format!("the served folder cannot be listed: {error}"))
    })?;

    let mut page = json!({ "resources": resources });
    if let Some(last) = walk.last.filter(|_| end != End::Complete) {
        page["nextCursor"] = cursor::cursor(&last).into();
    }
    Ok(page)
}

/// The contents of one file.
pub(crate) fn read(view: &View, uri: &str) -> Result<Value, Refusal> {
    let refused = |message: &str| Refusal::invalid(message).with(json!({ "uri": uri }));
    // What we do not serve and what does not exist look the same from outside.
    let absent = || Refusal::no_resource(uri, "resource not found");
    let place = Place::from_uri(uri, BASE).ok_or_else(absent)?;
    let content = view.file(&place).map_err(|_| absent())?;

    let failed = |error| Refusal::internal(format!("{place} cannot be read: {error}"));
    let Some(bytes) = whole(content, LARGEST).map_err(failed)? else {
        let limit = media::size(LARGEST);
        let message = format!("the resource is larger than {limit}; page it with read_file");
        return Err(refused(&message));
    };
    let mime = media::of(&place);
    let is_text = media::shown_as(mime).is_none() && media::is_text(&bytes);
    let contents = match String::from_utf8(bytes) {
        Ok(text) if is_text => json!({ "uri": uri, "mimeType": mime, "text": text }),
        Ok(text) => blob(uri, mime, text.as_bytes()),
        Err(error) => blob(uri, mime, error.as_bytes()),
    };
    Ok(json!({ "contents": [contents] }))
}

fn blob(uri: &str, mime: &str, bytes: &[u8]) -> Value {
    json!({ "uri": uri, "mimeType": mime, "blob": BASE64_STANDARD.encode(bytes) })
}

/// The paths that begin with `begun`, one level further; folders end in `/`.
pub(crate) fn complete(view: &View, begun: &str) -> Value {
    let (folder, start) = begun.rsplit_once('/').unwrap_or(("", begun));
    let start = start.to_lowercase();
    let entries = Place::with_hidden(folder).ok().and_then(|folder| {
        let entries = view.entries(&folder).ok()?;
        Some((folder, entries))
    });
    let (folder, entries) = entries.unwrap_or_default();
    let mut values: Vec<_> = entries
        .iter()
        .filter(|entry| entry.name.to_lowercase().starts_with(&start))
        .map(|entry| match entry.kind {
            Kind::File { .. } => folder.join(&entry.name).as_str().to_owned(),
            Kind::Folder { .. } => format!("{}/", folder.join(&entry.name).as_str()),
        })
        .collect();
    let total = values.len();
    values.truncate(VALUES);
    json!({
        "completion": { "values": values, "total": total, "hasMore": total > VALUES },
    })
}
