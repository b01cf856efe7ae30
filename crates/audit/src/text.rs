//! The texts of a record.

use std::ops::Deref;
use std::sync::Arc;

/// A text of a record: what a peer sent is cut, so that records stay small.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(Arc<str>);

impl Text {
    /// Bytes that are kept of a longer text.
    pub const LONGEST: usize = 512;
}

impl From<&str> for Text {
    fn from(text: &str) -> Text {
        Text(cut(text).into())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Text {
        Text::from(text.as_str())
    }
}

impl From<Arc<str>> for Text {
    fn from(text: Arc<str>) -> Text {
        if text.len() <= Self::LONGEST { Text(text) } else { Text::from(&*text) }
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// The beginning of a text, as much as is kept.
pub(crate) fn cut(text: &str) -> &str {
    let end = (0..=Text::LONGEST.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text.get(..end.unwrap_or_default()).unwrap_or_default()
}
