//! Do we read a message as serde_json reads it, and does an edit of it stay a message?

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use toolgate_protocol::json::Limits;
use toolgate_protocol::jsonrpc::{Message, split_batch};
use toolgate_protocol::splice::Edits;

#[path = "../../crates/protocol/tests/properties/oracle.rs"]
mod oracle;

fuzz_target!(|data: &[u8]| {
    oracle::compare(data);
    let bytes = Bytes::copy_from_slice(data);
    for part in split_batch(&bytes, &Limits::default()).into_iter().flatten() {
        oracle::compare(&part);
    }
    if let Ok(message) = Message::scan(bytes, &Limits::default()) {
        edit(&message);
    }
});

/// Removes, replaces and adds in every object we know of.
fn edit(message: &Message) {
    let objects = [message.params(), message.result_object(), message.error(), message.meta()];
    for object in objects.into_iter().flatten() {
        let mut edits = Edits::default();
        let names: Vec<_> = object.iter().map(|(name, _)| name).collect();
        for (index, name) in names.iter().enumerate() {
            match index % 3 {
                0 => edits.remove(&object, name),
                1 => edits.set(&object, name, r#""edited""#),
                _ => {}
            }
        }
        edits.set(&object, "another", "{}");
        let edited = Message::scan(edits.apply(message.bytes()), &Limits::default());
        let edited = edited.expect("an edited message stays a message");
        assert_eq!((edited.kind(), edited.id()), (message.kind(), message.id()));
    }
}
