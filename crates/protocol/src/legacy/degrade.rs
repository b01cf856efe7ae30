//! Content that is newer than its reader: a text in its place says what it was.

use bytes::Bytes;
use memchr::memmem;

use crate::json::{Document, Limits, Mode, Object, Value, quote};
use crate::jsonrpc::Message;
use crate::method::Method;
use crate::splice::Edits;
use crate::version::Version;

/// From here on a client knows every kind of content that there is.
const KNOWS_ALL: Version = Version::V2025_06_18;

/// Replaces what a client of `version` has no form for in a result. What else is new to it are
/// members of objects it knows, which clients of all revisions pass over.
pub fn degrade_result(message: &Message, method: &Method, version: Version, edits: &mut Edits) {
    if version >= KNOWS_ALL || !mentions_new(message.bytes()) {
        return;
    }
    let Some(result) = message.result_object() else { return };
    match method {
        Method::PromptsGet => messages(&result, version, edits),
        _ => content(result.get("content"), version, edits),
    }
}

/// Does the same with the `params` of a question to the client: a server that was told of our own
/// newest revision may sample with content that this client has no form for.
pub fn degrade_question(params: Bytes, version: Version) -> Bytes {
    if version >= KNOWS_ALL || !mentions_new(&params) {
        return params;
    }
    let parsed = Document::parse(params.clone(), &Limits::default(), Mode::Trusted);
    let Ok(document) = parsed else { return params };
    let mut edits = Edits::default();
    if let Some(params) = document.root().object() {
        messages(&params, version, &mut edits);
    }
    edits.apply(document.bytes())
}

/// One look that spares nearly every message the walk.
fn mentions_new(bytes: &[u8]) -> bool {
    memmem::find(bytes, b"\"audio\"").is_some()
        || memmem::find(bytes, b"\"resource_link\"").is_some()
}

fn messages(holder: &Object<'_>, version: Version, edits: &mut Edits) {
    let list = holder.get("messages").and_then(|messages| messages.items());
    for message in list.into_iter().flatten().filter_map(|message| message.object()) {
        content(message.get("content"), version, edits);
    }
}

/// One block, or a list of them.
fn content(content: Option<Value<'_>>, version: Version, edits: &mut Edits) {
    let Some(content) = content else { return };
    let Some(blocks) = content.items() else {
        return block(&content, version, edits);
    };
    for value in blocks {
        block(&value, version, edits);
    }
}

fn block(value: &Value<'_>, version: Version, edits: &mut Edits) {
    let Some(object) = value.object() else { return };
    let kind = object.get("type").and_then(|kind| kind.string());
    let text = match kind.as_deref() {
        Some("audio") if version < Version::V2025_03_26 => audio(&object),
        Some("resource_link") if version < Version::V2025_06_18 => link(&object),
        _ => return,
    };
    // Annotations are as old as the protocol.
    let annotations = object
        .get("annotations")
        .map(|annotations| format!(r#","annotations":{}"#, annotations.raw()))
        .unwrap_or_default();
    let text = format!(r#"{{"type":"text","text":{}{annotations}}}"#, quote(&text));
    edits.replace(value.span(), text);
}

fn audio(block: &Object<'_>) -> String {
    let kind = block.get("mimeType").and_then(|kind| kind.string());
    let data = block.get("data").and_then(|data| data.string()).unwrap_or_default();
    // Base64 (RFC 4648): four characters stand for three bytes.
    let bytes = data.trim_end_matches('=').len() * 3 / 4;
    format!(
        "[audio left out: {}, {bytes} bytes; this client's protocol revision has no audio]",
        kind.as_deref().unwrap_or("unknown type"),
    )
}

fn link(block: &Object<'_>) -> String {
    let text = |name| block.get(name).and_then(|value| value.string());
    let mut out = String::from("[resource");
    if let Some(name) = text("title").or_else(|| text("name")) {
        out.push_str(&format!(" \"{name}\""));
    }
    out.push_str(&format!(": {}", text("uri").unwrap_or_default()));
    if let Some(kind) = text("mimeType") {
        out.push_str(&format!(", {kind}"));
    }
    if let Some(size) = block.get("size").and_then(|size| size.as_u64()) {
        out.push_str(&format!(", {size} bytes"));
    }
    out.push(']');
    if let Some(description) = text("description") {
        out.push_str(&format!(" {description}"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUDIO: &str = r#"{"type":"audio","data":"AAAA AAA=","mimeType":"audio/wav"}"#;
    const LINK: &str = r#"{"type":"resource_link","uri":"file:///a","name":"a","title":"The A","mimeType":"text/plain","size":12,"annotations":{"priority":1}}"#;
    const TEXT: &str = r#"{"type":"text","text":"\"audio\" \"resource_link\"","new":1e2}"#;

    fn degraded(result: &str, method: &Method, version: Version) -> String {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#);
        let message = Message::scan_reply(text.into(), &Default::default()).unwrap();
        let mut edits = Edits::default();
        degrade_result(&message, method, version, &mut edits);
        let bytes = edits.apply(message.bytes());
        let message = Message::scan(bytes, &Default::default()).unwrap();
        message.result().unwrap().raw().to_owned()
    }

    #[test]
    fn each_block_becomes_a_text_only_for_clients_older_than_it() {
        let audio =
            "[audio left out: audio/wav, 6 bytes; this client's protocol revision has no audio]";
        let audio = format!(r#"{{"type":"text","text":{}}}"#, quote(audio));
        let link = r#"[resource "The A": file:///a, text/plain, 12 bytes]"#;
        let link =
            format!(r#"{{"type":"text","text":{},"annotations":{{"priority":1}}}}"#, quote(link));
        for (version, expected) in [
            (Version::V2024_11_05, [TEXT, &audio, &link]),
            (Version::V2025_03_26, [TEXT, AUDIO, &link]),
            (Version::V2025_06_18, [TEXT, AUDIO, LINK]),
            (Version::V2025_11_25, [TEXT, AUDIO, LINK]),
        ] {
            let result = format!(r#"{{"content":[{TEXT},{AUDIO},{LINK}],"isError":false}}"#);

            let found = degraded(&result, &Method::ToolsCall, version);

            let expected = format!(r#"{{"content":[{}],"isError":false}}"#, expected.join(","));
            assert_eq!(found, expected, "{version}");
        }
    }

    #[test]
    fn a_prompt_has_one_block_in_each_message() {
        let result = format!(r#"{{"messages":[{{"role":"user","content":{AUDIO}}}]}}"#);

        let found = degraded(&result, &Method::PromptsGet, Version::V2024_11_05);

        assert!(found.starts_with(r#"{"messages":[{"role":"user","content":{"type":"text","#));
    }

    #[test]
    fn a_question_that_carries_audio_reaches_the_oldest_clients_without_it() {
        let params =
            Bytes::from(format!(r#"{{"messages":[{{"content":{AUDIO}}}],"maxTokens":1}}"#));

        let old = degrade_question(params.clone(), Version::V2024_11_05);
        let new = degrade_question(params.clone(), Version::V2025_11_25);

        assert!(String::from_utf8_lossy(&old).contains("audio left out"));
        assert_eq!(new.as_ptr(), params.as_ptr());
    }

    #[test]
    fn what_a_server_writes_wrongly_is_left_as_it_is() {
        for result in [r#"{"content":"audio"}"#, r#"{"content":[["audio"],7,{"type":"audio"}]}"#] {
            let _ = degraded(result, &Method::ToolsCall, Version::V2024_11_05);
        }
    }
}
