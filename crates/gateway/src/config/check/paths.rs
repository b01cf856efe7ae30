//! Folders that a configuration names.

use std::path::{Component, Path, PathBuf};

use super::Checks;

pub(super) fn directory(checks: &mut Checks<'_>, key: &str, path: &Path) -> PathBuf {
    let resolved = checks.resolve(key, path);
    if !checks.sources.is_directory(&resolved) {
        let shown = checks.shown(key, &path.to_string_lossy());
        checks
            .problem(key, format!("{shown} is not a directory (paths are relative to this file)"));
    }
    resolved
}

/// A path without `.` and `..`, as it is written: links are not followed.
pub(super) fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}
