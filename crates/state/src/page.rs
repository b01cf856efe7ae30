//! Values of one owner in pages, the last changed first.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_gateway::store::Name;

use crate::State;
use crate::entry::Entry;
use crate::shelf::Shelf;

/// More than any configuration allows one owner.
const ALL: usize = 1000;

/// Some values, and where the next page begins.
pub(crate) struct Page {
    pub(crate) entries: Vec<(Name, Entry)>,
    pub(crate) next: Option<String>,
}

impl State {
    /// At most so many, from where a cursor says.
    pub(crate) async fn page(
        &self,
        shelf: &Shelf,
        cursor: Option<&str>,
        most: usize,
    ) -> Result<Page, Fault> {
        let after = match cursor {
            None => None,
            Some(cursor) => Some(after(cursor).ok_or_else(|| {
                let text = "the cursor is none of this list; call without it to begin anew";
                Fault::new(Reason::Arguments, text)
            })?),
        };
        let kept = self.keeping.list(&shelf.0, ALL).await?;
        let open = kept.into_iter().filter_map(|kept| {
            let entry = Entry::open(&self.keys, shelf, kept.name, &kept.text)?;
            Some((kept.name, entry))
        });
        let mut entries: Vec<_> = open
            .filter(|(name, entry)| after.is_none_or(|after| rank(*name, entry) > after))
            .collect();
        entries.sort_unstable_by_key(|(name, entry)| rank(*name, entry));
        let is_last = entries.len() <= most;
        entries.truncate(most);
        let next = entries.last().filter(|_| !is_last).map(|(name, entry)| cursor_of(*name, entry));
        Ok(Page { entries, next })
    }
}

type Rank = (std::cmp::Reverse<u64>, Name);

fn rank(name: Name, entry: &Entry) -> Rank {
    (std::cmp::Reverse(entry.changed), name)
}

/// Nothing in it is secret to whoever was shown the page, and it selects from their own shelf alone.
fn cursor_of(name: Name, entry: &Entry) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("{}.{name}", entry.changed))
}

fn after(cursor: &str) -> Option<Rank> {
    let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let (changed, name) = text.split_once('.')?;
    Some((std::cmp::Reverse(changed.parse().ok()?), Name::of_text(name)?))
}
