//! Documents and categories as resources.

use std::ops::Bound;

use serde::Deserialize;
use serde_json::{Value, json};
use toolgate_folder::{Place, cursor};
use toolgate_hosted::{Answer, Failed, Refusal};

use crate::article::Format;
use crate::read::Unreadable;
use crate::shelf::Shelf;
use crate::uris::{ARTICLES, CATEGORIES, CATEGORY, article};

/// Resources on one page.
const PAGE: usize = 200;
/// The most values a completion may offer (MCP, completion/complete).
const VALUES: usize = 100;
/// Documents listed of one category, and categories listed where there are no pages.
const LISTED: usize = 1000;

#[derive(Deserialize)]
pub(crate) struct Located {
    uri: String,
}

#[derive(Deserialize)]
pub(crate) struct Completing {
    r#ref: Reference,
    argument: Argument,
}

#[derive(Deserialize)]
struct Reference {
    uri: Option<String>,
}

#[derive(Deserialize)]
struct Argument {
    name: String,
    value: String,
}

/// How URIs are formed (RFC 6570).
pub(crate) fn templates() -> Value {
    json!({ "resourceTemplates": [
        {
            "uriTemplate": "kb://articles/{+id}",
            "name": "article",
            "title": "An article by its id",
            "description": "The whole text of one article. id is as search_articles gives it.",
        },
        {
            "uriTemplate": "kb://categories/{+category}",
            "name": "category",
            "title": "The articles of a category",
            "description": "Ids and titles of the articles in one category and below it, as JSON.",
            "mimeType": "application/json",
        },
    ] })
}

impl Shelf {
    /// One page of resources: the categories, then the documents by id.
    pub(crate) fn list_resources(&self, after: Option<&str>) -> Result<Answer, Failed> {
        let after = match after {
            None => None,
            Some(after) => {
                // Cursors of other lists name no document.
                let named = cursor::after(after).filter(|it| Format::of(it.name()).is_some());
                Some(named.ok_or_else(|| Refusal::invalid("invalid cursor"))?)
            }
        };
        let mut resources = Vec::new();
        if after.is_none() {
            resources.push(json!({
                "uri": CATEGORIES,
                "name": "categories",
                "title": "Categories",
                "description": "The categories, with how many articles are in each: the first 1000, \
                    and whether there are more, which list_categories lists.",
                "mimeType": "application/json",
            }));
        }
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let holdings = self.holdings();
        let mut readable =
            holdings.known.range((from, Bound::Unbounded)).filter(|(_, known)| known.readable);
        let mut last = None;
        for (place, known) in readable.by_ref().take(PAGE) {
            let mut resource =
                json!({ "uri": article(place), "name": place.as_str(), "size": known.stamp.size });
            if let Some(format) = Format::of(place.name()) {
                resource["mimeType"] = format.mime().into();
            }
            resources.push(resource);
            last = Some(place.clone());
        }
        let mut page = json!({ "resources": resources });
        if let Some(last) = last.filter(|_| readable.next().is_some()) {
            page["nextCursor"] = cursor::cursor(&last).into();
        }
        Ok(page.into())
    }

    /// What a resource holds.
    pub(crate) fn read_resource(&self, Located { uri }: &Located) -> Result<Answer, Failed> {
        let absent = || Refusal::no_resource(uri, "resource not found");
        if uri == CATEGORIES {
            // There are no cursors here: list_categories goes on.
            let (categories, _) = self.categories(None, LISTED);
            return Ok(contents(uri, "application/json", &categories.to_string()));
        }
        if let Some(place) = Place::from_uri(uri, CATEGORY) {
            let articles = self.articles_in(place.as_str());
            if articles.is_empty() {
                return Err(absent().into());
            }
            let text = in_category(place.as_str(), articles).to_string();
            return Ok(contents(uri, "application/json", &text));
        }
        let place = Place::from_uri(uri, ARTICLES).ok_or_else(absent)?;
        match self.article(&place)? {
            Some((_, Ok(mut article))) => {
                if let Some(lost) = article.lost() {
                    article.text.push_str(&format!("\n\n{lost}\n"));
                }
                Ok(contents(uri, article.format.mime(), &article.text))
            }
            Some((_, Err(Unreadable(reason)))) => {
                let message = format!("the document cannot be read: {reason}");
                Err(Refusal::invalid(message).with(json!({ "uri": uri })).into())
            }
            None => Err(absent().into()),
        }
    }

    /// What could follow what is written of an argument.
    pub(crate) fn complete(&self, completing: &Completing) -> Result<Answer, Failed> {
        let template = completing.r#ref.uri.as_deref().unwrap_or_default();
        let begun = completing.argument.value.to_lowercase();
        let holdings = self.holdings();
        let known = holdings.known.iter().filter(|(_, known)| known.readable);
        let mut values: Vec<String> = match (template, completing.argument.name.as_str()) {
            ("kb://articles/{+id}", "id") => known
                .map(|(place, _)| place.as_str())
                .filter(|id| id.to_lowercase().starts_with(&begun))
                .take(VALUES + 1)
                .map(str::to_owned)
                .collect(),
            ("kb://categories/{+category}", "category") => {
                drop(known);
                let named = self.counted().into_keys();
                named
                    .filter(|name| name.to_lowercase().starts_with(&begun))
                    .take(VALUES + 1)
                    .collect()
            }
            _ => {
                let message = "only id of kb://articles/{+id} and category of kb://categories/{+category} have completions";
                return Err(Refusal::invalid(message).into());
            }
        };
        let has_more = values.len() > VALUES;
        values.truncate(VALUES);
        Ok(json!({ "completion": { "values": values, "hasMore": has_more } }).into())
    }

    /// One more than are listed, if there are more.
    fn articles_in(&self, category: &str) -> Vec<Value> {
        let holdings = self.holdings();
        let is_in = |known: &crate::index::Known| {
            known
                .category
                .as_deref()
                .and_then(|it| it.strip_prefix(category))
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let found = holdings.known.iter().filter(|(_, known)| known.readable && is_in(known));
        found
            .take(LISTED + 1)
            .map(|(place, known)| {
                json!({ "id": place.as_str(), "category": known.category, "uri": article(place) })
            })
            .collect()
    }
}

/// A category with its documents, of which there may be more than are listed.
fn in_category(category: &str, mut articles: Vec<Value>) -> Value {
    let has_more = articles.len() > LISTED;
    articles.truncate(LISTED);
    json!({ "category": category, "articles": articles, "has_more": has_more })
}

fn contents(uri: &str, mime: &str, text: &str) -> Answer {
    json!({ "contents": [{ "uri": uri, "mimeType": mime, "text": text }] }).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_category_that_is_cut_says_so() {
        for (count, listed, has_more) in [(LISTED, LISTED, false), (LISTED + 1, LISTED, true)] {
            let told = in_category("a", vec![json!({}); count]);

            assert_eq!(told["articles"].as_array().unwrap().len(), listed);
            assert_eq!(told["has_more"], has_more);
        }
    }
}
