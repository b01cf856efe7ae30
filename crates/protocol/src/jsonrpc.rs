//! One JSON-RPC message: the envelope is read, everything else is only known by position.

mod batch;
mod build;
pub mod codes;
mod envelope;
mod malformed;

pub use batch::split_batch;
pub use build::{error, notification, request, result};
pub use malformed::Malformed;

use bytes::Bytes;

use crate::json::{Limits, Mode, Object, Span, Value, slice};
use envelope::{Envelope, Payload};

/// What a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A method and an id: an answer is due.
    Request,
    /// A method without an id: nobody answers.
    Notification,
    /// The answer to a request that went well.
    Result,
    /// The answer to a request that did not.
    Error,
}

/// A message that was scanned. Its bytes are those that came; unknown members are still in them.
#[derive(Debug, Clone)]
pub struct Message {
    bytes: Bytes,
    kind: Kind,
    envelope: Envelope,
}

impl Message {
    /// Scans a message of a client: no object in it may repeat a key.
    ///
    /// # Errors
    /// When it is not JSON, not JSON-RPC 2.0 as MCP narrows it, or breaks the limits.
    pub fn scan(bytes: Bytes, limits: &Limits) -> Result<Self, Malformed> {
        Self::scan_as(bytes, limits, Mode::Strict)
    }

    /// Scans a message of an upstream: only the objects that we read ourselves (the envelope,
    /// `params`, `result`, `error` and their `_meta`) may not repeat a key, and `"params": null`
    /// counts as absent.
    ///
    /// # Errors
    /// As for [`Message::scan`].
    pub fn scan_reply(bytes: Bytes, limits: &Limits) -> Result<Self, Malformed> {
        Self::scan_as(bytes, limits, Mode::Trusted)
    }

    fn scan_as(bytes: Bytes, limits: &Limits, mode: Mode) -> Result<Self, Malformed> {
        let mut envelope = Envelope::scan(&bytes, limits, mode)?;
        let kind = envelope.check(&bytes, mode)?;
        Ok(Self { bytes, kind, envelope })
    }

    /// What the message is for.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The message as it came.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The message on one line, as stdio wants it. Between the values of JSON a line break is
    /// white space, and inside a string it is not allowed, so a space can stand for it.
    #[must_use]
    pub fn line(&self) -> Bytes {
        if memchr::memchr2(b'\n', b'\r', &self.bytes).is_none() {
            return self.bytes.clone();
        }
        let flat = |byte: &u8| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte };
        self.bytes.iter().map(flat).collect()
    }

    /// The id as it is written: `7`, `"a"`. Never shortened through a number type, so a large
    /// integer comes back whole. `None` for notifications, and for errors that name no request.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        Some(Value::new(&self.bytes, self.envelope.id?).raw())
    }

    /// Where the id stands.
    #[must_use]
    pub fn id_span(&self) -> Option<Span> {
        self.envelope.id
    }

    /// The method of a request or a notification, decoded.
    #[must_use]
    pub fn method(&self) -> Option<&str> {
        self.envelope.method(&self.bytes)
    }

    /// The method as a value, to be replaced.
    #[must_use]
    pub fn method_span(&self) -> Option<Span> {
        self.envelope.method
    }

    /// The whole message as an object: `jsonrpc`, `id` and so on, and whatever else came.
    #[must_use]
    pub fn envelope(&self) -> Object<'_> {
        self.envelope.members.within(&self.bytes)
    }

    /// The parameters of a request or a notification.
    #[must_use]
    pub fn params(&self) -> Option<Object<'_>> {
        self.object(self.envelope.params.as_ref()?)
    }

    /// The result, whatever its type.
    #[must_use]
    pub fn result(&self) -> Option<Value<'_>> {
        Some(Value::new(&self.bytes, self.envelope.result.as_ref()?.value))
    }

    /// The result, if it is an object. In MCP it always should be.
    #[must_use]
    pub fn result_object(&self) -> Option<Object<'_>> {
        self.object(self.envelope.result.as_ref()?)
    }

    /// The error: `code`, `message` and maybe `data`.
    #[must_use]
    pub fn error(&self) -> Option<Object<'_>> {
        self.object(self.envelope.error.as_ref()?)
    }

    /// The `_meta` object of `params` or `result`.
    #[must_use]
    pub fn meta(&self) -> Option<Object<'_>> {
        let payload = self.envelope.params.as_ref().or(self.envelope.result.as_ref())?;
        Some(payload.meta.as_ref()?.within(&self.bytes))
    }

    /// A part of the message, without copying it. Empty when the span is of another message.
    #[must_use]
    pub fn slice(&self, span: Span) -> Bytes {
        slice(&self.bytes, span)
    }

    fn object<'a>(&'a self, payload: &'a Payload) -> Option<Object<'a>> {
        Some(payload.members.as_ref()?.within(&self.bytes))
    }
}
