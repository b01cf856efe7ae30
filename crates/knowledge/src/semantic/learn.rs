//! Keeps the vectors as the index is: what is new in it is sent to the endpoint, once.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tantivy::TantivyError;
use tokio::task::{JoinError, spawn_blocking};

use super::Semantic;
use super::backoff::pause;
use super::embedder::EmbedError;
use super::nearest::normalized;
use super::passages::passages;
use super::vectors::{DIMENSIONS, Lock, NotKept};
use crate::shelf::Shelf;

/// How long another process that writes is waited for, before what it wrote is read.
const OTHER: Duration = Duration::from_secs(2);
/// How long what lasts is left alone: each attempt costs a request.
const LASTING: Duration = Duration::from_secs(60 * 60);

/// A document that has no vectors yet.
struct Untold {
    version: u64,
    /// A passage each, as the model wants them.
    texts: Vec<String>,
}

/// Why the vectors are not as the index is.
#[derive(Debug, thiserror::Error)]
enum Behind {
    #[error(transparent)]
    Endpoint(#[from] EmbedError),
    #[error(transparent)]
    NotKept(#[from] NotKept),
    #[error("the vectors cannot be read or tidied: {0}")]
    Unread(#[from] std::io::Error),
    #[error("the index cannot be read: {0}")]
    Index(#[from] TantivyError),
    #[error("the work was not completed")]
    Lost(#[from] JoinError),
}

/// Makes vectors of all that is on the shelf, now and whenever that changes. It ends when it is
/// dropped; what is kept by then stays kept.
pub(crate) async fn learn(shelf: Arc<Shelf>, semantic: Arc<Semantic>) {
    let mut commits = shelf.commits();
    let mut learning = Learning { shelf, semantic, refused: HashSet::new() };
    let mut failures = 0;
    loop {
        commits.borrow_and_update();
        match learning.catch_up().await {
            Ok(()) => {
                failures = 0;
                if tokio::time::timeout(LASTING, commits.changed()).await.is_err() {
                    learning.refused.clear();
                }
            }
            Err(Behind::NotKept(error @ (NotKept::Full | NotKept::OtherLength { .. }))) => {
                tracing::warn!(%error, "some documents have no vectors; they are ranked by words");
                let _ = tokio::time::timeout(LASTING, commits.changed()).await;
            }
            Err(error) => {
                failures += 1;
                let asked = match &error {
                    Behind::Endpoint(error) => error.retry_after(),
                    _ => None,
                };
                let pause = pause(failures, asked);
                tracing::warn!(%error, ?pause, "documents have no vectors yet; they are ranked by words");
                tokio::time::sleep(pause).await;
            }
        }
    }
}

struct Learning {
    shelf: Arc<Shelf>,
    semantic: Arc<Semantic>,
    /// Versions that the endpoint did not want; others are not to wait for them.
    refused: HashSet<u64>,
}

impl Learning {
    /// Until no document lacks its vectors.
    async fn catch_up(&mut self) -> Result<(), Behind> {
        let mut made = 0;
        loop {
            let semantic = self.semantic.clone();
            let lock = spawn_blocking(move || {
                let lock = semantic.vectors.lock()?;
                semantic.vectors.refresh()?;
                Ok::<_, std::io::Error>(lock)
            });
            let lock = lock.await??;
            let next = self.next().await?;
            let Some(lock) = lock else {
                if next.is_empty() {
                    return Ok(());
                }
                tokio::time::sleep(OTHER).await;
                continue;
            };
            if next.is_empty() {
                if made > 0 {
                    tracing::info!(documents = made, "documents have their vectors");
                }
                return self.tidy(lock).await;
            }
            made += self.make(lock, next).await?;
        }
    }

    /// Documents without vectors, as many as one request has room for.
    async fn next(&self) -> Result<Vec<Untold>, Behind> {
        let (shelf, semantic) = (self.shelf.clone(), self.semantic.clone());
        let refused = self.refused.clone();
        let work = spawn_blocking(move || {
            let searcher = shelf.index.searcher();
            let mut seen = refused;
            let (mut next, mut count) = (Vec::new(), 0);
            for (at, version) in semantic.vectors.lacking(shelf.index.versions(&searcher)?) {
                if count >= semantic.rules.batch {
                    break;
                }
                // Equal documents are one.
                if !seen.insert(version) {
                    continue;
                }
                let Ok(article) = shelf.index.article(&searcher, at)? else { continue };
                let plain = article.format.plain(&article.text);
                let rules = &semantic.rules;
                let passages = passages(&plain, rules.passage).into_iter();
                let texts: Vec<_> =
                    passages.map(|it| told(&rules.prefixes.passage, &article.title, it)).collect();
                count += texts.len();
                next.push(Untold { version, texts });
            }
            Ok(next)
        });
        work.await?
    }

    /// Makes vectors of documents and keeps them. Tells of how many.
    async fn make(&mut self, lock: Lock, documents: Vec<Untold>) -> Result<usize, Behind> {
        let made = match self.embed(&documents).await {
            Ok(made) => made,
            Err(error) if error.is_of_texts() => self.one_by_one(documents, error).await?,
            Err(error) => return Err(error.into()),
        };
        let count = made.len();
        if let Some(dimensions) = made.iter().find_map(|(_, vectors)| Some(vectors.first()?.len()))
        {
            let semantic = self.semantic.clone();
            let kept = made.into_iter().map(|(version, vectors)| {
                (version, vectors.into_iter().flat_map(normalized).collect())
            });
            let kept = kept.collect();
            // It is done even if nobody waits for it.
            spawn_blocking(move || semantic.vectors.put(&lock, dimensions, kept)).await??;
        }
        Ok(count)
    }

    /// Those of these documents that the endpoint takes, which refused them together. If there are
    /// none, it may be the endpoint that is wrong.
    async fn one_by_one(
        &mut self,
        documents: Vec<Untold>,
        error: EmbedError,
    ) -> Result<Vec<Made>, Behind> {
        let several = documents.len() > 1;
        let mut made = Vec::new();
        let mut refused = 0;
        for document in documents {
            let version = document.version;
            if several {
                match self.embed(&[document]).await {
                    Ok(one) => {
                        made.extend(one);
                        continue;
                    }
                    Err(error) if error.is_of_texts() => {}
                    Err(error) => return Err(error.into()),
                }
            }
            refused += 1;
            self.refused.insert(version);
        }
        if made.is_empty() {
            return Err(error.into());
        }
        tracing::warn!(%error, documents = refused, "the endpoint does not take some documents; they are ranked by words");
        Ok(made)
    }

    async fn embed(&self, documents: &[Untold]) -> Result<Vec<Made>, EmbedError> {
        let rules = &self.semantic.rules;
        let texts: Vec<String> = documents.iter().flat_map(|it| it.texts.clone()).collect();
        let mut vectors = Vec::with_capacity(texts.len());
        for texts in texts.chunks(rules.batch) {
            let limit = rules.timeout.duration();
            let asked = tokio::time::timeout(limit, self.semantic.embedder.embed(texts)).await;
            vectors.extend(asked.unwrap_or(Err(EmbedError::Late(limit)))?);
        }
        let unusable = |what| Err(EmbedError::Unusable(what));
        if vectors.len() != texts.len() {
            return unusable(format!("{} vectors came for {} texts", vectors.len(), texts.len()));
        }
        let length = rules.dimensions.or(vectors.first().map(Vec::len)).unwrap_or_default();
        if !(1..=DIMENSIONS).contains(&length) {
            return unusable(format!("vectors of {length} numbers are not of use"));
        }
        if let Some(other) = vectors.iter().find(|vector| vector.len() != length) {
            let found = other.len();
            return unusable(format!(
                "the endpoint makes vectors of {found} numbers instead of {length}"
            ));
        }
        let mut vectors = vectors.into_iter();
        let of = |it: &Untold| (it.version, vectors.by_ref().take(it.texts.len()).collect());
        Ok(documents.iter().map(of).collect())
    }

    /// Forgets what no document needs, once all that there is has been looked at.
    async fn tidy(&self, lock: Lock) -> Result<(), Behind> {
        if !self.shelf.has_looked() {
            return Ok(());
        }
        let (shelf, semantic) = (self.shelf.clone(), self.semantic.clone());
        let work = spawn_blocking(move || {
            let versions = shelf.index.versions(&shelf.index.searcher())?;
            let needed = versions.into_iter().map(|(_, version)| version).collect();
            semantic.vectors.keep_only(&lock, &needed)?;
            Ok(())
        });
        work.await?
    }
}

/// A passage as the model is told it: a part of an article says little without its title.
fn told(prefix: &str, title: &str, passage: &str) -> String {
    if passage.starts_with(title) {
        return format!("{prefix}{passage}");
    }
    format!("{prefix}{title}\n{passage}")
}

/// The version of a document, and a vector of each of its passages.
type Made = (u64, Vec<Vec<f32>>);
