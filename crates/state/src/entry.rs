//! A value as it is kept, sealed for its place alone.

use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use toolgate_audit::stamp;
use toolgate_gateway::seal::{Keyring, Purpose};
use toolgate_gateway::store::Name;

use crate::shelf::Shelf;

/// Moments are milliseconds since the epoch.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Where it lies: moved to the shelf of somebody else it does not open.
    of: String,
    pub(crate) label: Option<String>,
    /// 1, and one more with each change. What the store calls its version says nothing to a reader.
    pub(crate) version: u64,
    pub(crate) created: u64,
    pub(crate) changed: u64,
    pub(crate) ends: u64,
    pub(crate) value: Value,
}

impl Entry {
    pub(crate) fn new(shelf: &Shelf, handle: Name, now: u64, value: Value) -> Entry {
        Entry {
            of: place(shelf, handle),
            label: None,
            version: 1,
            created: now,
            changed: now,
            ends: now,
            value,
        }
    }

    pub(crate) fn seal(&self, keys: &Keyring) -> String {
        keys.seal(Purpose::State, self)
    }

    /// What was sealed for this place; nothing if the key is gone or it was sealed for another.
    pub(crate) fn open(keys: &Keyring, shelf: &Shelf, handle: Name, text: &str) -> Option<Entry> {
        let entry: Entry = keys.open_kept(Purpose::State, text)?;
        (entry.of == place(shelf, handle)).then_some(entry)
    }

    /// All of it but the value.
    pub(crate) fn outline(&self, handle: Name) -> Value {
        let mut outline = json!({
            "handle": handle.to_string(),
            "version": self.version,
            "created_at": moment(self.created),
            "changed_at": moment(self.changed),
            "expires_at": moment(self.ends),
        });
        if let Some(label) = &self.label {
            outline["label"] = label.as_str().into();
        }
        outline
    }

    /// All of it.
    pub(crate) fn whole(&self, handle: Name) -> Value {
        let mut whole = self.outline(handle);
        whole["value"] = self.value.clone();
        whole
    }
}

/// A moment as text (RFC 3339).
pub(crate) fn moment(millis: u64) -> String {
    stamp(UNIX_EPOCH + Duration::from_millis(millis))
}

fn place(shelf: &Shelf, handle: Name) -> String {
    format!("{}/{handle}", shelf.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_opens_in_its_own_place_alone() {
        let keys = Keyring::new([&b"one"[..]]).unwrap();
        let (ada, bob) = (Shelf("ada".into()), Shelf("bob".into()));
        let (one, other) = (Name::of("t", &["1"]), Name::of("t", &["2"]));
        let text = Entry::new(&ada, one, 0, json!({ "secret": "7f3a9c" })).seal(&keys);

        assert!(!text.contains("7f3a9c"));
        assert_eq!(Entry::open(&keys, &ada, one, &text).unwrap().value["secret"], "7f3a9c");
        assert!(Entry::open(&keys, &bob, one, &text).is_none());
        assert!(Entry::open(&keys, &ada, other, &text).is_none());
    }
}
