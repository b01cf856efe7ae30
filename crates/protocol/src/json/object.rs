//! An object by the positions of its members.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::{Span, Value, text::decode_into};

/// An object whose members are known.
#[derive(Clone)]
pub struct Object<'a> {
    buffer: &'a [u8],
    span: Span,
    members: Captured<'a>,
}

#[derive(Clone)]
enum Captured<'a> {
    Borrowed(&'a [Member]),
    Owned(SmallVec<[Member; 6]>),
}

impl<'a> Object<'a> {
    /// The value of the member called `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Value<'a>> {
        let member = self.members().get(self.position(key)?)?;
        Some(Value::new(self.buffer, member.value))
    }

    /// Which of the members is called `key`.
    #[must_use]
    pub fn position(&self, key: &str) -> Option<usize> {
        self.members().iter().position(|member| *member.name(self.buffer) == *key.as_bytes())
    }

    /// What the keys say, and their values, in order. A lone surrogate shows as U+FFFD.
    pub fn iter(&self) -> impl Iterator<Item = (Cow<'a, str>, Value<'a>)> {
        let buffer = self.buffer;
        self.members().iter().map(move |member| {
            let name = match member.name(buffer) {
                Cow::Borrowed(name) => String::from_utf8_lossy(name),
                Cow::Owned(name) => Cow::Owned(String::from_utf8_lossy(&name).into_owned()),
            };
            (name, Value::new(buffer, member.value))
        })
    }

    /// The members by position, in order.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        match &self.members {
            Captured::Borrowed(list) => list,
            Captured::Owned(list) => list,
        }
    }

    /// The members, to be kept next to the buffer and seen again through [`Members::within`].
    #[must_use]
    pub fn detach(&self) -> Members {
        Members { span: self.span, list: self.members().into() }
    }

    /// The object as the value it is.
    #[must_use]
    pub fn value(&self) -> Value<'a> {
        Value::new(self.buffer, self.span)
    }

    /// The exact text.
    #[must_use]
    pub fn raw(&self) -> &'a str {
        self.value().raw()
    }

    /// Where it stands in its buffer, braces included.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }

    /// Whether it is `{}`.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members().is_empty()
    }
}

impl std::fmt::Debug for Object<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.raw())
    }
}

/// A member of an object, by position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// The key, quotes included.
    pub key: Span,
    /// Whether the key is written with escapes.
    pub escaped: bool,
    /// The value, without the white space around it.
    pub value: Span,
}

impl Member {
    /// What the key says. Bytes, because a lone surrogate is not text.
    pub(super) fn name<'a>(&self, buffer: &'a [u8]) -> Cow<'a, [u8]> {
        let inside = Span { start: self.key.start + 1, end: self.key.end.saturating_sub(1) };
        let inside = inside.of(buffer);
        if !self.escaped {
            return Cow::Borrowed(inside);
        }
        let mut name = Vec::with_capacity(inside.len());
        decode_into(&mut name, inside);
        Cow::Owned(name)
    }
}

/// The members of an object, kept apart from the buffer that they point into.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Members {
    span: Span,
    list: SmallVec<[Member; 6]>,
}

impl Members {
    pub(super) fn push(&mut self, member: Member) {
        self.list.push(member);
    }

    pub(super) fn spanning(self, span: Span) -> Self {
        Self { span, ..self }
    }

    /// The object, seen in the buffer that it was captured from. In another buffer it reads as
    /// nonsense, but never beyond it.
    #[must_use]
    pub fn within<'a>(&'a self, buffer: &'a [u8]) -> Object<'a> {
        Object { buffer, span: self.span, members: Captured::Borrowed(&self.list) }
    }

    pub(super) fn into_object(self, buffer: &[u8]) -> Object<'_> {
        Object { buffer, span: self.span, members: Captured::Owned(self.list) }
    }

    /// Where the object stands, braces included.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }
}

#[cfg(test)]
mod tests {
    use crate::json::{Document, Limits, Mode};

    fn parse(text: &str) -> Document {
        Document::parse(text.to_owned().into(), &Limits::default(), Mode::Strict).unwrap()
    }

    #[test]
    fn members_kept_apart_are_the_object_again_in_its_buffer() {
        let text = r#"{"a":{"b":1}}"#;
        let document = parse(text);
        let inner = document.root().object().unwrap().get("a").unwrap().object().unwrap();

        let members = inner.detach();

        assert_eq!(members.within(document.bytes()).get("b").unwrap().as_u64(), Some(1));
        assert_eq!(members.span(), inner.span());
    }

    #[test]
    fn members_in_a_foreign_buffer_read_as_nothing_and_do_not_panic() {
        let document = parse(r#"{"key":"value","\u0061":[{}]}"#);
        let members = document.root().object().unwrap().detach();

        let object = members.within("é".as_bytes());

        assert!(object.get("key").is_none());
        for (_, value) in object.iter() {
            assert!(value.string().is_none() && value.object().is_none());
        }
    }
}
