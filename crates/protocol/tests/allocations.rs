//! The path of an ordinary message does not allocate.
//!
//! It has a binary of its own, because it counts what the whole process allocates.

#[cfg(test)]
#[path = "support/counting.rs"]
mod counting;

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use toolgate_protocol::json::Limits;
    use toolgate_protocol::jsonrpc::Message;

    use crate::counting::allocations;

    #[test]
    fn an_ordinary_message_is_scanned_and_read_without_allocating() {
        let modern = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"geo_lookup",
            "arguments":{"city":"Bern","tags":["a","b"]},"_meta":{"progressToken":"p",
            "io.modelcontextprotocol/protocolVersion":"2026-07-28",
            "io.modelcontextprotocol/clientCapabilities":{"elicitation":{"form":{},"url":{}}},
            "io.modelcontextprotocol/clientInfo":{"name":"c","version":"1"}}}}"#;
        let reply = r#"{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"a\nb"}],
            "structuredContent":{"x":1},"isError":false,"resultType":"complete"}}"#;
        for text in [modern, reply] {
            let bytes = Bytes::from_static(text.as_bytes());

            let count = allocations(|| {
                let message = Message::scan(bytes, &Limits::default()).unwrap();
                assert_eq!(message.id(), Some("7"));
                let object = message.params().or(message.result_object()).unwrap();
                let name = object.get("name").or(object.get("resultType")).unwrap();
                assert!(name.string().is_some() && !message.slice(name.span()).is_empty());
            });

            assert_eq!(count, 0, "{text}");
        }
        assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1, "the count works");
    }
}
