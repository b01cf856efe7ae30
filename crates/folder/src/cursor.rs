//! Cursors: where the next page begins, sealed against misreading rather than against readers.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::place::{LONGEST, Place};

/// Names the entry after which to go on. Only its place in the order matters, so the entry may
/// have been deleted meanwhile.
pub fn cursor(after: &Place) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(after.as_str())
}

/// The place a cursor names; `None` if it is none of ours.
pub fn after(cursor: &str) -> Option<Place> {
    if cursor.len() > 2 * LONGEST {
        return None;
    }
    let path = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let place = Place::with_hidden(&path).ok()?;
    // What we encode is in its one form already.
    (place.as_str() == path && !path.is_empty()).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_cursors_are_understood() {
        let place = Place::parse("docs/a b.md").unwrap();

        assert_eq!(after(&cursor(&place)), Some(place));
        for foreign in ["", "!", "Li4", "ZG9jcy8", "_w", "L2V0Yw"] {
            assert_eq!(after(foreign), None, "{foreign}");
        }
    }
}
