//! The file in which keys are kept: JSON, which every reader of YAML takes as well.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

mod live;

pub use live::Store;

/// What a key file holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFile {
    /// The version of the format: 1.
    pub version: u32,
    /// The keys, oldest first.
    pub keys: Vec<Record>,
}

/// What is kept of one key.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// What finds it; the second part of its text.
    pub id: String,
    /// Whom it was given to: the caller's subject.
    pub name: String,
    /// The organisation of its holder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Roles of its holder.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// Scopes that it grants.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// What proves it, as [`Hashed`](crate::api_key::Hashed) displays.
    pub hash: String,
    /// When it was made, in seconds since the epoch.
    pub created: u64,
    /// When it ends, in seconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    /// When it was revoked, in seconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<u64>,
}

/// Why a key file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It holds something else.
    #[error("{}: {text}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong, and the way out.
        text: String,
    },
}

impl Default for KeyFile {
    fn default() -> Self {
        Self { version: 1, keys: Vec::new() }
    }
}

impl KeyFile {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// It cannot be read, or is no key file.
    pub fn read(path: &Path) -> Result<KeyFile, Error> {
        let text = fs::read(path).map_err(|source| failure(path, source))?;
        let content = |text: String| Error::Content { path: path.to_owned(), text };
        // The parser's words could quote a hash; the place is enough.
        let file: KeyFile = serde_json::from_slice(&text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            content(format!("line {line} column {column}: not what toolgate key writes"))
        })?;
        if file.version != 1 {
            return Err(content("made by a newer version (update toolgate)".to_owned()));
        }
        Ok(file)
    }

    /// Changes the file at `path`, or begins one. Two that change it at the same time wait for each
    /// other; who reads it sees it as it was or as it will be, never half; an error changes nothing.
    ///
    /// # Errors
    /// The file cannot be read or written, or `change` fails.
    pub fn edit<T, E: From<Error>>(
        path: &Path,
        change: impl FnOnce(&mut KeyFile) -> Result<T, E>,
    ) -> Result<T, E> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let fail = |source: io::Error| E::from(failure(path, source));
        // The folder is what is locked: the file itself is replaced. Closing unlocks.
        let lock = File::open(folder).map_err(fail)?;
        flock(&lock, FlockOperation::LockExclusive).map_err(|error| fail(error.into()))?;

        let mut file = match KeyFile::read(path) {
            Err(Error::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                KeyFile::default()
            }
            read => read?,
        };
        let outcome = change(&mut file)?;
        file.replace(path).and_then(|()| lock.sync_all()).map_err(fail)?;
        Ok(outcome)
    }

    fn replace(&self, path: &Path) -> io::Result<()> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.new", std::process::id()));
        let next = path.with_file_name(name);
        let written = self.write(&next).and_then(|()| fs::rename(&next, path));
        if written.is_err() {
            let _ = fs::remove_file(&next);
        }
        written
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        // Hashes are not secrets of the first order, and yet nobody else's business.
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        file.write_all(&text)?;
        file.sync_all()
    }
}

fn failure(path: &Path, source: io::Error) -> Error {
    Error::File { path: path.to_owned(), source }
}

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    length: u64,
    seconds: i64,
    nanoseconds: i64,
}

impl Stamp {
    fn of(path: &Path) -> io::Result<Stamp> {
        let metadata = fs::metadata(path)?;
        Ok(Stamp {
            inode: metadata.ino(),
            length: metadata.len(),
            seconds: metadata.mtime(),
            nanoseconds: metadata.mtime_nsec(),
        })
    }
}
