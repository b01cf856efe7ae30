//! One change of a folder at a time, and how much is in it.
//!
//! What is in a folder is counted once and kept, as every change of ours goes through here; now and
//! then it is counted anew, because others may change it too. A folder has one ledger in a process,
//! however many servers and configurations serve it.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use toolgate_folder::{Place, Source, Usage};
use toolgate_gateway::config::FileQuota;
use toolgate_gateway::fault::Reason;

use crate::failure::Failure;
use crate::media::size;

/// How long a count holds.
const HOLDS: Duration = Duration::from_secs(60);
/// How much longer than counting took it holds at least.
const REST: u32 = 20;

/// The ledgers of this process, by device and inode.
static LEDGERS: Mutex<BTreeMap<(u64, u64), Weak<Ledger>>> = Mutex::new(BTreeMap::new());

/// What is known of one folder.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    counted: Mutex<Option<Counted>>,
}

#[derive(Debug)]
struct Counted {
    usage: Usage,
    at: Instant,
    took: Duration,
}

/// A change of what is in a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) bytes: i64,
    pub(crate) files: i64,
}

/// The turn to change a folder. It ends when it is dropped.
pub(crate) struct Turn<'a> {
    counted: MutexGuard<'a, Option<Counted>>,
    source: &'a Source,
    quota: &'a FileQuota,
}

impl Ledger {
    /// That of a folder.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn of(source: &Source) -> io::Result<Arc<Ledger>> {
        let identity = source.identity()?;
        let mut ledgers = LEDGERS.lock().unwrap_or_else(PoisonError::into_inner);
        ledgers.retain(|_, ledger| ledger.strong_count() > 0);
        if let Some(ledger) = ledgers.get(&identity).and_then(Weak::upgrade) {
            return Ok(ledger);
        }
        let ledger = Arc::new(Ledger::default());
        ledgers.insert(identity, Arc::downgrade(&ledger));
        Ok(ledger)
    }

    /// Waits for the turn.
    pub(crate) fn turn<'a>(&'a self, source: &'a Source, quota: &'a FileQuota) -> Turn<'a> {
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        Turn { counted, source, quota }
    }
}

impl Turn<'_> {
    /// Makes a change if there is room for it.
    ///
    /// # Errors
    /// There is no room, or whatever `make` says.
    pub(crate) fn change(
        &mut self,
        shown: &Place,
        change: Change,
        make: impl FnOnce(&Source) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.admit(shown, change)?;
        let made = make(self.source);
        match (&made, self.counted.as_mut()) {
            (Ok(()), Some(counted)) => counted.usage = after(counted.usage, change),
            // A part of it may have been done.
            (Err(_), _) => *self.counted = None,
            (Ok(()), None) => {}
        }
        made
    }

    /// How much is in it.
    ///
    /// # Errors
    /// It cannot be counted.
    pub(crate) fn usage(&mut self) -> io::Result<Usage> {
        if let Some(counted) = self.counted.as_ref().filter(|counted| !counted.is_older_than(HOLDS))
        {
            return Ok(counted.usage);
        }
        self.count()
    }

    fn admit(&mut self, shown: &Place, change: Change) -> Result<(), Failure> {
        let is_bounded = self.quota.bytes.is_some() || self.quota.files.is_some();
        if !is_bounded || change.bytes <= 0 && change.files <= 0 {
            return Ok(());
        }
        let failed =
            |error| Failure::system(shown, "written, as what is there cannot be counted", error);
        let mut usage = self.usage().map_err(failed)?;
        if exceeds(self.quota, usage, change)
            && self.counted.as_ref().is_none_or(|counted| counted.is_older_than(Duration::ZERO))
        {
            // Others may have made room meanwhile.
            usage = self.count().map_err(failed)?;
        }
        if exceeds(self.quota, usage, change) {
            return Err(Failure::of(Reason::QuotaExceeded, full(shown, self.quota, usage, change)));
        }
        Ok(())
    }

    fn count(&mut self) -> io::Result<Usage> {
        let at = Instant::now();
        let usage = self.source.usage()?;
        *self.counted = Some(Counted { usage, at, took: at.elapsed() });
        Ok(usage)
    }
}

