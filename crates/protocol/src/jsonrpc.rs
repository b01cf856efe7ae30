//! One JSON-RPC message: the envelope is read, everything else is only known by position.

mod alike;
mod batch;
mod build;
pub mod codes;
mod envelope;
mod malformed;

pub use batch::split_batch;
pub use build::{error, notification, request, result};
pub use malformed::Malformed;

use bytes::Bytes;

use crate::json::{Limits, Mode, Object, Span, Value, slice};
use envelope::Envelope;

/// What a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A method and an id: an answer is due.
    Request,
    /// A method without an id: nobody answers.
    Notification,
    /// The answer to a request that went well.
    Result,
    /// The answer to a request that did not.
    Error,
}

/// A message that was scanned. Its bytes are those that came; unknown members are still in them.
#[derive(Debug, Clone)]
pub struct Message {
    bytes: Bytes,
    kind: Kind,
    envelope: Envelope,
}

impl Message {
    /// Scans a message of a client: no object in it may repeat a key.
    ///
    /// # Errors
    /// When it is not JSON, not JSON-RPC 2.0 as MCP narrows it, or breaks the limits.
    pub fn scan(bytes: Bytes, limits: &Limits) -> Result<Self, Malformed> {
        Self::scan_as(bytes, limits, Mode::Strict)
    }

    /// Scans a message of an upstream: only the objects that we read ourselves (the envelope,
    /// `params`, `result`, `error` and their `_meta`) may not repeat a key, and `"params": null`
    /// counts as absent.
    ///
    /// # Errors
    /// As for [`Message::scan`].
    pub fn scan_reply(bytes: Bytes, limits: &Limits) -> Result<Self, Malformed> {
        Self::scan_as(bytes, limits, Mode::Trusted)
    }

    fn scan_as(bytes: Bytes, limits: &Limits, mode: Mode) -> Result<Self, Malformed> {
        let mut envelope = Envelope::scan(&bytes, limits, mode)?;
        let kind = envelope.check(&bytes, mode)?;
        Ok(Self { bytes, kind, envelope })
    }

