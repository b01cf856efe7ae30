//! What a configuration may look at besides its own text.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde_json::Value;
use toolgate_values::{Listen, Name};

use super::server::Server;

/// The largest file that is read, in bytes. Configurations and secrets are far smaller.
pub(super) const LARGEST: u64 = 1 << 20;

/// What a program calls itself (MCP 2025-11-25, schema: Implementation).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerInfo {
    /// Its name, where the configuration has none.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// The environment, the files and the program that a configuration refers to.
pub trait Sources {
    /// What the program that the gateway is built into calls itself.
    fn server_info(&self) -> Option<&ServerInfo> {
        None
    }

    /// The servers of the program that the gateway is built into, which are served whether the
    /// configuration mentions them or not.
    fn hosted(&self) -> &[Name] {
        &[]
    }

    /// Where that program listens, whatever the configuration says.
    fn listen(&self) -> Option<&Listen> {
        None
    }

    /// The tools of a server as it lists them to whoever may use all of them, where its configuration
    /// or the program tells. Nothing is opened, and nobody asked, for it.
    fn tools(&self, _server: &Server) -> Option<Vec<Value>> {
        None
    }

    /// The value of an environment variable.
    fn env(&self, name: &str) -> Option<String>;

    /// The text of a file.
    ///
    /// # Errors
    /// When it cannot be read, is larger than 1 MiB or is not UTF-8.
    fn read(&self, path: &Path) -> io::Result<String>;

    /// Whether `path` is a file.
    fn is_file(&self, path: &Path) -> bool;

    /// Whether `path` is a directory.
    fn is_directory(&self, path: &Path) -> bool;

    /// `path` from the root, so that it survives a change of directory.
    fn absolute(&self, path: &Path) -> PathBuf;
}

/// The environment and file system of this process.
#[derive(Debug, Clone, Copy)]
pub struct Machine;

impl Sources for Machine {
    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        let mut bytes = Vec::new();
        std::fs::File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LARGEST {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 1 MiB"));
        }
        String::from_utf8(bytes)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not UTF-8 text"))
    }

    fn is_file(&self, path: &Path) -> bool {
        path.is_file()
    }

    fn is_directory(&self, path: &Path) -> bool {
        path.is_dir()
    }

    fn absolute(&self, path: &Path) -> PathBuf {
        std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
    }
}

/// Values given by hand, for configurations that must not depend on the machine.
#[derive(Debug, Clone, Default)]
pub struct Fixed {
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// Files with their text, by absolute path. Their parents are the directories.
    pub files: BTreeMap<PathBuf, String>,
    /// Servers of the program.
    pub hosted: Vec<Name>,
    /// What servers list as their tools, by their names.
    pub tools: BTreeMap<String, Vec<Value>>,
}

impl Sources for Fixed {
    fn hosted(&self) -> &[Name] {
        &self.hosted
    }

    fn tools(&self, server: &Server) -> Option<Vec<Value>> {
        self.tools.get(server.name.as_str()).cloned()
    }

    fn env(&self, name: &str) -> Option<String> {
        self.env.get(name).cloned()
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        self.files
            .get(&self.absolute(path))
            .cloned()
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    fn is_file(&self, path: &Path) -> bool {
        self.files.contains_key(&self.absolute(path))
    }

    fn is_directory(&self, path: &Path) -> bool {
        let path = self.absolute(path);
        self.files.keys().any(|file| file.ancestors().skip(1).any(|parent| parent == path))
    }

    fn absolute(&self, path: &Path) -> PathBuf {
        Path::new("/").join(path)
    }
}
