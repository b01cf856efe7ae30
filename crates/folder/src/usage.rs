//! How much is in a folder?

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use cap_std::fs::{Dir, DirEntry};

use crate::place::Place;
use crate::shown::{is_ours, is_temporary};
use crate::source::Source;

/// What a crash left of a file that was being written is removed after this long.
const LEFT: Duration = Duration::from_secs(3600);
/// More entries are not counted: it would take too long.
const MOST: u64 = 5_000_000;

/// What a folder holds, whether it is served or not. Links are not followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The lengths of all files together.
    pub bytes: u64,
    /// Files and folders below the root.
    pub files: u64,
}

impl Source {
    /// Counts all that is in the folder.
    ///
    /// # Errors
    /// When a part of it cannot be read, or there is too much.
    pub fn usage(&self) -> io::Result<Usage> {
        let root = self.writable()?;
        let mut usage = Usage::default();
        let mut folders = vec![PathBuf::from(".")];
        while let Some(path) = folders.pop() {
            let folder = match root.open_dir(&path) {
                // Whoever else works here may remove folders meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                folder => folder?,
            };
            for entry in folder.entries()? {
                let entry = entry?;
                let Some((bytes, is_folder)) = counted(&folder, &entry)? else { continue };
                usage.files += 1;
                usage.bytes = usage.bytes.saturating_add(bytes);
                if usage.files > MOST {
                    return Err(io::Error::other("there are too many files to count"));
                }
                if is_folder {
                    folders.push(path.join(entry.file_name()));
                }
            }
        }
        Ok(usage)
    }

    /// The bytes that count of what is at a place: none of a link.
    ///
    /// # Errors
    /// `NotFound`; or what the system says.
    pub fn weight(&self, place: &Place) -> io::Result<u64> {
        let folder = self.writable()?.open_dir(place.parent().on_disk())?;
        let meta = folder.symlink_metadata(place.name())?;
        Ok(if meta.is_file() { meta.len() } else { 0 })
    }
}

/// The size of a file, and whether it is a folder; `None` for what does not count.
fn counted(folder: &Dir, entry: &DirEntry) -> io::Result<Option<(u64, bool)>> {
    let meta = match entry.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        meta => meta?,
    };
    let name = entry.file_name();
    if meta.is_file() && name.to_str().is_some_and(is_ours) {
        let modified = meta.modified().map(cap_std::time::SystemTime::into_std);
        let is_old = modified.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > LEFT));
        if is_old && name.to_str().is_some_and(is_temporary) {
            folder.remove_file(name)?;
        }
        return Ok(None);
    }
    let bytes = if meta.is_file() { meta.len() } else { 0 };
    Ok(Some((bytes, meta.is_dir())))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn all_files_count_once_and_links_as_nothing_but_a_name() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("a/.b")).unwrap();
        fs::write(at("a/.b/one"), [0; 1000]).unwrap();
        fs::write(at("two"), [0; 24]).unwrap();
        fs::File::create(at("sparse")).unwrap().set_len(1 << 30).unwrap();
        symlink("/usr", at("out")).unwrap();
        symlink("..", at("a/up")).unwrap();

        let usage = Source::open(folder.path()).unwrap().usage().unwrap();

        assert_eq!(usage, Usage { bytes: (1 << 30) + 1024, files: 7 });
        let source = Source::open(folder.path()).unwrap();
        let weight = |path: &str| source.weight(&Place::parse(path).unwrap()).unwrap();
        assert_eq!((weight("two"), weight("out"), weight("a/up")), (24, 0, 0));
    }

    #[test]
    fn what_a_crash_left_is_removed_after_a_while() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, age: u64| {
            let file = fs::File::create(folder.path().join(name)).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
        };
        write(".toolgate-old.tmp", 4000);
        write(".toolgate-new.tmp", 4);

        let usage = Source::open(folder.path()).unwrap().usage().unwrap();

        assert_eq!(usage, Usage::default());
        let there = |name: &str| Path::exists(&folder.path().join(name));
        assert!(there(".toolgate-new.tmp") && !there(".toolgate-old.tmp"));
    }
}
