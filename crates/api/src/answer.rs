//! From what an API answers to the result of a tool.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Response};
use jmespath::{Rcvar, Variable};
use serde::Serialize;
use serde_json::value::RawValue;
use toolgate_gateway::fault::{Fault, META_KEY, Reason};
use toolgate_hosted::{Answer, Content, MOST_VALUES, is_bearable};

use crate::operation::Mapping;

/// The result of a tool. Its structured content is text that is JSON, byte for byte what the API
/// wrote where nothing had to be changed: numbers of any size stay what they are.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    content: Vec<Content>,
    #[serde(skip_serializing_if = "Option::is_none")]
    structured_content: Option<Box<RawValue>>,
    #[serde(rename = "_meta", skip_serializing_if = "Option::is_none")]
    meta: Option<BTreeMap<&'static str, Box<RawValue>>>,
}

/// What an answer holds.
pub(crate) enum Held {
    /// JSON, after the mapping.
    Json(String),
    /// Text of another kind, and whether some of its bytes are none.
    Text { text: String, is_lossy: bool },
    /// A picture or a sound.
    Media(Content),
    /// Nothing.
    Nothing(u16),
    /// Bytes of this type that no model can read.
    Opaque { kind: String, size: usize },
}

/// Reads a successful answer.
///
/// # Errors
/// The mapping does not fit it, or it is encoded though nobody asked for that.
pub(crate) fn read(
    api: &str,
    mapping: &Mapping,
    response: &Response<Bytes>,
) -> Result<Held, Fault> {
    let body = response.body();
    if body.is_empty() {
        return Ok(Held::Nothing(response.status().as_u16()));
    }
    is_plain(api, response.headers())?;
    let kind = media_type(response.headers());
    let is_text = kind.starts_with("text/") || is_json(&kind) || is_texty(&kind);
    // Nobody may send the mark, and whoever reads may pass over it (RFC 8259, 8.1).
    let unmarked = body.strip_prefix(MARK).unwrap_or(body);
    let utf_8 = std::str::from_utf8(unmarked);
    if let Ok(text) = utf_8
        && (is_json(&kind) || kind.is_empty())
        && serde_json::from_str::<&RawValue>(text).is_ok()
    {
        return mapped(api, mapping, text).map(Held::Json);
    }
    Ok(match kind.split('/').next() {
        Some("image") if kind != "image/svg+xml" => Held::Media(Content::image(body, kind)),
        Some("audio") => Held::Media(Content::audio(body, kind)),
        _ if is_text || (kind.is_empty() && utf_8.is_ok()) => {
            let (text, is_lossy) = text(response.headers(), unmarked);
            Held::Text { text, is_lossy }
        }
        _ => Held::Opaque { kind, size: body.len() },
    })
}

/// Whether an answer is as it was asked for.
///
/// # Errors
/// It is compressed, or encoded otherwise.
pub(crate) fn is_plain(api: &str, headers: &HeaderMap) -> Result<(), Fault> {
    let encoding = headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes);
    if encoding.is_some_and(|it| !it.eq_ignore_ascii_case(b"identity")) {
        let sentence = format!("\"{api}\" answered in an encoding that nobody asked for");
        return Err(Fault::new(Reason::Misfit, sentence));
    }
    Ok(())
}

/// What some texts begin with.
const MARK: &[u8] = "\u{feff}".as_bytes();
/// The longest name of a media type, in bytes (RFC 6838, 4.2), both of its parts.
const LONGEST_TYPE: usize = 127 + 1 + 127;

/// The type of an answer, without its parameters; empty if it says none.
pub(crate) fn media_type(headers: &HeaderMap) -> String {
    let value = content_type(headers);
    let kind = value.split(';').next().unwrap_or_default().trim();
    let allowed = |c: char| c.is_ascii_alphanumeric() || "!#$&-^_.+/".contains(c);
    match kind.len() <= LONGEST_TYPE && kind.chars().all(allowed) {
        true => kind.to_ascii_lowercase(),
        false => String::new(),
    }
}

