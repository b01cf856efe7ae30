//! From arguments to a request that says exactly them: nothing a model gives can change the host,
//! the structure of the path, another parameter or a credential.

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, COOKIE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};
use serde_json::{Map, Value};

use crate::body;
use crate::escape::{encode, is_segment};
use crate::operation::{Operation, Parameter, Piece, Place, Style, argument, shown};
use crate::segment::Segments;
use crate::style::{self, joined};
use crate::template::worded;
use crate::twice::{stands_for, twice};
use crate::wrong::Wrong;

/// The longest URL, in bytes: most servers refuse more than 8 KiB.
const LONGEST_URL: usize = 16 << 10;

/// Where an API is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// Scheme and authority.
    origin: String,
    /// The path, without a slash at its end.
    prefix: String,
}

impl Base {
    /// The base that a URL names; its query does not count.
    pub fn new(url: &toolgate_values::Url) -> Base {
        let uri = url.uri();
        let scheme = uri.scheme_str().unwrap_or("https");
        let authority = uri.authority().map_or("", http::uri::Authority::as_str);
        Base {
            origin: format!("{scheme}://{authority}"),
            prefix: uri.path().trim_end_matches('/').to_owned(),
        }
    }

    /// Scheme and authority.
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

/// The request that an operation makes of these arguments.
pub(crate) fn build(
    base: &Base,
    operation: &Operation,
    arguments: &Map<String, Value>,
    page: Option<(&str, &str)>,
) -> Result<Request<Bytes>, Wrong> {
    let path = path(operation, arguments)?;
    let query = query(operation, arguments, page)?;
    let mut url = format!("{}{}{path}", base.origin, base.prefix);
    if !query.is_empty() {
        url.push('?');
        url.push_str(&query);
    }
    if url.len() > LONGEST_URL {
        return Err(Wrong("the arguments are too long for a URL: give less at once".into()));
    }
    let uri: Uri = url
        .parse()
        .map_err(|_| Wrong("the arguments cannot stand in a URL: give simpler ones".into()))?;
    let mut headers = headers(operation, arguments)?;
    let body = body::build(operation, arguments)?;
    if let Some((kind, _)) = &body {
        headers.insert(CONTENT_TYPE, kind.clone());
    }
    // Last, so that nothing takes the place of what the operator wrote.
    for (name, value) in &operation.fixed.headers {
        headers.insert(name.clone(), value.clone());
    }
    let mut request = Request::new(body.map(|(_, body)| body).unwrap_or_default());
    *request.method_mut() = operation.method.clone();
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Ok(request)
}

fn path(operation: &Operation, arguments: &Map<String, Value>) -> Result<String, Wrong> {
    let mut segments = Segments::new();
    for piece in &operation.path {
        match piece {
            Piece::Text(text) => segments.literal(text),
            Piece::Parameter(index) => {
                let Some(parameter) = operation.parameters.get(*index) else { continue };
                segments.given(&shown(&parameter.argument), &in_path(parameter, arguments)?);
            }
        }
    }
    segments.path()
}

fn in_path(parameter: &Parameter, arguments: &Map<String, Value>) -> Result<String, Wrong> {
    let name = shown(&parameter.argument);
    let value = given(parameter, arguments).ok_or_else(|| Wrong(format!("{name} is missing")))?;
    let unsound = |value: &Value| match value {
        Value::String(text) if parameter.segments => !text.split('/').all(is_segment),
        other => !is_segment(&style::scalar(other)),
    };
    let is_unsound = match value {
        Value::Array(items) => items.is_empty() || items.iter().any(unsound),
        Value::Object(members) => {
            members.is_empty()
                || members.iter().any(|(name, member)| !is_segment(name) || unsound(member))
        }
        other => unsound(other),
    };
    if is_unsound {
        let way_out = match parameter.segments {
            true => "give names with / between them, none of them empty, . or ..",
            false => "give a single name, without / and \\, that is not empty, . or ..",
        };
        return Err(Wrong(format!("{name} cannot stand in a path: {way_out}")));
    }
    Ok(match value {
        Value::String(text) if parameter.segments => {
            text.split('/').map(encode).collect::<Vec<_>>().join("/")
        }
        _ => style::text(&parameter.name, value, parameter.style, parameter.explode, encode),
    })
}

fn given<'a>(parameter: &'a Parameter, arguments: &'a Map<String, Value>) -> Option<&'a Value> {
    argument(arguments, &parameter.argument).or(parameter.default.as_ref())
}

fn query(
    operation: &Operation,
    arguments: &Map<String, Value>,
    page: Option<(&str, &str)>,
) -> Result<String, Wrong> {
    let fixed = &operation.fixed.query;
    let of_page = |key: &str| page.is_some_and(|(name, _)| key == name);
    let is_taken = |key: &str| {
        let mut others = fixed.iter().chain(&operation.query);
        others.any(|(name, _)| stands_for(key, name))
            || page.is_some_and(|(name, _)| stands_for(key, name))
    };
    let mut left = style::MOST;
    let mut pairs = pairs(operation, arguments, Place::Query, &is_taken, &mut left)?;
    for (name, text) in operation.query.iter().filter(|(name, _)| !of_page(name)) {
        if let Some(value) = worded(text.reveal(), &|it| operation.named(arguments, it)) {
            // Here no object names parameters.
            let style = if value.is_object() { Style::Json } else { Style::Form };
            pairs.extend(style::pairs(name, &value, style, true, encode, &mut left)?);
        }
    }
    pairs.extend(page.map(|(name, value)| (encode(name), encode(value))));
    pairs.extend(fixed.iter().map(|(name, value)| (encode(name), encode(value.reveal()))));
    Ok(joined(&pairs))
}

/// The pairs of the parameters at this place, but for those whose names are `taken`. `left` is what
/// they may still take, in bytes.
///
/// # Errors
/// They take more. Or an object that is exploded names its own parameters, and one of them is another
/// parameter of the operation: two values of one name are read otherwise by each server, and that
/// other parameter may be one that the gateway gives.
fn pairs(
    operation: &Operation,
    arguments: &Map<String, Value>,
    place: Place,
    taken: &dyn Fn(&str) -> bool,
    left: &mut usize,
) -> Result<Vec<(String, String)>, Wrong> {
    let mut all = Vec::new();
    let here = || operation.parameters.iter().filter(|it| it.place == place);
    for parameter in here() {
        let Some(value) = given(parameter, arguments) else { continue };
        let Parameter { name, style, explode, .. } = parameter;
        let encode = style::of_query(parameter.reserved && place == Place::Query);
        let mut own = style::pairs(name, value, *style, *explode, encode, left)?;
        own.retain(|(key, _)| !taken(key));
        let others = || here().filter(|other| other.argument != parameter.argument);
        for (key, _) in own.iter().filter(|_| value.is_object()) {
            if let Some(other) = others().find(|other| stands_for(key, &other.name)) {
                return Err(twice(&shown(&parameter.argument), &shown(&other.argument)));
            }
        }
        all.extend(own);
    }
    Ok(all)
}

fn headers(operation: &Operation, arguments: &Map<String, Value>) -> Result<HeaderMap, Wrong> {
    let mut headers = HeaderMap::new();
    headers.insert(USER_AGENT, HeaderValue::from_static("toolgate"));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json, */*;q=0.5"));
    // Without it an API may choose any (RFC 9110, 12.5.3).
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    for parameter in &operation.parameters {
        let Some(value) = given(parameter, arguments) else { continue };
        match parameter.place {
            Place::Header => {
                let (name, value) = header(parameter, value)?;
                headers.insert(name, value);
            }
            Place::Cookie | Place::Path | Place::Query => {}
        }
    }
    let fixed = &operation.fixed.cookies;
    let is_taken = |key: &str| fixed.iter().any(|(fixed, _)| encode(fixed) == key);
    let mut cookies = pairs(operation, arguments, Place::Cookie, &is_taken, &mut { style::MOST })?;
    cookies.extend(fixed.iter().map(|(name, value)| (encode(name), value.reveal().to_owned())));
    if !cookies.is_empty() {
        let pairs: Vec<_> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let text = pairs.join("; ");
        let value = HeaderValue::from_str(&text)
            .map_err(|_| Wrong("the arguments cannot stand in a cookie".into()))?;
        headers.insert(COOKIE, value);
    }
    Ok(headers)
}

fn header(parameter: &Parameter, value: &Value) -> Result<(HeaderName, HeaderValue), Wrong> {
    let shown = shown(&parameter.argument);
    let name = HeaderName::from_bytes(parameter.name.as_bytes())
        .map_err(|_| Wrong(format!("{shown} cannot be sent")))?;
    let text = match parameter.style {
        Style::Json => value.to_string(),
        style => style::text(&parameter.name, value, style, parameter.explode, style::plain),
    };
    // Visible ASCII, spaces and tabs: no line break can begin another header, and no two readers
    // take other characters differently (RFC 9110, 5.5).
    let value = HeaderValue::from_str(&text).ok().filter(|_| text.is_ascii());
    let value = value.ok_or_else(|| {
        Wrong(format!("{shown} goes into a header: give ASCII without control characters"))
    })?;
    Ok((name, value))
}

#[cfg(test)]
mod tests;
