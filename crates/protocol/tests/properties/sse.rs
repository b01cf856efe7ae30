//! Events survive being written, cut anywhere, and read again.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use toolgate_protocol::sse::{Decoder, Event, write};

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

/// The standard's algorithm over the whole stream, written as it is told there.
fn by_the_book(stream: &[u8]) -> Vec<Event> {
    let stream = stream.strip_prefix("\u{feff}".as_bytes()).unwrap_or(stream);
    let mut lines = vec![Vec::new()];
    let mut rest = stream.iter().peekable();
    while let Some(byte) = rest.next() {
        match byte {
            b'\r' => {
                rest.next_if_eq(&&b'\n');
                lines.push(Vec::new());
            }
            b'\n' => lines.push(Vec::new()),
            other => lines.last_mut().unwrap().push(*other),
        }
    }
    lines.pop();
    let (mut events, mut event, mut data) = (Vec::new(), Event::default(), None::<Vec<u8>>);
    for line in lines {
        if line.is_empty() {
            if data.is_some() || event.id.is_some() || event.retry.is_some() {
                event.data = data.take().unwrap_or_default().into();
                events.push(event);
            }
            event = Event::default();
            continue;
        }
        let (name, value) = match line.iter().position(|byte| *byte == b':') {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (&line[..], &[][..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        let text = String::from_utf8_lossy(value).into_owned();
        match name {
            b"data" => match &mut data {
                Some(data) => data.extend([b"\n", value].concat()),
                None => data = Some(value.to_vec()),
            },
            b"event" => event.event = Some(text),
            b"id" if !value.contains(&0) => event.id = Some(text),
            b"retry" if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                event.retry = text.parse().ok().or(event.retry);
            }
            _ => {}
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
        prop_assert_eq!(decode(&stream.clone().into(), &cuts), by_the_book(&stream));
    }

    #[test]
    fn no_field_of_an_event_can_make_a_second_one(
        id in any::<Option<String>>(),
        event in any::<Option<String>>(),
        data in vec(any::<u8>(), 1..40),
    ) {
        let mut stream = Vec::new();
        write(&mut stream, &Event { id, event, data: data.into(), retry: None });

        prop_assert_eq!(decode(&stream.into(), &[]).len(), 1);
    }
}
