//! The tools that read: from arguments to answers.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use toolgate_folder::Place;
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_hosted::{Answer, Content, Failed, ToolResult, failure};

use crate::article::{Article, Section};
use crate::definitions::{DEEPEST, RELATED, RESULTS};
use crate::index::version;
use crate::query::Query;
use crate::read::{Unreadable, path};
use crate::search::{Found, Hit, Search};
use crate::shelf::Shelf;
use crate::whole::Whole;

/// A failure that the model can act on, in one sentence; or one that it cannot.
#[derive(Debug)]
pub(crate) enum Stop {
    Told(String),
    Failed(Failed),
}

impl Stop {
    /// A sentence is a result, in the form of the gateway's own failures; what the model cannot help is
    /// none.
    pub(crate) fn answer(self) -> Result<Answer, Failed> {
        match self {
            Stop::Told(sentence) => Ok(failure(&Fault::new(Reason::Arguments, sentence)).into()),
            Stop::Failed(failed) => Err(failed),
        }
    }
}

impl From<tantivy::TantivyError> for Stop {
    fn from(error: tantivy::TantivyError) -> Stop {
        Stop::Failed(unreadable(error))
    }
}

/// The index could not be read; the log is told why.
fn unreadable(error: tantivy::TantivyError) -> Failed {
    Fault::new(Reason::Internal, "the index of the articles cannot be read").because(error).into()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Searching {
    query: String,
    category: Option<String>,
    limit: Option<Whole>,
    cursor: Option<String>,
    #[serde(default)]
    facets: bool,
}

/// Sections of a document that are listed with it; the others are found by its text.
const SECTIONS: usize = 500;

/// Categories that matches are counted by in one answer.
const FACETS: usize = 100;

/// The version of a file, and what was read of it.
pub(crate) type Versioned = (u64, Result<Article, Unreadable>);

/// What the order of an answer is made by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ranking {
    /// The words of the query.
    Lexical,
    /// Its words and its meaning.
    Hybrid,
}

impl Ranking {
    fn name(self) -> &'static str {
        match self {
            Ranking::Lexical => "lexical",
            Ranking::Hybrid => "hybrid",
        }
    }
}

impl Searching {
    fn category(&self) -> Option<String> {
        self.category.as_deref().and_then(path)
    }

    /// What its cursors are for: one order of one query.
    fn key(&self, ranking: Ranking) -> u64 {
        let (category, ranking) = (self.category(), ranking.name());
        version(format!("{}\0{category:?}\0{ranking}", self.query).as_bytes())
    }

