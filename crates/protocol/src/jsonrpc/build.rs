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

#[cfg(test)]
mod tests {
    use crate::json::Limits;
    use crate::jsonrpc::{Kind, Message};

    use super::*;

    fn scan(bytes: Bytes) -> Message {
        Message::scan(bytes, &Limits::default()).unwrap()
    }

    #[test]
    fn what_we_write_is_what_we_read() {
        let request = scan(request(r#""a""#, "tools/\"call\"", r#"{"x":1}"#));
        assert_eq!((request.kind(), request.id()), (Kind::Request, Some(r#""a""#)));
        assert_eq!(request.method(), Some("tools/\"call\""));
        assert_eq!(request.params().unwrap().raw(), r#"{"x":1}"#);

        let notification = scan(notification("notifications/progress", "{}"));
        assert_eq!(notification.kind(), Kind::Notification);

        let result = scan(result("7", r#"{"ok":true}"#));
        assert_eq!((result.kind(), result.id()), (Kind::Result, Some("7")));
        assert_eq!(result.result().unwrap().raw(), r#"{"ok":true}"#);
    }

    #[test]
    fn an_error_carries_its_message_whatever_it_says() {
        let error = scan(error(Some("7"), -32602, "no \"tool\"\n", Some(r#"{"uri":"x"}"#)));

        let object = error.error().unwrap();
        assert_eq!(object.get("code").unwrap().as_i64(), Some(-32602));
        assert_eq!(object.get("message").unwrap().string().unwrap(), "no \"tool\"\n");
        assert_eq!(object.get("data").unwrap().raw(), r#"{"uri":"x"}"#);
    }

    #[test]
    fn an_error_to_nobody_says_null() {
        let text = error(None, -32700, "m", None);

        assert_eq!(text, r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"m"}}"#);
    }
}
