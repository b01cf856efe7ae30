//! The algorithm of the standard (WHATWG HTML, section 9.2.6), written as it is told there.

use toolgate_protocol::sse::Event;

/// The events of a stream that is there as a whole.
///
/// Unlike a browser it also gives events that only carry an id or a retry time.
pub(crate) fn decode(stream: &[u8]) -> Vec<Event> {
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
