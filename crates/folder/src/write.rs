//! Changes to files, each whole or not at all.

use std::io::{self, Write as _};

use cap_std::fs::{
    Dir, File, MetadataExt as _, OpenOptions, OpenOptionsExt as _, Permissions, PermissionsExt as _,
};
use rustix::fs::{Mode, RenameFlags, renameat_with};

use crate::descend::descend;
use crate::place::Place;
use crate::shown::{Shown, temporary};
use crate::source::{Source, real};

impl Source {
    /// Writes a file that is not there yet. Folders that it needs are made.
    ///
    /// # Errors
    /// `AlreadyExists` if there is something of this name, `PermissionDenied` for a place that is not
    /// served; or what the system says.
    pub fn create(&self, place: &Place, bytes: &[u8]) -> io::Result<()> {
        let (root, place) = self.target(place, Shown::file)?;
        let folder = made(root, &place.parent())?;
        let next = written(&folder, bytes, None)?;
        // A second name never takes the place of a file that is there.
        let linked = folder.hard_link(&next, &folder, place.name());
        folder.remove_file(&next)?;
        linked?;
        keep(&folder)
    }

    /// Writes a file in the place of one that is there. Its permissions stay, but for those that
    /// would run it as somebody else.
    ///
    /// # Errors
    /// `NotFound` if there is none, `PermissionDenied` for a link and for a place that is not served;
    /// or what the system says.
    pub fn replace(&self, place: &Place, bytes: &[u8]) -> io::Result<()> {
        let (root, place) = self.target(place, Shown::file)?;
        let folder = opened(root, &place.parent())?;
        let before = folder.symlink_metadata(place.name())?;
        if !before.is_file() {
            return Err(denied("only a file can be written, and no link"));
        }
        let mode = before.permissions().mode() & 0o777;
        let next = written(&folder, bytes, Some(mode))?;
        if let Err(error) = folder.rename(&next, &folder, place.name()) {
            folder.remove_file(&next)?;
            return Err(error);
        }
        keep(&folder)
    }

    /// Removes a file. Of a link the link is removed.
    ///
    /// # Errors
    /// `NotFound` if there is none, `PermissionDenied` for a place that is not served; or what the
    /// system says.
    pub fn remove(&self, place: &Place) -> io::Result<()> {
        self.file(place)?;
        let (root, place) = self.target(place, Shown::file)?;
        let folder = opened(root, &place.parent())?;
        folder.remove_file(place.name())?;
        keep(&folder)
    }

    /// Makes a folder, with those that it needs. One that is there is as good.
    ///
    /// # Errors
    /// `PermissionDenied` for a place that is not served; or what the system says.
    pub fn create_folder(&self, place: &Place) -> io::Result<()> {
        let (root, place) = self.target(place, Shown::folder)?;
        keep(&made(root, &place)?)
    }

    /// Removes a folder in which there is nothing.
    ///
    /// # Errors
    /// `DirectoryNotEmpty`; `PermissionDenied` for a place that is not served; or what the system
    /// says.
    pub fn remove_folder(&self, place: &Place) -> io::Result<()> {
        let (root, place) = self.target(place, Shown::folder)?;
        let folder = opened(root, &place.parent())?;
        folder.remove_dir(place.name())?;
        keep(&folder)
    }

