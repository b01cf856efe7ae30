//! How much text of a result goes out, and where the rest is.

use bytes::Bytes;
use toolgate_protocol::json::{Document, Limits, Mode, Object, Value, quote};
use toolgate_protocol::method::Method;
use toolgate_protocol::splice::Edits;
use toolgate_screen::size::{LEAST, Over, Policy, notice};

use super::kept::Keeper;
use crate::config::{SizePolicy, Structured};

/// The result with no more text than `policy` lets out. What cannot be read goes out as it is.
pub(super) fn bound(
    policy: &SizePolicy,
    method: &Method,
    bytes: Bytes,
    keeper: &Keeper,
    labels: &mut Vec<(&'static str, String)>,
) -> Bytes {
    // Text is never longer than its JSON.
    if bytes.len() <= policy.max.bytes() {
        return bytes;
    }
    let parsed = Document::parse(bytes.clone(), &Limits::default(), Mode::Trusted);
    let Some(root) = parsed.as_ref().ok().and_then(|parsed| parsed.root().object()) else {
        return bytes;
    };
    let mut cutting = Cutting { policy, keeper, edits: Edits::default(), label: None };
    match method {
        Method::ResourcesRead => cutting.resource(&root),
        Method::ToolsCall | Method::TasksResult => cutting.result(&root),
        _ => {}
    }
    labels.extend(cutting.label.map(|label| ("dev.toolgate/size", label)));
    if cutting.edits.is_empty() { bytes } else { cutting.edits.apply(&bytes) }
}

struct Cutting<'a> {
    policy: &'a SizePolicy,
    keeper: &'a Keeper,
    edits: Edits,
    label: Option<String>,
}

/// A part of a result that holds text.
struct Part<'a> {
    whole: Value<'a>,
    /// Where its text stands, if it has any.
    text: Option<(Value<'a>, String)>,
}

impl Cutting<'_> {
    fn result(&mut self, result: &Object<'_>) {
        let max = self.policy.max.bytes();
        let structured = result.get("structuredContent").filter(|value| {
            self.policy.structured == Structured::Drop && value.bytes().len() > max
        });
        let Some(content) = result.get("content").filter(|content| content.is_array()) else {
            return;
        };
        let mut parts = parts(content, |item| {
            let resource = item.get("resource").and_then(|resource| resource.object());
            resource.and_then(|resource| resource.get("text")).or_else(|| item.get("text"))
        });
        if let Some(value) = &structured {
            self.edits.remove(result, "structuredContent");
            if parts.iter().all(|part| part.text.is_none()) {
                // Nothing else tells it.
                let text = Some((*value, value.raw().to_owned()));
                parts.push(Part { whole: *value, text });
            }
        }
        let dropped = structured.map(|value| value.bytes().len());
        if let Some(list) = self.cut(&parts, true, dropped) {
            self.edits.replace(content.span(), list);
        }
    }

    fn resource(&mut self, result: &Object<'_>) {
        let Some(contents) = result.get("contents").filter(|contents| contents.is_array()) else {
            return;
        };
        let parts = parts(contents, |item| item.get("text"));
        if let Some(list) = self.cut(&parts, false, None) {
            self.edits.replace(contents.span(), list);
        }
    }

    /// The list of parts with its texts cut, or nothing if all of it fits.
    fn cut(&mut self, parts: &[Part<'_>], links: bool, dropped: Option<usize>) -> Option<String> {
        let max = self.policy.max.bytes();
        let texts = || parts.iter().filter_map(|part| Some(&part.text.as_ref()?.1));
        let total: usize = texts().map(String::len).sum();
        if total <= max {
            self.label = dropped.map(|size| label(total, total, Some(size)));
            return None;
        }
        let (mut budget, mut out, mut rest) = (max, Vec::new(), String::new());
        let mut cut: Option<(usize, &Part<'_>)> = None;
        for part in parts {
            match &part.text {
                Some((_, text)) if cut.is_some() => {
                    rest.push('\n');
                    rest.push_str(text);
                }
                Some((_, text)) if text.len() > budget => {
                    cut = Some((out.len(), part));
                    rest.push_str(text);
                    out.push(String::new());
                }
                text => {
                    budget -= text.as_ref().map_or(0, |(_, text)| text.len());
                    out.push(part.whole.raw().to_owned());
                }
            }
        }
        let (at, part) = cut?;
        let pages = Policy { max_bytes: budget.max(LEAST), over: self.policy.over };
        let page = pages.page(&rest, 0)?;
        let kept = self.keeper.keep(self.policy, &rest, page.end);
        let way = kept.as_ref().map(|uri| match self.policy.over {
            Over::Link => format!("read resource {uri}"),
            _ => format!("read resource {uri}?from={}", page.end),
        });
        let mut shown = rest.get(page.clone())?.to_owned();
        shown.push_str(&notice(&page, rest.len(), way.as_deref()));
        let hidden = rest.len() - page.end;
        *out.get_mut(at)? = part.with_text(&shown);
        if let Some(uri) = kept.filter(|_| links && self.policy.over == Over::Link) {
            out.push(format!(
                r#"{{"type":"resource_link","uri":{},"name":"the rest of this result","mimeType":"text/plain","size":{}}}"#,
                quote(&uri),
                rest.len()
            ));
        }
        self.label = Some(label(total, total - hidden.min(total), dropped));
        Some(format!("[{}]", out.join(",")))
    }
}

impl Part<'_> {
    /// The part with another text.
    fn with_text(&self, text: &str) -> String {
        let own = self.text.as_ref().filter(|(value, _)| value.span() != self.whole.span());
        let Some((value, _)) = own else {
            return format!(r#"{{"type":"text","text":{}}}"#, quote(text));
        };
        let raw = self.whole.raw();
        let start = (value.span().start - self.whole.span().start) as usize;
        let end = (value.span().end - self.whole.span().start) as usize;
        let (before, after) = (raw.get(..start), raw.get(end..));
        format!("{}{}{}", before.unwrap_or_default(), quote(text), after.unwrap_or_default())
    }
}

fn parts<'a>(list: Value<'a>, text_of: impl Fn(&Object<'a>) -> Option<Value<'a>>) -> Vec<Part<'a>> {
    let items = list.items().into_iter().flatten();
    let part = |item: Value<'a>| {
        let text = item.object().and_then(|object| {
            let value = text_of(&object)?;
            Some((value, value.string()?.into_owned()))
        });
        Part { whole: item, text }
    };
    items.map(part).collect()
}

fn label(total: usize, shown: usize, dropped: Option<usize>) -> String {
    let dropped =
        dropped.map(|size| format!(r#","structuredContentDropped":{size}"#)).unwrap_or_default();
    format!(r#"{{"total":{total},"shown":{shown}{dropped}}}"#)
}
