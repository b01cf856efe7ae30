//! The tool `file_info`.

use serde::Deserialize;
use serde_json::{Value, json};
use toolgate_audit::stamp;
use toolgate_folder::{Place, Source};

use crate::absent::missing;
use crate::address::place;
use crate::failure::Failure;
use crate::ledger::Ledger;
use crate::media;
use crate::roots::Root;
use crate::version;
use crate::view::View;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    #[serde(default)]
    path: String,
}

pub(crate) fn run(view: &View, input: &Input) -> Result<Value, Failure> {
    let shown = place(&input.path)?;
    let mut info = json!({ "path": shown.as_str(), "writable": view.may_write(&shown) });
    if view.is_folder(&shown) {
        info["kind"] = "folder".into();
        let entries = view.entries(&shown);
        let entries = entries.map_err(|error| Failure::system(&shown, "listed", error))?;
        info["entries"] = entries.len().into();
    } else {
        file(view, &shown, &mut info)?;
    }
    if let Some((root, Some(source))) = view.root(&shown)
        && view.may_write(&shown)
        && let Some(quota) = quota(root, source, &shown)?
    {
        info["quota"] = quota;
    }
    Ok(json!({
        "content": [{ "type": "text", "text": text(&info) }],
        "structuredContent": info,
    }))
}

fn file(view: &View, shown: &Place, info: &mut Value) -> Result<(), Failure> {
    let content = view.file(shown).map_err(|_| missing(view, shown))?;
    info["kind"] = "file".into();
    info["size"] = content.size.into();
    info["mime_type"] = media::of(shown).into();
    if let Some(modified) = content.modified {
        info["modified"] = stamp(modified).into();
    }
    if content.size <= version::LARGEST {
        let read = version::of_file(content);
        let read = read.map_err(|error| Failure::system(shown, "read", error))?;
        if let Some((version, _)) = read {
            info["version"] = version.into();
        }
    }
    Ok(())
}

/// How much is in its root, where that is bounded.
fn quota(root: &Root, source: &Source, shown: &Place) -> Result<Option<Value>, Failure> {
    let quota = &root.quota;
    let mut told = json!({ "largest_file": quota.file.bytes() });
    if quota.bytes.is_none() && quota.files.is_none() {
        return Ok(Some(told));
    }
    let failed = |error| Failure::system(shown, "counted", error);
    let ledger = Ledger::of(source).map_err(failed)?;
    // Where nothing can be noted nothing can be written either; all else is told.
    let Ok(mut turn) = ledger.turn(source, quota, shown) else { return Ok(Some(told)) };
    let usage = turn.usage().map_err(failed)?;
    if let Some(most) = quota.bytes {
        told["bytes"] = json!({ "used": usage.bytes, "limit": most.bytes() });
    }
    if let Some(most) = quota.files {
        told["files"] = json!({ "used": usage.files, "limit": most.get() });
    }
    Ok(Some(told))
}

fn text(info: &Value) -> String {
    let mut lines = Vec::new();
    for (key, value) in info.as_object().into_iter().flatten() {
        match value {
            Value::String(text) => lines.push(format!("{key}: {text}")),
            other => lines.push(format!("{key}: {other}")),
        }
    }
    lines.join("\n")
}