    /// What the message is for.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The message as it came.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The message on one line, as stdio wants it. Between the values of JSON a line break is
    /// white space, and inside a string it is not allowed, so a space can stand for it.
    #[must_use]
    pub fn line(&self) -> Bytes {
        if memchr::memchr2(b'\n', b'\r', &self.bytes).is_none() {
            return self.bytes.clone();
        }
        let flat = |byte: &u8| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte };
        self.bytes.iter().map(flat).collect()
    }

    /// The id as it is written: `7`, `"a"`. Never shortened through a number type, so a large
    /// integer comes back whole. `None` for notifications, and for errors that name no request.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        Some(Value::new(&self.bytes, self.envelope.id?).raw())
    }

    /// Where the id stands.
    #[must_use]
    pub fn id_span(&self) -> Option<Span> {
        self.envelope.id
    }

    /// The method of a request or a notification, decoded.
    #[must_use]
    pub fn method(&self) -> Option<&str> {
        self.envelope.method(&self.bytes)
    }

    /// Where the method stands, quotes included.
    #[must_use]
    pub fn method_span(&self) -> Option<Span> {
        self.envelope.method
    }

    /// The whole message as an object: `jsonrpc`, `id` and so on, and whatever else came.
    #[must_use]
    pub fn envelope(&self) -> Object<'_> {
        self.envelope.members.within(&self.bytes)
    }

    /// The parameters of a request or a notification.
    #[must_use]
    pub fn params(&self) -> Option<Object<'_>> {
        self.payload(matches!(self.kind, Kind::Request | Kind::Notification))
    }

    /// The result, whatever its type.
    #[must_use]
    pub fn result(&self) -> Option<Value<'_>> {
        Some(Value::new(&self.bytes, self.envelope.result?))
    }

    /// The result, if it is an object. In MCP it always should be.
    #[must_use]
    pub fn result_object(&self) -> Option<Object<'_>> {
        self.payload(self.kind == Kind::Result)
    }

    /// The error: `code`, `message` and maybe `data`.
    #[must_use]
    pub fn error(&self) -> Option<Object<'_>> {
        self.payload(self.kind == Kind::Error)
    }

    /// The `_meta` object of `params`, `result` or `error`.
    #[must_use]
    pub fn meta(&self) -> Option<Object<'_>> {
        Some(self.envelope.meta.as_ref()?.within(&self.bytes))
    }

    /// A part of the message, without copying it. Empty when the span is of another message.
    #[must_use]
    pub fn slice(&self, span: Span) -> Bytes {
        slice(&self.bytes, span)
    }

    fn payload(&self, wanted: bool) -> Option<Object<'_>> {
        let members = self.envelope.payload.as_ref().filter(|_| wanted)?;
        Some(members.within(&self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(text: &str) -> Message {
        Message::scan(text.to_owned().into(), &Limits::default()).unwrap()
    }

    #[test]
    fn a_request_is_known_by_its_parts() {
        let text = r#" {"jsonrpc":"2.0","id":7,"method":"tools/call","future":[1],"params":{"name":
            "geo","arguments":{"city":"Bern"},"_meta":{"progressToken":"p","x/y":{"a":1}}}} "#;

        let message = scan(text);

        assert_eq!(message.kind(), Kind::Request);
        assert_eq!(message.id(), Some("7"));
        assert_eq!(message.method(), Some("tools/call"));
        let params = message.params().unwrap();
        assert_eq!(params.get("name").unwrap().string().unwrap(), "geo");
        assert_eq!(params.get("arguments").unwrap().raw(), r#"{"city":"Bern"}"#);
        let meta = message.meta().unwrap();
        assert_eq!(meta.get("progressToken").unwrap().string().unwrap(), "p");
        assert_eq!(meta.get("x/y").unwrap().object().unwrap().get("a").unwrap().as_u64(), Some(1));
        assert_eq!(message.envelope().get("future").unwrap().raw(), "[1]");
        assert_eq!(&message.slice(message.id_span().unwrap())[..], b"7");
        assert_eq!(&message.slice(message.method_span().unwrap())[..], br#""tools/call""#);
        assert_eq!(message.bytes(), text.as_bytes());
        assert!(message.result().is_none() && message.error().is_none());
    }

    #[test]
    fn an_id_is_echoed_exactly() {
        for id in [
            "0",
            "-1",
            "9007199254740993",
            "123456789012345678901234567890",
            r#""""#,
            r#""a\u0062\"c""#,
            r#""\ud800""#,
        ] {
            let message = scan(&format!(r#"{{"jsonrpc":"2.0","method":"ping","id": {id} }}"#));
            assert_eq!(message.id(), Some(id));
        }
    }

    #[test]
    fn the_other_kinds_are_told_apart() {
        let notification = scan(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        assert_eq!(notification.kind(), Kind::Notification);
        assert!(notification.id().is_none() && notification.params().is_none());

        let result = scan(r#"{"jsonrpc":"2.0","id":"a","result":{"_meta":{"k":1},"tools":[]}}"#);
        assert_eq!(result.kind(), Kind::Result);
        assert_eq!(result.result_object().unwrap().get("tools").unwrap().raw(), "[]");
        assert_eq!(result.meta().unwrap().get("k").unwrap().as_u64(), Some(1));

        let bare = scan(r#"{"jsonrpc":"2.0","id":"a","result":null}"#);
        assert!(bare.result().unwrap().is_null());
        assert!(bare.result_object().is_none() && bare.meta().is_none());

        for id in ["", r#","id":null"#] {
            let text =
                format!(r#"{{"jsonrpc":"2.0"{id},"error":{{"code":-32700,"message":"m"}}}}"#);
            let error = scan(&text);
            assert_eq!(error.kind(), Kind::Error);
            assert_eq!(error.id(), None);
            assert_eq!(error.error().unwrap().get("code").unwrap().as_i64(), Some(-32700));
        }
    }

    #[test]
    fn the_parameters_of_an_answer_mean_nothing() {
        for text in [
            r#"{"jsonrpc":"2.0","id":1,"params":{"_meta":{"a":1}},"result":{"b":2}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{"b":2},"params":{"_meta":{"a":1}}}"#,
        ] {
            let message = scan(text);
            assert!(message.params().is_none() && message.meta().is_none());
            assert_eq!(message.result_object().unwrap().raw(), r#"{"b":2}"#);
        }
    }

    #[test]
    fn names_written_with_escapes_are_still_the_names() {
        let message = scan(
            r#"{"json\u0072pc":"2.\u0030","\u0069d":1,"method":"pi\u006eg",
            "para\u006ds":{"\u005fmeta":{"\u0061":true}}}"#,
        );

        assert_eq!(message.id(), Some("1"));
        assert_eq!(message.method(), Some("ping"));
        assert_eq!(message.meta().unwrap().get("a").unwrap().as_bool(), Some(true));
    }

    /// Case J7: another case, and letters that look like it. They are never read as the members they
    /// pass for, nor passed on to a server that may read them so.
    #[test]
    fn names_in_another_case_are_refused() {
        let call = r#""jsonrpc":"2.0","id":1,"method":"tools/call""#;
        for text in [
            r#"{"jsonrpc":"2.0","id":1,"Method":"ping"}"#.to_owned(),
            format!(r#"{{{call},"METHOD":"ping"}}"#),
            format!(r#"{{{call},"paramſ":{{}}}}"#),
            format!(r#"{{{call},"\u0050arams":{{}}}}"#),
            format!(r#"{{{call},"params":{{"name":"a","Name":"b"}}}}"#),
            format!(r#"{{{call},"params":{{"name":"a","argumentſ":{{}}}}}}"#),
            format!(r#"{{{call},"params":{{"name":"a","_Meta":{{}}}}}}"#),
        ] {
            let refused = Message::scan(text.clone().into(), &Limits::default()).unwrap_err();
            let told = "a member differs from one of MCP in the case of its letters alone";
            assert_eq!(
                (refused.code(), refused.id()),
                (codes::INVALID_REQUEST, Some("1")),
                "{text}"
            );
            assert_eq!(refused.to_string(), told, "{text}");
        }
        let other = scan(r#"{"jsonrpc":"2.0","method":"m","params":{"A":1,"a":2},"meta":3}"#);
        assert_eq!(other.method(), Some("m"));
        let reply = r#"{"jsonrpc":"2.0","id":1,"result":{},"Error":1}"#;
        assert!(Message::scan_reply(reply.into(), &Limits::default()).is_ok());
    }

    #[test]
    fn what_is_no_message_says_why_and_to_whom() {
        let call = |rest| format!(r#"{{"jsonrpc":"2.0","id":1,{rest}}}"#);
        for (text, code, problem, id) in [
            ("{".into(), -32700, "expected a key at byte 1", None),
            (call(r#""method":}"#), -32700, "expected a value at byte 33", Some("1")),
            ("3".into(), -32600, "expected an object", None),
            ("[]".into(), -32600, "expected one message, found a batch", None),
            (r#"{"id":1,"method":"m"}"#.into(), -32600, "missing jsonrpc", Some("1")),
            (
                r#"{"jsonrpc":2.0,"id":1,"method":"m"}"#.into(),
                -32600,
                r#"jsonrpc must be "2.0""#,
                Some("1"),
            ),
            (r#"{"jsonrpc":"1.0","id":1}"#.into(), -32600, r#"jsonrpc must be "2.0""#, Some("1")),
            (call(r#""method":3"#), -32600, "method must be a string", Some("1")),
            (call(r#""method":"\ud800""#), -32600, "method must be a string", Some("1")),
            (call(r#""x":3"#), -32600, "none of method, result and error", Some("1")),
            (
                call(r#""method":"m","result":{}"#),
                -32600,
                "more than one of method, result and error",
                Some("1"),
            ),
            (
                call(r#""result":{},"error":{}"#),
                -32600,
                "more than one of method, result and error",
                Some("1"),
            ),
            (call(r#""error":"no""#), -32600, "error must be an object", Some("1")),
            (call(r#""method":"m","params":[1]"#), -32602, "params must be an object", Some("1")),
            (call(r#""method":"m","params":null"#), -32602, "params must be an object", Some("1")),
            (call(r#""method":"m","method":"n""#), -32600, r#"duplicate key "method""#, Some("1")),
            (
                call(r#""method":"m","params":{"a":{"b":1,"b":2}}"#),
                -32600,
                r#"duplicate key "b""#,
                Some("1"),
            ),
            (
                call(r#""method":"m","params":{"id":1,"id":2}"#),
                -32600,
                r#"duplicate key "id""#,
                Some("1"),
            ),
            (call(r#""method":"m","id":2"#), -32600, r#"duplicate key "id""#, None),
            (
                r#"{"method":"m","method":"m","id":"late"}"#.into(),
                -32600,
                r#"duplicate key "method""#,
                Some(r#""late""#),
            ),
            (
                call(&format!(r#""method":"m","params":{}"#, "[".repeat(500))),
                -32600,
                "nesting deeper than 128",
                Some("1"),
            ),
        ] {
            let malformed = Message::scan(text.clone().into(), &Limits::default()).unwrap_err();
            let found = (malformed.code(), malformed.to_string(), malformed.id());
            assert_eq!(found, (code, problem.to_owned(), id), "{text}");

            let reply = Message::scan(malformed.reply(), &Limits::default()).unwrap();
            assert_eq!((reply.kind(), reply.id()), (Kind::Error, id), "{text}");
        }
    }

    #[test]
    fn an_id_is_a_string_or_an_integer() {
        for id in ["null", "1.0", "1e3", "1.5", "true", "[1]", "{}", "-1E0"] {
            for rest in [r#""method":"m""#, r#""result":{}"#] {
                let text = format!(r#"{{"jsonrpc":"2.0","id":{id},{rest}}}"#);
                let malformed = Message::scan(text.into(), &Limits::default()).unwrap_err();
                assert!(malformed.to_string().contains("must be a string or an integer"));
                assert_eq!((malformed.code(), malformed.id()), (codes::INVALID_REQUEST, None));
            }
        }
    }

    #[test]
    fn an_upstream_may_repeat_keys_only_where_we_do_not_look() {
        let limits = Limits::default();
        let reply = |result: &str| {
            let text = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#);
            Message::scan_reply(text.into(), &limits)
        };

        assert!(reply(r#"{"content":[{"type":"text","type":"text"}]}"#).is_ok());
        for ambiguous in [
            r#"{"isError":true,"isError":false}"#,
            r#"{"_meta":{"a":1,"a":2}}"#,
            r#"{},"result":{}"#,
        ] {
            assert_eq!(reply(ambiguous).unwrap_err().code(), codes::INVALID_REQUEST, "{ambiguous}");
        }
    }

    #[test]
    fn an_upstream_may_say_that_it_has_no_params() {
        let text = r#"{"jsonrpc":"2.0","method":"notifications/x","params":null}"#;

        let message = Message::scan_reply(text.into(), &Limits::default()).unwrap();

        assert!(message.params().is_none() && message.meta().is_none());
    }

    #[test]
    fn a_message_on_one_line_says_the_same() {
        let pretty = scan("{\r\n \"jsonrpc\":\"2.0\",\n\"method\":\"a\\nb\"}");
        let flat = scan(r#"{"jsonrpc":"2.0","method":"a\nb"}"#);

        assert_eq!(&pretty.line()[..], br#"{   "jsonrpc":"2.0", "method":"a\nb"}"#);
        assert_eq!(flat.line().as_ptr(), flat.bytes().as_ptr(), "copied without need");
    }
}
