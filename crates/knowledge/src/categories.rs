//! The categories, with how many documents are in each: a page at a time, as there can be as many as
//! documents.

use std::collections::BTreeMap;
use std::ops::Bound;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Value, json};
use toolgate_hosted::ToolResult;

use crate::definitions::{CATEGORIES, CATEGORY_PAGE};
use crate::shelf::Shelf;
use crate::tools::{Stop, between, lines, told};
use crate::whole::Whole;

/// Documents that could not be read, as far as they are named.
const NAMED: usize = 20;
/// What a cursor of this list begins with: no path has it, so that cursors of other lists are none.
const MARK: char = '\n';

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listing {
    limit: Option<Whole>,
    cursor: Option<String>,
}

impl Shelf {
    pub(crate) fn list_categories(&self, input: &Listing) -> Result<ToolResult, Stop> {
        let limit = between("limit", input.limit, CATEGORY_PAGE, CATEGORIES)?;
        let after = input.cursor.as_deref().map(after).transpose()?;
        let (mut structured, next) = self.categories(after, limit);
        let mut text = lines(&structured["categories"]);
        if text.is_empty() {
            let none = if input.cursor.is_some() { "no more categories" } else { "no categories" };
            text.push_str(&format!("There are {none}."));
        }
        if let Some(next) = next {
            text.push_str(&format!(
                "\n\nMore follow: call list_categories again with cursor \"{next}\"."
            ));
            structured["next_cursor"] = next.into();
        }
        let unreadable = &structured["unreadable"];
        if unreadable["count"] != 0 {
            text.push_str(&format!("\n\nNot readable: {}", unreadable["ids"]));
        }
        Ok(told(text, structured))
    }

    /// The categories after one, so many at most, with how many documents are in each, those below it
    /// included; what could not be read; and a cursor for what follows.
    pub(crate) fn categories(
        &self,
        after: Option<String>,
        limit: usize,
    ) -> (Value, Option<String>) {
        let counts = self.counted();
        let holdings = self.holdings();
        let total = holdings.known.values().filter(|known| known.readable).count();
        let mut unreadable = holdings.known.iter().filter(|(_, known)| !known.readable);
        let named: Vec<_> =
            unreadable.by_ref().take(NAMED).map(|(place, _)| place.as_str()).collect();
        let (rows, next) = page(&counts, after, limit);
        let structured = json!({
            "categories": rows,
            "total": counts.len(),
            "has_more": next.is_some(),
            "articles": total,
            "unreadable": { "count": named.len() + unreadable.count(), "ids": named },
        });
        (structured, next)
    }

    /// How many readable documents are in each category and below it.
    pub(crate) fn counted(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::<String, u64>::new();
        let holdings = self.holdings();
        for known in holdings.known.values().filter(|known| known.readable) {
            let Some(category) = known.category.as_deref() else { continue };
            let ends = category.match_indices('/').map(|(at, _)| at).chain([category.len()]);
            for end in ends {
                *counts.entry(category[..end].to_owned()).or_default() += 1;
            }
        }
        counts
    }
}

fn page(
    counts: &BTreeMap<String, u64>,
    after: Option<String>,
    limit: usize,
) -> (Vec<Value>, Option<String>) {
    let from = after.map_or(Bound::Unbounded, Bound::Excluded);
    let mut rest = counts.range((from, Bound::Unbounded));
    let shown: Vec<_> = rest.by_ref().take(limit).collect();
    let next = rest.next().and(shown.last()).map(|(last, _)| cursor(last));
    let row = |(category, count)| json!({ "category": category, "articles": count });
    (shown.into_iter().map(row).collect(), next)
}

/// Names the category after which to go on, which may be gone by then.
fn cursor(last: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("{MARK}{last}"))
}

/// The category that a cursor names.
fn after(cursor: &str) -> Result<String, Stop> {
    let text = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok();
    let text = text.and_then(|text| String::from_utf8(text).ok());
    let last = text.as_deref().and_then(|text| text.strip_prefix(MARK)).map(str::to_owned);
    last.filter(|last| !last.is_empty()).ok_or_else(|| {
        Stop::Told("the cursor is of another list; leave it out to begin at the start".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(count: u64) -> BTreeMap<String, u64> {
        (1..=count).map(|number| (format!("c{number:04}"), number)).collect()
    }

    #[test]
    fn pages_hold_every_category_once_and_only_the_last_has_no_cursor() {
        for (count, limit, expected) in [(0, 3, 1), (3, 3, 1), (4, 3, 2), (100, 7, 15), (6, 3, 2)] {
            let counts = counts(count);
            let (mut seen, mut pages, mut next) = (Vec::new(), 0, None::<String>);
            loop {
                let begin = next.take().map(|next| after(&next).unwrap());
                let (rows, following) = page(&counts, begin, limit);
                assert!(rows.len() <= limit);
                seen.extend(rows.iter().map(|row| row["category"].as_str().unwrap().to_owned()));
                pages += 1;
                match following {
                    Some(following) => next = Some(following),
                    None => break,
                }
            }
            assert_eq!((seen, pages), (counts.into_keys().collect(), expected));
        }
    }

    #[test]
    fn a_page_begins_after_its_category_even_if_that_is_gone() {
        let mut counts = counts(5);
        let (_, next) = page(&counts, None, 2);
        counts.remove("c0002");

        let (rows, _) = page(&counts, Some(after(&next.unwrap()).unwrap()), 2);

        assert_eq!(rows[0]["category"], "c0003");
    }

    #[test]
    fn cursors_of_other_lists_are_refused() {
        let place = toolgate_folder::Place::parse("a/b.md").unwrap();
        let (resources, empty) = (toolgate_folder::cursor::cursor(&place), cursor(""));
        for foreign in ["", "!", "Cg", "_w", "MjAuNw", &resources, &empty] {
            let Err(Stop::Told(why)) = after(foreign) else { panic!("{foreign} is taken") };
            assert!(why.contains("another list"), "{why}");
        }
        assert!(toolgate_folder::cursor::after(&cursor("a/b")).is_none());
    }
}
