//! Through a folder in one fixed order, within bounds, from where the last page ended.

use std::{
    io,
    ops::ControlFlow,
    time::{Duration, Instant},
};

use super::{
    place::Place,
    source::{Entry, Kind, Source},
};

/// How many entries one call may visit, and for how long it may work.
const ENTRIES: usize = 50_000;
const TIME: Duration = Duration::from_secs(3);
/// Deeper folders are left out.
const DEPTH: usize = 32;

/// Why a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Everything was visited.
    Complete,
    /// The visitor had enough.
    Enough,
    /// The bounds of one call were reached.
    Spent,
}

/// A walk below one folder.
pub(super) struct Walk<'a> {
    source: &'a Source,
    recursive: bool,
    /// Everything up to here was visited by an earlier call.
    after: Option<Place>,
    /// The last entry visited.
    pub(super) last: Option<Place>,
    /// Folders that could not be read.
    pub(super) unreadable: usize,
    left: usize,
    deadline: Instant,
}

impl<'a> Walk<'a> {
    pub(super) fn new(source: &'a Source, recursive: bool, after: Option<Place>) -> Self {
        let deadline = Instant::now() + TIME;
        Self { source, recursive, after, last: None, unreadable: 0, left: ENTRIES, deadline }
    }

    /// Whether to leave the rest to the next page. A call visits one entry at least, so that
    /// paging always gets on.
    fn is_over(&self) -> bool {
        self.last.is_some() && self.is_late()
    }

    /// Whether the time for this call is over, for work that is not paged.
    pub(super) fn is_late(&self) -> bool {
        Instant::now() > self.deadline
    }

    /// Visits what `folder` contains: names in byte order, each folder before its contents.
    ///
    /// # Errors
    /// Only if `folder` itself cannot be read.
    pub(super) fn run(
        &mut self,
        folder: &Place,
        visit: &mut dyn FnMut(&Self, &Place, &Entry) -> ControlFlow<End>,
    ) -> io::Result<End> {
        let entries = self.source.entries(folder)?;
        Ok(match self.level(folder, entries, 1, visit) {
            ControlFlow::Continue(()) => End::Complete,
            ControlFlow::Break(end) => end,
        })
    }

    fn level(
        &mut self,
        folder: &Place,
        entries: Vec<Entry>,
        depth: usize,
        visit: &mut dyn FnMut(&Self, &Place, &Entry) -> ControlFlow<End>,
    ) -> ControlFlow<End> {
        for entry in entries {
            let place = folder.join(&entry.name);
            let is_new = self.after.as_ref().is_none_or(|after| place > *after);
            let leads_on = self.after.as_ref().is_some_and(|a| place == *a || place.contains(a));
            if is_new {
                if self.left == 0 || self.is_over() {
                    return ControlFlow::Break(End::Spent);
                }
                self.left -= 1;
                visit(self, &place, &entry)?;
                self.last = Some(place.clone());
            }
            // A linked folder may contain the one we are in.
            let enter = self.recursive && entry.kind == Kind::Folder { link: false };
            if enter && (is_new || leads_on) && depth < DEPTH {
                match self.source.entries(&place) {
                    Ok(entries) => self.level(&place, entries, depth + 1, visit)?,
                    Err(_) => self.unreadable += 1,
                }
            }
        }
        ControlFlow::Continue(())
    }
}
