//! Pages of a list of tools that pass by, put together.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde_json::Value;
use toolgate_protocol::client::Abilities;
use toolgate_protocol::jsonrpc::Message;

use crate::call::Request;

/// Text of a list at most, in bytes, and its pages; of a longer one nothing is known.
const MOST: usize = 32 << 20;
const MOST_PAGES: usize = 1000;

/// What has passed by of a list. Several may read it at the same time: pages count that continue the
/// one before, for a client that can do the same.
#[derive(Default)]
pub(super) struct Reading {
    pages: Vec<Box<[u8]>>,
    abilities: Abilities,
    /// The cursor of the page that comes next.
    next: Option<String>,
    /// The hash of the last list that was whole.
    last: Option<u64>,
}

/// A list from its beginning to its end, as the client was shown it that asked.
pub(super) struct Whole {
    pages: Vec<Box<[u8]>>,
    abilities: Abilities,
}

impl Reading {
    /// A page passes by. The list, once this was its last page and it is another than before.
    pub(super) fn page(&mut self, request: &Request, page: &Message) -> Option<Whole> {
        let result = page.result_object()?;
        let tools = result.get("tools")?;
        let cursor = request.message.params().and_then(|it| it.get("cursor")?.string());
        // An extension that clients of one era alone can declare decides nothing here.
        let abilities = request.client.abilities().without(Abilities::TASKS);
        let is_next =
            |cursor: &str| self.next.as_deref() == Some(cursor) && self.abilities == abilities;
        match cursor {
            None => (self.pages, self.abilities) = (Vec::new(), abilities),
            Some(cursor) if is_next(&cursor) => {}
            Some(_) => return None,
        }
        // A copy: the rest of the message is nobody's any more.
        self.pages.push(tools.bytes().into());
        self.next = result.get("nextCursor").and_then(|next| Some(next.string()?.into_owned()));
        let size: usize = self.pages.iter().map(|page| page.len()).sum();
        if size > MOST || self.pages.len() > MOST_PAGES {
            (self.pages, self.next) = (Vec::new(), None);
            return None;
        }
        if self.next.is_some() {
            return None;
        }
        let pages = std::mem::take(&mut self.pages);
        let mut hasher = DefaultHasher::new();
        (&pages, abilities).hash(&mut hasher);
        let is_other = self.last.replace(hasher.finish()) != Some(hasher.finish());
        is_other.then_some(Whole { pages, abilities })
    }
}

impl Whole {
    /// The tools; `None` when they cannot be read.
    pub(super) fn tools(&self) -> Option<Vec<Value>> {
        let mut all = Vec::new();
        for page in &self.pages {
            all.extend(serde_json::from_slice::<Vec<Value>>(page).ok()?);
        }
        Some(all)
    }

    pub(super) fn abilities(&self) -> Abilities {
        self.abilities
    }
}
