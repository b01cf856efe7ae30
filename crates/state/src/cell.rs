//! One value: found, created, changed, deleted, whoever else does so at the same time.

use std::time::Duration;

use serde_json::Value;
use toolgate_gateway::clock::Timestamp;
use toolgate_gateway::config::servers::state::Expiry;
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_gateway::screening::refused_arguments;
use toolgate_gateway::store::{Item, Name, Placed, Room};

use crate::State;
use crate::change::{Change, Unfit, bounded};
use crate::entry::Entry;
use crate::shelf::Shelf;

/// How often something is tried again that somebody else was quicker at.
const TRIES: u32 = 12;
/// The most that waits between two tries.
const PAUSE: Duration = Duration::from_millis(40);
/// A read moves the end of a value once this part of its time is gone: not every read is a write.
const WORTH_MOVING: u64 = 10;

/// A value as it was found, with the version that the store gave it.
pub(crate) struct Found {
    pub(crate) entry: Entry,
    stored: u64,
}

impl State {
    pub(crate) async fn create(
        &self,
        shelf: &Shelf,
        value: Value,
        label: Option<String>,
    ) -> Result<(Name, Entry), Fault> {
        self.fits(&value)?;
        let handle = Name::drawn()
            .map_err(|error| Fault::new(Reason::Internal, "no randomness").because(error))?;
        let now = Timestamp::now().millis();
        let mut entry = Entry::new(shelf, handle, now, value);
        entry.label = label;
        entry.ends = now.saturating_add(self.ttl());
        match self.place(shelf, handle, &entry, 0).await? {
            Placed::Kept => Ok((handle, entry)),
            Placed::Full => Err(self.full()),
            Placed::Changed => Err(Fault::new(Reason::Internal, "a handle was drawn twice")),
        }
    }

    /// The value under a handle, which thereby lasts longer where that is the rule.
    pub(crate) async fn get(&self, shelf: &Shelf, handle: Name) -> Result<Entry, Fault> {
        let Found { mut entry, stored } = self.find(shelf, handle).await?;
        let (now, ttl) = (Timestamp::now().millis(), self.ttl());
        let gone = now.saturating_add(ttl).saturating_sub(entry.ends);
        if self.rules.expiry == Expiry::Sliding && gone > ttl / WORTH_MOVING {
            let ends = std::mem::replace(&mut entry.ends, now.saturating_add(ttl));
            // Whoever changed it meanwhile moved its end too; the value was read in any case.
            let moved = self.place(shelf, handle, &entry, stored).await;
            if !matches!(moved, Ok(Placed::Kept)) {
                entry.ends = ends;
            }
        }
        Ok(entry)
    }

    /// Changes a value: what others do at the same time is neither lost nor lost by it.
    pub(crate) async fn update(
        &self,
        shelf: &Shelf,
        handle: Name,
        expected: Option<u64>,
        change: &Change,
    ) -> Result<Entry, Fault> {
        for attempt in 0..TRIES {
            let Found { mut entry, stored } = self.find(shelf, handle).await?;
            self.is_expected(&entry, expected)?;
            entry.value =
                change.apply(entry.value, self.most()).map_err(|unfit| self.unfit(&unfit))?;
            self.fits(&entry.value)?;
            entry.version += 1;
            entry.changed = Timestamp::now().millis();
            if self.rules.expiry == Expiry::Sliding {
                entry.ends = entry.changed.saturating_add(self.ttl());
            }
            match self.place(shelf, handle, &entry, stored).await? {
                Placed::Kept => return Ok(entry),
                Placed::Full => return Err(self.full()),
                Placed::Changed => pause(attempt, handle).await,
            }
        }
        Err(self.crowded())
    }

    pub(crate) async fn delete(
        &self,
        shelf: &Shelf,
        handle: Name,
        expected: Option<u64>,
    ) -> Result<(), Fault> {
        for attempt in 0..TRIES {
            let Found { entry, stored } = self.find(shelf, handle).await?;
            self.is_expected(&entry, expected)?;
            if self.keeping.remove(&shelf.0, handle, stored).await? {
                return Ok(());
            }
            pause(attempt, handle).await;
        }
        Err(self.crowded())
    }

