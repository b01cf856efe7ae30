//! The keys of one issuer: held for a while, asked for again when a token names one we do not know,
//! and never so often that tokens could make us flood the issuer.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;

use crate::discovery::{discover, may_lead_to};
use crate::fetch::{Failure, Fetch, Request, document};
use crate::refused::{Flaw, Refused};
use crate::rules;
use key::Key;

pub(crate) mod key;

/// The most keys of one issuer that are looked at.
const MOST: usize = 100;

/// The keys of one issuer.
pub(crate) struct Jwks {
    issuer: Arc<str>,
    uri: Option<String>,
    file: Option<PathBuf>,
    refresh: Duration,
    max_age: Duration,
    cooldown: Duration,
    fetch: Arc<dyn Fetch>,
    held: ArcSwapOption<Held>,
    /// When the issuer was last asked, whatever came of it.
    asked: Mutex<Option<Instant>>,
    /// Held while the issuer is asked.
    asking: Arc<tokio::sync::Mutex<()>>,
}

struct Held {
    keys: Vec<Arc<Key>>,
    since: Instant,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl Jwks {
    pub(crate) fn new(issuer: Arc<str>, rules: &rules::Jwks, fetch: Arc<dyn Fetch>) -> Arc<Jwks> {
        Arc::new(Jwks {
            issuer,
            uri: rules.uri.as_ref().map(ToString::to_string),
            file: rules.file.clone(),
            refresh: rules.refresh.duration(),
            max_age: rules.max_age.duration(),
            cooldown: rules.cooldown.duration(),
            fetch,
            held: ArcSwapOption::empty(),
            asked: Mutex::new(None),
            asking: Arc::default(),
        })
    }

    /// The key of a token with this `kid` and algorithm.
    ///
    /// # Errors
    /// The issuer has no such key, or it does not answer and its keys are too old to believe.
    pub(crate) async fn key(
        self: &Arc<Self>,
        kid: Option<&str>,
        algorithm: rules::Algorithm,
    ) -> Result<Arc<Key>, Refused> {
        let held = self.held.load_full();
        let known = held.as_ref().and_then(|held| held.find(kid, algorithm));
        if let (Some(held), Some(key)) = (&held, &known)
            && held.since.elapsed() < self.refresh
        {
            return Ok(Arc::clone(key));
        }
        let usable = held.as_ref().is_some_and(|held| held.since.elapsed() < self.max_age);
        match known {
            // Old but usable: one asks, the others go on with what there is.
            Some(key) if usable => {
                if let Ok(turn) = Arc::clone(&self.asking).try_lock_owned() {
                    self.ask_unless_just_asked(turn).await;
                    return self.held_key(kid, algorithm);
                }
                Ok(key)
            }
            // A token without `kid` for which there is no one key: asking again tells no more.
            None if usable && kid.is_none() => Err(Flaw::Key.into()),
            _ => {
                // All that wait here find the answer that the first one got.
                let turn = Arc::clone(&self.asking).lock_owned().await;
                self.ask_unless_just_asked(turn).await;
                self.held_key(kid, algorithm)
            }
        }
    }

    fn held_key(
        &self,
        kid: Option<&str>,
        algorithm: rules::Algorithm,
    ) -> Result<Arc<Key>, Refused> {
        match self.held.load_full() {
            Some(held) if held.since.elapsed() < self.max_age => {
                held.find(kid, algorithm).ok_or(Refused::Invalid(Flaw::Key))
            }
            // Fail closed: without keys that are known to be the issuer's nothing can be proved.
            _ => Err(Refused::Unavailable { retry_after: self.cooldown }),
        }
    }

    async fn ask_unless_just_asked(self: &Arc<Self>, turn: OwnedMutexGuard<()>) {
        {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            if asked.is_some_and(|asked| asked.elapsed() < self.cooldown) {
                return;
            }
            *asked = Some(Instant::now());
        }
        // In a task of its own: a client that leaves would otherwise take the answer with it, and
        // nobody could ask again until the cooldown is over.
        let jwks = Arc::clone(self);
        let asking = tokio::spawn(async move {
            jwks.renew().await;
            drop(turn);
        });
        // Whatever came of it, what is held now says it.
        let _ = asking.await;
    }

    async fn renew(&self) {
        match self.ask().await {
            Ok(keys) => {
                tracing::debug!(issuer = %self.issuer, keys = keys.len(), "keys of issuer read");
                self.held.store(Some(Arc::new(Held { keys, since: Instant::now() })));
            }
            Err(error) => {
                tracing::warn!(issuer = %self.issuer, %error, "keys of issuer not read");
            }
        }
    }

    async fn ask(&self) -> Result<Vec<Arc<Key>>, Failure> {
        if let Some(file) = &self.file {
            return usable(&read(file.clone()).await?);
        }
        let uri = match &self.uri {
            Some(uri) => uri.clone(),
            None => {
                let metadata = discover(&*self.fetch, &self.issuer).await?;
                let uri = metadata.jwks_uri.ok_or_else(|| Failure("no jwks_uri".to_owned()))?;
                if !may_lead_to(&self.issuer, &uri) {
                    return Err(Failure("its jwks_uri is not https".to_owned()));
                }
                uri
            }
        };
        usable(&document(&*self.fetch, Request::get(uri)).await?)
    }
}

/// The keys of a set that sign tokens.
fn usable(document: &Document) -> Result<Vec<Arc<Key>>, Failure> {
    // A key that we cannot use is not an error: sets hold keys for others too.
    let keys = document.keys.iter().take(MOST).filter_map(Key::read).map(Arc::new);
    let keys: Vec<_> = keys.collect();
    if keys.is_empty() {
        return Err(Failure("no key that signs tokens".to_owned()));
    }
    Ok(keys)
}

/// The set in a file.
async fn read(file: PathBuf) -> Result<Document, Failure> {
    let reading = tokio::task::spawn_blocking(move || {
        let text = std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        serde_json::from_slice(&text)
            .map_err(|error| format!("{}, line {}: no set of keys", file.display(), error.line()))
    });
    reading.await.map_err(|error| Failure(error.to_string()))?.map_err(Failure)
}

impl Held {
    /// The key that `kid` names; without one, the only key that would do.
    fn find(&self, kid: Option<&str>, algorithm: rules::Algorithm) -> Option<Arc<Key>> {
        let mut fitting = self.keys.iter().filter(|key| key.is_for(algorithm));
        match kid {
            Some(kid) => fitting.find(|key| key.kid.as_deref() == Some(kid)).cloned(),
            None => {
                let first = fitting.next();
                if fitting.next().is_none() { first.cloned() } else { None }
            }
        }
    }
}
