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
