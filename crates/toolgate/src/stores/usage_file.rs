//! What was used, in a file: counted in memory, written whole now and then and at the end.
//!
//! A crash loses what was counted since the last writing, and nothing else: the file is replaced
//! by a finished one. Who reads it sees it as it was or as it is.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use toolgate_gateway::call::Boxed;
use toolgate_gateway::clock::Timestamp;
use toolgate_gateway::usage::{Amount, Claim, Counter, Denied, Memory, Store};

/// The content of the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u32,
    entries: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    #[serde(flatten)]
    counter: Counter,
    used: Amount,
}

/// A store in a file.
pub struct UsageFile {
    memory: Memory,
    path: PathBuf,
    keep_days: u32,
    changed: AtomicBool,
    /// Whether the last writing failed. Until one succeeds nothing is claimed: what is not kept
    /// would be given away twice.
    failing: AtomicBool,
    /// Held for as long as we write the file: a second process would undo what we count.
    _lock: File,
}

/// Reads the counters of a file.
///
/// # Errors
/// One sentence: it cannot be read, or holds something else.
pub fn read(path: &Path) -> Result<Vec<(Counter, Amount)>, String> {
    let text = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let content: Content = serde_json::from_slice(&text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        format!("{}: line {line} column {column}: not what toolgate keeps usage in", path.display())
    })?;
    if content.version != 1 {
        return Err(format!("{}: made by a newer version (update toolgate)", path.display()));
    }
    Ok(content.entries.into_iter().map(|entry| (entry.counter, entry.used)).collect())
}

impl UsageFile {
    /// Goes on from what the file holds, or begins one, and writes it every `save`.
    ///
    /// # Errors
    /// One sentence: it cannot be read or written, or another process writes it.
    pub fn open(path: &Path, save: Duration, keep_days: u32) -> Result<Arc<UsageFile>, String> {
        let failed = |error: io::Error| format!("{}: {error}", path.display());
        let lock = lock(path).map_err(failed)?.ok_or_else(|| {
            format!("{}: another process writes it (give each its own file)", path.display())
        })?;
        let kept = match path.try_exists().map_err(failed)? {
            true => read(path)?,
            false => Vec::new(),
        };
        let file = Arc::new(UsageFile {
            memory: Memory::of(kept),
            path: path.to_owned(),
            keep_days,
            changed: AtomicBool::new(false),
            failing: AtomicBool::new(false),
            _lock: lock,
        });
        // What cannot be written is noticed now, not after the first crash.
        file.write().map_err(failed)?;
        tokio::spawn(save_again(Arc::downgrade(&file), save));
        Ok(file)
    }

    fn write(&self) -> io::Result<()> {
        // Before the copy is made: what is counted from here on is written next time.
        self.changed.store(false, Ordering::Release);
        let written = self.replace();
        if written.is_err() {
            self.changed.store(true, Ordering::Release);
        }
        self.failing.store(written.is_err(), Ordering::Release);
        written
    }

    fn replace(&self) -> io::Result<()> {
        let entries = self.memory.snapshot().into_iter();
        let entries = entries.map(|(counter, used)| Entry { counter, used }).collect();
        let text = serde_json::to_vec(&Content { version: 1, entries })?;
        let next = beside(&self.path, ".new");
        // It says who works how much: nobody else's business.
        let options =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&next);
        let mut file = options?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&next, &self.path)?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

/// Writes what has changed, for as long as anybody counts.
async fn save_again(file: Weak<UsageFile>, save: Duration) {
    let mut ticks = tokio::time::interval(save);
    loop {
        ticks.tick().await;
        let Some(file) = file.upgrade() else { return };
        if file.changed.load(Ordering::Acquire) || file.failing.load(Ordering::Acquire) {
            let _ = file.prune(Timestamp::now(), file.keep_days).await;
            let saved = tokio::task::spawn_blocking(move || file.write()).await;
            if let Ok(Err(error)) = saved {
                tracing::error!(%error, "what was used cannot be written; calls under a quota are refused");
            }
        }
    }
}