    pub(crate) async fn find(&self, shelf: &Shelf, handle: Name) -> Result<Found, Fault> {
        let kept = self.keeping.find(&shelf.0, handle).await?;
        let found = kept.and_then(|kept| {
            let entry = Entry::open(&self.keys, shelf, handle, &kept.text)?;
            Some(Found { entry, stored: kept.version })
        });
        found.ok_or_else(|| self.absent())
    }

    async fn place(
        &self,
        shelf: &Shelf,
        handle: Name,
        entry: &Entry,
        version: u64,
    ) -> Result<Placed, Fault> {
        let left = entry.ends.saturating_sub(Timestamp::now().millis());
        let text = entry.seal(&self.keys);
        let lasting = Duration::from_millis(left);
        let limits = &self.rules.limits;
        let room = Room { count: limits.count, bytes: limits.bytes.bytes() };
        let item = Item { name: handle, version, text: &text, lasting };
        self.keeping.place(&shelf.0, &item, room).await
    }

    /// Milliseconds that a value is kept.
    fn ttl(&self) -> u64 {
        u64::try_from(self.rules.ttl.duration().as_millis()).unwrap_or(u64::MAX)
    }

    fn most(&self) -> usize {
        self.rules.limits.value.bytes()
    }

    fn fits(&self, value: &Value) -> Result<(), Fault> {
        bounded(value, self.most()).map_err(|unfit| self.unfit(&unfit))?;
        match &self.schema {
            Some(schema) => schema
                .check(value.to_string().as_bytes())
                .map_err(|hints| refused_arguments(&hints)),
            None => Ok(()),
        }
    }

    fn is_expected(&self, entry: &Entry, expected: Option<u64>) -> Result<(), Fault> {
        let Some(expected) = expected.filter(|expected| *expected != entry.version) else {
            return Ok(());
        };
        let (noun, version) = (&self.words.noun, entry.version);
        let get = &self.words.get;
        let text = format!(
            "nothing was changed: the {noun} is at version {version} by now, not {expected}; read \
             it with {get}, make your change to what it is now, and send expected_version {version}"
        );
        let hint = format!(
            r#"[{{"path":"/expected_version","problem":"is not the version of now","expected":"{version}"}}]"#
        );
        Err(Fault::new(Reason::Arguments, text).with_hints(hint))
    }

    fn absent(&self) -> Fault {
        let (noun, list) = (&self.words.noun, &self.words.list);
        let text = format!(
            "there is no {noun} under this handle; it may have expired or been deleted; {list} \
             shows those that are there"
        );
        Fault::new(Reason::Arguments, text)
    }

    fn unfit(&self, Unfit(why): &Unfit) -> Fault {
        let text = format!("nothing was changed: {why}");
        Fault::new(Reason::Arguments, text)
    }

    fn full(&self) -> Fault {
        let limits = &self.rules.limits;
        let text = format!(
            "nothing was changed: {} {} or {} of them are the most that are kept; delete one with \
             {} that is not needed any more",
            limits.count, self.words.several, limits.bytes, self.words.delete
        );
        Fault::new(Reason::QuotaExceeded, text)
    }

    fn crowded(&self) -> Fault {
        let text =
            format!("others change this {} all the time; nothing was changed", self.words.noun);
        Fault::new(Reason::Overloaded, text).retry_after(Duration::from_secs(1))
    }
}

