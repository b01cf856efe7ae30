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

    /// Makes the changes in a copy of `buffer`; without any it is the same buffer again.
    #[must_use]
    pub fn apply(&self, buffer: &Bytes) -> Bytes {
        let (edits, clean) = self.resolve(buffer.len());
        debug_assert!(clean, "edits overlap or reach beyond the buffer");
        if edits.is_empty() {
            return buffer.clone();
        }
        let inserted: usize = edits.iter().map(|edit| edit.with.len()).sum();
        let removed: usize = edits.iter().map(|edit| edit.span.len()).sum();
        let mut out = Vec::with_capacity(buffer.len() + inserted - removed);
        let mut done = 0;
        for Edit { span, with } in &edits {
            out.extend_from_slice(buffer.get(done..span.start as usize).unwrap_or_default());
            out.extend_from_slice(with);
            done = span.end as usize;
        }
        out.extend_from_slice(buffer.get(done..).unwrap_or_default());
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
