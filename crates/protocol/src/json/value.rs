//! A part of a text that was scanned: what it is, what it says, what it holds.

use std::borrow::Cow;

use bytes::Bytes;
use smallvec::SmallVec;

use super::{Error, Limits, Mode, Scanner, Span, decode, text::decode_into};

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

    /// Where the object stands, braces included.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }
}

/// One JSON value inside a scanned buffer.
#[derive(Clone, Copy)]
pub struct Value<'a> {
    buffer: &'a [u8],
    span: Span,
}

impl<'a> Value<'a> {
    pub(crate) fn new(buffer: &'a [u8], span: Span) -> Self {
        Self { buffer, span }
    }

    /// The exact text.
    #[must_use]
    pub fn raw(&self) -> &'a str {
        std::str::from_utf8(self.bytes()).unwrap_or_default()
    }

    /// The exact text as bytes, which costs nothing however long it is.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.span.of(self.buffer)
    }

    /// Where it stands in its buffer.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }

    /// What a string says; `None` for other values, and for a string that is no text because it
    /// holds a lone surrogate.
    #[must_use]
    pub fn string(&self) -> Option<Cow<'a, str>> {
        decode(self.raw().strip_prefix('"')?.strip_suffix('"')?)
    }

    /// A number written as an integer, `None` when it is not one or does not fit.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        self.raw().parse().ok()
    }

    /// A number written as an integer, `None` when it is not one or does not fit.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        self.raw().parse().ok()
    }

    /// `true` or `false`.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self.bytes() {
            b"true" => Some(true),
            b"false" => Some(false),
            _ => None,
        }
    }

    /// Whether it is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.bytes() == b"null"
    }

    /// Whether it is an object, repeated keys or not.
    #[must_use]
    pub fn is_object(&self) -> bool {
        self.bytes().first() == Some(&b'{')
    }

    /// Whether it is an array.
    #[must_use]
    pub fn is_array(&self) -> bool {
        self.bytes().first() == Some(&b'[')
    }

    /// Whether it is a string.
    #[must_use]
    pub fn is_string(&self) -> bool {
        self.bytes().first() == Some(&b'"')
    }

    /// The members of an object; `None` for other values, and for an object that repeats a key:
    /// what is read in two ways is not read at all.
    #[must_use]
    pub fn object(&self) -> Option<Object<'a>> {
        if !self.is_object() {
            return None;
        }
        let mut scanner = self.scanner();
        let members = scanner.capture(|scanner, _| scanner.value()).ok()?;
        scanner.unambiguous().ok()?;
        Some(Object {
            buffer: self.buffer,
            span: self.span,
            members: Captured::Owned(members.list),
        })
    }

    /// The elements of an array; `None` for other values.
    #[must_use]
    pub fn items(&self) -> Option<Items<'a>> {
        if !self.is_array() {
            return None;
        }
        let mut list = SmallVec::new();
        self.scanner().elements(|span| list.push(span)).ok()?;
        Some(Items { buffer: self.buffer, list: list.into_iter() })
    }

    fn scanner(&self) -> Scanner<'a> {
        Scanner::within(self.buffer, self.span.start as usize, Mode::Trusted)
    }
}

impl std::fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.raw())
    }
}

/// The elements of an array, in order.
pub struct Items<'a> {
    buffer: &'a [u8],
    list: smallvec::IntoIter<[Span; 8]>,
}

impl<'a> Iterator for Items<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        self.list.next().map(|span| Value::new(self.buffer, span))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.list.size_hint()
    }
}

impl ExactSizeIterator for Items<'_> {}

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

/// A JSON text of any shape that was scanned.
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
    use super::*;

    fn parse(text: &str) -> Document {
        Document::parse(text.to_owned().into(), &Limits::default(), Mode::Strict).unwrap()
    }

    #[test]
    fn values_are_read_by_their_type_only() {
        let document = parse(r#" ["te\u0078t", 18446744073709551615, -7, true, null, 1.0, {}] "#);
        let items: Vec<_> = document.root().items().unwrap().collect();

        assert_eq!(items[0].string().unwrap(), "text");
        assert_eq!(items[1].as_u64(), Some(u64::MAX));
        assert_eq!(items[1].as_i64(), None);
        assert_eq!(items[2].as_i64(), Some(-7));
        assert_eq!(items[3].as_bool(), Some(true));
        assert!(items[4].is_null());
        assert_eq!(items[5].as_u64(), None);
        assert!(items[6].is_object() && items[6].object().unwrap().is_empty());
        for other in &items[1..] {
            assert_eq!(other.string(), None, "{other:?}");
        }
        assert_eq!(items[0].as_u64(), None);
    }

    #[test]
    fn the_exact_text_of_a_value_comes_without_the_space_around_it() {
        let document = parse("{ \"a\" :\t[ 1 , 1e999999 ]\n, \"\\u0062\" : \"x\" }");
        let object = document.root().object().unwrap();

        assert_eq!(object.get("a").unwrap().raw(), "[ 1 , 1e999999 ]");
        assert_eq!(object.get("b").unwrap().raw(), "\"x\"");
        assert!(object.get("\\u0062").is_none());
        let names: Vec<_> = object.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a", "b"]);
    }

    #[test]
    fn a_slice_shares_the_buffer() {
        let document = parse(r#"["abc"]"#);
        let item = document.root().items().unwrap().next().unwrap();

        let slice = document.slice(item.span());

        assert_eq!(slice.as_ptr(), item.bytes().as_ptr());
        assert!(document.slice(Span { start: 3, end: 99 }).is_empty());
    }

    #[test]
    fn members_in_a_foreign_buffer_read_as_nothing_and_do_not_panic() {
        let document = parse(r#"{"key":"value","\u0061":[{}]}"#);
        let mut members = Members::default();
        for member in document.root().object().unwrap().members() {
            members.push(*member);
        }

        let object = members.within("é".as_bytes());

        assert!(object.get("key").is_none());
        for (_, value) in object.iter() {
            assert!(value.string().is_none() && value.object().is_none());
        }
    }
}
