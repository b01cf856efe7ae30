//! One page of a list: each entry as it came, as it was approved, or not at all.

use std::collections::HashSet;

use bytes::Bytes;
use toolgate_catalog::definition::{Definition, Kind, Unreadable};
use toolgate_catalog::rules;
use toolgate_catalog::sight;
use toolgate_protocol::json::{Value, array};
use toolgate_protocol::splice::Edits;

use super::neutral::neutral;
use super::seen::Verdict;
use super::{Deviation, Pins};
use crate::call::End;
use crate::config::Definitions;
use crate::fault::Fault;

/// Entries of one page; no model chooses among so many.
const MOST_ON_A_PAGE: usize = 10_000;
/// Pages in a row, and entries on them: a list that does not end is cut off.
const MOST_PAGES: usize = 1000;
const MOST_ENTRIES: usize = 100_000;

impl Pins {
    /// A page of a list as clients may see it. `further`: it is not the first one.
    pub(crate) fn page(&self, kind: Kind, further: bool, end: End) -> Result<End, Fault> {
        if self.conduct == Definitions::Allow {
            return Ok(end);
        }
        let Some(result) = end.message.result_object() else { return Ok(end) };
        let Some(list) = result.get(kind.list()) else { return Ok(end) };
        let Some(items) = list.items() else { return Ok(end) };
        let mut page = Page { pins: self, kind, names: HashSet::new(), unheard: 0 };
        let (mut kept, mut same, mut count) = (Vec::new(), true, 0);
        for item in items {
            count += 1;
            if count > MOST_ON_A_PAGE {
                same = false;
                continue;
            }
            let raw = end.message.slice(item.span());
            match page.entry(&item, &raw) {
                Verdict::AsItIs => kept.push(raw),
                Verdict::Neutral(text) | Verdict::AsApproved(text) => {
                    same = false;
                    kept.push(text);
                }
                Verdict::Hidden => same = false,
            }
        }
        page.end(count);
        let mut edits = Edits::default();
        if !same {
            edits.replace(list.span(), array(&kept));
        }
        let (pages, entries) = self.write().count(kind, further, count);
        if (pages >= MOST_PAGES || entries >= MOST_ENTRIES) && result.get("nextCursor").is_some() {
            self.report(kind, "", Deviation::Flood, "the list does not end: cut off");
            edits.remove(&result, "nextCursor");
        }
        end.edited(&edits)
    }
}

impl Pins {
    /// What a server tells models to do, as far as somebody approved it.
    pub(crate) fn instructions(&self, said: Option<&str>) -> Option<String> {
        let said = said?;
        if self.conduct == Definitions::Allow {
            return Some(said.to_owned());
        }
        let kind = Kind::Instructions;
        let now = Definition::instructions(said).ok()?;
        let known = self.read().known(kind, now.name(), now.raw());
        let verdict = known.unwrap_or_else(|| {
            let mut page = Page { pins: self, kind, names: HashSet::new(), unheard: 0 };
            let verdict = page.judge(&now);
            page.end(1);
            self.write().remember(kind, now.name(), now.raw(), verdict.clone());
            verdict
        });
        match verdict {
            Verdict::AsItIs => Some(said.to_owned()),
            Verdict::Neutral(text) | Verdict::AsApproved(text) => {
                Definition::read(kind, text).ok()?.text("text")
            }
            Verdict::Hidden => None,
        }
    }
}

struct Page<'a> {
    pins: &'a Pins,
    kind: Kind,
    /// The names on this page.
    names: HashSet<String>,
    /// New ones of a server of which nothing is approved.
    unheard: usize,
}

impl Page<'_> {
    fn entry(&mut self, item: &Value<'_>, raw: &Bytes) -> Verdict {
        let (pins, kind) = (self.pins, self.kind);
        let name = item.object().and_then(|entry| entry.get(kind.key())?.string());
        let Some(name) = name else { return self.unreadable("", &Unreadable("no name".into())) };
        if kind == Kind::Tool && !pins.offered.offers(&name) {
            return Verdict::AsItIs;
        }
        // Nobody could tell which of the two is meant.
        if !self.names.insert(name.to_string()) && pins.conduct == Definitions::Quarantine {
            pins.report(kind, &name, Deviation::Hostile, rules::TWICE.id);
            return Verdict::Hidden;
        }
        if pins.approved(kind).is_none() && sight::is_plain(raw) {
            return Verdict::AsItIs;
        }
        if let Some(known) = pins.read().known(kind, &name, raw) {
            return known;
        }
        let verdict = match Definition::read(kind, raw.clone()) {
            Ok(definition) => self.judge(&definition),
            Err(why) => self.unreadable(&name, &why),
        };
        pins.write().remember(kind, &name, raw, verdict.clone());
        verdict
    }

    fn unreadable(&self, name: &str, why: &Unreadable) -> Verdict {
        self.pins.report(self.kind, name, Deviation::Hostile, &why.to_string());
        self.hidden_or(|| Verdict::AsItIs)
    }

    fn judge(&mut self, now: &Definition) -> Verdict {
        let (pins, kind, name) = (self.pins, self.kind, now.name());
        let Some(approved) = pins.approved(kind) else {
            let Some(rule) = sight::hostile(now) else { return as_it_is(now) };
            pins.report(kind, name, Deviation::Hostile, rule.id);
            return self.hidden_or(|| as_it_is(now));
        };
        let Some(approved) = approved.get(name) else {
            if pins.has_approved_any() {
                pins.report(kind, name, Deviation::New, &now.hash().to_string());
            } else {
                self.unheard += 1;
            }
            return self.hidden_or(|| as_it_is(now));
        };
        let was = &approved.definition;
        let changed = was.hash() != now.hash();
        if changed {
            let detail = format!("approved {}, now {}", was.hash(), now.hash());
            pins.report(kind, name, Deviation::Changed, &detail);
        }
        if pins.conduct != Definitions::Quarantine {
            return as_it_is(now);
        }
        // A rule of the protocol, which no approval lifts.
        if sight::hostile(was).is_some_and(|rule| rule.id == rules::HEADER.id) {
            pins.report(kind, name, Deviation::Hostile, rules::HEADER.id);
            return Verdict::Hidden;
        }
        match changed {
            true => Verdict::AsApproved(neutral(was.raw()).unwrap_or_else(|| was.raw().clone())),
            false => as_it_is(now),
        }
    }

    fn hidden_or(&self, otherwise: impl FnOnce() -> Verdict) -> Verdict {
        match self.pins.conduct {
            Definitions::Quarantine => Verdict::Hidden,
            _ => otherwise(),
        }
    }

    /// What is said once for a page.
    fn end(&self, count: usize) {
        if self.unheard > 0 {
            let detail = format!("{} of a server of which nothing is approved", self.unheard);
            self.pins.report(self.kind, "", Deviation::New, &detail);
        }
        if count > MOST_ON_A_PAGE {
            let detail = format!("{} beyond {MOST_ON_A_PAGE} left out", count - MOST_ON_A_PAGE);
            self.pins.report(self.kind, "", Deviation::Flood, &detail);
        }
    }
}

fn as_it_is(definition: &Definition) -> Verdict {
    neutral(definition.raw()).map_or(Verdict::AsItIs, Verdict::Neutral)
}
