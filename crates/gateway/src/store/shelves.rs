//! Texts with versions, in this process.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Item, Kept, Name, Placed, Room};

/// Bytes of all texts together: callers may be many, and memory is one.
const MOST: usize = 256 << 20;
/// Changes between two looks for what ended.
const ROUND: u64 = 1024;

/// Shelves of one process.
#[derive(Default)]
pub struct Shelves(Mutex<Held>);

#[derive(Default)]
struct Held {
    shelves: HashMap<Box<str>, BTreeMap<Name, Text>>,
    /// Of all texts, in bytes.
    bytes: usize,
    changes: u64,
}

struct Text {
    version: u64,
    text: String,
    until: Instant,
}

impl Text {
    fn kept(&self, name: Name) -> Kept {
        Kept { name, version: self.version, text: self.text.clone() }
    }
}

impl Shelves {
    /// See [`Backend::find`](super::Backend::find).
    pub fn find(&self, shelf: &str, name: Name, now: Instant) -> Option<Kept> {
        Some(self.held().at(shelf, name, now)?.kept(name))
    }

    /// See [`Backend::list`](super::Backend::list).
    pub fn list(&self, shelf: &str, most: usize, now: Instant) -> Vec<Kept> {
        let held = self.held();
        let texts = held.shelves.get(shelf).into_iter().flatten();
        let lasting = texts.filter(|(_, text)| text.until > now);
        lasting.take(most).map(|(name, text)| text.kept(*name)).collect()
    }

    /// See [`Backend::place`](super::Backend::place).
    pub fn place(&self, shelf: &str, item: &Item<'_>, room: Room, now: Instant) -> Placed {
        self.held().place(shelf, item, room, now)
    }

    /// See [`Backend::remove`](super::Backend::remove).
    pub fn remove(&self, shelf: &str, name: Name, version: u64, now: Instant) -> bool {
        let mut held = self.held();
        let fits = held.at(shelf, name, now).is_some_and(|text| text.version == version);
        if fits {
            held.take_away(shelf, name);
        }
        fits
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn at(&self, shelf: &str, name: Name, now: Instant) -> Option<&Text> {
        self.shelves.get(shelf)?.get(&name).filter(|text| text.until > now)
    }

    fn place(&mut self, shelf: &str, item: &Item<'_>, room: Room, now: Instant) -> Placed {
        let before = self.at(shelf, item.name, now);
        if before.map_or(0, |text| text.version) != item.version {
            return Placed::Changed;
        }
        let (is_new, before) = (before.is_none(), before.map_or(0, |text| text.text.len()));
        let others = self.shelves.get(shelf).into_iter().flatten();
        let others = others.filter(|(name, text)| **name != item.name && text.until > now);
        let (count, bytes) =
            others.fold((0, 0), |(count, bytes), (_, text)| (count + 1, bytes + text.text.len()));
        let grows = item.text.len() > before;
        if (is_new && count >= room.count) || (grows && bytes + item.text.len() > room.bytes) {
            return Placed::Full;
        }
        if self.changes.is_multiple_of(ROUND) || self.bytes + item.text.len() > MOST {
            self.forget(now);
        }
        if grows && self.bytes + item.text.len() - before > MOST {
            return Placed::Full;
        }
        self.changes += 1;
        self.take_away(shelf, item.name);
        self.bytes += item.text.len();
        // Never 0, and never one of before.
        let version = self.changes;
        let until = now.checked_add(item.lasting).unwrap_or_else(|| now + Duration::from_hours(24));
        let text = Text { version, text: item.text.to_owned(), until };
        self.shelves.entry(shelf.into()).or_default().insert(item.name, text);
        Placed::Kept
    }

    fn take_away(&mut self, shelf: &str, name: Name) {
        let Some(texts) = self.shelves.get_mut(shelf) else { return };
        if let Some(text) = texts.remove(&name) {
            self.bytes -= text.text.len();
        }
        if texts.is_empty() {
            self.shelves.remove(shelf);
        }
    }

    /// Forgets what ended.
    fn forget(&mut self, now: Instant) {
        let bytes = &mut self.bytes;
        self.shelves.retain(|_, texts| {
            texts.retain(|_, text| {
                let lasts = text.until > now;
                *bytes -= if lasts { 0 } else { text.text.len() };
                lasts
            });
            !texts.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ended_is_forgotten_and_counted_no_more() {
        let (shelves, now) = (Shelves::default(), Instant::now());
        let (room, text) = (Room::UNBOUNDED, "x".repeat(1000));
        let later = now + Duration::from_secs(2);
        let place = |count: u64, at: Instant| {
            for number in 0..count {
                let name = Name::of("shelves", &[&number.to_string()]);
                let lasting = Duration::from_secs(1);
                let item = Item { name, version: 0, text: &text, lasting };
                assert_eq!(shelves.place(&number.to_string(), &item, room, at), Placed::Kept);
            }
        };

        place(ROUND, now);
        assert_eq!(shelves.held().bytes, 1000 * ROUND as usize);
        place(1, later);

        let held = shelves.held();
        assert_eq!((held.bytes, held.shelves.len()), (1000, 1));
    }
}
