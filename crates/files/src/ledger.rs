//! One change of a folder at a time, and how much is in it.
//!
//! What is in a folder with a quota is counted once and noted beside it, as every change of ours goes
//! through here, in whatever process; now and then it is counted anew, because others may change it
//! too. A folder has one ledger in a process, however many servers and configurations serve it, and one
//! lock among processes.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use toolgate_folder::{Lock, Place, Source, Usage};
use toolgate_gateway::config::FileQuota;
use toolgate_gateway::fault::Reason;

use crate::failure::Failure;
use crate::media::size;

/// How long other processes are waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a count holds.
const HOLDS: Duration = Duration::from_secs(60);
/// How much longer than counting took it holds at least.
const REST: u64 = 20;
/// What takes no longer may be counted again at once, in milliseconds.
const QUICK: u64 = 10;

/// The ledgers of this process, by device and inode.
static LEDGERS: Mutex<BTreeMap<(u64, u64), Weak<Ledger>>> = Mutex::new(BTreeMap::new());

/// Whose turn it is to change one folder, in this process.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<()>);

/// What is in a folder, as it is noted beside it.
#[derive(Debug, Serialize, Deserialize)]
struct Counted {
    bytes: u64,
    files: u64,
    /// When it was counted, in milliseconds since the epoch.
    at: u64,
    /// How long that took, in milliseconds.
    took: u64,
    /// A change failed since, of which a part may have been done: there is less, if anything.
    is_doubtful: bool,
}

/// A change of what is in a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) bytes: i64,
    pub(crate) files: i64,
}

/// The turn to change a folder. It ends when it is dropped.
pub(crate) struct Turn<'a> {
    lock: Lock,
    counted: Option<Counted>,
    source: &'a Source,
    quota: &'a FileQuota,
    _here: MutexGuard<'a, ()>,
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
    ///
    /// # Errors
    /// Another process has had it for too long; or what the system says.
    pub(crate) fn turn<'a>(
        &'a self,
        source: &'a Source,
        quota: &'a FileQuota,
        shown: &Place,
    ) -> Result<Turn<'a>, Failure> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::TimedOut => {
                let text = format!(
                    "{shown} cannot be changed now, as others change what is beside it; try again"
                );
                Failure::of(Reason::Overloaded, text)
            }
            _ => Failure::system(shown, "written", error),
        };
        let here = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (lock, counted) = if is_bounded(quota) {
            let mut lock = source.lock_noted(PATIENCE).map_err(failed)?;
            let note = lock.note().map_err(failed)?;
            // What is no note, as it was cut off by a crash, is as good as none.
            (lock, serde_json::from_str(&note).ok())
        } else {
            (source.lock(PATIENCE).map_err(failed)?, None)
        };
        Ok(Turn { lock, counted, source, quota, _here: here })
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
        if self.counted.is_some() {
            // Whoever comes after a crash counts anew.
            self.lock.leave("").map_err(|error| Failure::system(shown, "written", error))?;
        }
        let made = make(self.source);
        if let Some(counted) = &mut self.counted {
            // Fail closed: of a change that failed all that takes room may have been done, and nothing
            // that gives any.
            let done = if made.is_ok() { change } else { change.taken() };
            counted.is_doubtful |= made.is_err();
            Usage { bytes: counted.bytes, files: counted.files } = after(counted.usage(), done);
        }
        self.note();
        made
    }

    /// How much is in it.
    ///
    /// # Errors
    /// It cannot be counted.
    pub(crate) fn usage(&mut self) -> io::Result<Usage> {
        match &self.counted {
            Some(counted) if !counted.is_over() => Ok(counted.usage()),
            _ => self.count(),
        }
    }

    fn admit(&mut self, shown: &Place, change: Change) -> Result<(), Failure> {
        if !is_bounded(self.quota) || change.bytes <= 0 && change.files <= 0 {
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
        let (at, begun) = (now(), Instant::now());
        let usage = self.source.usage()?;
        let took = millis(begun.elapsed());
        let Usage { bytes, files } = usage;
        self.counted = Some(Counted { bytes, files, at, took, is_doubtful: false });
        self.note();
        Ok(usage)
    }

    /// Notes the count for whoever comes next. Without it they count anew.
    fn note(&mut self) {
        let note = self.counted.as_ref().and_then(|counted| serde_json::to_string(counted).ok());
        if let Some(note) = note
            && let Err(error) = self.lock.leave(&note)
        {
            tracing::warn!(%error, "what is in a folder cannot be noted");
        }
    }
}

