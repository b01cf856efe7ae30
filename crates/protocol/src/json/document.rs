//! A JSON text of any shape.

use bytes::Bytes;

use super::{Error, Limits, Mode, Scanner, Span, Value};

/// A JSON text that was scanned.
#[derive(Debug, Clone)]
pub struct Document {
    bytes: Bytes,
    root: Span,
}

impl Document {
    /// Scans `bytes`, which must hold one value and white space.
    ///
    /// # Errors
    /// When it is not JSON, or breaks the limits or the rules of `mode`.
    pub fn parse(bytes: Bytes, limits: &Limits, mode: Mode) -> Result<Self, Error> {
        let mut scanner = Scanner::new(&bytes, limits, mode)?;
        let root = scanner.value()?;
        scanner.finish()?;
        Ok(Self { bytes, root })
    }

    /// The value.
    #[must_use]
    pub fn root(&self) -> Value<'_> {
        Value::new(&self.bytes, self.root)
    }

    /// The text as it came.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// A part of the text, without copying it.
    #[must_use]
    pub fn slice(&self, span: Span) -> Bytes {
        slice(&self.bytes, span)
    }
}

/// A part of `bytes`, without copying it; empty when the span is not inside.
pub(crate) fn slice(bytes: &Bytes, span: Span) -> Bytes {
    match bytes.get(span.range()) {
        Some(_) => bytes.slice(span.range()),
        None => Bytes::new(),
    }
}

#[cfg(test)]
mod tests {
    use crate::json::{Document, Limits, Mode, Span};

    fn parse(text: &str) -> Document {
        Document::parse(text.to_owned().into(), &Limits::default(), Mode::Strict).unwrap()
    }

    #[test]
    fn a_slice_shares_the_buffer() {
        let document = parse(r#"["abc"]"#);
        let item = document.root().items().unwrap().next().unwrap();

        let slice = document.slice(item.span());

        assert_eq!(slice.as_ptr(), item.bytes().as_ptr());
        assert!(document.slice(Span { start: 3, end: 99 }).is_empty());
    }
}
