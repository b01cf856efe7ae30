//! What names a document, a section, a category or a tag.

/// Titles, categories and tags are shortened to so many characters.
const LONGEST: usize = 200;

/// One line of bounded length.
pub(crate) fn label(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let line = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    line.chars().take(LONGEST).collect()
}
