//! Server-sent events, both ways (WHATWG HTML, section 9.2).

mod decode;
mod encode;

pub use decode::{Decoder, Error, Limits};
pub use encode::{comment, write};

use bytes::Bytes;

/// One event of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// The cursor to resume after this event. `Some` only if the event itself brings one.
    pub id: Option<String>,
    /// The name; without one it is a `message`.
    pub event: Option<String>,
    /// The lines of data, joined by `\n`. Empty in a priming event.
    pub data: Bytes,
    /// How long to wait before reconnecting, in milliseconds.
    pub retry: Option<u64>,
}