/// `None` when another process holds it.
fn lock(path: &Path) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).mode(0o600);
    let file = file.open(beside(path, ".lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    path.with_file_name(name)
}

impl Store for UsageFile {
    fn claim<'a>(&'a self, claims: &'a [Claim], amount: Amount) -> Boxed<'a, Result<(), Denied>> {
        if self.failing.load(Ordering::Acquire) {
            let error = format!("{} cannot be written", self.path.display());
            return Box::pin(std::future::ready(Err(Denied::Unavailable(error))));
        }
        self.changed.store(true, Ordering::Release);
        self.memory.claim(claims, amount)
    }

    fn add<'a>(&'a self, used: &'a [(Counter, Amount)]) -> Boxed<'a, Result<(), String>> {
        let added = self.memory.add(used);
        self.changed.store(true, Ordering::Release);
        added
    }

    fn read<'a>(&'a self, counter: &'a Counter) -> Boxed<'a, Result<Amount, String>> {
        self.memory.read(counter)
    }

    fn all(&self) -> Boxed<'_, Result<Vec<(Counter, Amount)>, String>> {
        self.memory.all()
    }

    fn prune(&self, now: Timestamp, keep: u32) -> Boxed<'_, Result<(), String>> {
        self.changed.store(true, Ordering::Release);
        self.memory.prune(now, keep)
    }

    fn flush(&self) -> Boxed<'_, Result<(), String>> {
        // At the end of the process, when nobody is kept waiting.
        Box::pin(std::future::ready(self.write().map_err(|error| error.to_string())))
    }
}

#[cfg(test)]
mod tests {
    use toolgate_gateway::usage::{Every, Most, Period, What, conformance};

    use super::*;

    const NEVER: Duration = Duration::from_secs(3600);

    fn claims(most: u64) -> [Claim; 1] {
        let what = What::Quota { name: "free".into(), of: "ada".into() };
        let counter = Counter { period: Period::of(Every::Month, Timestamp::now()), what };
        [Claim { counter, most: Most { calls: Some(most), ..Most::default() } }]
    }

    #[tokio::test]
    async fn a_file_is_a_store() {
        let folder = tempfile::tempdir().unwrap();
        let file = UsageFile::open(&folder.path().join("usage.json"), NEVER, 92).unwrap();

        conformance::run(&*file).await;
    }

    #[tokio::test]
    async fn what_was_counted_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("usage.json");
        let file = UsageFile::open(&path, NEVER, 92).unwrap();
        assert_eq!(file.claim(&claims(2), Amount::call(1)).await, Ok(()));
        file.flush().await.unwrap();
        drop(file);

        let file = UsageFile::open(&path, NEVER, 92).unwrap();

        assert_eq!(file.claim(&claims(2), Amount::call(1)).await, Ok(()));
        assert_eq!(file.claim(&claims(2), Amount::call(1)).await, Err(Denied::UsedUp(0)));
    }

    #[tokio::test]
    async fn two_processes_do_not_write_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("usage.json");
        let first = UsageFile::open(&path, NEVER, 92).unwrap();

        let second = UsageFile::open(&path, NEVER, 92).err().unwrap();

        assert!(second.contains("another process"), "{second}");
        drop(first);
        UsageFile::open(&path, NEVER, 92).unwrap();
    }

    #[tokio::test]
    async fn what_cannot_be_kept_is_not_given_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep").join("usage.json");
        std::fs::create_dir(path.parent().unwrap()).unwrap();
        let file = UsageFile::open(&path, NEVER, 92).unwrap();
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();

        assert!(file.flush().await.is_err());

        let denied = file.claim(&claims(2), Amount::call(1)).await;
        assert!(matches!(denied, Err(Denied::Unavailable(_))), "{denied:?}");
        std::fs::create_dir(path.parent().unwrap()).unwrap();
        file.flush().await.unwrap();
        assert_eq!(file.claim(&claims(2), Amount::call(1)).await, Ok(()));
    }

    #[tokio::test]
    async fn a_file_that_holds_something_else_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("usage.json");
        for text in ["", "{", r#"{"version":2,"entries":[]}"#, r#"{"version":1,"entries":[1]}"#] {
            std::fs::write(&path, text).unwrap();
            assert!(UsageFile::open(&path, NEVER, 92).is_err(), "{text}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }
}
