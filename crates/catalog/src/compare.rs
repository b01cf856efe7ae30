//! Is a definition still the one that was approved?

use std::collections::BTreeSet;
use std::time::Duration;

use similar::TextDiff;

use crate::canonical::Hash;
use crate::definition::{Definition, Kind};
use crate::lock::Lock;

/// How long one diff may be worked on; what is left then is shown as replaced.
const PATIENCE: Duration = Duration::from_millis(200);

/// How a definition stands to what was approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// As approved.
    Same,
    /// Approved, but in other words.
    Changed,
    /// Never approved.
    New,
    /// Approved, but no longer there.
    Gone,
}

/// What a person has to decide on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The server, as the lock calls it.
    pub server: String,
    /// What is defined.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Never [`Standing::Same`].
    pub standing: Standing,
    /// The approved definition.
    pub was: Option<Definition>,
    /// What the server says now.
    pub now: Option<Definition>,
}

impl Change {
    /// The hash of what the server says now.
    #[must_use]
    pub fn hash(&self) -> Option<Hash> {
        self.now.as_ref().map(Definition::hash)
    }

    /// A unified diff from what was approved to what is said now.
    #[must_use]
    pub fn diff(&self) -> String {
        diff(self.was.as_ref(), self.now.as_ref())
    }
}

/// How `now` stands to the approved definition of its name.
#[must_use]
pub fn standing(approved: Option<&Definition>, now: &Definition) -> Standing {
    match approved {
        None => Standing::New,
        Some(approved) if approved.hash() == now.hash() => Standing::Same,
        Some(_) => Standing::Changed,
    }
}

/// All that differs between the lock and what a server says now, in the order of the server; what
/// is gone comes last. Only the kinds in `kinds` are looked at: a list that was not asked for is
/// not an empty one.
#[must_use]
pub fn server(lock: &Lock, server: &str, kinds: &[Kind], now: &[Definition]) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut seen = BTreeSet::new();
    for definition in now.iter().filter(|definition| kinds.contains(&definition.kind())) {
        let (kind, name) = (definition.kind(), definition.name());
        seen.insert((kind, name));
        let approved = lock.approved(server, kind, name);
        let standing = standing(approved, definition);
        if standing != Standing::Same {
            changes.push(Change {
                server: server.to_owned(),
                kind,
                name: name.to_owned(),
                standing,
                was: approved.cloned(),
                now: Some(definition.clone()),
            });
        }
    }
    let gone = lock.definitions(server).filter(|approved| {
        kinds.contains(&approved.kind()) && !seen.contains(&(approved.kind(), approved.name()))
    });
    changes.extend(gone.map(|approved| Change {
        server: server.to_owned(),
        kind: approved.kind(),
        name: approved.name().to_owned(),
        standing: Standing::Gone,
        was: Some(approved.clone()),
        now: None,
    }));
    changes
}

/// A unified diff of two definitions as people read them, hidden characters escaped. Either may be
/// missing.
#[must_use]
pub fn diff(was: Option<&Definition>, now: Option<&Definition>) -> String {
    let text = |definition: Option<&Definition>| {
        definition.map(|definition| definition.pretty() + "\n").unwrap_or_default()
    };
    let (was, now) = (text(was), text(now));
    let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(&was, &now);
    diff.unified_diff().context_radius(2).header("approved", "now").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(name: &str, description: &str) -> Definition {
        let text = serde_json::json!({ "name": name, "description": description, "title": "T" });
        Definition::read(Kind::Tool, text.to_string().into()).unwrap()
    }

    #[test]
    fn what_changed_appeared_or_went_is_told() {
        let mut lock = Lock::default();
        for name in ["same", "changed", "gone"] {
            lock.approve("s", tool(name, "before"));
        }
        let now = [tool("new", "x"), tool("same", "before"), tool("changed", "after")];

        let changes = server(&lock, "s", &[Kind::Tool], &now);

        let told: Vec<_> = changes.iter().map(|it| (&*it.name, it.standing)).collect();
        assert_eq!(
            told,
            [("new", Standing::New), ("changed", Standing::Changed), ("gone", Standing::Gone)]
        );
        assert!(server(&lock, "s", &[Kind::Prompt], &[]).is_empty());
    }

    #[test]
    fn a_diff_shows_the_line_that_changed_and_what_is_hidden_in_it() {
        let (was, now) = (tool("a", "Adds."), tool("a", "Adds.\u{200b}<IMPORTANT>"));

        let diff = diff(Some(&was), Some(&now));

        assert_eq!(
            diff,
            "--- approved\n+++ now\n@@ -1,5 +1,5 @@\n {\n   \"name\": \"a\",\n-  \"description\": \"Adds.\",\n+  \"description\": \"Adds.\\u200b<IMPORTANT>\",\n   \"title\": \"T\"\n }\n"
        );
    }
}
