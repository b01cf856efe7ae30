//! The body of a POST: is it plain JSON, and does it keep within its limits?

use bytes::Bytes;
use http::header::{CONNECTION, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use toolgate_gateway::config;
use toolgate_protocol::json::Limits;
use toolgate_protocol::jsonrpc::{self, Message, codes};

use super::body::{Answer, json};

/// The JSON limits of the configuration.
pub fn json_limits(limits: &config::Limits) -> Limits {
    Limits { depth: u16::try_from(limits.nesting).unwrap_or(Limits::DEPTH), ..Limits::default() }
}

/// Whether a body is several messages in one array.
pub fn is_batch(body: &[u8]) -> bool {
    body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[')
}

/// Refuses a body that is framed in any way but plainly in chunks, once, or by its length: a proxy
/// before us may see its end elsewhere (RFC 9112, section 6.1). The connection ends with it.
pub fn check_framing(headers: &HeaderMap) -> Result<(), Answer> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let plain = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    match (codings.next(), codings.next()) {
        (None, _) => return Ok(()),
        (Some(coding), None) if plain(coding) => return Ok(()),
        _ => {}
    }
    let text = "Transfer-Encoding must be chunked, and nothing besides";
    let mut answer = json(400, jsonrpc::error(None, codes::INVALID_REQUEST, text, None));
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    Err(answer)
}

/// Refuses a body that is no plain JSON, before any of it is read.
pub fn check_content_type(headers: &HeaderMap) -> Result<(), Answer> {
    let content_type = headers
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let media = content_type.split(';').next().unwrap_or_default().trim();
    // Nothing is unpacked, so nothing can burst (RFC 9110, section 8.4: 415).
    let packed = headers
        .get(http::header::CONTENT_ENCODING)
        .is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    let text = match media.eq_ignore_ascii_case("application/json") {
        true if packed => "the body must not be compressed",
        true => return Ok(()),
        false => "the body must be application/json",
    };
    Err(json(415, jsonrpc::error(None, codes::INVALID_REQUEST, text, None)))
}

/// Reads a body within its limits of size and time.
pub async fn read(
    body: Incoming,
    headers: &HeaderMap,
    limits: &config::Limits,
) -> Result<Bytes, Answer> {
    let most = limits.body.bytes();
    let too_large = || {
        let text = format!("the body is larger than {most} bytes");
        json(413, jsonrpc::error(None, codes::INVALID_REQUEST, &text, None))
    };
    let announced = headers.get(http::header::CONTENT_LENGTH).and_then(|v| v.to_str().ok());
    if announced.and_then(|length| length.parse::<usize>().ok()).is_some_and(|length| length > most)
    {
        return Err(too_large());
    }
    let collecting = Limited::new(body, most).collect();
    match tokio::time::timeout(limits.body_time.duration(), collecting).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => {
            let text = "the body ended early";
            Err(json(400, jsonrpc::error(None, codes::PARSE_ERROR, text, None)))
        }
        Err(_) => {
            let text = "the body came too slowly";
            Err(json(408, jsonrpc::error(None, codes::INVALID_REQUEST, text, None)))
        }
    }
}

/// Reads a body as one message.
pub fn scan(body: Bytes, limits: &Limits) -> Result<Message, Answer> {
    Message::scan(body, limits).map_err(|malformed| {
        let id = malformed.id();
        json(400, jsonrpc::error(id, malformed.code(), &malformed.to_string(), None))
    })
}
