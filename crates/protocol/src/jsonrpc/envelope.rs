//! The members of a message that decide what it is.

use std::borrow::Cow;

use super::{Kind, Malformed, alike, codes};
use crate::json::{Error, Limits, Members, Mode, Scanner, Span, Value};

/// Where the known members stand. What they must look like is for [`Envelope::check`] to say.
#[derive(Debug, Clone, Default)]
pub(super) struct Envelope {
    pub(super) members: Members,
    jsonrpc: Option<Span>,
    /// Only ids that can be echoed: strings and integers.
    pub(super) id: Option<Span>,
    id_given: Option<Span>,
    pub(super) method: Option<Span>,
    /// The method when it is written with escapes.
    decoded: Option<Box<str>>,
    params: Option<Span>,
    pub(super) result: Option<Span>,
    error: Option<Span>,
    /// The members of `result` or `error`, else of `params`, if that is an object.
    pub(super) payload: Option<Members>,
    /// The members of the `_meta` in it, if that is an object.
    pub(super) meta: Option<Members>,
}

impl Envelope {
    /// Scans the whole text once.
    pub(super) fn scan(buffer: &[u8], limits: &Limits, mode: Mode) -> Result<Self, Malformed> {
        if buffer.trim_ascii_start().starts_with(b"[") {
            return Err(Malformed::Batch);
        }
        let mut envelope = Self::default();
        match envelope.fill(buffer, limits, mode) {
            Ok(()) if envelope.members.span().is_empty() => {
                Err(Malformed::invalid("expected an object"))
            }
            Ok(()) => Ok(envelope),
            Err(error) => Err(Malformed::from_json(&error, envelope.readable_id(buffer))),
        }
    }

    /// Leaves all empty when the text is JSON, but no object.
    fn fill(&mut self, buffer: &[u8], limits: &Limits, mode: Mode) -> Result<(), Error> {
        let mut scanner = Scanner::new(buffer, limits, mode)?;
        if scanner.peek() == Some(b'{') {
            self.members = scanner.capture(|scanner, name| self.member(scanner, buffer, name))?;
        } else {
            scanner.value()?;
        }
        scanner.finish()
    }

    fn member(
        &mut self,
        scanner: &mut Scanner<'_>,
        buffer: &[u8],
        name: &[u8],
    ) -> Result<Span, Error> {
        let value = match name {
            // The parameters of an answer mean nothing.
            b"params" if self.result.or(self.error).is_some() => scanner.value()?,
            b"params" | b"result" | b"error" => self.payload(scanner)?,
            _ => scanner.value()?,
        };
        match name {
            b"jsonrpc" => self.jsonrpc = Some(value),
            b"method" => self.method = Some(value),
            b"params" => self.params = Some(value),
            b"result" => self.result = Some(value),
            b"error" => self.error = Some(value),
            b"id" => {
                // Of two ids neither can be echoed.
                let only = self.id_given.replace(value).is_none();
                self.id = Some(value).filter(|id| only && is_id(id.of(buffer)));
            }
            _ => {}
        }
        Ok(value)
    }

    /// Passes over `params`, `result` or `error`, and looks into it.
    fn payload(&mut self, scanner: &mut Scanner<'_>) -> Result<Span, Error> {
        (self.payload, self.meta) = (None, None);
        if scanner.peek() != Some(b'{') {
            return scanner.value();
        }
        let members = scanner.capture(|scanner, name| {
            if name != b"_meta" || scanner.peek() != Some(b'{') {
                return scanner.value();
            }
            let members = scanner.capture(|scanner, _| scanner.value())?;
            Ok(self.meta.insert(members).span())
        })?;
        Ok(self.payload.insert(members).span())
    }

    /// Decides what the message is, if it is one.
    pub(super) fn check(&mut self, buffer: &[u8], mode: Mode) -> Result<Kind, Malformed> {
        self.kind(buffer, mode).map_err(|(code, message)| Malformed::Refused {
            code,
            message: message.into(),
            id: self.readable_id(buffer).map(Into::into),
        })
    }

    fn kind(&mut self, buffer: &[u8], mode: Mode) -> Result<Kind, (i64, &'static str)> {
        let invalid = |message| Err((codes::INVALID_REQUEST, message));
        if mode == Mode::Strict && self.has_lookalikes(buffer) {
            return invalid("a member differs from one of MCP in the case of its letters alone");
        }
        match self.jsonrpc.map(|version| Value::new(buffer, version).string()) {
            Some(Some(version)) if version == "2.0" => {}
            Some(_) => return invalid("jsonrpc must be \"2.0\""),
            None => return invalid("missing jsonrpc"),
        }
        match (self.method, self.result, self.error) {
            (Some(method), None, None) => self.call(buffer, method, mode),
            (None, Some(_), None) if self.id.is_some() => Ok(Kind::Result),
            (None, Some(_), None) => invalid("the id of a result must be a string or an integer"),
            (None, None, Some(_)) if self.payload.is_none() => invalid("error must be an object"),
            (None, None, Some(_)) => {
                // An error that answers what could not be read has no id to name.
                match self.id_given.map(|id| id.of(buffer)) {
                    None | Some(b"null") => Ok(Kind::Error),
                    Some(_) if self.id.is_some() => Ok(Kind::Error),
                    Some(_) => invalid("id must be a string or an integer"),
                }
            }
            (None, None, None) => invalid("none of method, result and error"),
            _ => invalid("more than one of method, result and error"),
        }
    }

    /// Whether a server could read one of our members where we read another.
    fn has_lookalikes(&self, buffer: &[u8]) -> bool {
        let params = self.payload.as_ref().filter(|_| self.result.or(self.error).is_none());
        alike::in_envelope(&self.members, buffer)
            || params.is_some_and(|params| alike::in_params(params, buffer))
    }

    fn call(
        &mut self,
        buffer: &[u8],
        method: Span,
        mode: Mode,
    ) -> Result<Kind, (i64, &'static str)> {
        let invalid = |message| Err((codes::INVALID_REQUEST, message));
        let kind = match (self.id, self.id_given) {
            (Some(_), _) => Kind::Request,
            (None, None) => Kind::Notification,
            (None, Some(_)) => return invalid("id must be a string or an integer"),
        };
        match Value::new(buffer, method).string() {
            Some(Cow::Borrowed(_)) => {}
            Some(Cow::Owned(method)) => self.decoded = Some(method.into()),
            None => return invalid("method must be a string"),
        }
        match self.params.map(|params| params.of(buffer)) {
            Some(b"null") if mode == Mode::Trusted => Ok(kind),
            Some(_) if self.payload.is_none() => {
                Err((codes::INVALID_PARAMS, "params must be an object"))
            }
            _ => Ok(kind),
        }
    }

    pub(super) fn method<'a>(&'a self, buffer: &'a [u8]) -> Option<&'a str> {
        if self.decoded.is_some() {
            return self.decoded.as_deref();
        }
        Value::new(buffer, self.method?).raw().strip_prefix('"')?.strip_suffix('"')
    }

    fn readable_id<'a>(&self, buffer: &'a [u8]) -> Option<&'a str> {
        Some(Value::new(buffer, self.id?).raw())
    }
}

/// Whether a JSON value can be an id: a string, or an integer without fraction and exponent.
fn is_id(raw: &[u8]) -> bool {
    match raw {
        [b'"', ..] => true,
        [b'-' | b'0'..=b'9', digits @ ..] => digits.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}
