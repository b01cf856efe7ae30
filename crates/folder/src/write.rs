//! Changes to files, each whole or not at all.

use std::io::{self, Write as _};

use cap_std::fs::{Dir, OpenOptions};

use crate::place::Place;
use crate::source::Source;

impl Source {
    /// Writes a file that is not there yet. Folders that it needs are made.
    ///
    /// # Errors
    /// `AlreadyExists` if there is something of this name; or what the system says.
    pub fn create(&self, place: &Place, bytes: &[u8]) -> io::Result<()> {
        let root = self.writable()?;
        root.create_dir_all(place.parent().on_disk())?;
        let folder = root.open_dir(place.parent().on_disk())?;
        let next = written(&folder, bytes)?;
        // A second name never takes the place of a file that is there.
        let linked = folder.hard_link(&next, &folder, place.name());
        folder.remove_file(&next)?;
        linked?;
        keep(&folder)
    }

    /// Writes a file in the place of one that is there.
    ///
    /// # Errors
    /// `NotFound` if there is none; or what the system says.
    pub fn replace(&self, place: &Place, bytes: &[u8]) -> io::Result<()> {
        let folder = self.folder_of(place)?;
        let next = written(&folder, bytes)?;
        if let Err(error) = folder.rename(&next, &folder, place.name()) {
            folder.remove_file(&next)?;
            return Err(error);
        }
        keep(&folder)
    }

    /// Removes a file. Of a link the link is removed.
    ///
    /// # Errors
    /// `NotFound` if there is none; or what the system says.
    pub fn remove(&self, place: &Place) -> io::Result<()> {
        let folder = self.folder_of(place)?;
        folder.remove_file(place.name())?;
        keep(&folder)
    }

    fn writable(&self) -> io::Result<&Dir> {
        match self {
            Source::Folder(root) => Ok(root),
            Source::Embedded(_) => Err(io::ErrorKind::ReadOnlyFilesystem.into()),
        }
    }

    /// The folder of a file that is there.
    fn folder_of(&self, place: &Place) -> io::Result<Dir> {
        self.file(place)?;
        self.writable()?.open_dir(place.parent().on_disk())
    }
}

/// Writes the bytes under a name that is not served, and sees them to the disk. What a crash leaves
/// of it stays hidden.
fn written(folder: &Dir, bytes: &[u8]) -> io::Result<String> {
    let name = format!(".toolgate-{:016x}.tmp", getrandom::u64()?);
    let mut file = folder.open_with(&name, OpenOptions::new().write(true).create_new(true))?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if let Err(error) = written {
        folder.remove_file(&name)?;
        return Err(error);
    }
    Ok(name)
}

/// Sees the names to the disk.
fn keep(folder: &Dir) -> io::Result<()> {
    // The handle of a capability is one for resolving names alone.
    folder.open(".")?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn place(path: &str) -> Place {
        Place::parse(path).unwrap()
    }

    #[test]
    fn a_file_is_made_once_replaced_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let source = Source::open(folder.path()).unwrap();
        let read = || fs::read_to_string(folder.path().join("a/b/c.md")).ok();

        source.create(&place("a/b/c.md"), b"one").unwrap();
        let again = source.create(&place("a/b/c.md"), b"two").unwrap_err();
        assert_eq!((again.kind(), read().as_deref()), (io::ErrorKind::AlreadyExists, Some("one")));
        source.replace(&place("a/b/c.md"), b"three").unwrap();
        assert_eq!(read().as_deref(), Some("three"));
        source.remove(&place("a/b/c.md")).unwrap();
        assert_eq!(read(), None);
        for gone in [source.remove(&place("a/b/c.md")), source.replace(&place("x.md"), b"")] {
            assert_eq!(gone.unwrap_err().kind(), io::ErrorKind::NotFound);
        }
        assert_eq!(fs::read_dir(folder.path().join("a/b")).unwrap().count(), 0, "nothing is left");
    }

    #[test]
    fn nothing_is_written_outside() {
        let house = tempfile::tempdir().unwrap();
        fs::create_dir_all(house.path().join("outside")).unwrap();
        fs::create_dir_all(house.path().join("root")).unwrap();
        fs::write(house.path().join("outside/a.md"), "theirs").unwrap();
        symlink("../outside", house.path().join("root/link")).unwrap();
        symlink("../outside/a.md", house.path().join("root/a.md")).unwrap();
        let source = Source::open(&house.path().join("root")).unwrap();

        assert!(source.create(&place("link/b.md"), b"ours").is_err());
        assert!(source.create(&place("link/new/b.md"), b"ours").is_err());
        assert!(source.replace(&place("link/a.md"), b"ours").is_err());
        assert!(source.replace(&place("a.md"), b"ours").is_err());
        assert!(source.remove(&place("link/a.md")).is_err());

        assert_eq!(fs::read_to_string(house.path().join("outside/a.md")).unwrap(), "theirs");
        assert_eq!(fs::read_dir(house.path().join("outside")).unwrap().count(), 1);
    }
}
