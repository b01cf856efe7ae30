//! What the server says: every result is written once at the start, around the id of a request.

use std::fmt::Write as _;

use bytes::Bytes;
use clap::ValueEnum;

/// The revision a modern client speaks.
pub(crate) const MODERN: &str = "2026-07-28";
/// The revision a legacy client is answered with.
pub(crate) const LEGACY: &str = "2025-11-25";

const SERVER: &str = r#"{"name":"bench","version":"1.0.0"}"#;

/// The results of one era, as JSON text.
#[derive(Debug)]
pub(crate) struct Results {
    /// Of `server/discover` or `initialize`.
    pub(crate) greeting: String,
    /// Of `tools/list`: every tool on one page.
    pub(crate) list: String,
    /// Of `tools/call`: the same text whatever was asked.
    pub(crate) call: String,
}

/// What the text of a call's result is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Text {
    /// One letter, over and over.
    Letters,
    /// Records of customers, some with an address or a card: what redaction has to read.
    Records,
}

impl Text {
    /// A text of this many bytes, without what JSON would escape.
    fn of(self, bytes: usize) -> String {
        if self == Text::Letters {
            return "x".repeat(bytes);
        }
        let (mut text, mut number) = (String::new(), 1_000);
        while text.len() < bytes {
            let extra = match number % 8 {
                0 => format!(" mail customer{number}@example.com"),
                4 => " card 4111 1111 1111 1111".to_owned(),
                _ => String::new(),
            };
            // Writing to a string cannot fail.
            let _ = write!(
                text,
                "customer {number}: plan business, 14 seats, since 2024-03-18, renewal open,{extra} \
                 ticket 7f3c{number}-90ab closed as solved after 3 replies; "
            );
            number += 1;
        }
        text.truncate(bytes);
        text
    }
}

/// The results of both eras.
#[derive(Debug)]
pub(crate) struct Answers {
    /// Revision 2026-07-28: each result has its type, and lists say how long they keep.
    pub(crate) modern: Results,
    /// Revision 2025-11-25.
    pub(crate) legacy: Results,
}

impl Answers {
    /// Answers of a server with `tools` tools, whose calls return a text of `body` bytes.
    pub(crate) fn new(tools: usize, body: usize, text: Text) -> Self {
        let tools = tool_list(tools);
        let text = text.of(body);
        let content = format!(r#""content":[{{"type":"text","text":"{text}"}}],"isError":false"#);
        let meta = format!(
            r#""resultType":"complete","_meta":{{"io.modelcontextprotocol/serverInfo":{SERVER}}}"#
        );
        let keeps = r#""ttlMs":60000,"cacheScope":"public""#;
        let capabilities = r#""capabilities":{"tools":{}}"#;
        Self {
            modern: Results {
                greeting: format!(
                    r#"{{"supportedVersions":["{MODERN}"],{capabilities},{keeps},{meta}}}"#
                ),
                list: format!(r#"{{"tools":[{tools}],{keeps},{meta}}}"#),
                call: format!("{{{content},{meta}}}"),
            },
            legacy: Results {
                greeting: format!(
                    r#"{{"protocolVersion":"{LEGACY}",{capabilities},"serverInfo":{SERVER}}}"#
                ),
                list: format!(r#"{{"tools":[{tools}]}}"#),
                call: format!("{{{content}}}"),
            },
        }
    }
}

/// `count` tools, each about as large as a small real one.
fn tool_list(count: usize) -> String {
    let mut list = String::new();
    for index in 0..count {
        let comma = if index == 0 { "" } else { "," };
        // Writing to a string cannot fail.
        let _ = write!(
            list,
            r#"{comma}{{"name":"echo_{index:05}","title":"Echo {index}","description":"Returns a text of fixed length, whatever it is given.","inputSchema":{{"type":"object","properties":{{"text":{{"type":"string","description":"Anything at all."}}}}}},"annotations":{{"readOnlyHint":true}}}}"#
        );
    }
    list
}

/// A JSON-RPC response with a result.
pub(crate) fn success(id: &[u8], result: &str) -> Bytes {
    message(id, "result", result)
}

/// A JSON-RPC response with an error; `more` is further members of the error object.
pub(crate) fn failure(id: &[u8], code: i32, text: &str, more: &str) -> Bytes {
    let error = format!(r#"{{"code":{code},"message":"{text}"{more}}}"#);
    message(id, "error", &error)
}

fn message(id: &[u8], member: &str, value: &str) -> Bytes {
    let mut text = Vec::with_capacity(40 + id.len() + member.len() + value.len());
    for part in [
        br#"{"jsonrpc":"2.0","id":"#.as_slice(),
        id,
        b",\"",
        member.as_bytes(),
        b"\":",
        value.as_bytes(),
        b"}",
    ] {
        text.extend_from_slice(part);
    }
    text.into()
}
