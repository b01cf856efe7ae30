//! One look at the folder: which files there are, and which folders cannot be read.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::ControlFlow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use toolgate_folder::{Bounds, DEPTH, End, Kind, Place, Source, Walk};

use crate::article::Format;
use crate::index::Stamp;

/// Documents at most; a folder of more is not looked at any more.
const MOST: usize = 1_000_000;
/// Below this age a file may be written again without another modification time: clocks of file
/// systems tick slowly.
const YOUNG: Duration = Duration::from_secs(2);

/// Files as they are now.
pub(crate) type Seen = BTreeMap<Place, Stamp>;

/// What one look leaves to the next.
#[derive(Default)]
pub(crate) struct Before {
    /// Files as they were when they were too young to be trusted; they are looked at once more.
    pub(crate) young: Seen,
    /// Folders that were told not to be read.
    unread: BTreeSet<Place>,
}

/// Files as they are now, and the folders of which nobody knows.
///
/// # Errors
/// When the folder cannot be read, or not to its end.
pub(crate) fn seen(
    source: &Source,
    before: &mut Before,
    has_ended: &dyn Fn() -> bool,
) -> io::Result<(Seen, Vec<Place>)> {
    let mut seen = Seen::new();
    let bounds = Bounds { entries: 4 * MOST, time: Duration::from_secs(600) };
    let mut walk = Walk::within(source, true, None, bounds);
    let end = walk.run(&Place::default(), &mut |_, place, entry| {
        if has_ended() || seen.len() == MOST {
            return ControlFlow::Break(End::Spent);
        }
        if Format::of(&entry.name).is_some() {
            seen.extend(stamp(&entry.kind).map(|stamp| (place.clone(), stamp)));
        }
        ControlFlow::Continue(())
    })?;
    if end != End::Complete {
        // What was not reached is not gone.
        return Err(io::Error::other("there is too much in it"));
    }
    if let Some(folder) = walk.too_deep
        && before.unread.insert(folder.clone())
    {
        tracing::warn!(%folder, most = DEPTH, "what is in folders that deep is not served");
    }
    let (mut kept, mut missed) = (Vec::new(), BTreeSet::new());
    for (folder, error) in walk.unread {
        // It went while we looked; or whoever may not look at it is not to show what is in it.
        let is_gone =
            matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
        if !is_gone && !before.unread.contains(&folder) {
            tracing::warn!(%folder, %error, "a folder cannot be read");
        }
        if !is_gone && error.kind() != io::ErrorKind::PermissionDenied {
            kept.push(folder.clone());
        }
        missed.insert(folder);
    }
    before.unread.retain(|folder| missed.contains(folder) || folder.depth() >= DEPTH);
    before.unread.append(&mut missed);
    Ok((seen, kept))
}

/// What a file is now; `None` for what is none.
pub(crate) fn stamp(kind: &Kind) -> Option<Stamp> {
    let Kind::File { size, modified } = *kind else { return None };
    let since = modified.and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    Some(Stamp { modified: u64::try_from(since.as_nanos()).unwrap_or(u64::MAX), size })
}

/// Whether it may be written again without another time.
pub(crate) fn is_young(stamp: Stamp) -> bool {
    let modified = UNIX_EPOCH + Duration::from_nanos(stamp.modified);
    SystemTime::now().duration_since(modified).is_ok_and(|age| age < YOUNG)
}