impl Counted {
    fn usage(&self) -> Usage {
        Usage { bytes: self.bytes, files: self.files }
    }

    /// Whether to count anew.
    fn is_over(&self) -> bool {
        self.is_older_than(if self.is_doubtful { Duration::ZERO } else { HOLDS })
    }

    /// Whether it is so old, and counting again would not take too much of the time.
    fn is_older_than(&self, age: Duration) -> bool {
        let rest = if self.took <= QUICK { 0 } else { self.took.saturating_mul(REST) };
        let is_of_the_future = self.at > now().saturating_add(millis(HOLDS));
        is_of_the_future || now().saturating_sub(self.at) >= rest.max(millis(age))
    }
}

impl Change {
    /// What of it takes room.
    fn taken(self) -> Change {
        Change { bytes: self.bytes.max(0), files: self.files.max(0) }
    }
}

fn is_bounded(quota: &FileQuota) -> bool {
    quota.bytes.is_some() || quota.files.is_some()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
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
    use std::fs;
    use std::num::NonZero;

    use proptest::prelude::*;
    use toolgate_gateway::config::Size;

    use super::*;

    fn quota(bytes: u64, files: u64) -> FileQuota {
        let files = NonZero::new(files);
        FileQuota { bytes: Some(Size::kib(bytes)), files, ..FileQuota::default() }
    }

    fn place(path: &str) -> Place {
        Place::parse(path).unwrap()
    }

    #[test]
    fn what_is_used_and_left_is_said() {
        let usage = Usage { bytes: 3 << 10, files: 7 };
        let change = Change { bytes: 2 << 10, files: 1 };

        assert_eq!(
            full(&place("a.md"), &quota(4, 8), usage, change),
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

    #[test]
    fn a_count_is_kept_from_one_call_to_the_next_unless_it_was_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let (source, quota) = (Source::open(folder.path()).unwrap(), quota(4, 8));
        let files = || {
            let ledger = Ledger::default();
            ledger.turn(&source, &quota, &place("a.md")).unwrap().usage().unwrap().files
        };
        assert_eq!(files(), 0);

        fs::write(folder.path().join("a.md"), "not by us").unwrap();
        assert_eq!(files(), 0, "nothing was counted again");
        source.lock_noted(PATIENCE).unwrap().leave(r#"{"bytes":0,"files":0,"at":1"#).unwrap();

        assert_eq!(files(), 1);
    }

    /// Otherwise whoever makes changes fail has a large folder counted with each.
    #[test]
    fn a_change_that_fails_counts_as_done_until_counting_is_due() {
        let folder = tempfile::tempdir().unwrap();
        let (source, quota) = (Source::open(folder.path()).unwrap(), quota(4, 8));
        let ledger = Ledger::default();
        let mut turn = ledger.turn(&source, &quota, &place("a.md")).unwrap();
        let counted = Counted { bytes: 1024, files: 1, at: now(), took: 9000, is_doubtful: false };
        turn.counted = Some(counted);
        let fail = |_: &Source| Err(Failure::told("it did not work"));

        turn.change(&place("a.md"), Change { bytes: 1000, files: 1 }, fail).unwrap_err();
        turn.change(&place("a.md"), Change { bytes: -1000, files: -1 }, fail).unwrap_err();

        assert_eq!(turn.usage().unwrap(), Usage { bytes: 2024, files: 2 });
    }

    /// Two ledgers of one folder are what two processes have.
    #[test]
    fn a_quota_is_exact_among_processes() {
        let folder = tempfile::tempdir().unwrap();
        let quota = quota(10, 0);
        let work = |process: usize| {
            let (source, ledger) = (Source::open(folder.path()).unwrap(), Ledger::default());
            let write = |n: usize| {
                let place = place(&format!("{process}-{n}.md"));
                let mut turn = ledger.turn(&source, &quota, &place).unwrap();
                turn.change(&place, Change { bytes: 1024, files: 1 }, |source| {
                    source
                        .create(&place, &[b'x'; 1024])
                        .map_err(|error| Failure::system(&place, "written", error))
                })
            };
            (0..10).filter(|n| write(*n).is_ok()).count()
        };

        let written: usize = std::thread::scope(|scope| {
            let processes = [0, 1].map(|process| scope.spawn(move || work(process)));
            processes.map(|process| process.join().unwrap()).iter().sum()
        });

        assert_eq!(written, 10);
    }
}