/// Longer with each try, and not for everybody as long.
async fn pause(attempt: u32, handle: Name) {
    let salt = Name::drawn().unwrap_or(handle).bytes().first().copied().unwrap_or_default();
    let most = PAUSE.min(Duration::from_millis(1 << attempt.min(6)));
    tokio::time::sleep(most * u32::from(salt) / 255).await;
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use serde_json::json;
    use toolgate_gateway::config::State as Rules;
    use toolgate_gateway::seal::Keyring;
    use toolgate_gateway::store::{Keeping, Memory, Shared, Waits};

    /// Two replicas on one store.
    fn replicas(rules: &Value) -> [Arc<State>; 2] {
        let memory = Arc::new(Memory::default());
        let rules: Rules = serde_json::from_value(rules.clone()).unwrap();
        [0, 1].map(|_| {
            let waits = Waits { timeout: Duration::from_secs(5), local: false };
            let store = Arc::new(Shared::new(memory.clone(), waits));
            let keys = Arc::new(Keyring::new([&b"the key of a test"[..]]).unwrap());
            let keeping = Arc::new(Keeping::of(Some(store)));
            Arc::new(State::new("s", &rules, keys, keeping).unwrap())
        })
    }

    fn shelf() -> Shelf {
        Shelf("ada".to_owned())
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn of_changes_at_the_same_time_none_is_lost() {
        let replicas = replicas(&json!({}));
        let (handle, _) = replicas[0].create(&shelf(), json!({}), None).await.unwrap();

        let changes = (0..40).map(|n| {
            let state = replicas[n % 2].clone();
            tokio::spawn(async move {
                let change = Change::Merge(json!({ format!("k{n}"): n }));
                loop {
                    match state.update(&shelf(), handle, None, &change).await {
                        Ok(_) => return,
                        Err(fault) => assert_eq!(fault.reason, Reason::Overloaded, "{fault}"),
                    }
                }
            })
        });
        for change in changes.collect::<Vec<_>>() {
            change.await.unwrap();
        }

        let entry = replicas[1].get(&shelf(), handle).await.unwrap();
        assert_eq!((entry.version, entry.value.as_object().unwrap().len()), (41, 40));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn of_those_who_expect_the_same_version_one_succeeds() {
        let replicas = replicas(&json!({}));
        let (handle, _) = replicas[0].create(&shelf(), json!(0), None).await.unwrap();

        let changes = (0..20).map(|n| {
            let state = replicas[n % 2].clone();
            tokio::spawn(async move {
                state.update(&shelf(), handle, Some(1), &Change::Whole(json!(n))).await.is_ok()
            })
        });
        let mut succeeded = 0;
        for change in changes.collect::<Vec<_>>() {
            succeeded += usize::from(change.await.unwrap());
        }

        assert_eq!(succeeded, 1);
        let late = replicas[0].delete(&shelf(), handle, Some(1)).await.unwrap_err();
        assert!(late.message.contains("expected_version 2"), "{late}");
    }

    #[tokio::test]
    async fn a_handle_on_another_shelf_is_like_none_at_all() {
        let [state, _] = replicas(&json!({}));
        let (handle, _) = state.create(&shelf(), json!("secret"), None).await.unwrap();
        let (other, nowhere) = (Shelf("bob".to_owned()), Name::of("t", &["nowhere"]));
        let change = Change::Merge(json!(null));

        let told = [
            state.get(&other, handle).await.unwrap_err(),
            state.get(&other, nowhere).await.unwrap_err(),
            state.update(&other, handle, Some(7), &change).await.unwrap_err(),
            state.delete(&other, handle, Some(7)).await.unwrap_err(),
        ];
        for fault in &told[1..] {
            assert_eq!(fault.tool_result(""), told[0].tool_result(""));
        }
        assert!(state.get(&shelf(), handle).await.is_ok(), "nothing happened to it");
    }

    #[tokio::test]
    async fn no_more_is_kept_than_the_limits_say() {
        let limits = json!({ "count": 3, "value": "1KiB", "bytes": "4KiB" });
        let [state, _] = replicas(&json!({ "limits": limits }));
        let text = |size: usize| json!("x".repeat(size));
        let (handle, _) = state.create(&shelf(), text(1000), None).await.unwrap();
        state.create(&shelf(), text(1000), None).await.unwrap();

        let large = state.create(&shelf(), text(1023), None).await.unwrap_err();
        assert!(large.message.contains("1024 are the most"), "{large}");
        let third = state.create(&shelf(), text(1000), None).await.unwrap_err();
        assert_eq!(third.reason, Reason::QuotaExceeded, "of bytes: {third}");
        state.create(&shelf(), text(1), None).await.unwrap();
        state.update(&shelf(), handle, Some(1), &Change::Whole(text(1))).await.unwrap();
        let fourth = state.create(&shelf(), text(1), None).await.unwrap_err();
        assert_eq!(fourth.reason, Reason::QuotaExceeded, "of values: {fourth}");
    }
}
