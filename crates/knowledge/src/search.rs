//! Searching, and what is like what.

use std::collections::{BTreeMap, HashMap, HashSet};

use tantivy::collector::{DocSetCollector, FacetCollector, TopDocs};
use tantivy::query::{BooleanQuery, Occur, Query as Matching};
use tantivy::schema::Facet;
use tantivy::{DocAddress, Searcher, Term};
use toolgate_folder::Place;

use crate::analysis::words;
use crate::article::Article;
use crate::definitions::{DEEPEST, RESULTS};
use crate::index::facet;
use crate::query::{self, Prepared, Query};
use crate::semantic::{Semantic, fuse, passages};
use crate::shelf::Shelf;
use crate::snippet::snippet;

/// Words of a document that stand for it when others like it are looked for.
const TELLING: usize = 25;
/// How much of it is looked at for them, in bytes.
const LOOKED_AT: usize = 64 << 10;
/// Places of the ranking by words that take part in one with that by meaning: as many whatever the
/// page, so that pages are of one order.
const DEPTH: usize = DEEPEST + RESULTS + 1;

/// What to search for.
pub(crate) struct Search<'a> {
    pub(crate) query: &'a str,
    pub(crate) category: Option<&'a str>,
    /// The vector of the query, to rank by meaning as well, and who does so.
    pub(crate) meaning: Option<(&'a Semantic, &'a [f32])>,
    pub(crate) offset: usize,
    pub(crate) limit: usize,
    /// Whether to count matches by category.
    pub(crate) count: bool,
}

/// One document that was found: what is shown of it, as a page of whole documents could fill the
/// memory.
pub(crate) struct Hit {
    pub(crate) place: Place,
    pub(crate) score: f32,
    pub(crate) title: String,
    pub(crate) category: Option<String>,
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

/// A document at its place in a ranking.
struct Ranked {
    at: DocAddress,
    score: f32,
    /// The passage to show, of a document that has none of the words.
    passage: Option<usize>,
}

impl Shelf {
    /// Searches; `None` if there is nothing to look for.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub(crate) fn search(&self, search: &Search<'_>) -> tantivy::Result<Option<Found>> {
        let languages = self.holdings().languages.clone();
        let (fields, boosts) = (&self.index.fields, &self.rules.boosts);
        let query = Query::parse(search.query);
        let prepared = query.prepare(fields, boosts, &languages, search.category);
        let searcher = self.index.searcher();
        let (offset, limit) = (search.offset, search.limit);
        let mut ranked = match (search.meaning, &prepared.matching) {
            (None, None) => return Ok(None),
            (None, Some(matching)) => by_words(&searcher, matching, offset, limit + 1)?,
            (Some(meaning), _) => {
                let ranked = self.by_both(&searcher, &prepared, meaning)?;
                ranked.into_iter().skip(offset).take(limit + 1).collect()
            }
        };
        let has_more = ranked.len() > limit;
        ranked.truncate(limit);
        let hits = self.hits(&searcher, ranked, &prepared.stems)?;
        let mut found = Found { hits, has_more, counts: None };
        if search.count {
            let category = search.category.map_or_else(Facet::root, facet);
            let mut collector = FacetCollector::for_field("category");
            collector.add_facet(category.clone());
            let mut named = BTreeMap::new();
            if let Some(matching) = &prepared.matching {
                let counts = searcher.search(matching, &collector)?;
                named.extend(
                    counts.get(category).map(|(facet, count)| (facet.to_path().join("/"), count)),
                );
            }
            found.counts = Some(named);
        }
        Ok(Some(found))
    }

    /// The ranking by words and that by meaning as one. What has to be so of a document is so in
    /// both.
    fn by_both(
        &self,
        searcher: &Searcher,
        prepared: &Prepared,
        (semantic, vector): (&Semantic, &[f32]),
    ) -> tantivy::Result<Vec<Ranked>> {
        let words = match &prepared.matching {
            Some(matching) => by_words(searcher, matching, 0, DEPTH)?,
            None => Vec::new(),
        };
        let words: Vec<DocAddress> = words.into_iter().map(|ranked| ranked.at).collect();
        let allowed = prepared
            .restriction
            .as_ref()
            .map(|restriction| searcher.search(restriction, &DocSetCollector))
            .transpose()?;
        let near = semantic.near(&self.index, searcher, vector, allowed.as_ref())?;
        let mut passages: HashMap<_, _> =
            near.iter().map(|near| (near.document, near.passage)).collect();
        words.iter().for_each(|at| {
            passages.remove(at);
        });
        let near: Vec<DocAddress> = near.iter().map(|near| near.document).collect();
        let fused = fuse(&words, &near, &semantic.rules.weights);
        let ranked = |(at, score)| Ranked { at, score, passage: passages.get(&at).copied() };
        Ok(fused.into_iter().map(ranked).collect())
    }

    fn hits(
        &self,
        searcher: &Searcher,
        ranked: Vec<Ranked>,
        stems: &HashSet<String>,
    ) -> tantivy::Result<Vec<Hit>> {
        let mut hits = Vec::with_capacity(ranked.len());
        for Ranked { at, score, passage } in ranked {
            let Some(place) = self.index.place(searcher, at)? else { continue };
            let Ok(article) = self.index.article(searcher, at)? else { continue };
            let plain = article.format.plain(&article.text);
            let shown = passage.zip(self.rules.semantic.as_ref());
            let shown = shown
                .and_then(|(passage, rules)| passages(&plain, rules.passage).get(passage).copied());
            let length = self.rules.limits.snippet;
            let snippet = snippet(shown.unwrap_or(&plain), article.language, stems, length);
            let Article { title, category, .. } = article;
            hits.push(Hit { place, score, title, category, snippet });
        }
        Ok(hits)
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
        let matching = BooleanQuery::new(clauses.collect());
        let ranked = by_words(&searcher, &matching, 0, limit + 1)?;
        // Words of the document say nothing of the others: their beginnings are shown.
        let mut hits = self.hits(&searcher, ranked, &HashSet::new())?;
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

/// The documents from `offset` on that match best.
fn by_words(
    searcher: &Searcher,
    matching: &dyn Matching,
    offset: usize,
    limit: usize,
) -> tantivy::Result<Vec<Ranked>> {
    let top = TopDocs::with_limit(limit).and_offset(offset).order_by_score();
    let found: Vec<(f32, DocAddress)> = searcher.search(matching, &top)?;
    Ok(found.into_iter().map(|(score, at)| Ranked { at, score, passage: None }).collect())
}