    /// Gives a file or folder another place, at which nothing may be. Folders that it needs are made.
    ///
    /// # Errors
    /// `AlreadyExists`, `NotFound`; `PermissionDenied` for a link, for a place that is not served, and
    /// for a folder that holds what is not served and might be afterwards; or what the system says.
    pub fn rename(&self, from: &Place, to: &Place) -> io::Result<()> {
        let is_folder = self.is_folder(from);
        let is_shown = if is_folder { Shown::folder } else { Shown::file };
        let (root, from) = self.target(from, is_shown)?;
        let (_, to) = self.target(to, is_shown)?;
        if from.contains(&to) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a folder cannot be in itself",
            ));
        }
        let before = opened(root, &from.parent())?;
        let meta = before.symlink_metadata(from.name())?;
        if !meta.is_dir() && !meta.is_file() {
            return Err(denied("only a file or a folder can be moved, and no link"));
        }
        if meta.is_dir() && !self.is_wholly_served(&from)? {
            return Err(denied("it holds what is not served"));
        }
        let after = made(root, &to.parent())?;
        renameat_with(&before, from.name(), &after, to.name(), RenameFlags::NOREPLACE)?;
        keep(&after)?;
        keep(&before)
    }

    /// How many folders would have to be made for one at this place.
    pub fn missing_folders(&self, place: &Place) -> u64 {
        let mut place = place.clone();
        let mut missing = 0;
        while !place.is_root() && !self.is_folder(&place) {
            missing += 1;
            place = place.parent();
        }
        missing
    }

    /// Where a change to a file takes place: the same without links on the way.
    ///
    /// # Errors
    /// `PermissionDenied` for a place that is not served; or what the system says.
    pub fn place_of(&self, file: &Place) -> io::Result<Place> {
        self.target(file, Shown::file).map(|(_, place)| place)
    }

    /// What tells this folder from all others, however it was opened: device and inode.
    ///
    /// # Errors
    /// What the system says; what is embedded has no identity.
    pub fn identity(&self) -> io::Result<(u64, u64)> {
        let meta = self.writable()?.dir_metadata()?;
        Ok((meta.dev(), meta.ino()))
    }

    pub(crate) fn writable(&self) -> io::Result<&Dir> {
        match self {
            Source::Folder { root, .. } => Ok(root),
            Source::Embedded(_) => Err(io::ErrorKind::ReadOnlyFilesystem.into()),
        }
    }

    /// Where a change takes place: without the links on the way there, whose targets have to be
    /// served as well.
    fn target(
        &self,
        place: &Place,
        is_shown: fn(&Shown, &Place) -> bool,
    ) -> io::Result<(&Dir, Place)> {
        let root = self.writable()?;
        let Source::Folder { shown, .. } = self else { return Err(denied("it is not served")) };
        if place.is_root() || !is_shown(shown, place) {
            return Err(denied("it is not served"));
        }
        let mut there = place.parent();
        let there = loop {
            match real(root, &there) {
                Ok(real) => break real.place(&within(place, &there)),
                Err(error) if error.kind() == io::ErrorKind::NotFound && !there.is_root() => {
                    there = there.parent();
                }
                Err(error) => return Err(error),
            }
        };
        if !is_shown(shown, &there) {
            return Err(denied("it is not served"));
        }
        Ok((root, there))
    }

    /// Whether nothing in a folder depends on where it is for not being served.
    fn is_wholly_served(&self, folder: &Place) -> io::Result<bool> {
        let Source::Folder { root, shown } = self else { return Ok(true) };
        if !shown.depends_on_place() {
            return Ok(true);
        }
        let mut folders = vec![folder.clone()];
        while let Some(folder) = folders.pop() {
            for entry in root.read_dir(folder.on_disk())? {
                let entry = entry?;
                let Ok(name) = entry.file_name().into_string() else { return Ok(false) };
                let place = folder.join(&name);
                let is_folder = entry.file_type()?.is_dir();
                if !(if is_folder { shown.folder(&place) } else { shown.file(&place) }) {
                    return Ok(false);
                }
                folders.extend(is_folder.then_some(place));
            }
        }
        Ok(true)
    }
}

/// The path from `folder` to `place`, which is in it.
fn within(place: &Place, folder: &Place) -> Place {
    place.names().skip(folder.depth()).fold(Place::default(), |path, name| path.join(name))
}

/// Why nothing more can be written here, and the way out; `None` where it is something else.
#[must_use]
pub fn hindrance(error: &io::Error) -> Option<&'static str> {
    match error.kind() {
        io::ErrorKind::StorageFull => {
            Some("the disk is full; delete what is not needed, or ask the operator for room")
        }
        io::ErrorKind::QuotaExceeded => Some(
            "the gateway has used up its share of the disk; delete what is not needed, or ask the operator for room",
        ),
        _ => None,
    }
}

fn denied(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why)
}

/// The folder at a place without links. One that has become a link since is not followed: it might lead
/// to what is not served.
fn opened(root: &Dir, place: &Place) -> io::Result<Dir> {
    descend(root, place.names(), None)
}

/// The same, made if need be.
fn made(root: &Dir, place: &Place) -> io::Result<Dir> {
    descend(root, place.names(), Some(Mode::RWXU | Mode::RWXG | Mode::RWXO))
}

/// Writes the bytes under a name that is not served, and sees them to the disk. What a crash leaves
/// of it stays hidden.
fn written(folder: &Dir, bytes: &[u8], mode: Option<u32>) -> io::Result<String> {
    let (name, mut file) = begun(folder, mode)?;
    let written = file
        .write_all(bytes)
        .and_then(|()| match mode {
            Some(mode) => file.set_permissions(Permissions::from_mode(mode)),
            None => Ok(()),
        })
        .and_then(|()| file.sync_all());
    if let Err(error) = written {
        folder.remove_file(&name)?;
        return Err(error);
    }
    Ok(name)
}

