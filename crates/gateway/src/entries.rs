//! The entries of a list, under the names that clients know them by.

use toolgate_policy::Kind;
use toolgate_protocol::json::{Object, quote};
use toolgate_protocol::jsonrpc::Message;
use toolgate_protocol::method::Method;
use toolgate_protocol::modern::Hint;
use toolgate_protocol::splice::Edits;

use crate::names::Names;

/// One entry, ready to be published.
#[derive(Clone)]
pub(crate) struct Entry {
    /// What tells it apart: its published name or URI.
    pub key: String,
    /// What its server calls it.
    pub name: Box<str>,
    /// The entry; whatever was not renamed is byte for byte the server's.
    pub json: String,
}

/// What one server contributed to a list.
#[derive(Clone)]
pub(crate) struct Part {
    pub(crate) entries: Vec<Entry>,
    pub(crate) next: Option<String>,
    pub(crate) hint: Hint,
}

/// What a list is a list of.
pub(crate) fn kind_of_list(method: &Method) -> Kind {
    match method {
        Method::ToolsList => Kind::Tool,
        Method::PromptsList => Kind::Prompt,
        _ => Kind::Resource,
    }
}

/// Reads the entries of one page.
pub(crate) fn read(
    names: &Names,
    method: &Method,
    member: &str,
    page: &Message,
    out: &mut Vec<Entry>,
) {
    let Some(list) = page.result_object().and_then(|result| result.get(member)?.items()) else {
        return;
    };
    out.extend(list.filter_map(|item| item.object()).filter_map(|entry| {
        let mut edits = Edits::default();
        let member = match method {
            Method::ToolsList | Method::PromptsList => "name",
            Method::TemplatesList => "uriTemplate",
            _ => "uri",
        };
        let name = entry.get(member)?.string()?;
        let key = match method {
            Method::ToolsList => tool(names, &entry, &mut edits)?,
            Method::PromptsList => {
                let published = names.publish_prompt(&name).into_owned();
                edits.replace(entry.get(member)?.span(), quote(&published));
                published
            }
            _ => uri(names, &entry, member, &mut edits)?,
        };
        Some(Entry { key, name: (*name).into(), json: edited(page, &entry, &edits) })
    }));
}

fn tool(names: &Names, entry: &Object<'_>, edits: &mut Edits) -> Option<String> {
    let name = entry.get("name")?;
    let original = name.string()?;
    let published = names.publish_tool(&original)?.into_owned();
    if published != original {
        edits.replace(name.span(), quote(&published));
    }
    if let Some(description) = names.description(&original) {
        edits.set(entry, "description", quote(description));
    }
    // The view of an MCP App is a resource of the same server (MCP Apps, 2026-01-26).
    if let Some(meta) = entry.get("_meta").and_then(|meta| meta.object()) {
        let nested = meta.get("ui").and_then(|ui| ui.object()?.get("resourceUri"));
        for view in [nested, meta.get("ui/resourceUri")].into_iter().flatten() {
            if let Some(text) = view.string() {
                edits.replace(view.span(), quote(&names.publish_uri(&text)));
            }
        }
    }
    Some(published)
}

fn uri(names: &Names, entry: &Object<'_>, member: &str, edits: &mut Edits) -> Option<String> {
    let value = entry.get(member)?;
    let published = names.publish_uri(&value.string()?).into_owned();
    edits.replace(value.span(), quote(&published));
    Some(published)
}

/// The text of one entry with the edits made in it.
fn edited(page: &Message, entry: &Object<'_>, edits: &Edits) -> String {
    String::from_utf8_lossy(&edits.apply_within(page.bytes(), entry.span())).into_owned()
}
