//! Where what callers allowed is kept: sealed, each for one caller at one server.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ring::digest;
use serde::{Deserialize, Serialize};
use toolgate_gateway::seal::{Keyring, Purpose};

use crate::kept::Name;
use crate::oauth::authorize::Grant;

/// Keeps sealed texts by name.
pub trait Store: Send + Sync + 'static {
    /// The text of this name, if there is one.
    ///
    /// # Errors
    /// It cannot be read.
    fn get(&self, name: &str) -> io::Result<Option<String>>;

    /// Keeps a text, in place of any of the same name.
    ///
    /// # Errors
    /// It cannot be written.
    fn put(&self, name: &str, text: &str) -> io::Result<()>;

    /// Waits until nobody else, in any process, holds this name; it is held until what comes back
    /// is dropped.
    ///
    /// # Errors
    /// It cannot be held.
    fn hold(&self, name: &str) -> io::Result<Box<dyn Send>>;
}

/// A folder with a file for each name.
pub struct Folder(PathBuf);

impl Folder {
    /// The folder at `path`, made if need be, for this user alone.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn open(path: &Path) -> io::Result<Folder> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        Ok(Folder(path.to_path_buf()))
    }

    fn create(&self, name: &str, kind: &str) -> io::Result<File> {
        let path = self.0.join(format!("{name}.{kind}"));
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
    }
}

impl Store for Folder {
    fn get(&self, name: &str) -> io::Result<Option<String>> {
        match fs::read_to_string(self.0.join(format!("{name}.grant"))) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn put(&self, name: &str, text: &str) -> io::Result<()> {
        // Whoever puts holds the name, so that nobody else writes here.
        let mut file = self.create(name, "next")?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        let path = |kind: &str| self.0.join(format!("{name}.{kind}"));
        fs::rename(path("next"), path("grant"))
    }

    fn hold(&self, name: &str) -> io::Result<Box<dyn Send>> {
        let file = self.create(name, "lock")?;
        file.lock()?;
        Ok(Box::new(file))
    }
}

/// What was allowed, with whose it is: what is copied or renamed opens for nobody else.
#[derive(Serialize, Deserialize)]
struct Entry {
    server: String,
    principal: String,
    grant: Grant,
}

/// All that callers allowed.
#[derive(Clone)]
pub struct Safe {
    store: Arc<dyn Store>,
    keys: Arc<Keyring>,
}

/// Whose grant it is.
#[derive(Clone)]
pub struct Owner {
    /// The server it is good for.
    pub server: Arc<str>,
    /// The caller who allowed it.
    pub principal: Arc<str>,
}

impl Owner {
    pub(crate) fn name(&self) -> Name {
        let mut hash = digest::Context::new(&digest::SHA256);
        for part in [&self.server, &self.principal] {
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let mut name = Name::default();
        name.copy_from_slice(hash.finish().as_ref());
        name
    }

    fn file(&self) -> String {
        self.name().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Safe {
    /// What is kept in `store`, sealed by `keys`.
    pub fn new(store: Arc<dyn Store>, keys: Arc<Keyring>) -> Safe {
        Safe { store, keys }
    }

    /// What this caller allowed at this server. What does not open is not there: somebody else's,
    /// or changed, or sealed by a key that is gone.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn get(&self, owner: &Owner) -> io::Result<Option<Grant>> {
        let (safe, owner) = (self.clone(), owner.clone());
        blocking(move || {
            let Some(text) = safe.store.get(&owner.file())? else { return Ok(None) };
            let entry: Option<Entry> = safe.keys.open(Purpose::Grant, &text);
            let entry = entry.filter(|entry| {
                *entry.server == *owner.server && *entry.principal == *owner.principal
            });
            if entry.is_none() {
                tracing::warn!(server = %owner.server, "a grant in the vault does not open");
            }
            Ok(entry.map(|entry| entry.grant))
        })
        .await
    }

    /// Keeps what this caller allowed. Held for the time by whoever calls.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn put(&self, owner: &Owner, grant: &Grant) -> io::Result<()> {
        let (safe, owner, grant) = (self.clone(), owner.clone(), grant.clone());
        blocking(move || {
            let file = owner.file();
            let (server, principal) = (owner.server.to_string(), owner.principal.to_string());
            let entry = Entry { server, principal, grant };
            safe.store.put(&file, &safe.keys.seal(Purpose::Grant, &entry))
        })
        .await
    }

    /// Holds what this caller allowed, so that no two refresh it at once: of two, the
    /// authorization server takes the second for a thief.
    ///
    /// # Errors
    /// It cannot be held.
    pub async fn hold(&self, owner: &Owner) -> io::Result<Box<dyn Send>> {
        let (safe, owner) = (self.clone(), owner.clone());
        blocking(move || safe.store.hold(&owner.file())).await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn grant() -> Grant {
        serde_json::from_value(serde_json::json!({
            "issuer": "https://as", "token_endpoint": "https://as/token", "resource": "https://h",
            "client": { "id": "c", "secret": null, "by_post": false },
            "scope": "", "access_token": "hunter2", "refresh_token": "hunter3", "expires": null,
        }))
        .unwrap()
    }

    fn owner(principal: &str) -> Owner {
        Owner { server: "crm".into(), principal: principal.into() }
    }

    fn safe(folder: &Path, key: &[u8]) -> Safe {
        let keys = Keyring::new([key]).unwrap();
        Safe::new(Arc::new(Folder::open(folder).unwrap()), Arc::new(keys))
    }

    #[tokio::test]
    async fn a_grant_opens_for_whoever_allowed_it_and_under_its_key_alone() {
        let folder = tempfile::tempdir().unwrap();
        let ours = safe(folder.path(), b"one");
        ours.put(&owner("ada"), &grant()).await.unwrap();

        assert!(ours.get(&owner("ada")).await.unwrap().is_some());
        assert!(ours.get(&owner("bob")).await.unwrap().is_none());
        assert!(safe(folder.path(), b"two").get(&owner("ada")).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_grant_that_is_copied_for_another_caller_or_changed_does_not_open() {
        let folder = tempfile::tempdir().unwrap();
        let safe = safe(folder.path(), b"one");
        safe.put(&owner("ada"), &grant()).await.unwrap();
        let path = |name: &str| folder.path().join(format!("{}.grant", owner(name).file()));
        let text = fs::read_to_string(path("ada")).unwrap();
        assert!(!text.contains("hunter"));
        assert_eq!(fs::metadata(path("ada")).unwrap().permissions().mode() & 0o777, 0o600);

        fs::copy(path("ada"), path("bob")).unwrap();
        assert!(safe.get(&owner("bob")).await.unwrap().is_none());

        let changed = text.replacen(&text[60..61], if &text[60..61] == "A" { "B" } else { "A" }, 1);
        fs::write(path("ada"), changed).unwrap();
        assert!(safe.get(&owner("ada")).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn two_processes_never_hold_the_same_grant() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (safe(folder.path(), b"one"), safe(folder.path(), b"one"));
        let held = first.hold(&owner("ada")).await.unwrap();

        let waiting = tokio::spawn(async move { second.hold(&owner("ada")).await.map(drop) });
        drop(first.hold(&owner("bob")).await.unwrap());
        assert!(!waiting.is_finished());
        drop(held);

        waiting.await.unwrap().unwrap();
    }
}
