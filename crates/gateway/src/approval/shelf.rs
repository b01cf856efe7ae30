//! Where calls wait: in this process, or where every replica sees them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::sealed::Sealed;
use super::table::{Entries, Pending};
use crate::call::Caller;
use crate::clock::Timestamp;
use crate::fault::{Fault, Reason};
use crate::seal::{Keyring, Purpose};
use crate::store::{Item, Name, Shared};

/// What they are called in a store.
const SHELF: &str = "approvals";
/// More than the configuration allows.
const MOST: usize = 100_000;
/// How often something is tried again that another replica was quicker at.
const TRIES: usize = 5;
/// How long after its end something is still there, for whoever records that it ended.
const AFTERWARDS: Duration = Duration::from_secs(600);

/// Calls that wait for somebody other than their caller.
#[derive(Default)]
pub struct Table {
    own: Mutex<Entries>,
    elsewhere: Option<Elsewhere>,
}

struct Elsewhere {
    store: Arc<Shared>,
    keys: Arc<Keyring>,
}

impl Table {
    /// One that all replicas share, sealed with the keys that they share.
    pub(super) fn shared(store: Arc<Shared>, keys: Arc<Keyring>) -> Table {
        Table { elsewhere: Some(Elsewhere { store, keys }), ..Table::default() }
    }

    /// The calls that this person may decide on: those of the same tenant.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn list(&self, person: &Caller, now: Timestamp) -> Result<Vec<Pending>, Fault> {
        self.with(now, |all| all.list(person, now)).await
    }

    /// Does something with all of them, at once: where others change them meanwhile it is done anew,
    /// with what is there then.
    ///
    /// # Errors
    /// The store does not answer, or others were quicker each time.
    pub(super) async fn with<T>(
        &self,
        now: Timestamp,
        act: impl Fn(&mut Entries) -> T,
    ) -> Result<T, Fault> {
        match &self.elsewhere {
            None => Ok(act(&mut self.own.lock().unwrap_or_else(PoisonError::into_inner))),
            Some(elsewhere) => elsewhere.with(now, act).await,
        }
    }
}

impl Elsewhere {
    async fn with<T>(&self, now: Timestamp, act: impl Fn(&mut Entries) -> T) -> Result<T, Fault> {
        for _ in 0..TRIES {
            let (mut all, before) = self.load().await?;
            let outcome = act(&mut all);
            if self.keep(&all, before, now).await? {
                return Ok(outcome);
            }
        }
        let text = "others decide on the same calls at this moment, so nothing was changed";
        Err(Fault::new(Reason::Overloaded, text).retry_after(Duration::from_secs(1)))
    }

    /// All of them, and what they were.
    async fn load(&self) -> Result<(Entries, HashMap<Box<str>, Before>), Fault> {
        let kept = self.store.list(SHELF, MOST).await.map_err(|away| self.store.fault(away))?;
        let (mut all, mut before) = (Entries::default(), HashMap::new());
        for kept in kept {
            // Sealed with a key that is gone: nobody can be shown it, and it ends by itself.
            let Some(sealed) = self.keys.open::<Sealed>(Purpose::Approval, &kept.text) else {
                continue;
            };
            let (id, entry) = sealed.clone().open();
            before.insert(id.clone(), Before { sealed, version: kept.version });
            all.0.insert(id, entry);
        }
        Ok((all, before))
    }

    /// Keeps what changed. False if another replica changed the same.
    async fn keep(
        &self,
        all: &Entries,
        mut before: HashMap<Box<str>, Before>,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let (mut is_kept, store) = (true, &self.store);
        for (id, entry) in &all.0 {
            let (sealed, known) = (Sealed::of(id, entry), before.remove(id));
            if known.as_ref().is_some_and(|known| known.sealed == sealed) {
                continue;
            }
            let text = self.keys.seal(Purpose::Approval, &sealed);
            let left = entry.ends.saturating_sub(now.seconds());
            let lasting = Duration::from_secs(left).saturating_add(AFTERWARDS);
            let version = known.map_or(0, |known| known.version);
            let item = Item { name: name(id), version, text: &text, lasting };
            is_kept &= store.put(SHELF, &item).await.map_err(|away| store.fault(away))?;
        }
        for (id, gone) in before {
            let removed = store.remove(SHELF, name(&id), gone.version).await;
            is_kept &= removed.map_err(|away| store.fault(away))?;
        }
        Ok(is_kept)
    }
}

/// An entry as it was found.
struct Before {
    sealed: Sealed,
    version: u64,
}

fn name(id: &str) -> Name {
    Name::of("approval", &[id])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approval::table::{Decided, Standing, Wish};
    use crate::config::Approvals as Rules;
    use crate::store::{Memory, Waits};
    use crate::testing::caller;

    fn wish() -> Wish {
        Wish {
            caller: caller("ada"),
            server: "crm".into(),
            tool: "delete".into(),
            arguments: r#"{"secret":"7f3a9c"}"#.to_owned(),
            digest: "d".to_owned(),
            version: "v".into(),
            questions: vec!["sure?".into()],
        }
    }

    fn replicas() -> (Arc<Memory>, [Table; 2]) {
        let memory = Arc::new(Memory::default());
        let waits = Waits { timeout: Duration::from_secs(5), local: false };
        let table = || {
            let store = Arc::new(Shared::new(memory.clone(), waits));
            let keys = Keyring::new([&b"the key of a test"[..]]).unwrap();
            Table::shared(store, Arc::new(keys))
        };
        let both = [table(), table()];
        (memory, both)
    }

    #[tokio::test]
    async fn what_is_asked_at_one_replica_is_decided_at_another_and_used_once() {
        let (memory, [a, b]) = replicas();
        let (rules, bob, now) = (Rules::default(), caller("bob"), Timestamp::from_seconds(100));
        let claimed = a.with(now, |all| all.claim(wish(), &rules, now)).await.unwrap().unwrap();
        let Standing::Waiting { id, new: true } = claimed else { panic!("{claimed:?}") };
        let kept = crate::store::Backend::list(&*memory, SHELF, 10).await.unwrap();
        assert!(!kept[0].text.contains("7f3a9c"), "sealed");

        let shown = b.list(&bob, now).await.unwrap();
        assert_eq!((shown.len(), &shown[0].id, &*shown[0].subject), (1, &id, "ada"));
        let decided = b.with(now, |all| all.decide(&id, &caller("ada"), true, &rules, now)).await;
        assert_eq!(decided.unwrap(), Decided::Own);
        let decided = b.with(now, |all| all.decide(&id, &bob, true, &rules, now)).await;
        assert_eq!(decided.unwrap(), Decided::Done);

        let wish = wish();
        let (one, other) = tokio::join!(
            a.with(now, |all| all.take(&wish, now)),
            b.with(now, |all| all.take(&wish, now))
        );
        let taken = [one.unwrap(), other.unwrap()];
        assert_eq!(taken.iter().flatten().count(), 1, "{taken:?}");
    }
}
