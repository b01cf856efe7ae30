//! Events survive being written, cut anywhere, and read again.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use toolgate_protocol::sse::{Decoder, Event, write};

use crate::standard;

fn field() -> impl Strategy<Value = Option<String>> {
    prop::option::of("[^\r\n\0]{0,12}")
}

/// An event that says something and breaks its lines with `\n`: the other breaks come back so.
fn event() -> impl Strategy<Value = Event> {
    let data = prop_oneof![
        vec(any::<u8>().prop_filter("a line break of another kind", |byte| *byte != b'\r'), 0..40),
        "(data|id|:|\n| |\\{\\}){0,9}".prop_map(String::into_bytes),
    ];
    (field(), field(), data, any::<Option<u64>>())
        .prop_map(|(id, event, data, retry)| Event { id, event, data: data.into(), retry })
        .prop_filter("an event that says nothing", |event| {
            event.id.is_some() || event.retry.is_some() || !event.data.is_empty()
        })
}

/// Cuts `bytes` at the given places and decodes the pieces.
fn decode(bytes: &Bytes, cuts: &[prop::sample::Index]) -> Vec<Event> {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    let mut decoder = Decoder::default();
    let mut events = Vec::new();
    for pair in cuts.windows(2) {
        decoder.feed(bytes.slice(pair[0]..pair[1]));
        while let Some(event) = decoder.next_event().unwrap() {
            events.push(event);
        }
    }
    events
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1024) })]

    #[test]
    fn what_is_written_is_read_however_it_is_cut(
        events in vec(event(), 0..4),
        cuts in vec(any::<prop::sample::Index>(), 0..9),
    ) {
        let mut stream = Vec::new();
        events.iter().for_each(|event| write(&mut stream, event));

        prop_assert_eq!(decode(&stream.into(), &cuts), events);
    }

    #[test]
    fn any_stream_is_read_by_the_book(
        stream in prop_oneof![
            vec(any::<u8>(), 0..60),
            "\u{feff}?((data|id|event|retry|x)?:? ?[a0\0\u{feff}]{0,2}(\r|\n|\r\n)){0,12}"
                .prop_map(String::into_bytes),
        ],
        cuts in vec(any::<prop::sample::Index>(), 0..9),
    ) {
        prop_assert_eq!(decode(&stream.clone().into(), &cuts), standard::decode(&stream));
    }

    #[test]
    fn no_field_of_an_event_can_make_a_second_one(
        id in any::<Option<String>>(),
        event in any::<Option<String>>(),
        data in prop_oneof![
            vec(any::<u8>(), 1..40),
            "(\r|\n|data:|x){1,9}".prop_map(String::into_bytes),
        ],
    ) {
        let mut stream = Vec::new();
        write(&mut stream, &Event { id, event, data: data.into(), retry: None });

        prop_assert_eq!(decode(&stream.into(), &[]).len(), 1);
    }
}
