//! Is a stream read as the standard says however it is cut, and read again as it was written?
//!
//! The first byte says how long the pieces are; the rest is the stream.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use toolgate_protocol::sse::{Decoder, Event, write};

#[path = "../../crates/protocol/tests/properties/standard.rs"]
mod standard;

fuzz_target!(|data: &[u8]| {
    let Some((size, stream)) = data.split_first() else { return };
    let stream = Bytes::copy_from_slice(stream);
    let events = decode(&stream, usize::from(*size).max(1));
    assert_eq!(events, standard::decode(&stream));

    let mut written = Vec::new();
    for event in &events {
        write(&mut written, event);
    }
    let written = Bytes::from(written);
    // A name is all that an event without id, data and retry could say.
    let said =
        |event: &Event| event.id.is_some() || event.retry.is_some() || !event.data.is_empty();
    let expected: Vec<_> = events.into_iter().filter(said).map(harmless).collect();
    assert_eq!(decode(&written, usize::from(*size).max(1)), expected);

    // No field, whatever is in it, may make a second event.
    let mut hostile = Vec::new();
    let text = String::from_utf8_lossy(&stream).into_owned();
    let (id, event) = (Some(text.clone()), Some(text));
    write(&mut hostile, &Event { id, event, data: stream, retry: None });
    assert_eq!(decode(&hostile.into(), 7).len(), 1);
});

/// What an event says without the null that a name, but not an id, can hold.
fn harmless(mut event: Event) -> Event {
    event.event = event.event.map(|name| name.replace('\0', ""));
    event
}

fn decode(stream: &Bytes, size: usize) -> Vec<Event> {
    let mut decoder = Decoder::default();
    let mut events = Vec::new();
    for start in (0..stream.len()).step_by(size) {
        decoder.feed(stream.slice(start..stream.len().min(start + size)));
        while let Some(event) = decoder.next_event().expect("far below the limits") {
            events.push(event);
        }
    }
    events
}
