//! Through a folder in one fixed order, within bounds, from where the last page ended.

use std::{
    io,
    ops::ControlFlow,
    time::{Duration, Instant},
};

use crate::{
    place::Place,
    source::{Entry, Kind, Source},
};

/// How much one walk may do.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Entries that it may visit.
    pub entries: usize,
    /// How long it may take.
    pub time: Duration,
}

impl Bounds {
    /// For one call of a tool.
    pub const CALL: Bounds = Bounds { entries: 50_000, time: Duration::from_secs(3) };
}

/// Deeper folders are left out.
pub const DEPTH: usize = 32;

/// What can be walked.
pub trait Listing {
    /// The entries of `folder` that are served, sorted by name.
    ///
    /// # Errors
    /// When it cannot be read, is no folder, or has too many entries.
    fn entries(&self, folder: &Place) -> io::Result<Vec<Entry>>;
}

impl Listing for Source {
    fn entries(&self, folder: &Place) -> io::Result<Vec<Entry>> {
        Source::entries(self, folder)
    }
}

/// Why a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Everything was visited.
    Complete,
    /// The visitor had enough.
    Enough,
    /// The bounds of one call were reached.
    Spent,
}

/// A walk below one folder.
pub struct Walk<'a> {
    source: &'a dyn Listing,
    /// Levels that are visited.
    levels: usize,
    /// Everything up to here was visited by an earlier call.
    after: Option<Place>,
    /// The last entry visited.
    pub last: Option<Place>,
    /// Folders that could not be read, and why.
    pub unread: Vec<(Place, io::Error)>,
    /// The first folder that was too deep to be read.
    pub too_deep: Option<Place>,
    left: usize,
    deadline: Instant,
}

impl<'a> Walk<'a> {
    /// Through one folder, or all below it, beginning behind `after`, within the bounds of a call.
    pub fn new(source: &'a dyn Listing, recursive: bool, after: Option<Place>) -> Self {
        Self::within(source, recursive, after, Bounds::CALL)
    }

    /// The same within bounds of its own.
    pub fn within(
        source: &'a dyn Listing,
        recursive: bool,
        after: Option<Place>,
        bounds: Bounds,
    ) -> Self {
        let Bounds { entries: left, time } = bounds;
        let deadline = Instant::now() + time;
        let levels = if recursive { DEPTH } else { 1 };
        Self {
            source,
            levels,
            after,
            last: None,
            unread: Vec::new(),
            too_deep: None,
            left,
            deadline,
        }
    }

    /// The same through so many levels at most.
    #[must_use]
    pub fn levels(self, levels: usize) -> Self {
        Self { levels: levels.clamp(1, DEPTH), ..self }
    }

    /// Whether to leave the rest to the next page. A call visits one entry at least, so that
    /// paging always gets on.
    fn is_over(&self) -> bool {
        self.last.is_some() && self.is_late()
    }

    /// Whether the time for this call is over, for work that is not paged.
    pub fn is_late(&self) -> bool {
        Instant::now() > self.deadline
    }

    /// Visits what `folder` contains: names in byte order, each folder before its contents.
    ///
    /// # Errors
    /// Only if `folder` itself cannot be read.
    pub fn run(
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
            let is_folder = entry.kind == Kind::Folder { link: false };
            if is_folder && depth == DEPTH {
                self.too_deep.get_or_insert(place);
            } else if is_folder && depth < self.levels && (is_new || leads_on) {
                match self.source.entries(&place) {
                    Ok(entries) => self.level(&place, entries, depth + 1, visit)?,
                    Err(error) => self.unread.push((place, error)),
                }
            }
        }
        ControlFlow::Continue(())
    }
}
