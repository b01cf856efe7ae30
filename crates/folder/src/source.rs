//! Where the bytes come from: a folder on disk, or the program itself.

use std::{
    collections::BTreeMap,
    io::{self, Read},
    path::Path,
    time::SystemTime,
};

use cap_std::{
    ambient_authority,
    fs::{Dir, DirEntry, Metadata, MetadataExt as _, OpenOptions, OpenOptionsExt as _},
};

use crate::place::{Place, is_sound};
use crate::shown::{Shown, is_ours};

/// A folder with more entries than this is not listed: to sort it would take too long.
const FOLDER_LIMIT: usize = 50_000;
/// How often a file is opened whose name means another one before it has been judged.
const TRIES: usize = 3;

/// What is served.
#[derive(Debug)]
pub enum Source {
    /// A folder on disk, and nothing outside of it.
    Folder {
        /// The capability.
        root: Dir,
        /// What of it is served.
        shown: Shown,
    },
    /// Files of the program: relative paths with `/`, and their contents.
    Embedded(&'static [(&'static str, &'static [u8])]),
}

/// What a folder contains.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name, without a folder.
    pub name: String,
    /// What it is.
    pub kind: Kind,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File {
        /// In bytes.
        size: u64,
        /// When it was last written, as far as the file system tells.
        modified: Option<SystemTime>,
    },
    /// A folder.
    Folder {
        /// Whether it is somewhere else in truth.
        link: bool,
    },
}

/// An open file.
pub struct Content {
    /// In bytes, when it was opened.
    pub size: u64,
    /// When it was last written, as far as the file system tells.
    pub modified: Option<SystemTime>,
    /// What is in it.
    pub bytes: Box<dyn Read>,
}

impl Source {
    /// The folder `root` without what is hidden.
    ///
    /// # Errors
    /// When it cannot be opened, or is not a folder.
    pub fn open(root: &Path) -> io::Result<Self> {
        Self::showing(root, Shown::default())
    }

    /// The same with a choice of what is served.
    ///
    /// # Errors
    /// When it cannot be opened, or is not a folder.
    pub fn showing(root: &Path, shown: Shown) -> io::Result<Self> {
        Ok(Self::Folder { root: Dir::open_ambient_dir(root, ambient_authority())?, shown })
    }

    /// The entries of `folder` that are served, sorted by name.
    ///
    /// # Errors
    /// When it cannot be read, is no folder, or has too many entries.
    pub fn entries(&self, folder: &Place) -> io::Result<Vec<Entry>> {
        let mut entries = match self {
            Self::Folder { root, shown } => entries_on_disk(root, shown, folder)?,
            Self::Embedded(files) => entries_embedded(files, folder)?,
        };
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    /// Opens a regular file.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn file(&self, place: &Place) -> io::Result<Content> {
        match self {
            Self::Folder { root, shown } => file_on_disk(root, shown, place),
            Self::Embedded(files) => {
                let (_, bytes) = files
                    .iter()
                    .find(|(path, _)| *path == place.as_str() && !place.is_hidden())
                    .ok_or(io::ErrorKind::NotFound)?;
                let bytes = *bytes;
                Ok(Content { size: bytes.len() as u64, modified: None, bytes: Box::new(bytes) })
            }
        }
    }

    /// Whether `place` is a folder.
    pub fn is_folder(&self, place: &Place) -> bool {
        match self {
            Self::Folder { root, shown } => {
                root.metadata(place.on_disk()).is_ok_and(|meta| meta.is_dir())
                    && shown.folder(place)
                    && real(root, place).is_ok_and(|real| shown.folder(&real))
            }
            Self::Embedded(_) => self.entries(place).is_ok(),
        }
    }
}

