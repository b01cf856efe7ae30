//! Where the bytes come from: a folder on disk, or the program itself.

use std::{
    collections::BTreeMap,
    io::{self, Read},
    path::Path,
    time::SystemTime,
};

use cap_std::{
    ambient_authority,
    fs::{Dir, DirEntry, OpenOptions, OpenOptionsExt as _},
};

use crate::place::{Place, is_served};

/// A folder with more entries than this is not listed: to sort it would take too long.
const FOLDER_LIMIT: usize = 50_000;

/// What is served.
#[derive(Debug)]
pub enum Source {
    /// A folder on disk, and nothing outside of it.
    Folder(Dir),
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
    /// What is in it.
    pub bytes: Box<dyn Read>,
}

impl Source {
    /// The folder `root`.
    ///
    /// # Errors
    /// When it cannot be opened, or is not a folder.
    pub fn open(root: &Path) -> io::Result<Self> {
        Ok(Self::Folder(Dir::open_ambient_dir(root, ambient_authority())?))
    }

    /// The entries of `folder` that are served, sorted by name.
    ///
    /// # Errors
    /// When it cannot be read, is no folder, or has too many entries.
    pub fn entries(&self, folder: &Place) -> io::Result<Vec<Entry>> {
        let mut entries = match self {
            Self::Folder(root) => entries_on_disk(&root.open_dir(folder.on_disk())?)?,
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
    pub fn is_folder(&self, place: &Place) -> bool {
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
        Kind::File { size: meta.len(), modified: meta.modified().ok().map(|it| it.into_std()) }
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
            None => (place.within(folder), Kind::File { size: bytes.len() as u64, modified: None }),
        };
        found.insert(name.to_owned(), kind);
    }
    if found.is_empty() && !folder.as_str().is_empty() {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(found.into_iter().map(|(name, kind)| Entry { name, kind }).collect())
}
