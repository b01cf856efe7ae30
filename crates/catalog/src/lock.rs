//! `toolgate.lock`: the definitions that a person approved, each with its hash.
//!
//! The file is YAML that is reviewed like code: one entry a definition in a stable order, hidden
//! characters escaped. Whoever edits a definition by hand has to edit its hash, too, which is how
//! a careless merge shows.

mod read;
mod write;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;

use crate::definition::{Definition, Kind};

/// The name of the file, beside the configuration.
pub const FILE: &str = "toolgate.lock";

/// Far more than a thousand servers define.
const LARGEST: u64 = 256 << 20;

/// What is wrong with a lock file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where, counted from 1.
    pub line: usize,
    /// A JSON pointer to the entry.
    pub path: String,
    /// What is wrong, and the way out.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem { line, path, text } = self;
        if path.is_empty() {
            write!(f, "{line}: {text}")
        } else {
            write!(f, "{line}: {path}: {text}")
        }
    }
}

/// The approved definitions of all servers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock {
    servers: BTreeMap<String, BTreeMap<(Kind, Box<str>), Definition>>,
}

impl Lock {
    /// Reads a lock file. One that does not exist approves nothing.
    ///
    /// # Errors
    /// Everything that is wrong with it. No part of it may be used then.
    pub fn load(path: &Path) -> Result<Lock, Vec<Problem>> {
        let whole = |text| vec![Problem { line: 1, path: String::new(), text }];
        let unreadable = |error: io::Error| whole(format!("cannot read the file: {error}"));
        match std::fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Lock::default()),
            Ok(metadata) if metadata.len() > LARGEST => {
                return Err(whole("larger than 256 MiB (approve fewer servers)".to_owned()));
            }
            _ => {}
        }
        Lock::parse(&std::fs::read_to_string(path).map_err(unreadable)?)
    }

    /// Reads the text of a lock file.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(text: &str) -> Result<Lock, Vec<Problem>> {
        read::lock(text)
    }

    /// The text of the file: the same for equal locks.
    #[must_use]
    pub fn to_text(&self) -> String {
        write::text(self)
    }

    /// Writes the file whole, or leaves the old one as it is.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        write::replace(path, self.to_text().as_bytes())
    }

    /// The approved definition of a name: what `quarantine` serves in place of a changed one.
    #[must_use]
    pub fn approved(&self, server: &str, kind: Kind, name: &str) -> Option<&Definition> {
        self.servers.get(server)?.get(&(kind, name.into()))
    }

    /// Approves a definition, in place of what was approved under its name.
    pub fn approve(&mut self, server: &str, definition: Definition) {
        let key = (definition.kind(), definition.name().into());
        self.servers.entry(server.to_owned()).or_default().insert(key, definition);
    }

    /// Takes an approval back; whether there was one.
    pub fn forget(&mut self, server: &str, kind: Kind, name: &str) -> bool {
        let Some(known) = self.servers.get_mut(server) else { return false };
        let there = known.remove(&(kind, name.into())).is_some();
        if known.is_empty() {
            self.servers.remove(server);
        }
        there
    }

    /// The servers of which anything is approved.
    pub fn servers(&self) -> impl Iterator<Item = &str> {
        self.servers.keys().map(String::as_str)
    }

    /// All that is approved of a server, by kind and name.
    pub fn definitions(&self, server: &str) -> impl Iterator<Item = &Definition> {
        self.servers.get(server).into_iter().flat_map(BTreeMap::values)
    }

    /// Whether nothing is approved.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.servers.is_empty()
    }
}