fn file_on_disk(root: &Dir, shown: &Shown, place: &Place) -> io::Result<Content> {
    if !shown.file(place) {
        return Err(io::ErrorKind::NotFound.into());
    }
    let mut options = OpenOptions::new();
    // Otherwise opening a named pipe would wait for a writer. What was opened is judged by its
    // handle, because a name may mean something else a moment later.
    options.read(true).custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    for _ in 0..TRIES {
        let file = root.open_with(place.on_disk(), &options)?;
        let meta = file.metadata()?;
        let there = real(root, place)?;
        if !meta.is_file() || !shown.file(&there) {
            break;
        }
        // A file that is written anew meanwhile is opened again; a link that leads elsewhere by now
        // must not vouch for where it led.
        if is_same(&meta, &root.symlink_metadata(there.on_disk())?) {
            let modified = meta.modified().ok().map(cap_std::time::SystemTime::into_std);
            return Ok(Content { size: meta.len(), modified, bytes: Box::new(file) });
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Where links lead, without which nobody could tell whether it is to be served.
pub(crate) fn real(root: &Dir, place: &Place) -> io::Result<Place> {
    let path = root.canonicalize(place.on_disk())?;
    let path = path.to_str().and_then(|path| Place::with_hidden(path).ok());
    path.ok_or_else(|| io::ErrorKind::NotFound.into())
}

fn entries_on_disk(root: &Dir, shown: &Shown, place: &Place) -> io::Result<Vec<Entry>> {
    let folder = root.open_dir(place.on_disk())?;
    let there = real(root, place)?;
    let is_judged = is_same(&folder.dir_metadata()?, &root.symlink_metadata(there.on_disk())?);
    if !shown.folder(place) || !shown.folder(&there) || !is_judged {
        return Err(io::ErrorKind::NotFound.into());
    }
    let mut entries = Vec::new();
    for entry in folder.entries()? {
        if entries.len() == FOLDER_LIMIT {
            let message = format!("the folder has more than {FOLDER_LIMIT} entries");
            return Err(io::Error::other(message));
        }
        entries.extend(
            served(&folder, &entry?)
                .filter(|(entry, link)| {
                    let place = place.join(&entry.name);
                    let is_shown = |place: &Place| match entry.kind {
                        Kind::File { .. } => shown.file(place),
                        Kind::Folder { .. } => shown.folder(place),
                    };
                    is_shown(&place)
                        && (!link || real(root, &place).is_ok_and(|real| is_shown(&real)))
                })
                .map(|(entry, _)| entry),
        );
    }
    Ok(entries)
}

/// What the entry is, and whether it is a link to that; `None` for what is not served whatever the
/// rules, and for what disappears while we look.
fn served(folder: &Dir, entry: &DirEntry) -> Option<(Entry, bool)> {
    let name = entry.file_name().into_string().ok()?;
    if !is_sound(&name) || is_ours(&name) {
        return None;
    }
    let link = entry.file_type().ok()?.is_symlink();
    let meta = if link { folder.metadata(&name) } else { entry.metadata() }.ok()?;
    let kind = if meta.is_dir() {
        Kind::Folder { link }
    } else if meta.is_file() {
        let modified = meta.modified().ok().map(cap_std::time::SystemTime::into_std);
        Kind::File { size: meta.len(), modified }
    } else {
        return None;
    };
    Some((Entry { name, kind }, link))
}

fn entries_embedded(files: &[(&str, &[u8])], folder: &Place) -> io::Result<Vec<Entry>> {
    let mut found = BTreeMap::new();
    for (path, bytes) in files {
        let Ok(place) = Place::parse(path) else { continue };
        if !folder.contains(&place) {
            continue;
        }
        let (name, kind) = match place.within(folder).split_once('/') {
            Some((name, _)) => (name, Kind::Folder { link: false }),
            None => (place.within(folder), Kind::File { size: bytes.len() as u64, modified: None }),
        };
        found.insert(name.to_owned(), kind);
    }
    if found.is_empty() && !folder.as_str().is_empty() {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(found.into_iter().map(|(name, kind)| Entry { name, kind }).collect())
}
