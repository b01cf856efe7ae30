//! Searching, and what is like what.

use std::collections::{BTreeMap, HashSet};

use tantivy::collector::{FacetCollector, TopDocs};
use tantivy::query::{BooleanQuery, Occur};
use tantivy::schema::Facet;
use tantivy::{DocAddress, Searcher, Term};
use toolgate_folder::Place;

use crate::analysis::words;
use crate::article::Article;
use crate::index::facet;
use crate::query::{self, Prepared, Query};
use crate::shelf::Shelf;
use crate::snippet::snippet;

/// Words of a document that stand for it when others like it are looked for.
const TELLING: usize = 25;
/// How much of it is looked at for them, in bytes.
const LOOKED_AT: usize = 64 << 10;

/// What to search for.
pub(crate) struct Search<'a> {
    pub(crate) query: &'a str,
    pub(crate) category: Option<&'a str>,
    pub(crate) offset: usize,
    pub(crate) limit: usize,
    /// Whether to count matches by category.
    pub(crate) count: bool,
}

/// One document that was found.
pub(crate) struct Hit {
    pub(crate) place: Place,
    pub(crate) score: f32,
    pub(crate) article: Article,
    pub(crate) snippet: String,
}

/// What was found.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) hits: Vec<Hit>,
    pub(crate) has_more: bool,
    /// Matches by category, one level below the category that was searched in.
    pub(crate) counts: Option<BTreeMap<String, u64>>,
}

impl Shelf {
    /// Searches; `None` if there is no word to look for.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub(crate) fn search(&self, search: &Search<'_>) -> tantivy::Result<Option<Found>> {
        let languages = self.holdings().languages.clone();
        let (fields, boosts) = (&self.index.fields, &self.rules.boosts);
        let query = Query::parse(search.query);
        let Some(prepared) = query.prepare(fields, boosts, &languages, search.category) else {
            return Ok(None);
        };
        let searcher = self.index.searcher();
        let mut found = self.page(&searcher, &prepared, search.offset, search.limit)?;
        if search.count {
            let category = search.category.map_or_else(Facet::root, facet);
            let mut collector = FacetCollector::for_field("category");
            collector.add_facet(category.clone());
            let counts = searcher.search(&prepared.matching, &collector)?;
            let named =
                counts.get(category).map(|(facet, count)| (facet.to_path().join("/"), count));
            found.counts = Some(named.collect());
        }
        Ok(Some(found))
    }

    fn page(
        &self,
        searcher: &Searcher,
        prepared: &Prepared,
        offset: usize,
        limit: usize,
    ) -> tantivy::Result<Found> {
        let top = TopDocs::with_limit(limit + 1).and_offset(offset).order_by_score();
        let ranked: Vec<(f32, DocAddress)> = searcher.search(&prepared.matching, &top)?;
        let mut found = Found { has_more: ranked.len() > limit, ..Found::default() };
        for (score, at) in ranked.into_iter().take(limit) {
            let Some(place) = self.index.place(searcher, at)? else { continue };
            let Ok(article) = self.index.article(searcher, at)? else { continue };
            let length = self.rules.limits.snippet;
            let plain = article.format.plain(&article.text);
            let snippet = snippet(&plain, article.language, &prepared.stems, length);
            found.hits.push(Hit { place, score, article, snippet });
        }
        Ok(found)
    }

    /// Documents like this one, without it.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub(crate) fn related(
        &self,
        place: &Place,
        article: &Article,
        limit: usize,
    ) -> tantivy::Result<Vec<Hit>> {
        let searcher = self.index.searcher();
        let stems = self.telling(&searcher, article)?;
        let fields = &self.index.fields;
        let places = [(fields.title, 2.0), (fields.body, 1.0)];
        let clauses = stems.iter().flat_map(|(stem, weight)| {
            places.map(|(field, boost)| (Occur::Should, query::word(stem, (field, boost * weight))))
        });
        let matching = Box::new(BooleanQuery::new(clauses.collect()));
        // Words of the document say nothing of the others: their beginnings are shown.
        let prepared = Prepared { matching, stems: HashSet::new() };
        let mut hits = self.page(&searcher, &prepared, 0, limit + 1)?.hits;
        hits.retain(|hit| hit.place != *place);
        hits.truncate(limit);
        Ok(hits)
    }

    /// The words that are frequent here and rare elsewhere, with how telling they are.
    fn telling(
        &self,
        searcher: &Searcher,
        article: &Article,
    ) -> tantivy::Result<Vec<(String, f32)>> {
        let plain = article.format.plain(&article.text);
        let end = (0..=LOOKED_AT.min(plain.len())).rev().find(|at| plain.is_char_boundary(*at));
        let text = format!("{}\n{}", article.title, &plain[..end.unwrap_or(0)]);
        let mut counts = BTreeMap::<String, f32>::new();
        for word in words(article.language, &text) {
            *counts.entry(word.text).or_default() += 1.0;
        }
        let all = searcher.num_docs() as f32;
        let mut weighed = Vec::with_capacity(counts.len());
        for (stem, count) in counts {
            let term = Term::from_field_text(self.index.fields.body, &stem);
            let having = searcher.doc_freq(&term)? as f32;
            // What stands nowhere else leads nowhere.
            if having > 1.0 {
                weighed.push((stem, count.ln_1p() * (1.0 + all / having).ln()));
            }
        }
        weighed.sort_by(|one, other| other.1.total_cmp(&one.1));
        weighed.truncate(TELLING);
        Ok(weighed)
    }
}
