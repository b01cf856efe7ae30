//! What a server last said of its things, and what became of that.

use std::collections::HashMap;

use bytes::Bytes;
use toolgate_catalog::definition::Kind;

/// Definitions remembered of one kind; beyond them each is judged anew.
const MOST: usize = 20_000;
/// Bytes of definitions remembered of one server.
const BYTES: usize = 32 << 20;

/// What becomes of an entry of a list.
#[derive(Clone)]
pub(super) enum Verdict {
    /// It is served as it came.
    AsItIs,
    /// It is served, with what could deceive a reader made visible.
    Neutral(Bytes),
    /// The approved one is served in its place.
    AsApproved(Bytes),
    /// It is left out.
    Hidden,
}

#[derive(Default)]
pub(super) struct Seen {
    kinds: [Listed; 5],
    bytes: usize,
}

#[derive(Default)]
struct Listed {
    /// The entry as it came, and what became of it.
    verdicts: HashMap<Box<str>, (Bytes, Verdict)>,
    /// Whether the list has been read to its end.
    complete: bool,
    /// Pages since somebody began at the first, and the entries on them.
    pages: usize,
    entries: usize,
}

impl Seen {
    pub(super) fn verdict(&self, kind: Kind, name: &str) -> Option<&Verdict> {
        self.kinds[kind as usize].verdicts.get(name).map(|(_, verdict)| verdict)
    }

    pub(super) fn is_hidden(&self, kind: Kind, name: &str) -> bool {
        matches!(self.verdict(kind, name), Some(Verdict::Hidden))
    }

    /// What became of the very same text before.
    pub(super) fn known(&self, kind: Kind, name: &str, raw: &[u8]) -> Option<Verdict> {
        let (text, verdict) = self.kinds[kind as usize].verdicts.get(name)?;
        (**text == *raw).then(|| verdict.clone())
    }

    /// Remembers a verdict, as long as there is room.
    pub(super) fn remember(&mut self, kind: Kind, name: &str, raw: &[u8], verdict: Verdict) {
        let listed = &mut self.kinds[kind as usize];
        if let Some((old, _)) = listed.verdicts.remove(name) {
            self.bytes -= old.len();
        }
        if listed.verdicts.len() < MOST && self.bytes + raw.len() <= BYTES {
            self.bytes += raw.len();
            listed.verdicts.insert(name.into(), (Bytes::copy_from_slice(raw), verdict));
        }
    }

    pub(super) fn complete(&mut self, kind: Kind) {
        self.kinds[kind as usize].complete = true;
    }

    pub(super) fn is_complete(&self, kind: Kind) -> bool {
        self.kinds[kind as usize].complete
    }

    pub(super) fn forget(&mut self, kind: Kind) {
        let listed = std::mem::take(&mut self.kinds[kind as usize]);
        self.bytes -= listed.verdicts.values().map(|(text, _)| text.len()).sum::<usize>();
    }

    /// Counts a page in: how many there were in a row, and how many entries on them.
    pub(super) fn count(&mut self, kind: Kind, further: bool, entries: usize) -> (usize, usize) {
        let listed = &mut self.kinds[kind as usize];
        if !further {
            (listed.pages, listed.entries) = (0, 0);
        }
        listed.pages += 1;
        listed.entries += entries;
        (listed.pages, listed.entries)
    }
}
