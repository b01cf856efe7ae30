//! A folder that is in use: nobody removes it before the last who holds it has let go.
//!
//! Servers of several settings keep theirs side by side: those of other processes, and during a reload
//! the one that serves and the one that is to take over, which may never come to it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

/// The file in the folder that is locked: shared by those who use it, alone by the one who removes it.
const LOCK: &str = "held";
/// How often a folder that is being removed is asked for again, and the pauses between.
const ATTEMPTS: usize = 100;
const PAUSE: Duration = Duration::from_millis(20);

/// The leave to use a folder; it ends with the process at the latest.
pub(crate) struct Held(#[expect(dead_code, reason = "held for what dropping it does")] File);

impl Held {
    /// Makes the folder unless it is there, and holds it.
    ///
    /// # Errors
    /// When it cannot be made, or is being removed and does not go.
    pub(crate) fn make(folder: &Path) -> io::Result<Held> {
        for _ in 0..ATTEMPTS {
            if let Some(held) = Held::attempt(folder)? {
                return Ok(held);
            }
            std::thread::sleep(PAUSE);
        }
        Err(io::Error::new(io::ErrorKind::ResourceBusy, "somebody is removing it"))
    }

    fn attempt(folder: &Path) -> io::Result<Option<Held>> {
        fs::create_dir_all(folder)?;
        let path = folder.join(LOCK);
        let file = match open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        match file.try_lock_shared() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Ok(None),
            Err(fs::TryLockError::Error(error)) => return Err(error),
        }
        Ok(is_at(&file, &path)?.then_some(Held(file)))
    }
}

/// Removes a folder unless somebody holds it.
///
/// # Errors
/// When it cannot be removed, or not wholly.
pub(crate) fn remove(folder: &Path) -> io::Result<()> {
    let path = folder.join(LOCK);
    let removed = open(&path).and_then(|file| match file.try_lock() {
        // Somebody else was faster, and a third one may have begun anew.
        Ok(()) if !is_at(&file, &path)? => Ok(()),
        Ok(()) => {
            clear(folder)?;
            // Last of all: until then nobody begins anew in what is half gone. Whoever does so from
            // here on has a folder that is not empty, which stays.
            fs::remove_file(&path)?;
            match fs::remove_dir(folder) {
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
                removed => removed,
            }
        }
        Err(fs::TryLockError::WouldBlock) => Ok(()),
        Err(fs::TryLockError::Error(error)) => Err(error),
    });
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Removes all that is in a folder, and goes on holding it.
///
/// # Errors
/// When something cannot be removed.
pub(crate) fn clear(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => fs::remove_dir_all(entry.path())?,
            false if entry.file_name() == LOCK => {}
            false => fs::remove_file(entry.path())?,
        }
    }
    Ok(())
}

/// Whether a file is there still: a lock on one that was removed keeps nobody out.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let there = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        there => there?,
    };
    let file = file.metadata()?;
    Ok((there.dev(), there.ino()) == (file.dev(), file.ino()))
}

fn open(lock: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(lock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_goes_once_nobody_holds_it() {
        let scene = tempfile::tempdir().unwrap();
        let folder = scene.path().join("folder");
        let (one, other) = (Held::make(&folder).unwrap(), Held::make(&folder).unwrap());
        fs::write(folder.join("file"), "text").unwrap();

        for holder in [one, other] {
            remove(&folder).unwrap();
            assert!(folder.join("file").exists());
            drop(holder);
        }
        remove(&folder).unwrap();

        assert!(!folder.exists());
        remove(&folder).unwrap();
        assert!(!folder.exists(), "asked for again it is not made");
    }

    #[test]
    fn whoever_opens_a_folder_that_is_removed_time_and_again_has_it_whole() {
        let scene = tempfile::tempdir().unwrap();
        let folder = scene.path().join("folder");
        std::thread::scope(|threads| {
            let remover = threads.spawn(|| (0..2000).try_for_each(|_| remove(&folder)));

            while !remover.is_finished() {
                let held = Held::make(&folder).unwrap();
                let file = folder.join("file");
                fs::write(&file, "text").unwrap();
                std::thread::yield_now();
                assert_eq!(fs::read_to_string(&file).unwrap(), "text");
                drop(held);
            }

            remover.join().unwrap().unwrap();
        });
    }
}
