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
    /// Text of another kind.
    Text(String),
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
    let is_text = kind.starts_with("text/") || kind.is_empty() || is_json(&kind);
    if let Ok(text) = std::str::from_utf8(body)
        && (is_json(&kind) || kind.is_empty())
        && serde_json::from_str::<&RawValue>(text).is_ok()
    {
        return mapped(api, mapping, text).map(Held::Json);
    }
    Ok(match kind.split('/').next() {
        Some("image") if kind != "image/svg+xml" => Held::Media(Content::image(body, kind)),
        Some("audio") => Held::Media(Content::audio(body, kind)),
        _ if is_text || is_texty(&kind) => Held::Text(String::from_utf8_lossy(body).into_owned()),
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

/// The type of an answer, without its parameters; empty if it says none.
pub(crate) fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
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
        Held::Text(text) => (Content::text(text), None),
        Held::Media(content) => (content, None),
        Held::Opaque { kind, size } => {
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
}
