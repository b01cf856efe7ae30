//! JSON as text that is checked once and then pointed into (RFC 8259).

mod alike;
mod document;
mod keys;
mod object;
mod scan;
mod text;
mod value;

pub use alike::is_alike;
pub use document::Document;
pub use object::{Member, Members, Object};
pub use text::{array, quote, quote_into};
pub use value::{Items, Value};

pub(crate) use document::slice;
pub(crate) use scan::Scanner;
pub(crate) use text::decode;

/// What a JSON text may cost us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How many objects and arrays may be open at once. At most [`Limits::DEPTH`] is honoured.
    pub depth: u16,
    /// How many messages one batch may hold.
    pub batch: usize,
}

impl Limits {
    /// The deepest nesting that any configuration can allow: the scanner recurses, and this many
    /// frames fit in the stack of a thread many times over.
    pub const DEPTH: u16 = 512;
}

impl Default for Limits {
    /// A depth of 128, and 100 messages to a batch.
    fn default() -> Self {
        Self { depth: 128, batch: 100 }
    }
}

/// How far to distrust the author of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// No object may repeat a key, however deep, so that no two parsers can read it differently.
    Strict,
    /// Only the objects we look into may not repeat a key: enough for the replies of upstreams.
    Trusted,
}

/// Where something stands in its buffer, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

impl Span {
    /// How many bytes it covers.
    #[must_use]
    pub fn len(self) -> usize {
        self.range().len()
    }

    /// Whether it covers nothing.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.range().is_empty()
    }

    /// The same as a range of indices.
    #[must_use]
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The bytes it names, or none of them when `buffer` is not the one it was taken from.
    pub(crate) fn of(self, buffer: &[u8]) -> &[u8] {
        buffer.get(self.range()).unwrap_or_default()
    }
}

/// Why a text is not JSON, or not JSON we accept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text breaks the grammar.
    #[error("{what} at byte {at}")]
    Syntax {
        /// What was found or missed.
        what: &'static str,
        /// The offset of the offending byte.
        at: u32,
    },
    /// The text is not UTF-8.
    #[error("invalid utf-8 at byte {at}")]
    Utf8 {
        /// The offset of the first byte that is not UTF-8.
        at: u32,
    },
    /// Too many objects and arrays are open at once.
    #[error("nesting deeper than {limit}")]
    Depth {
        /// The depth allowed.
        limit: u16,
    },
    /// An object repeats a key.
    #[error("duplicate key {key}")]
    DuplicateKey {
        /// The key as a JSON string, shortened when it is long.
        key: Box<str>,
    },
    /// The text does not fit our 32-bit offsets.
    #[error("larger than 4 GiB")]
    Size,
}

impl Error {
    /// Whether any JSON parser would refuse the text, rather than only our stricter rules.
    #[must_use]
    pub fn is_syntax(&self) -> bool {
        matches!(self, Self::Syntax { .. } | Self::Utf8 { .. })
    }
}
