//! Have the files changed? Then what they hold is read again, and whoever listens is told.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use toolgate_gateway::config::Content as Rules;
use toolgate_hosted::Change;

use crate::Content;
use crate::shelf::{Shelf, files};

/// How often files are looked at.
const PAUSE: Duration = Duration::from_secs(1);

/// What tells one state of a file from another; nothing while it is not there.
type Stamp = Option<(SystemTime, u64)>;
pub(crate) type Stamps = BTreeMap<PathBuf, Stamp>;

/// The stamps of all files of a configuration.
pub(crate) fn seen(rules: &Rules) -> Stamps {
    stamps(files(rules).iter())
}

/// Follows the files for as long as the server is there. `seen`: as they were before they were read,
/// so that no change falls between.
pub(crate) fn follow(content: &Arc<Content>, mut seen: Stamps) {
    if seen.is_empty() {
        return;
    }
    let content = Arc::downgrade(content);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(PAUSE).await;
            let Some((now, is_there)) = look(&content, &seen).await else { return };
            if is_there {
                seen = now;
            }
        }
    });
}

/// One look: the stamps of now, and whether they are worth remembering. Nothing once the server is
/// gone.
async fn look(content: &Weak<Content>, seen: &Stamps) -> Option<(Stamps, bool)> {
    let (content, seen) = (content.upgrade()?, seen.clone());
    let looking = tokio::task::spawn_blocking(move || {
        let now = stamps(seen.keys());
        if now != seen {
            content.read_again();
        }
        now
    });
    match looking.await {
        Ok(now) => Some((now, true)),
        // The process ends, or the look failed: the next one sees the same change.
        Err(_) => Some((BTreeMap::new(), false)),
    }
}

fn stamps<'a>(paths: impl Iterator<Item = &'a PathBuf>) -> Stamps {
    let stamp = |path: &PathBuf| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    paths.map(|path| (path.clone(), stamp(path))).collect()
}

impl Content {
    fn read_again(&self) {
        let next = match Shelf::load(&self.rules) {
            Ok(next) => next,
            Err(error) => {
                tracing::error!(error, "changed files cannot be served; what was read before is");
                return;
            }
        };
        let before = self.shelf();
        let changes = changes(&before, &next);
        *self.shelf.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
        tracing::info!(resources = changes.len(), "changed files are served");
        for change in changes {
            self.changes.announce(change);
        }
    }
}

/// What clients are to be told.
fn changes(before: &Shelf, next: &Shelf) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut resized = false;
    for (name, resource) in &next.resources {
        let Some(known) = before.resources.get(name) else { continue };
        if known.source() == resource.source() {
            continue;
        }
        changes.push(if resource.is_template() {
            Change::UpdatedOf(resource.place().clone())
        } else {
            Change::Updated(resource.uri().to_owned())
        });
        // Lists tell how large a file is.
        resized |= !resource.is_template() && known.size() != resource.size();
    }
    if resized {
        changes.push(Change::Resources);
    }
    changes
}
