//! Values of one name: servers do not agree on which of them counts.

use crate::escape::encode;
use crate::wrong::Wrong;

/// Whether an encoded name is this one, or that of a member of it: servers that read `a[b]` as a
/// member of `a` would take it for a part of that.
pub(crate) fn stands_for(key: &str, name: &str) -> bool {
    let of = key.split("%5B").next();
    [Some(key), of].contains(&Some(&*encode(name)))
}

/// What is told of an object that brings another parameter along.
pub(crate) fn twice(name: &str, other: &str) -> Wrong {
    Wrong(format!("{name} names {other}, which is given by itself: leave it out of {name}"))
}