impl Counted {
    /// Whether it is so old, and counting again would not take too much of the time.
    fn is_older_than(&self, age: Duration) -> bool {
        self.at.elapsed() > age.max(self.took * REST)
    }
}

fn after(usage: Usage, change: Change) -> Usage {
    Usage {
        bytes: usage.bytes.saturating_add_signed(change.bytes),
        files: usage.files.saturating_add_signed(change.files),
    }
}

/// Whether a change makes too much of what it adds to.
fn exceeds(quota: &FileQuota, usage: Usage, change: Change) -> bool {
    let next = after(usage, change);
    let bytes = quota.bytes.is_some_and(|most| next.bytes > most.bytes() as u64);
    let files = quota.files.is_some_and(|most| next.files > most.get());
    bytes && change.bytes > 0 || files && change.files > 0
}

/// What is needed, used and left, in one sentence.
fn full(shown: &Place, quota: &FileQuota, usage: Usage, change: Change) -> String {
    let mut facts = Vec::new();
    if let Some(most) = quota.bytes {
        let most = most.bytes() as u64;
        let (needed, used) = (size(change.bytes.max(0).unsigned_abs()), size(usage.bytes));
        let left = size(most.saturating_sub(usage.bytes));
        facts.push(format!(
            "it needs {needed}, and of {} {used} are used and {left} left",
            size(most)
        ));
    }
    if let Some(most) = quota.files {
        let needed = change.files.max(0);
        let left = most.get().saturating_sub(usage.files);
        facts.push(format!(
            "it needs {needed} new files or folders, and of {most} {} are used and {left} left",
            usage.files
        ));
    }
    format!("there is no room for {shown}: {}; shorten or delete files first", facts.join("; "))
}

#[cfg(test)]
mod tests {
    use std::num::NonZero;

    use proptest::prelude::*;
    use toolgate_gateway::config::Size;

    use super::*;

    fn quota(bytes: u64, files: u64) -> FileQuota {
        let files = NonZero::new(files);
        FileQuota { bytes: Some(Size::kib(bytes)), files, ..FileQuota::default() }
    }

    #[test]
    fn what_is_used_and_left_is_said() {
        let usage = Usage { bytes: 3 << 10, files: 7 };
        let change = Change { bytes: 2 << 10, files: 1 };
        let place = Place::parse("a.md").unwrap();

        assert_eq!(
            full(&place, &quota(4, 8), usage, change),
            "there is no room for a.md: it needs 2.0 KiB, and of 4.0 KiB 3.0 KiB are used and 1.0 KiB left; \
             it needs 1 new files or folders, and of 8 7 are used and 1 left; shorten or delete files first"
        );
    }

    proptest! {
        #[test]
        fn what_shrinks_is_always_admitted_and_nothing_grows_beyond(
            bytes in 0..10_000_u64, files in 0..20_u64, more in -10_000..10_000_i64, new in -2..3_i64,
        ) {
            let (usage, change) = (Usage { bytes, files }, Change { bytes: more, files: new });
            let refused = exceeds(&quota(4, 8), usage, change);
            let next = after(usage, change);
            prop_assert!(!(refused && more <= 0 && new <= 0));
            if !refused {
                prop_assert!(more <= 0 || next.bytes <= 4096);
                prop_assert!(new <= 0 || next.files <= 8);
            }
        }
    }

    #[test]
    fn one_folder_has_one_ledger_however_it_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Source::open(folder.path()).unwrap();

        let (one, other) = (Ledger::of(&open()).unwrap(), Ledger::of(&open()).unwrap());

        assert!(Arc::ptr_eq(&one, &other));
    }
}
