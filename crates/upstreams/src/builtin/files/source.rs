//! Where the bytes come from: a folder on disk, or the program itself.

use std::{
    collections::BTreeMap,
    io::{self, Read},
    path::Path,
};

use cap_std::{
    ambient_authority,
    fs::{Dir, DirEntry, OpenOptions, OpenOptionsExt as _},
};

use super::place::{Place, is_served};

/// A folder with more entries than this is not listed: to sort it would take too long.
const FOLDER_LIMIT: usize = 50_000;

#[derive(Debug)]
pub(super) enum Source {
    Folder(Dir),
    Embedded(&'static [(&'static str, &'static [u8])]),
}

/// What a folder contains.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File {
        /// In bytes.
        size: u64,
    },
    Folder {
        /// Whether it is somewhere else in truth.
        link: bool,
    },
}

/// An open file.
pub(super) struct Content {
    pub(super) size: u64,
    pub(super) bytes: Box<dyn Read>,
}

impl Source {
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        Ok(Self::Folder(Dir::open_ambient_dir(root, ambient_authority())?))
    }

    /// The entries of `folder` that are served, sorted by name.
    pub(super) fn entries(&self, folder: &Place) -> io::Result<Vec<Entry>> {
        let mut entries = match self {
            Self::Folder(root) => entries_on_disk(&root.open_dir(folder.on_disk())?)?,
            Self::Embedded(files) => entries_embedded(files, folder)?,
        };
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    pub(super) fn file(&self, place: &Place) -> io::Result<Content> {
        match self {
            Self::Folder(root) => file_on_disk(root, place),
            Self::Embedded(files) => {
                let (_, bytes) = files
                    .iter()
                    .find(|(path, _)| *path == place.as_str())
                    .ok_or(io::ErrorKind::NotFound)?;
                Ok(Content { size: bytes.len() as u64, bytes: Box::new(*bytes) })
            }
        }
    }

    /// Whether `place` is a folder.
    pub(super) fn is_folder(&self, place: &Place) -> bool {
        match self {
            Self::Folder(root) => root.metadata(place.on_disk()).is_ok_and(|meta| meta.is_dir()),
            Self::Embedded(_) => self.entries(place).is_ok(),
        }
    }
}

fn file_on_disk(root: &Dir, place: &Place) -> io::Result<Content> {
    let mut options = OpenOptions::new();
    // Otherwise opening a named pipe would wait for a writer. What was opened is judged by its
    // handle, because a name may mean something else a moment later.
    options.read(true).custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    let file = root.open_with(place.on_disk(), &options)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(Content { size: meta.len(), bytes: Box::new(file) })
}

fn entries_on_disk(folder: &Dir) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in folder.entries()? {
        if entries.len() == FOLDER_LIMIT {
            let message = format!("the folder has more than {FOLDER_LIMIT} entries");
            return Err(io::Error::other(message));
        }
        entries.extend(served(folder, &entry?));
    }
    Ok(entries)
}

/// `None` for what is not served; also for what disappears while we look.
fn served(folder: &Dir, entry: &DirEntry) -> Option<Entry> {
    let name = entry.file_name().into_string().ok().filter(|name| is_served(name))?;
    let link = entry.file_type().ok()?.is_symlink();
    let meta = if link { folder.metadata(&name) } else { entry.metadata() }.ok()?;
    let kind = if meta.is_dir() {
        Kind::Folder { link }
    } else if meta.is_file() {
        Kind::File { size: meta.len() }
    } else {
        return None;
    };
    Some(Entry { name, kind })
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
            None => (place.within(folder), Kind::File { size: bytes.len() as u64 }),
        };
        found.insert(name.to_owned(), kind);
    }
    if found.is_empty() && !folder.as_str().is_empty() {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(found.into_iter().map(|(name, kind)| Entry { name, kind }).collect())
}