    /// By what and from where on: pages are of one order, whatever can be had by then.
    fn begin(&self, has_meaning: bool) -> Result<(Ranking, usize), Stop> {
        let Some(cursor) = &self.cursor else {
            return Ok((if has_meaning { Ranking::Hybrid } else { Ranking::Lexical }, 0));
        };
        if let Some(offset) = offset(cursor, self.key(Ranking::Lexical)) {
            return Ok((Ranking::Lexical, offset));
        }
        match offset(cursor, self.key(Ranking::Hybrid)) {
            Some(offset) if has_meaning => Ok((Ranking::Hybrid, offset)),
            Some(_) => Err(Stop::Told(
                "the ranking by meaning that the cursor is of cannot be had now; try again in a minute, or leave the cursor out to begin at the start".to_owned(),
            )),
            None => Err(Stop::Told(
                "the cursor is of another query; leave it out to begin at the start".to_owned(),
            )),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Getting {
    id: String,
    section: Option<String>,
    #[serde(default)]
    offset: Whole,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Relating {
    id: String,
    limit: Option<Whole>,
}

impl Shelf {
    /// Calls a tool that reads; `None` if there is none of this name. `vector` stands for the
    /// meaning of a search.
    pub(crate) fn call(
        &self,
        name: &str,
        arguments: Map<String, Value>,
        vector: Option<&[f32]>,
    ) -> Option<Result<ToolResult, Stop>> {
        Some(match name {
            "search_articles" => input(arguments).and_then(|it| self.search_articles(&it, vector)),
            "get_article" => input(arguments).and_then(|it| self.get_article(&it)),
            "list_categories" => input(arguments).and_then(|it| self.list_categories(&it)),
            "related_articles" => input(arguments).and_then(|it| self.related_articles(&it)),
            _ => return None,
        })
    }

    /// What a search means, if it is to be ranked by that as well.
    pub(crate) fn meaning(&self, name: &str, arguments: &Map<String, Value>) -> Option<String> {
        if name != "search_articles" {
            return None;
        }
        let input: Searching = input(arguments.clone()).ok()?;
        let begun = input.cursor.as_ref();
        if begun.is_some_and(|cursor| offset(cursor, input.key(Ranking::Hybrid)).is_none()) {
            return None;
        }
        Some(Query::parse(&input.query).meaning()).filter(|meaning| !meaning.is_empty())
    }

    fn search_articles(
        &self,
        input: &Searching,
        vector: Option<&[f32]>,
    ) -> Result<ToolResult, Stop> {
        let category = input.category();
        let limit = between("limit", input.limit, self.rules.limits.results, RESULTS)?;
        let (ranking, offset) = input.begin(vector.is_some())?;
        let meaning = self.semantic.as_deref().zip(vector);
        let search = Search {
            query: &input.query,
            category: category.as_deref(),
            meaning: meaning.filter(|_| ranking == Ranking::Hybrid),
            offset,
            limit,
            count: input.facets,
        };
        let Some(found) = self.search(&search)? else {
            let sentence = "query has no word to look for beside very common ones; write the words that matter";
            return Err(Stop::Told(sentence.to_owned()));
        };
        let next = offset + found.hits.len();
        let next = (found.has_more && next < DEEPEST).then(|| cursor(next, input.key(ranking)));
        let mut result = page(&found, next);
        if let (Some(structured), true) =
            (&mut result.structured_content, self.rules.semantic.is_some())
        {
            structured["ranking"] = ranking.name().into();
        }
        Ok(result)
    }

    fn get_article(&self, input: &Getting) -> Result<ToolResult, Stop> {
        let place = self.place(&input.id)?;
        let (version, article) = self.shown(&place)?;
        let text = match input.section.as_deref().filter(|section| !section.is_empty()) {
            None => article.text.as_str(),
            Some(section) => {
                article.section(section).ok_or_else(|| no_section(&article, section))?
            }
        };
        let Whole(offset) = input.offset;
        let begin = text.char_indices().map(|(at, _)| at).nth(offset);
        let Some(begin) = begin.or((offset == 0).then_some(0)) else {
            let length = text.chars().count();
            return Err(Stop::Told(format!(
                "the text has {length} characters; offset {offset} is too large"
            )));
        };
        let most = self.rules.limits.article;
        let end = text[begin..].char_indices().nth(most).map(|(at, _)| begin + at);
        let part = &text[begin..end.unwrap_or(text.len())];
        let next = end.map(|_| offset + most);
        let mut structured = about(&place, &article);
        structured["version"] = spelled(version).into();
        structured["text"] = part.into();
        list(&article.sections, &mut structured);
        if !article.losses.is_empty() {
            structured["losses"] = article.losses.clone().into();
        }
        structured["has_more"] = next.is_some().into();
        let mut result = told(part.to_owned(), structured);
        if let (Some(next), Some(structured)) = (next, &mut result.structured_content) {
            structured["next_offset"] = next.into();
            let total = text.chars().count();
            result.content.push(Content::text(format!(
                "Characters {offset} to {next} of {total}; go on with offset {next}, or ask for one of the sections."
            )));
        }
        result.content.extend(article.lost().map(Content::text));
        Ok(result)
    }

    fn related_articles(&self, input: &Relating) -> Result<ToolResult, Stop> {
        let place = self.place(&input.id)?;
        let (_, article) = self.shown(&place)?;
        let limit = between("limit", input.limit, 5, RELATED)?;
        let hits = self.related(&place, &article, limit)?;
        let rows: Vec<_> = hits.iter().map(row).collect();
        let text =
            if hits.is_empty() { "No article is like this one.".to_owned() } else { shown(&hits) };
        Ok(told(text, json!({ "articles": rows })))
    }

    /// The place of an id; models sometimes give the URI of the resource instead.
    pub(crate) fn place(&self, id: &str) -> Result<Place, Stop> {
        let id = id.strip_prefix("kb://articles/").unwrap_or(id);
        Place::parse(id).map_err(Stop::Told)
    }

    fn shown(&self, place: &Place) -> Result<(u64, Article), Stop> {
        match self.article(place).map_err(Stop::Failed)? {
            Some((version, Ok(article))) => Ok((version, article)),
            Some((_, Err(Unreadable(reason)))) => {
                Err(Stop::Told(format!("{place} cannot be read: {reason}")))
            }
            None => Err(Stop::Told(format!(
                "there is no article {place}; search_articles finds articles with their ids"
            ))),
        }
    }

    /// The document of a place as of the last commit, with the version that it is of: one from elsewhere
    /// might be of the next commit, and whoever writes with it would undo what they have not seen.
    pub(crate) fn article(&self, place: &Place) -> Result<Option<Versioned>, Failed> {
        let (index, searcher) = (&self.index, self.index.searcher());
        let with_version =
            |at| Ok((index.version_of(&searcher, at)?, index.article(&searcher, at)?));
        let found = index.find(&searcher, place).and_then(|at| at.map(with_version).transpose());
        found.map_err(unreadable)
    }
}

fn no_section(article: &Article, section: &str) -> Stop {
    const SHOWN: usize = 40;
    let ids: Vec<_> = article.sections.iter().take(SHOWN).map(|it| it.id.as_str()).collect();
    let there = if ids.is_empty() {
        "it has none".to_owned()
    } else {
        format!("it has {}", ids.join(", "))
    };
    Stop::Told(format!("there is no section {}; {there}", section.escape_debug()))
}

/// Arguments as the tool takes them.
pub(crate) fn input<T: DeserializeOwned>(arguments: Map<String, Value>) -> Result<T, Stop> {
    serde_json::from_value(Value::Object(arguments))
        .map_err(|error| Stop::Told(format!("the arguments do not fit the input schema: {error}")))
}

pub(crate) fn between(
    name: &str,
    value: Option<Whole>,
    default: usize,
    most: usize,
) -> Result<usize, Stop> {
    let value = value.map_or(default.min(most), |Whole(value)| value);
    if (1..=most).contains(&value) {
        return Ok(value);
    }
    Err(Stop::Told(format!("{name} must be from 1 to {most}, not {value}")))
}

/// A version as callers see it.
pub(crate) fn spelled(version: u64) -> String {
    format!("{version:016x}")
}

fn about(place: &Place, article: &Article) -> Value {
    let Article { title, category, tags, format, .. } = article;
    let mut about = json!({ "id": place.as_str(), "title": title, "tags": tags, "format": format });
    if let Some(category) = category {
        about["category"] = category.as_str().into();
    }
    about
}

/// Adds the sections to what is told of a document.
fn list(sections: &[Section], structured: &mut Value) {
    let shown = sections.iter().take(SECTIONS);
    structured["sections"] =
        shown.map(|it| json!({ "id": it.id, "title": it.title, "level": it.level })).collect();
    if let more @ 1.. = sections.len().saturating_sub(SECTIONS) {
        structured["more_sections"] = more.into();
    }
}

fn row(hit: &Hit) -> Value {
    let mut row = json!({
        "id": hit.place.as_str(),
        "title": hit.title,
        "score": f64::from((hit.score * 1000.0).round()) / 1000.0,
        "snippet": hit.snippet,
    });
    if let Some(category) = &hit.category {
        row["category"] = category.as_str().into();
    }
    row
}

/// Hits as a person would list them.
fn shown(hits: &[Hit]) -> String {
    let one = |hit: &Hit| format!("{} ({})\n{}", hit.title, hit.place, hit.snippet);
    hits.iter().map(one).collect::<Vec<_>>().join("\n\n")
}

fn page(found: &Found, next: Option<String>) -> ToolResult {
    let rows: Vec<_> = found.hits.iter().map(row).collect();
    let mut text = shown(&found.hits);
    if found.hits.is_empty() {
        text.push_str("No article matches; try fewer or other words, without quotes and signs.");
    }
    let mut structured = json!({ "articles": rows, "has_more": found.has_more });
    if let Some(next) = next {
        text.push_str(&format!(
            "\n\nMore follow: call search_articles again with cursor \"{next}\"."
        ));
        structured["next_cursor"] = next.into();
    } else if found.has_more {
        text.push_str("\n\nThere are more, too many to page through; narrow the query.");
    }
    if let Some(counts) = &found.counts {
        count(counts, &mut structured);
        text.push_str(&format!("\n\n{}", lines(&structured["facets"])));
        if let Some(more) = structured["more_facets"].as_u64() {
            text.push_str(&format!("\nand {more} more categories with fewer matches each"));
        }
    }
    told(text, structured)
}

/// Adds matches by category: those with most matches, in the order of their names, and how many
/// categories there are besides.
fn count(counts: &BTreeMap<String, u64>, structured: &mut Value) {
    let mut shown: Vec<_> = counts.iter().collect();
    shown.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    shown.truncate(FACETS);
    shown.sort_unstable();
    let row = |(category, count)| json!({ "category": category, "articles": count });
    structured["facets"] = shown.into_iter().map(row).collect();
    if let more @ 1.. = counts.len().saturating_sub(FACETS) {
        structured["more_facets"] = more.into();
    }
}

/// Categories with their counts, a line each.
pub(crate) fn lines(rows: &Value) -> String {
    let rows = rows.as_array().into_iter().flatten();
    let line = |row: &Value| {
        format!("{}: {}", row["category"].as_str().unwrap_or_default(), row["articles"])
    };
    rows.map(line).collect::<Vec<_>>().join("\n")
}

/// A text for the model, and the same as data.
pub(crate) fn told(text: String, structured: Value) -> ToolResult {
    ToolResult {
        content: vec![Content::text(text)],
        structured_content: Some(structured),
        is_error: false,
    }
}

/// Where the next page of a query begins.
fn cursor(offset: usize, key: u64) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("{offset}.{key:x}"))
}

/// The place that a cursor of this query names.
fn offset(cursor: &str, key: u64) -> Option<usize> {
    let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let (offset, of) = text.split_once('.')?;
    let offset = offset.parse().ok().filter(|offset| *offset <= DEEPEST)?;
    (of == format!("{key:x}")).then_some(offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::article::sections;

    #[test]
    fn a_document_of_sections_lists_some_and_says_how_many_more_there_are() {
        let told = |count: usize| {
            let mut told = json!({});
            list(&sections((0..count).map(|at| (1, "a".to_owned(), at)).collect()), &mut told);
            (told["sections"].as_array().unwrap().len(), told["more_sections"].clone())
        };

        assert_eq!(told(SECTIONS), (SECTIONS, Value::Null));
        assert_eq!(told(SECTIONS + 7), (SECTIONS, json!(7)));
    }

    #[test]
    fn of_many_categories_those_with_most_matches_are_counted() {
        let counts = |count: u64| (1..=count).map(|it| (format!("c{it:03}"), it)).collect();
        let told = |count: u64| {
            let mut told = json!({});
            super::count(&counts(count), &mut told);
            let facets = told["facets"].as_array().unwrap();
            (facets.len(), facets[0]["articles"].clone(), told["more_facets"].clone())
        };

        assert_eq!(told(100), (FACETS, json!(1), Value::Null));
        assert_eq!(told(103), (FACETS, json!(4), json!(3)));
    }

    #[test]
    fn pages_go_on_in_the_order_that_they_began_with() {
        let searching = |cursor: Option<String>| Searching {
            query: "a".to_owned(),
            category: None,
            limit: None,
            cursor,
            facets: false,
        };
        let at = |ranking| Some(cursor(20, searching(None).key(ranking)));
        let begin = |cursor, has_meaning| searching(cursor).begin(has_meaning).ok();

        assert_eq!(begin(None, true), Some((Ranking::Hybrid, 0)));
        assert_eq!(begin(None, false), Some((Ranking::Lexical, 0)));
        assert_eq!(begin(at(Ranking::Lexical), true), Some((Ranking::Lexical, 20)));
        assert_eq!(begin(at(Ranking::Hybrid), true), Some((Ranking::Hybrid, 20)));
        assert_eq!(begin(at(Ranking::Hybrid), false), None);
        assert_eq!(begin(Some("other".to_owned()), true), None);
    }

    #[test]
    fn a_cursor_is_good_for_its_query_alone() {
        let next = cursor(20, 7);

        assert_eq!(offset(&next, 7), Some(20));
        assert_eq!(offset(&next, 8), None);
        for foreign in ["", "!", "LTE", &cursor(DEEPEST + 1, 7)] {
            assert_eq!(offset(foreign, 7), None, "{foreign}");
        }
    }
}
