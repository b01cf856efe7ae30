//! A part of a text that was scanned: what it is, what it says, what it holds.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::{Mode, Object, Scanner, Span, decode};

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
        Some(members.into_object(self.buffer))
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

#[cfg(test)]
mod tests {
    use crate::json::{Document, Limits, Mode};

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
}
