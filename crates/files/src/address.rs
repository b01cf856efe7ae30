//! How a file is named: by its path, or by the URI of its resource.

use toolgate_folder::Place;

use crate::failure::Failure;

/// What every URI of ours begins with. `file:///a` would name the root of the reader's own disk.
pub(crate) const BASE: &str = "files:///";

/// A path argument; models sometimes give the URI of a resource instead.
pub(crate) fn place(path: &str) -> Result<Place, Failure> {
    if path.starts_with(BASE) {
        return Place::from_uri(path, BASE)
            .ok_or_else(|| Failure::told(format!("{}: no such resource", path.escape_debug())));
    }
    Place::with_hidden(path).map_err(Failure::told)
}
