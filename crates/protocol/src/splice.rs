//! Changes to a buffer, collected first and made in one copy.
//!
//! ```
//! # use toolgate_protocol::{json::Limits, jsonrpc::Message, splice::Edits};
//! let text = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"crm_find"}}"#;
//! let message = Message::scan(text.into(), &Limits::default())?;
//!
//! let mut edits = Edits::default();
//! edits.set(&message.params().unwrap(), "name", r#""find""#);
//!
//! assert_eq!(edits.apply(message.bytes()), text.replace("crm_find", "find"));
//! # Ok::<(), toolgate_protocol::jsonrpc::Malformed>(())
//! ```

mod object;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::json::{Object, Span};
use object::ObjectEdits;

/// Changes to one buffer. What no edit names stays byte for byte as it was.
///
/// Edits must not overlap: that is a mistake of the program, and debug builds say so. Otherwise
/// the one that starts first wins, the longer one of two that start together, and what overlaps it
/// is dropped.
#[derive(Debug, Clone, Default)]
pub struct Edits {
    list: SmallVec<[Edit; 4]>,
    objects: SmallVec<[ObjectEdits; 2]>,
}

/// Put `with` in the place of `span`, which is empty for an insertion.
#[derive(Debug, Clone)]
struct Edit {
    span: Span,
    with: Bytes,
}

impl Edits {
    /// Puts `with` in the place of `span`.
    pub fn replace(&mut self, span: Span, with: impl Into<Bytes>) {
        self.list.push(Edit { span, with: with.into() });
    }

    /// Puts `with` before the byte at `at`. Insertions at one place keep their order.
    pub fn insert(&mut self, at: u32, with: impl Into<Bytes>) {
        self.replace(Span { start: at, end: at }, with);
    }

    /// Gives the member `key` of `object` the value `raw`, which must be JSON; adds it at the end
    /// if it is not there.
    pub fn set(&mut self, object: &Object<'_>, key: &str, raw: impl Into<Bytes>) {
        self.of(object).set(object, key, raw.into());
    }

    /// Takes the member `key` out of `object`, if it is there.
    pub fn remove(&mut self, object: &Object<'_>, key: &str) {
        self.of(object).remove(object, key);
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.objects.iter().all(ObjectEdits::is_empty)
    }

    /// Whether any change falls within `part`.
    #[must_use]
    pub fn touches(&self, part: Span) -> bool {
        if self.is_empty() {
            return false;
        }
        let (edits, _) = self.resolve(u32::MAX as usize);
        edits.iter().any(|edit| {
            edit.span.start < part.end && part.start < edit.span.end.max(edit.span.start + 1)
        })
    }

    /// Makes the changes in a copy of `buffer`; without any it is the same buffer again.
    #[must_use]
    pub fn apply(&self, buffer: &Bytes) -> Bytes {
        let (edits, clean) = self.resolve(buffer.len());
        debug_assert!(clean, "edits overlap or reach beyond the buffer");
        if edits.is_empty() {
            return buffer.clone();
        }
        Self::copy(buffer, Span { start: 0, end: buffer.len() as u32 }, &edits)
    }

    /// Like [`Edits::apply`], but gives only the part of the copy that stands for `part`. All edits
    /// must lie within it.
    #[must_use]
    pub fn apply_within(&self, buffer: &Bytes, part: Span) -> Bytes {
        let (edits, clean) = self.resolve(buffer.len());
        debug_assert!(clean, "edits overlap or reach beyond the buffer");
        Self::copy(buffer, part, &edits)
    }

    fn copy(buffer: &Bytes, part: Span, edits: &[Edit]) -> Bytes {
        let inserted: usize = edits.iter().map(|edit| edit.with.len()).sum();
        let mut out = Vec::with_capacity(part.len() + inserted);
        let mut done = part.start as usize;
        for Edit { span, with } in edits {
            out.extend_from_slice(buffer.get(done..span.start as usize).unwrap_or_default());
            out.extend_from_slice(with);
            done = span.end as usize;
        }
        out.extend_from_slice(buffer.get(done..part.end as usize).unwrap_or_default());
        out.into()
    }

    /// All edits in the order of the buffer, none overlapping, none beyond `len`; and whether
    /// that was so without dropping any.
    fn resolve(&self, len: usize) -> (SmallVec<[Edit; 8]>, bool) {
        let mut all: SmallVec<[Edit; 8]> = self.list.iter().cloned().collect();
        for object in &self.objects {
            object.resolve(|span, with| all.push(Edit { span, with }));
        }
        // The sort is stable: what is inserted at one place stays in order, and before what is
        // replaced from there on.
        all.sort_by_key(|edit| {
            (edit.span.start, !edit.span.is_empty(), std::cmp::Reverse(edit.span.end))
        });
        let count = all.len();
        let mut done = 0;
        all.retain(|edit| {
            let fits = done <= edit.span.start
                && edit.span.start <= edit.span.end
                && edit.span.end as usize <= len;
            if fits {
                done = edit.span.end;
            }
            fits
        });
        let clean = all.len() == count;
        (all, clean)
    }

