//! Have the files changed that a configuration was read from?
//!
//! They are looked at, not listened to: folders of configurations also hold what is written with
//! each call, mounted ones change without an event, and editors and orchestrators replace files in
//! every way there is.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// How often to look. A look is one `stat` for each file.
pub const LOOK: Duration = Duration::from_millis(250);

/// Below this age a file may be written again without another modification time: clocks of file
/// systems tick slowly.
const YOUNG: Duration = Duration::from_secs(2);

/// The files as they were at one moment.
#[derive(Clone, Debug, Default)]
pub struct Files(Vec<File>);

#[derive(Clone, Debug)]
struct File {
    path: PathBuf,
    stamp: Option<Stamp>,
    content: Option<Arc<[u8]>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    length: u64,
}

impl Files {
    /// Looks at these files. Those that are as `before` are not read again.
    pub fn look(paths: impl IntoIterator<Item = PathBuf>, before: &Files) -> Files {
        Files(paths.into_iter().map(|path| File::look(path, before)).collect())
    }

    /// These files instead: as they were at the moment of this look, if they were looked at.
    pub fn of(&self, paths: impl IntoIterator<Item = PathBuf>) -> Files {
        let file = |path: PathBuf| match self.find(&path) {
            Some(known) => known.clone(),
            None => File::look(path, self),
        };
        Files(paths.into_iter().map(file).collect())
    }

    /// With what is known to have stood in one of them.
    pub fn knowing(mut self, path: &Path, content: Option<Vec<u8>>) -> Files {
        if let Some(file) = self.0.iter_mut().find(|file| file.path == path) {
            file.content = content.map(Arc::from);
        }
        self
    }

    /// Whether they are the same files, and say the same.
    pub fn say_as(&self, others: &Files) -> bool {
        let same =
            |one: &File, other: &File| one.path == other.path && one.content == other.content;
        self.0.len() == others.0.len() && self.0.iter().zip(&others.0).all(|(a, b)| same(a, b))
    }

    fn find(&self, path: &Path) -> Option<&File> {
        self.0.iter().find(|file| file.path == path)
    }
}

impl File {
    fn look(path: PathBuf, before: &Files) -> File {
        // Before it is read: a change in between is seen at the next look.
        let stamp = Stamp::of(&path);
        let known = before.find(&path).filter(|known| known.stamp == stamp);
        match known.filter(|_| stamp.is_none_or(Stamp::is_settled)) {
            Some(known) => known.clone(),
            None => File { content: std::fs::read(&path).ok().map(Arc::from), path, stamp },
        }
    }
}

impl Stamp {
    fn of(path: &Path) -> Option<Stamp> {
        let about = std::fs::metadata(path).ok()?;
        Some(Stamp { modified: about.modified().ok()?, length: about.len() })
    }

    fn is_settled(self) -> bool {
        self.modified.elapsed().is_ok_and(|age| age > YOUNG)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(folder: &Path, before: &Files) -> Files {
        Files::look([folder.join("a"), folder.join("b")], before)
    }

    #[test]
    fn what_comes_goes_and_changes_is_seen_and_what_is_written_anew_as_it_was_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        std::fs::write(path.join("a"), "one").unwrap();
        let first = look(path, &Files::default());
        for (change, differs) in [
            (&|| std::fs::write(path.join("a"), "two").unwrap() as (), true),
            (&|| std::fs::write(path.join("a"), "one").unwrap(), false),
            (&|| std::fs::write(path.join("b"), "").unwrap(), true),
            (&|| std::fs::remove_file(path.join("b")).unwrap(), false),
            (&|| std::fs::remove_file(path.join("a")).unwrap(), true),
        ] as [(&dyn Fn(), bool); 5]
        {
            change();
            assert_eq!(!look(path, &first).say_as(&first), differs);
        }
    }

    /// Two writes within one tick of the clock, of the same length.
    #[test]
    fn a_change_that_leaves_no_trace_in_the_metadata_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        std::fs::write(&file, "one").unwrap();
        let then = std::fs::metadata(&file).unwrap().modified().unwrap();
        let first = look(folder.path(), &Files::default());

        std::fs::write(&file, "two").unwrap();
        std::fs::File::options().write(true).open(&file).unwrap().set_modified(then).unwrap();

        assert!(!look(folder.path(), &first).say_as(&first));
    }

    #[test]
    fn an_old_file_is_not_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        std::fs::write(&file, "one").unwrap();
        let then = SystemTime::now() - Duration::from_secs(60);
        let age = || {
            let file = std::fs::File::options().write(true).open(&file).unwrap();
            file.set_modified(then).unwrap();
        };
        age();
        let first = look(folder.path(), &Files::default());

        // What no look at the metadata can show shows that it is not read.
        std::fs::write(&file, "two").unwrap();
        age();

        assert!(look(folder.path(), &first).say_as(&first));
    }
}
