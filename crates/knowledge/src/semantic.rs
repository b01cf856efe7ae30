//! Ranking by meaning: documents whose vectors are near that of the query, whatever their words.
//!
//! Vectors are made by somebody else, who may be slow, wrong or gone. So searches by words never
//! depend on them: a document without a vector, or a query without one, is ranked by words alone.

mod backoff;
mod embedder;
pub mod form;
mod fusion;
mod learn;
mod nearest;
mod passages;
mod queries;
mod vectors;

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tantivy::{DocAddress, Searcher};
use toolgate_gateway::config;

pub use self::embedder::{EmbedError, Embedder};
pub(crate) use self::fusion::fuse;
pub(crate) use self::learn::learn;
pub(crate) use self::nearest::Near;
use self::nearest::{Row, nearest};
pub(crate) use self::passages::passages;
use self::queries::Queries;
use self::vectors::Vectors;
use crate::index::{Index, VERSION};

/// The vectors of one index, and whom to ask for more.
pub(crate) struct Semantic {
    pub(crate) rules: config::Semantic,
    embedder: Arc<dyn Embedder>,
    vectors: Vectors,
    queries: Queries,
    /// What the last search looked at.
    view: Mutex<Option<Arc<View>>>,
}

/// The vectors of the documents of one commit.
struct View {
    /// Of the commit, and of the vectors.
    made_of: (u64, u64),
    rows: Vec<Row<DocAddress>>,
}

impl Semantic {
    /// Opens what is kept in the folder of the index; nothing is asked for yet.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(crate) fn open(
        folder: &Path,
        rules: &config::Semantic,
        embedder: Arc<dyn Embedder>,
    ) -> io::Result<Semantic> {
        let config::Semantic { model, dimensions, passage, prefixes, .. } = rules;
        let making = format!(
            "{VERSION} {} {passage} {dimensions:?} {model:?} {:?}",
            passages::PASSAGES,
            prefixes.passage
        );
        Ok(Semantic {
            rules: rules.clone(),
            embedder,
            vectors: Vectors::open(folder, &making)?,
            queries: Queries::default(),
            view: Mutex::default(),
        })
    }

    /// The vector of a query, if it can be had in time: `left` is what remains for the search.
    pub(crate) async fn vector(&self, query: &str, left: Duration) -> Option<Arc<[f32]>> {
        // Without vectors of documents there is nothing to hold it against.
        let dimensions = self.vectors.dimensions()?;
        let text = format!("{}{query}", self.rules.prefixes.query);
        let patience = self.rules.patience.duration().min(left / 2);
        self.queries.vector(&*self.embedder, text, dimensions, patience).await
    }

    /// The documents of a commit that are nearest to a vector, among those that are `allowed`,
    /// nearest first.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub(crate) fn near(
        &self,
        index: &Index,
        searcher: &Searcher,
        vector: &[f32],
        allowed: Option<&HashSet<DocAddress>>,
    ) -> tantivy::Result<Vec<Near<DocAddress>>> {
        let view = self.view(index, searcher)?;
        let counts = |at: &DocAddress| allowed.is_none_or(|allowed| allowed.contains(at));
        Ok(nearest(&view.rows, vector, self.rules.candidates, counts))
    }

    fn view(&self, index: &Index, searcher: &Searcher) -> tantivy::Result<Arc<View>> {
        let made_of = (searcher.generation().generation_id(), self.vectors.revision());
        let mut last = self.view.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(view) = last.as_ref().filter(|view| view.made_of == made_of) {
            return Ok(view.clone());
        }
        let with = self.vectors.of(index.versions(searcher)?);
        let rows = with.into_iter().map(|(document, vectors)| Row { document, vectors }).collect();
        let view = Arc::new(View { made_of, rows });
        *last = Some(view.clone());
        Ok(view)
    }
}
