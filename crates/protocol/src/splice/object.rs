//! Members set and removed, with every comma where it belongs.

use bytes::Bytes;
use smallvec::SmallVec;

use crate::json::{Object, Span, quote_into};

/// All changes to the members of one object. They are kept together until the end, because
/// whether a comma goes depends on which other members stay.
#[derive(Debug, Clone)]
pub(super) struct ObjectEdits {
    span: Span,
    members: SmallVec<[Known; 6]>,
    added: SmallVec<[(Box<str>, Bytes); 2]>,
}

/// A member that the object came with.
#[derive(Debug, Clone)]
struct Known {
    key: Span,
    value: Span,
    change: Change,
}

#[derive(Debug, Clone)]
enum Change {
    Keep,
    Replace(Bytes),
    Remove,
}

impl ObjectEdits {
    pub(super) fn new(object: &Object<'_>) -> Self {
        let known = |(key, value)| Known { key, value, change: Change::Keep };
        let members = object.members().iter().map(|member| known((member.key, member.value)));
        Self { span: object.span(), members: members.collect(), added: SmallVec::new() }
    }

    pub(super) fn span(&self) -> Span {
        self.span
    }

    pub(super) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.members.iter().all(Known::stays_as_it_is)
    }

    pub(super) fn set(&mut self, object: &Object<'_>, key: &str, raw: Bytes) {
        if let Some(known) = self.known(object, key) {
            known.change = Change::Replace(raw);
        } else if let Some((_, value)) = self.added.iter_mut().find(|(name, _)| **name == *key) {
            *value = raw;
        } else {
            self.added.push((key.into(), raw));
        }
    }

    pub(super) fn remove(&mut self, object: &Object<'_>, key: &str) {
        match self.known(object, key) {
            Some(known) => known.change = Change::Remove,
            None => self.added.retain(|(name, _)| **name != *key),
        }
    }

    fn known(&mut self, object: &Object<'_>, key: &str) -> Option<&mut Known> {
        self.members.get_mut(object.position(key)?)
    }

    /// Hands out the plain edits that this comes to.
    pub(super) fn resolve(&self, mut edit: impl FnMut(Span, Bytes)) {
        let mut anything_before = false;
        for (index, member) in self.members.iter().enumerate() {
            match &member.change {
                Change::Keep => anything_before = true,
                Change::Replace(raw) => {
                    anything_before = true;
                    edit(member.value, raw.clone());
                }
                Change::Remove => edit(self.removal(index, anything_before), Bytes::new()),
            }
        }
        if !self.added.is_empty() {
            let at = self.members.last().map_or(self.span.start + 1, |last| last.value.end);
            edit(Span { start: at, end: at }, self.additions(anything_before));
        }
    }

    /// What goes with a member: the comma before it, or, when no member stays before it, the comma
    /// after it. Removals that follow one another touch but never overlap.
    fn removal(&self, index: usize, anything_before: bool) -> Span {
        let Span { start, .. } = self.members[index].key;
        let Span { end, .. } = self.members[index].value;
        if anything_before {
            return Span { start: self.members[index - 1].value.end, end };
        }
        Span { start, end: self.members.get(index + 1).map_or(end, |next| next.key.start) }
    }

    fn additions(&self, mut anything_before: bool) -> Bytes {
        let mut out = Vec::new();
        for (key, raw) in &self.added {
            if anything_before {
                out.push(b',');
            }
            quote_into(&mut out, key);
            out.push(b':');
            out.extend_from_slice(raw);
            anything_before = true;
        }
        out.into()
    }
}

impl Known {
    fn stays_as_it_is(&self) -> bool {
        matches!(self.change, Change::Keep)
    }
}
