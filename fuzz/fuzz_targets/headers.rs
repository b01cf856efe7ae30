//! Do header values survive encoding, and do the headers we compute pass our own check?
//!
//! Up to the first line break the input is a header value; after it comes
//! `{"schema": ..., "arguments": ...}`.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use toolgate_protocol::headers::{Received, decode, encode, mirrors};
use toolgate_protocol::json::{Document, Limits, Mode};

fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (value, rest) = data.split_at(end);
    if let Some(text) = decode(value) {
        assert_eq!(decode(encode(&text).as_bytes()).as_deref(), Some(&*text));
    }
    if let Ok(text) = std::str::from_utf8(value) {
        let header = encode(text);
        assert!(header.bytes().all(|byte| matches!(byte, b' '..=b'~')));
        assert_eq!(decode(header.as_bytes()).as_deref(), Some(text));
    }
    mirror(Bytes::copy_from_slice(rest));
});

fn mirror(text: Bytes) -> Option<()> {
    let document = Document::parse(text, &Limits::default(), Mode::Strict).ok()?;
    let root = document.root().object()?;
    let mirrors = mirrors(&root.get("schema")?.object()?).ok()?;
    let arguments = root.get("arguments").and_then(|arguments| arguments.object());
    let mut headers = Vec::new();
    for mirror in &mirrors {
        if let Some(value) = mirror.value(arguments.as_ref()).ok()? {
            headers.push((&*mirror.header, value));
        }
    }
    let received: Received<'_> =
        headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    received.check_arguments(&mirrors, arguments.as_ref()).expect("what we send passes our check");
    let none = Received::default().check_arguments(&mirrors, arguments.as_ref());
    assert_eq!(none.is_ok(), headers.is_empty());
    Some(())
}
