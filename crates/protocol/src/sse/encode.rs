//! Events to bytes.

use bytes::BufMut;

use super::Event;

/// Appends one event.
///
/// A line break in the data, of whatever kind, begins another `data` line, and in the id or the
/// name it is left out, so nothing that a peer says can end the event or start another. The data
/// is left out only when it is empty and there is no id: an id with empty data primes a client to
/// resume (2025-11-25), while a lone `retry` must not show up as an empty message.
pub fn write(out: &mut impl BufMut, event: &Event) {
    if let Some(name) = &event.event {
        field(out, "event", name);
    }
    if let Some(id) = &event.id {
        field(out, "id", id);
    }
    if let Some(retry) = event.retry {
        field(out, "retry", &retry.to_string());
    }
    if event.id.is_some() || !event.data.is_empty() {
        data(out, &event.data);
    }
    out.put_slice(b"\n");
}

/// Appends a comment, which keeps a quiet stream from being taken for dead.
pub fn comment(out: &mut impl BufMut, text: &str) {
    field(out, "", text);
    out.put_slice(b"\n");
}

fn data(out: &mut impl BufMut, mut rest: &[u8]) {
    while let Some(end) = memchr::memchr2(b'\r', b'\n', rest) {
        data_line(out, &rest[..end]);
        let length = if rest[end..].starts_with(b"\r\n") { 2 } else { 1 };
        rest = &rest[end + length..];
    }
    data_line(out, rest);
}

fn data_line(out: &mut impl BufMut, line: &[u8]) {
    out.put_slice(b"data: ");
    out.put_slice(line);
    out.put_slice(b"\n");
}

fn field(out: &mut impl BufMut, name: &str, value: &str) {
    out.put_slice(name.as_bytes());
    out.put_slice(b": ");
    for part in value.split(['\r', '\n', '\0']) {
        out.put_slice(part.as_bytes());
    }
    out.put_slice(b"\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(event: &Event) -> String {
        let mut out = Vec::new();
        write(&mut out, event);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_event_is_written_field_by_field() {
        let event = Event {
            id: Some("7".into()),
            event: Some("message".into()),
            data: "{}".into(),
            retry: Some(3000),
        };

        assert_eq!(written(&event), "event: message\nid: 7\nretry: 3000\ndata: {}\n\n");
    }

    #[test]
    fn a_priming_event_has_empty_data_and_a_lone_retry_has_none() {
        let priming = Event { id: Some("1".into()), ..Event::default() };
        let retry = Event { retry: Some(5), ..Event::default() };

        assert_eq!(written(&priming), "id: 1\ndata: \n\n");
        assert_eq!(written(&retry), "retry: 5\n\n");
    }

    /// Case J17: line breaks inside of what is sent.
    #[test]
    fn nothing_inside_an_event_can_start_another() {
        let event = Event {
            id: Some("1\n\ndata: forged".into()),
            event: Some("a\rb\0c".into()),
            data: "x\n\ndata:{}\r\revent: forged\r\nid: 9".into(),
            retry: None,
        };

        assert_eq!(
            written(&event),
            "event: abc\nid: 1data: forged\ndata: x\ndata: \ndata: data:{}\ndata: \n\
             data: event: forged\ndata: id: 9\n\n"
        );
    }

    #[test]
    fn a_comment_is_one_line() {
        let mut out = Vec::new();
        comment(&mut out, "still\nhere");

        assert_eq!(out, b": stillhere\n\n");
    }
}