fn content_type(headers: &HeaderMap) -> &str {
    headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The text of an answer, and whether some of its bytes are none.
fn text(headers: &HeaderMap, body: &[u8]) -> (String, bool) {
    let parameters = content_type(headers).split(';').skip(1);
    let charset = parameters.filter_map(|it| it.split_once('=')).find_map(|(name, value)| {
        let is_it = name.trim().eq_ignore_ascii_case("charset");
        is_it.then(|| value.trim().trim_matches('"').to_ascii_lowercase())
    });
    match (std::str::from_utf8(body), charset.as_deref()) {
        (Ok(text), _) => (text.to_owned(), false),
        // Each byte is the character of its number.
        (Err(_), Some("iso-8859-1" | "latin1")) => {
            (body.iter().copied().map(char::from).collect(), false)
        }
        (Err(_), _) => (String::from_utf8_lossy(body).into_owned(), true),
    }
}

/// RFC 6839, 3.1.
pub(crate) fn is_json(kind: &str) -> bool {
    kind == "application/json" || kind.ends_with("+json")
}

fn is_texty(kind: &str) -> bool {
    let kinds = ["application/xml", "application/yaml", "application/javascript"];
    kinds.contains(&kind) || kind.ends_with("+xml") || kind.ends_with("+yaml")
}

fn mapped(api: &str, mapping: &Mapping, text: &str) -> Result<String, Fault> {
    let misfit = |error: String| {
        let sentence = format!("\"{api}\" answered what the result cannot be made of");
        Fault::new(Reason::Misfit, sentence).because(error)
    };
    let text = match &mapping.result {
        Some(expression) => {
            bearable(api, text.as_bytes())?;
            let found = expression.search(variable(text).map_err(misfit)?);
            let found = found.map_err(|error| misfit(error.to_string()))?;
            serde_json::to_string(&found).map_err(|error| misfit(error.to_string()))?
        }
        None => text.trim().to_owned(),
    };
    match &mapping.fields {
        Some(fields) => fields.of(&text).map_err(|error| misfit(error.to_string())),
        None => Ok(text),
    }
}

/// Whether an expression is applied to this answer.
///
/// # Errors
/// It holds too many values.
pub(crate) fn bearable(api: &str, json: &[u8]) -> Result<(), Fault> {
    if is_bearable(json) {
        return Ok(());
    }
    let sentence = format!("the answer of \"{api}\" holds more than {MOST_VALUES} values");
    Err(Fault::new(Reason::TooLarge, sentence))
}

/// JSON for expressions.
pub(crate) fn variable(text: &str) -> Result<Rcvar, String> {
    Variable::from_json(text).map(Rcvar::new)
}

/// What is told of a text that is not whole.
const LOSSY: &str = "some bytes of the answer are no UTF-8; each stands as \u{fffd}";

/// The result of one page.
///
/// # Errors
/// It is not what the tool promises.
pub(crate) fn whole(
    api: &str,
    mapping: &Mapping,
    promises: bool,
    held: Held,
) -> Result<Answer, Fault> {
    let (content, structured) = match held {
        Held::Json(text) => {
            let structured = framed(api, mapping, promises, &text)?;
            (Content::text(text), Some(structured))
        }
        Held::Nothing(status) => {
            let structured = if mapping.framed { r#"{"result":null}"# } else { "{}" };
            let text = format!("done ({status}, without content)");
            (Content::text(text), promises.then(|| structured.to_owned()))
        }
        other if promises => {
            drop(other);
            let sentence = format!("\"{api}\" answered no JSON");
            return Err(Fault::new(Reason::Misfit, sentence));
        }
        Held::Text { text, is_lossy: false } => (Content::text(text), None),
        Held::Text { text, is_lossy: true } => {
            let content = vec![Content::text(LOSSY.to_owned()), Content::text(text)];
            return written(content, None, None);
        }
        Held::Media(content) => (content, None),
        Held::Opaque { kind, size } => {
            let kind = if kind.is_empty() { "unknown" } else { &kind };
            let text = format!("{size} bytes of type {kind}, which cannot be shown here");
            (Content::text(text), None)
        }
    };
    written(vec![content], structured, None)
}

/// Structured content is an object (MCP 2025-11-25, server/tools: structured content).
fn framed(api: &str, mapping: &Mapping, promises: bool, text: &str) -> Result<String, Fault> {
    let is_object = text.trim_start().starts_with('{');
    match (mapping.framed, is_object, promises) {
        (false, true, _) => Ok(text.to_owned()),
        (true, _, _) | (false, false, false) => Ok(format!(r#"{{"result":{text}}}"#)),
        (false, false, true) => {
            let sentence = format!("\"{api}\" answered something else than an object");
            Err(Fault::new(Reason::Misfit, sentence))
        }
    }
}

/// A result of these texts; `failure` is what went wrong for all that, in its structured form.
///
/// # Errors
/// It cannot be written, which is a mistake of ours.
pub(crate) fn written(
    content: Vec<Content>,
    structured: Option<String>,
    failure: Option<String>,
) -> Result<Answer, Fault> {
    let structured_content = structured.map(raw).transpose()?;
    let meta = failure.map(raw).transpose()?.map(|error| [(META_KEY, error)].into());
    Answer::of(&Written { content, structured_content, meta })
}

/// A failure that the tool tells: a result, as the API did answer.
pub(crate) fn failed(fault: &Fault, trace: &str) -> Result<Answer, Fault> {
    Answer::of(&raw(fault.tool_result(trace))?)
}

fn raw(json: String) -> Result<Box<RawValue>, Fault> {
    RawValue::from_string(json)
        .map_err(|error| Fault::new(Reason::Internal, "a result cannot be written").because(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_not_taken_for_text() {
        let answer = |encoding: &str| {
            let response = Response::builder()
                .header(CONTENT_TYPE, "application/json")
                .header(CONTENT_ENCODING, encoding)
                .body(Bytes::from_static(b"{}"))
                .unwrap();
            read("api", &Mapping::default(), &response)
        };

        assert!(matches!(answer("identity"), Ok(Held::Json(_))));
        assert_eq!(answer("gzip").err().unwrap().reason, Reason::Misfit);
    }
    #[test]
    fn text_is_read_as_what_it_is_and_bytes_are_none() {
        let held = |kind: &str, body: &'static [u8]| {
            let response = Response::builder().header(CONTENT_TYPE, kind);
            let response = response.body(Bytes::from_static(body)).unwrap();
            let held = read("api", &Mapping::default(), &response).ok().unwrap();
            let answer = whole("api", &Mapping::default(), false, held).unwrap();
            serde_json::from_str::<serde_json::Value>(answer.json()).unwrap()
        };

        for (kind, body, expected) in [
            ("application/json", &b"\xef\xbb\xbf{\"a\":1}"[..], "{\"a\":1}"),
            ("text/plain; charset=ISO-8859-1", b"\xe4", "ä"),
            ("text/plain; charset=iso-8859-1", "ä".as_bytes(), "ä"),
            ("", b"\xff\xd8", "2 bytes of type unknown, which cannot be shown here"),
            ("x y <script>", b"\xff", "1 bytes of type unknown, which cannot be shown here"),
        ] {
            assert_eq!(held(kind, body)["content"][0]["text"], expected, "{kind}");
        }
        assert_eq!(held("application/json", b"\xef\xbb\xbf{\"a\":1}")["structuredContent"]["a"], 1);
        let lossy = held("text/plain", b"a\xff");
        assert_eq!(lossy["content"][0]["text"], LOSSY);
        assert_eq!(lossy["content"][1]["text"], "a\u{fffd}");
    }
}
