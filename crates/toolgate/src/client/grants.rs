//! What a person allowed a command to do at servers, remembered for the next one. For this user's
//! eyes alone.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use toolgate_onward::oauth::authorize::Grant;

/// The file, if this user has a place for one.
pub struct Grants(Option<PathBuf>);

impl Grants {
    /// Where the system has programs keep their state (XDG Base Directory Specification).
    pub fn new() -> Grants {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let state = variable("XDG_STATE_HOME").map(PathBuf::from);
        let home = || Some(PathBuf::from(variable("HOME")?).join(".local/state"));
        Grants(state.or_else(home).map(|state| state.join("toolgate/grants.json")))
    }

    /// What is remembered for a server. What cannot be read is not there.
    pub fn get(&self, server: &str) -> Option<Grant> {
        self.read().remove(server)
    }

    /// Remembers, or forgets, what is good for a server.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn put(&self, server: &str, grant: Option<&Grant>) -> io::Result<()> {
        let Some(path) = &self.0 else { return Ok(()) };
        let mut all = self.read();
        match grant {
            Some(grant) => all.insert(server.to_owned(), grant.clone()),
            None => all.remove(server),
        };
        let folder = path.parent().unwrap_or(path);
        fs::create_dir_all(folder)?;
        // Whole or not at all, and from its first byte on for nobody else.
        let next = path.with_extension(format!("{}.tmp", std::process::id()));
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&next)?;
        file.write_all(&serde_json::to_vec_pretty(&all)?)?;
        file.sync_all()?;
        fs::rename(next, path)
    }

    fn read(&self) -> BTreeMap<String, Grant> {
        let text = self.0.as_ref().and_then(|path| fs::read(path).ok());
        text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }
}
