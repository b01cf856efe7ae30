//! One who changes a folder at a time, among all processes that share it, and a note that they leave
//! each other.

use std::io::{self, Read as _, Seek as _, Write as _};
use std::time::{Duration, Instant};

use cap_std::fs::{File, OpenOptions, OpenOptionsExt as _};
use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;

use crate::source::Source;

/// The file with the note. Like everything of this beginning it is never served, and does not count.
const NOTE: &str = ".toolgate-ledger";
/// The longest note that is read.
const LONGEST: u64 = 4096;
/// Between two attempts to get a lock.
const PAUSE: Duration = Duration::from_millis(5);

/// The right to change a folder, until it is dropped. Where the file system knows no locks there is
/// nothing to wait for.
pub struct Lock(File);

impl Source {
    /// Waits for the right to change the folder.
    ///
    /// # Errors
    /// `TimedOut` if somebody else had it for all this time; or what the system says.
    pub fn lock(&self, patience: Duration) -> io::Result<Lock> {
        let file = self.writable()?.open(".")?;
        acquire(&file, patience)?;
        Ok(Lock(file))
    }

    /// The same, with the note.
    ///
    /// # Errors
    /// `TimedOut` if somebody else had it for all this time; or what the system says.
    pub fn lock_noted(&self, patience: Duration) -> io::Result<Lock> {
        let mut options = OpenOptions::new();
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        options.read(true).write(true).create(true).custom_flags(flags.bits().cast_signed());
        let file = self.writable()?.open_with(NOTE, &options)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other(format!("{NOTE} is no file")));
        }
        acquire(&file, patience)?;
        Ok(Lock(file))
    }
}

impl Lock {
    /// The note, empty if there is none.
    ///
    /// # Errors
    /// What the system says.
    pub fn note(&mut self) -> io::Result<String> {
        let mut note = Vec::new();
        self.0.rewind()?;
        (&self.0).take(LONGEST).read_to_end(&mut note)?;
        Ok(String::from_utf8(note).unwrap_or_default())
    }

    /// Leaves another note. One that is cut off by a crash is for its reader to notice.
    ///
    /// # Errors
    /// What the system says.
    pub fn leave(&mut self, note: &str) -> io::Result<()> {
        self.0.set_len(0)?;
        self.0.rewind()?;
        self.0.write_all(note.as_bytes())
    }
}

fn acquire(file: &File, patience: Duration) -> io::Result<()> {
    let begun = Instant::now();
    loop {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(()),
            Err(Errno::WOULDBLOCK) if begun.elapsed() < patience => std::thread::sleep(PAUSE),
            Err(Errno::WOULDBLOCK) => return Err(io::ErrorKind::TimedOut.into()),
            Err(Errno::INTR) => {}
            // Such file systems are shared without our help. NFS takes directories for unlockable.
            Err(Errno::NOTSUP | Errno::NOSYS | Errno::INVAL | Errno::NOLCK | Errno::BADF) => {
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::Usage;

    #[test]
    fn one_has_it_at_a_time_and_the_next_one_reads_the_note() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Source::open(folder.path()).unwrap();
        let (one, other) = (open(), open());

        let mut first = one.lock_noted(Duration::ZERO).unwrap();
        assert_eq!(first.note().unwrap(), "");
        first.leave("a longer note").unwrap();
        first.leave("a note").unwrap();
        let late = other.lock_noted(Duration::from_millis(20)).err().unwrap();
        drop(first);

        assert_eq!(late.kind(), io::ErrorKind::TimedOut);
        assert_eq!(other.lock_noted(Duration::ZERO).unwrap().note().unwrap(), "a note");
        assert_eq!(other.usage().unwrap(), Usage::default(), "it does not count");
        let held = one.lock(Duration::ZERO).unwrap();
        assert!(other.lock(Duration::ZERO).is_err());
        drop(held);
        assert!(other.lock(Duration::ZERO).is_ok());
    }

    #[test]
    fn a_link_in_the_place_of_the_note_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("theirs"), "theirs").unwrap();
        std::os::unix::fs::symlink("theirs", folder.path().join(NOTE)).unwrap();

        assert!(Source::open(folder.path()).unwrap().lock_noted(Duration::ZERO).is_err());
    }
}
