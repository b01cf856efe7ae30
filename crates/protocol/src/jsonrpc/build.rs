//! The messages that we author. What is passed as raw must be JSON already.

use bytes::Bytes;

use crate::json::quote_into;

/// A request.
#[must_use]
pub fn request(id: &str, method: &str, params: &str) -> Bytes {
    let mut out = start(Some(id), method.len() + params.len());
    put_method(&mut out, method, params);
    out.into()
}

/// A notification.
#[must_use]
pub fn notification(method: &str, params: &str) -> Bytes {
    let mut out = start(None, method.len() + params.len());
    put_method(&mut out, method, params);
    out.into()
}

/// The answer to a request that went well.
#[must_use]
pub fn result(id: &str, result: &str) -> Bytes {
    let mut out = start(Some(id), result.len());
    out.extend_from_slice(br#","result":"#);
    out.extend_from_slice(result.as_bytes());
    out.push(b'}');
    out.into()
}

/// The answer to a request that did not. Without an id it says `null`, as JSON-RPC 2.0 section 5
/// prescribes when the id could not be read; `data` is raw JSON.
#[must_use]
pub fn error(id: Option<&str>, code: i64, message: &str, data: Option<&str>) -> Bytes {
    let mut out = start(Some(id.unwrap_or("null")), message.len() + data.map_or(0, str::len));
    out.extend_from_slice(br#","error":{"code":"#);
    out.extend_from_slice(code.to_string().as_bytes());
    out.extend_from_slice(br#","message":"#);
    quote_into(&mut out, message);
    if let Some(data) = data {
        out.extend_from_slice(br#","data":"#);
        out.extend_from_slice(data.as_bytes());
    }
    out.extend_from_slice(b"}}");
    out.into()
}

fn start(id: Option<&str>, more: usize) -> Vec<u8> {
    const ENVELOPE: usize = 80;
    let mut out = Vec::with_capacity(ENVELOPE + id.map_or(0, str::len) + more);
    out.extend_from_slice(br#"{"jsonrpc":"2.0""#);
    if let Some(id) = id {
        out.extend_from_slice(br#","id":"#);
        out.extend_from_slice(id.as_bytes());
    }
    out
}

fn put_method(out: &mut Vec<u8>, method: &str, params: &str) {
    out.extend_from_slice(br#","method":"#);
    quote_into(out, method);
    out.extend_from_slice(br#","params":"#);
    out.extend_from_slice(params.as_bytes());
    out.push(b'}');
}