    fn of(&mut self, object: &Object<'_>) -> &mut ObjectEdits {
        let known = self.objects.iter().position(|known| known.span() == object.span());
        let index = known.unwrap_or_else(|| {
            self.objects.push(ObjectEdits::new(object));
            self.objects.len() - 1
        });
        &mut self.objects[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Document, Limits, Mode};

    fn document(text: &str) -> Document {
        Document::parse(text.to_owned().into(), &Limits::default(), Mode::Strict).unwrap()
    }

    /// Applies `change` to the root object of `text`.
    fn edited(text: &str, change: impl FnOnce(&mut Edits, &Object<'_>)) -> String {
        let document = document(text);
        let mut edits = Edits::default();
        change(&mut edits, &document.root().object().unwrap());
        let edited = String::from_utf8(edits.apply(document.bytes()).to_vec()).unwrap();
        self::document(&edited);
        edited
    }

    #[test]
    fn without_edits_the_buffer_is_the_same() {
        let document = document(r#"{"a":1}"#);
        let mut edits = Edits::default();
        edits.remove(&document.root().object().unwrap(), "absent");

        assert!(edits.is_empty());
        assert_eq!(edits.apply(document.bytes()).as_ptr(), document.bytes().as_ptr());
    }

    #[test]
    fn removal_takes_the_right_comma() {
        let text = r#"{ "a" : 1 , "b" : 2 , "c" : 3 }"#;
        for (keys, left) in [
            (&["a"][..], r#"{ "b" : 2 , "c" : 3 }"#),
            (&["b"], r#"{ "a" : 1 , "c" : 3 }"#),
            (&["c"], r#"{ "a" : 1 , "b" : 2 }"#),
            (&["a", "b"], r#"{ "c" : 3 }"#),
            (&["c", "a"], r#"{ "b" : 2 }"#),
            (&["c", "b"], r#"{ "a" : 1 }"#),
            (&["b", "a", "c"], r#"{  }"#),
        ] {
            let found = edited(text, |edits, root| {
                for key in keys {
                    edits.remove(root, key);
                }
            });
            assert_eq!(found, left, "without {keys:?}");
        }
    }

    #[test]
    fn setting_replaces_or_adds() {
        assert_eq!(edited("{}", |e, o| e.set(o, "k", "1")), r#"{"k":1}"#);
        assert_eq!(edited("{ }", |e, o| e.set(o, "k", "1")), r#"{"k":1 }"#);
        assert_eq!(edited(r#"{"a": 0}"#, |e, o| e.set(o, "a", "1")), r#"{"a": 1}"#);
        assert_eq!(edited(r#"{"\u0061":0}"#, |e, o| e.set(o, "a", "1")), r#"{"\u0061":1}"#);
        assert_eq!(edited(r#"{"a":0 }"#, |e, o| e.set(o, "\"", "1")), r#"{"a":0,"\"":1 }"#);
    }

    #[test]
    fn changes_to_one_object_compose_and_the_last_word_counts() {
        let text = r#"{"a":1,"b":2}"#;
        assert_eq!(
            edited(text, |e, o| {
                e.remove(o, "a");
                e.set(o, "c", "3");
                e.remove(o, "b");
                e.set(o, "d", "4");
            }),
            r#"{"c":3,"d":4}"#
        );
        assert_eq!(
            edited(text, |e, o| {
                e.set(o, "c", "3");
                e.set(o, "c", "4");
                e.set(o, "b", "5");
                e.remove(o, "b");
                e.remove(o, "a");
                e.set(o, "a", "6");
            }),
            r#"{"a":6,"c":4}"#
        );
        assert_eq!(
            edited(text, |e, o| {
                e.set(o, "c", "3");
                e.remove(o, "c");
            }),
            text
        );
    }

    #[test]
    fn changes_to_nested_objects_and_bare_spans_go_together() {
        let text = r#"{"id":1,"params":{"name":"x","_meta":{}},"z":[1]}"#;

        let found = edited(text, |edits, root| {
            let params = root.get("params").unwrap().object().unwrap();
            edits.set(&params.get("_meta").unwrap().object().unwrap(), "k", "true");
            edits.set(&params, "name", r#""long""#);
            edits.remove(root, "z");
            edits.replace(root.get("id").unwrap().span(), "99");
            edits.insert(0, "  ");
        });

        assert_eq!(found, r#"  {"id":99,"params":{"name":"long","_meta":{"k":true}}}"#);
    }

    #[test]
    fn insertions_at_one_place_keep_their_order() {
        let mut edits = Edits::default();
        edits.replace(Span { start: 1, end: 2 }, "X");
        edits.insert(1, "1");
        edits.insert(1, "2");

        assert_eq!(edits.apply(&"abc".into()), "a12Xc");
    }

    #[test]
    fn of_overlapping_edits_the_first_and_longest_wins() {
        for (spans, kept) in [
            (&[(2, 4), (0, 3)][..], &[(0, 3)][..]),
            (&[(1, 2), (1, 5)], &[(1, 5)]),
            (&[(0, 4), (2, 2), (4, 4), (4, 6)], &[(0, 4), (4, 4), (4, 6)]),
            (&[(5, 99), (0, 1)], &[(0, 1)]),
            (&[(3, 2)], &[]),
        ] {
            let mut edits = Edits::default();
            for (start, end) in spans {
                edits.replace(Span { start: *start, end: *end }, "");
            }

            let (resolved, clean) = edits.resolve(6);

            let found: Vec<_> = resolved.iter().map(|e| (e.span.start, e.span.end)).collect();
            assert_eq!((&found[..], clean), (kept, false), "{spans:?}");
        }
    }
}