/// A file that is being written. Nobody may read it who may not read the one whose place it takes.
fn begun(folder: &Dir, mode: Option<u32>) -> io::Result<(String, File)> {
    let name = temporary()?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(mode.unwrap_or(0o666));
    let file = folder.open_with(&name, &options)?;
    Ok((name, file))
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
        Place::with_hidden(path).unwrap()
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
        assert!(source.create_folder(&place("link/new")).is_err());
        assert!(source.replace(&place("link/a.md"), b"ours").is_err());
        assert!(source.replace(&place("a.md"), b"ours").is_err());
        assert!(source.remove(&place("link/a.md")).is_err());
        assert!(source.remove_folder(&place("link")).is_err());
        assert!(source.rename(&place("link/a.md"), &place("b.md")).is_err());
        source.create(&place("b.md"), b"ours").unwrap();
        assert!(source.rename(&place("b.md"), &place("link/b.md")).is_err());

        assert_eq!(fs::read_to_string(house.path().join("outside/a.md")).unwrap(), "theirs");
        assert_eq!(fs::read_dir(house.path().join("outside")).unwrap().count(), 1);
    }

    #[test]
    fn what_is_not_served_is_not_written_by_whatever_way() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in [".git", "drafts", "a/drafts"] {
            fs::create_dir_all(at(name)).unwrap();
        }
        symlink(".git", at("git")).unwrap();
        symlink("drafts", at("open")).unwrap();
        let shown = Shown::new(false, &[], &["drafts".to_owned(), "a/b".to_owned()]).unwrap();
        let source = Source::showing(folder.path(), shown).unwrap();

        for path in
            [".env", ".git/a", "git/a", "open/a", "drafts/a", "drafts/new/a", "a/b/c", "a/b"]
        {
            let error = source.create(&place(path), b"x").unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{path}");
        }
        source.create(&place("x"), b"x").unwrap();
        for path in ["drafts/x", "git/x", "a/b"] {
            assert!(source.rename(&place("x"), &place(path)).is_err(), "{path}");
        }
        // Elsewhere what is in it would be served.
        assert!(source.rename(&place("a"), &place("b")).is_err());
        fs::remove_dir(at("a/drafts")).unwrap();
        source.rename(&place("a"), &place("b")).unwrap();
    }

    #[test]
    fn a_move_takes_nobodys_place() {
        let folder = tempfile::tempdir().unwrap();
        let source = Source::open(folder.path()).unwrap();
        for path in ["a/one.md", "b/two.md"] {
            source.create(&place(path), path.as_bytes()).unwrap();
        }

        let taken = source.rename(&place("a/one.md"), &place("b/two.md")).unwrap_err();
        let folders = source.rename(&place("a"), &place("b")).unwrap_err();
        let inside = source.rename(&place("a"), &place("a/c")).unwrap_err();
        source.rename(&place("a"), &place("c/d/a")).unwrap();

        assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(folders.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(inside.kind(), io::ErrorKind::InvalidInput);
        let text = fs::read_to_string(folder.path().join("c/d/a/one.md")).unwrap();
        assert_eq!(text, "a/one.md");
        assert_eq!(fs::read_to_string(folder.path().join("b/two.md")).unwrap(), "b/two.md");
    }

    #[test]
    fn what_is_being_written_is_no_more_open_than_what_was_there() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let source = Source::open(folder.path()).unwrap();

        let (name, _file) = begun(source.writable().unwrap(), Some(0o600)).unwrap();

        let meta = fs::metadata(folder.path().join(name)).unwrap();
        assert_eq!(meta.permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_folder_that_has_become_a_link_is_not_written_through() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join(".git/hooks")).unwrap();
        symlink(".git", folder.path().join("docs")).unwrap();
        let source = Source::open(folder.path()).unwrap();
        let root = source.writable().unwrap();

        // As if `docs` had been a folder when its place was judged.
        assert!(opened(root, &place("docs")).is_err() && made(root, &place("docs/hooks")).is_err());
        assert!(made(root, &place("docs2/hooks")).is_ok());
    }

    #[test]
    fn other_names_of_a_file_keep_what_they_had_and_permissions_stay() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("a"), "before").unwrap();
        fs::set_permissions(at("a"), fs::Permissions::from_mode(0o4640)).unwrap();
        fs::hard_link(at("a"), at("b")).unwrap();
        let source = Source::open(folder.path()).unwrap();

        source.replace(&place("a"), b"after").unwrap();

        assert_eq!(fs::read_to_string(at("b")).unwrap(), "before");
        assert_eq!(fs::metadata(at("a")).unwrap().permissions().mode() & 0o7777, 0o640);
    }
}
