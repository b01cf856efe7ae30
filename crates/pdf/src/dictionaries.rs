//! Dictionaries of a file, found through what refers to them.

use lopdf::{Dictionary, Document, Object, ObjectId};

/// Nodes of the page tree above a page.
const ANCESTORS: usize = 64;

/// The resources of a page, or of the nearest node above it that has some (7.7.3.4).
pub(crate) fn resources(book: &Document, page: ObjectId) -> Option<&Dictionary> {
    let mut node = book.get_dictionary(page).ok()?;
    for _ in 0..ANCESTORS {
        if let Some(found) = dictionary(book, node, b"Resources") {
            return Some(found);
        }
        node = dictionary(book, node, b"Parent")?;
    }
    None
}

/// A dictionary, or that of a stream, which stands in another one or is referred to there.
pub(crate) fn dictionary<'a>(
    book: &'a Document,
    from: &'a Dictionary,
    key: &[u8],
) -> Option<&'a Dictionary> {
    match from.get_deref(key, book).ok()? {
        Object::Dictionary(found) => Some(found),
        Object::Stream(stream) => Some(&stream.dict),
        _ => None,
    }
}
