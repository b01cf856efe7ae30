//! The body of a request.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::HeaderValue;
use serde_json::{Map, Value};

use crate::escape::encode;
use crate::operation::{Body, Encoding, Member, Operation, Style, argument, shown};
use crate::style::{MOST, joined, pairs, scalar};
use crate::twice::{stands_for, twice};
use crate::wrong::Wrong;

/// The body with its media type; `None` if there is nothing to send.
pub(crate) fn build(
    operation: &Operation,
    arguments: &Map<String, Value>,
) -> Result<Option<(HeaderValue, Bytes)>, Wrong> {
    let Some(body) = &operation.body else { return Ok(None) };
    match body {
        Body::Template { template, encoding } => {
            let filled = template.fill(&|name| operation.named(arguments, name));
            written(&filled, encoding).map(Some)
        }
        Body::Whole { argument: pointer, encoding, required } => {
            match argument(arguments, pointer) {
                Some(value) => written(value, encoding).map(Some),
                None if *required => Err(Wrong(format!("{} is missing", shown(pointer)))),
                None => Ok(None),
            }
        }
        Body::Members { members, encoding, required } => {
            let given = members.iter().filter_map(|Member { name, argument, default }| {
                let value = argument_or_null(arguments, argument).or(default.as_ref())?;
                Some((name.clone(), value.clone()))
            });
            let object: Map<_, _> = given.collect();
            if object.is_empty() && !required {
                return Ok(None);
            }
            written(&Value::Object(object), encoding).map(Some)
        }
    }
}

/// A member of a body may be null, which says something else than leaving it out.
fn argument_or_null<'a>(
    arguments: &'a Map<String, Value>,
    pointer: &[String],
) -> Option<&'a Value> {
    match pointer {
        [name] => arguments.get(name),
        _ => argument(arguments, pointer),
    }
}

fn written(value: &Value, encoding: &Encoding) -> Result<(HeaderValue, Bytes), Wrong> {
    let (kind, bytes) = match encoding {
        Encoding::Json(kind) => (kind.clone(), value.to_string().into()),
        Encoding::Form(styles) => {
            ("application/x-www-form-urlencoded".to_owned(), form(value, styles)?.into())
        }
        Encoding::Multipart => multipart(value)?,
        Encoding::Text(kind) => (kind.clone(), scalar(value).into()),
    };
    let kind = HeaderValue::from_str(&kind)
        .map_err(|_| Wrong("the body has a media type that cannot be sent".into()))?;
    Ok((kind, bytes))
}

fn members(value: &Value) -> Result<&Map<String, Value>, Wrong> {
    value.as_object().ok_or_else(|| Wrong("the body has to be an object".into()))
}

/// OpenAPI 3.1, 4.8.15: lists are repeated, objects are JSON, unless a style says otherwise.
fn form(value: &Value, styles: &BTreeMap<String, (Style, bool)>) -> Result<String, Wrong> {
    let (mut all, mut left) = (Vec::new(), MOST);
    let members = members(value)?;
    for (name, member) in members {
        let styled = styles.get(name).copied();
        let (style, explode) = styled.unwrap_or(match member {
            Value::Object(_) => (Style::Json, false),
            _ => (Style::Form, true),
        });
        let own = pairs(name, member, style, explode, encode, &mut left)?;
        let others = || members.keys().filter(|other| *other != name);
        for (key, _) in own.iter().filter(|_| member.is_object()) {
            if let Some(other) = others().find(|other| stands_for(key, other)) {
                return Err(twice(name, other));
            }
        }
        all.extend(own);
    }
    Ok(joined(&all))
}

/// RFC 7578. The boundary is random, so that no value can end its part.
fn multipart(value: &Value) -> Result<(String, Bytes), Wrong> {
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random).map_err(|_| Wrong("the body cannot be made now".into()))?;
    let boundary: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut out = String::new();
    let mut part = |name: &str, value: &Value| {
        let (kind, text) = match value {
            Value::Object(_) | Value::Array(_) => {
                ("Content-Type: application/json\r\n", value.to_string())
            }
            other => ("", scalar(other)),
        };
        // As browsers write names (WHATWG HTML, multipart form data).
        let name = name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
        out.push_str(&format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n{kind}\r\n{text}\r\n"
        ));
    };
    for (name, member) in members(value)? {
        match member {
            Value::Array(items) if items.iter().all(|item| !item.is_object()) => {
                items.iter().for_each(|item| part(name, item));
            }
            other => part(name, other),
        }
    }
    out.push_str(&format!("--{boundary}--\r\n"));
    Ok((format!("multipart/form-data; boundary={boundary}"), out.into()))
}
