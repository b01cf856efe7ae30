//! The keys of a file, ready to be compared with, and looked at again when the file changes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use toolgate_protocol::caller::{Caller, Identity, Proof};
use toolgate_values::Secret;

use super::{Error, KeyFile, Record, Stamp};
use crate::api_key::{Hashed, Key};
use crate::mapping::principal;
use crate::refused::{Flaw, Refused};

/// How often the file is looked at, at most: how late a revocation is heeded.
const GLANCE: Duration = Duration::from_secs(1);

/// How many slow comparisons run at once: each takes 19 MiB.
const SLOW: usize = 2;

/// How long a request waits for its turn at one.
const PATIENCE: Duration = Duration::from_secs(5);

/// The keys of a file.
pub struct Store {
    path: PathBuf,
    secret: Option<Secret>,
    keys: Arc<ArcSwap<Keys>>,
    glanced: Mutex<Instant>,
    slow: Arc<Semaphore>,
    /// What an unknown id is compared with.
    nobody: Hashed,
}

struct Keys {
    stamp: Stamp,
    by_id: HashMap<String, Arc<Known>>,
}

struct Known {
    hashed: Hashed,
    caller: Caller,
    /// The SHA-256 of the text that a slow comparison found to fit. It goes when the file changes.
    proved: OnceLock<[u8; 32]>,
}

impl Store {
    /// Reads the keys of the file at `path`, hashed under `secret` if one is given.
    ///
    /// # Errors
    /// The file cannot be read, or a record of it is wrong.
    pub fn open(path: &Path, secret: Option<Secret>) -> Result<Store, Error> {
        let keys = Keys::read(path, secret.is_some())?;
        Ok(Store {
            path: path.to_owned(),
            secret,
            keys: Arc::new(ArcSwap::from_pointee(keys)),
            glanced: Mutex::new(Instant::now()),
            slow: Arc::new(Semaphore::new(SLOW)),
            nobody: Hashed::Hmac([0; 32]),
        })
    }

    /// The caller whose key `text` is, at `now` in seconds since the epoch.
    ///
    /// # Errors
    /// It is no key of the file, or no longer.
    pub async fn verify(&self, text: &Secret, now: u64) -> Result<Caller, Refused> {
        self.glance().await;
        let key = Key::parse(text).ok_or(Flaw::Unknown)?;
        let known = self.keys.load().by_id.get(key.id()).cloned();
        let Some(known) = known else {
            // As much work as for a known id, so that time does not tell which ids there are.
            let _ = self.nobody.fits(&key, self.secret.as_ref());
            return Err(Flaw::Unknown.into());
        };
        if !self.fits(&known, key).await? {
            return Err(Flaw::Unknown.into());
        }
        if known.caller.expires.is_some_and(|expires| expires <= now) {
            return Err(Flaw::Expired.into());
        }
        Ok(known.caller.clone())
    }

    async fn fits(&self, known: &Arc<Known>, key: Key) -> Result<bool, Refused> {
        if !known.hashed.is_slow() {
            return Ok(known.hashed.fits(&key, self.secret.as_ref()));
        }
        let digest: [u8; 32] = Sha256::digest(key.text().reveal()).into();
        if let Some(proved) = known.proved.get()
            && bool::from(proved.ct_eq(&digest))
        {
            return Ok(true);
        }
        // Fail closed: only a comparison that was made can fit.
        let busy = Refused::Unavailable { retry_after: PATIENCE };
        let turn = timeout(PATIENCE, Arc::clone(&self.slow).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else { return Err(busy) };
        let asked = Arc::clone(known);
        let compared = tokio::task::spawn_blocking(move || {
            let fits = asked.hashed.fits(&key, None);
            if fits {
                let _ = asked.proved.set(digest);
            }
            drop(turn);
            fits
        });
        compared.await.map_err(|_| busy)
    }

    /// Reads the file again if it has changed. A file that cannot be used changes nothing: the last
    /// good one goes on to hold, and the log says so.
    async fn glance(&self) {
        if !self.is_due() {
            return;
        }
        let (path, under_secret) = (self.path.clone(), self.secret.is_some());
        let held = Arc::clone(&self.keys);
        // All of it there: a client that leaves does not keep the others from a revocation.
        let read = tokio::task::spawn_blocking(move || {
            if Stamp::of(&path).is_ok_and(|now| now == held.load().stamp) {
                return;
            }
            match Keys::read(&path, under_secret) {
                Ok(keys) => {
                    tracing::info!(file = %path.display(), keys = keys.by_id.len(), "keys read");
                    held.store(Arc::new(keys));
                }
                Err(error) => tracing::warn!(%error, "keys not read, the old ones hold"),
            }
        });
        let _ = read.await;
    }

    fn is_due(&self) -> bool {
        let mut glanced = self.glanced.lock().unwrap_or_else(PoisonError::into_inner);
        let due = glanced.elapsed() >= GLANCE;
        if due {
            *glanced = Instant::now();
        }
        due
    }
}

impl Keys {
    fn read(path: &Path, under_secret: bool) -> Result<Keys, Error> {
        // The stamp first: a change while we read is then seen at the next glance.
        let stamp = Stamp::of(path).map_err(|source| super::failure(path, source))?;
        let file = KeyFile::read(path)?;
        let mut by_id = HashMap::new();
        for record in file.keys {
            let wrong = |what: &str| Error::Content {
                path: path.to_owned(),
                text: format!("key {:?}: {what}", record.id),
            };
            let hashed = Hashed::parse(&record.hash)
                .ok_or_else(|| wrong("its hash is not one we make (make a new key)"))?;
            if matches!(hashed, Hashed::Hmac(_)) && !under_secret {
                return Err(wrong("made with a secret (set api_keys.secret)"));
            }
            if record.revoked.is_some() {
                continue;
            }
            let id = record.id.clone();
            let known = Known { hashed, caller: caller(&record), proved: OnceLock::new() };
            if by_id.insert(id, Arc::new(known)).is_some() {
                return Err(wrong("stands twice (remove one)"));
            }
        }
        Ok(Keys { stamp, by_id })
    }
}

fn caller(record: &Record) -> Caller {
    let words = |words: &[String]| words.iter().map(|word| word.as_str().into()).collect();
    Caller::from(Identity {
        // By id: two keys of one name may differ in what they grant.
        principal: principal(Proof::ApiKey, &record.id, record.tenant.as_deref(), &record.name),
        subject: record.name.as_str().into(),
        tenant: record.tenant.as_deref().map(Into::into),
        roles: words(&record.roles),
        scopes: words(&record.scopes),
        proof: Proof::ApiKey,
        expires: record.expires,
        ..Identity::default()
    })
}
