//! Vectors on disk and in memory: what an endpoint made once is not asked for again.
//!
//! A log beside the index, of one entry a document: its version, its vectors, and a hash of both. An
//! entry that a crash cut off, and what follows it, does not count and is written over. What nobody
//! needs any more goes when it is most of the file: another file is written and renamed. One process
//! writes at a time, for as long as it holds a lock; others read what it has written.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::held::{self, Held};
use crate::index::{others, version};

/// What the file begins with; the number counts up with every change of what follows.
const MAGIC: &[u8; 8] = b"TGVECT\x00\x01";
/// Of an entry, in bytes: the version of the document, and how many vectors it has.
const ENTRY_HEAD: usize = 12;
/// Of the head and of each entry, in bytes: the hash at its end.
const HASH: usize = 8;
/// Of the file, in bytes: `MAGIC`, how many numbers a vector has, and the hash of both.
const HEAD: usize = 12 + HASH;
/// The most numbers of a vector, more than any model makes.
pub(super) const DIMENSIONS: usize = 8192;
/// More passages than any document has.
const MOST: usize = 4096;
/// Bytes of vectors in memory. Documents beyond are ranked by words alone.
const LARGEST: usize = 1 << 30;
/// A file below this is not worth writing anew, in bytes.
const SMALL: u64 = 1 << 20;

/// The vectors of documents, by the versions of these.
pub(crate) struct Vectors {
    folder: PathBuf,
    /// The folder of this model among those of others.
    name: String,
    /// Held while the file is read or written.
    disk: Mutex<Disk>,
    /// Held for moments only: searches read it.
    memory: RwLock<Memory>,
    _held: Held,
}

/// The file that was read, and up to where it is sound, in bytes.
#[derive(Default)]
struct Disk {
    inode: u64,
    read: u64,
}

/// What is in memory.
#[derive(Default)]
struct Memory {
    kept: HashMap<u64, Arc<[f32]>>,
    dimensions: Option<usize>,
    /// Bytes of the vectors.
    size: usize,
    /// Becomes another with every change.
    revision: u64,
}

/// The leave to write; it ends with the process at the latest.
pub(crate) struct Lock(#[expect(dead_code, reason = "held for what dropping it does")] File);

/// Why vectors are not kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotKept {
    /// There is no more room.
    #[error("vectors take {} MiB already, and no more are kept in memory", LARGEST >> 20)]
    Full,
    /// They cannot be held against the others.
    #[error(
        "the endpoint makes vectors of {found} numbers, and those of before have {kept} (give the model another name in semantic.model, or delete {})",
        folder.display()
    )]
    OtherLength { found: usize, kept: usize, folder: PathBuf },
    #[error("the vectors cannot be written: {0}")]
    Broken(#[from] io::Error),
}

impl Vectors {
    /// Opens the vectors that `making` made, in the folder of the index. They are read by
    /// [`Vectors::refresh`].
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(crate) fn open(folder: &Path, making: &str) -> io::Result<Vectors> {
        let name = format!("vectors-{:016x}", version(making.as_bytes()));
        let held = Held::make(&folder.join(&name))?;
        Ok(Vectors {
            folder: folder.to_owned(),
            name,
            disk: Mutex::default(),
            memory: RwLock::default(),
            _held: held,
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(&self.name).join(name)
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn memory(&self) -> RwLockReadGuard<'_, Memory> {
        self.memory.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn memory_mut(&self) -> RwLockWriteGuard<'_, Memory> {
        self.memory.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many numbers each has; `None` while there are none.
    pub(crate) fn dimensions(&self) -> Option<usize> {
        self.memory().dimensions
    }

    /// Becomes another with every change.
    pub(crate) fn revision(&self) -> u64 {
        self.memory().revision
    }

    /// The vectors of those of these documents that have some.
    pub(crate) fn of<T>(&self, documents: Vec<(T, u64)>) -> Vec<(T, Arc<[f32]>)> {
        let memory = self.memory();
        let with = |(document, version)| Some((document, memory.kept.get(&version)?.clone()));
        documents.into_iter().filter_map(with).collect()
    }

    /// Those of these documents that have no vectors.
    pub(crate) fn lacking<T>(&self, mut documents: Vec<(T, u64)>) -> Vec<(T, u64)> {
        let memory = self.memory();
        documents.retain(|(_, version)| !memory.kept.contains_key(version));
        documents
    }

    /// The leave to write; `None` while another process has it, or another server of this one.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(crate) fn lock(&self) -> io::Result<Option<Lock>> {
        let file = OpenOptions::new().create(true).append(true).open(self.path("lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock(file))),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }

    /// Reads what was written since the last time, by whomever.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn refresh(&self) -> io::Result<()> {
        self.read(&mut self.disk())
    }

    fn read(&self, disk: &mut Disk) -> io::Result<()> {
        let file = match File::open(self.path("log")) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if disk.inode != 0 {
                    *disk = Disk::default();
                    self.memory_mut().forget();
                }
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let about = file.metadata()?;
        let is_another = about.ino() != disk.inode || about.len() < disk.read;
        let from = if is_another { 0 } else { disk.read };
        (&file).seek(SeekFrom::Start(from))?;
        let mut rest = BufReader::new(file.take(about.len() - from));
        let dimensions = match from {
            0 => read_head(&mut rest)?,
            _ => self.memory().dimensions,
        };
        let mut read = if dimensions.is_some() { from.max(HEAD as u64) } else { 0 };
        let mut entries = Vec::new();
        if let Some(dimensions) = dimensions {
            let mut bytes = Vec::new();
            while let Some(entry) = read_entry(&mut rest, &mut bytes, dimensions)? {
                entries.push(entry);
                read += bytes.len() as u64;
            }
        }
        *disk = Disk { inode: about.ino(), read };
        let mut memory = self.memory_mut();
        if is_another {
            memory.forget();
        }
        memory.dimensions = dimensions;
        entries.into_iter().for_each(|(key, vectors)| memory.take(key, vectors));
        Ok(())
    }

    /// Keeps the vectors of some documents, one after the other for each; all have `dimensions`
    /// numbers, from 1 to [`DIMENSIONS`].
    ///
    /// # Errors
    /// When there is no room in memory or on disk, or others have another length.
    pub(crate) fn put(
        &self,
        _lock: &Lock,
        dimensions: usize,
        documents: Vec<(u64, Vec<f32>)>,
    ) -> Result<(), NotKept> {
        let mut disk = self.disk();
        self.read(&mut disk)?;
        let more: usize = documents.iter().map(|(_, vectors)| size_of_val(&**vectors)).sum();
        let (kept, size) = {
            let memory = self.memory();
            (memory.dimensions.unwrap_or(dimensions), memory.size)
        };
        if kept != dimensions {
            let folder = self.folder.join(&self.name);
            return Err(NotKept::OtherLength { found: dimensions, kept, folder });
        }
        if size + more > LARGEST {
            return Err(NotKept::Full);
        }
        let mut bytes = Vec::with_capacity(more + documents.len() * (ENTRY_HEAD + HASH));
        if disk.read == 0 {
            bytes.extend(head(dimensions));
        }
        documents.iter().for_each(|(key, vectors)| entry(&mut bytes, *key, vectors, dimensions));
        let path = self.path("log");
        let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        // What a crash cut off is there no more.
        file.set_len(disk.read)?;
        file.seek(SeekFrom::Start(disk.read))?;
        file.write_all(&bytes)?;
        file.sync_data()?;
        *disk = Disk { inode: file.metadata()?.ino(), read: disk.read + bytes.len() as u64 };
        let mut memory = self.memory_mut();
        memory.dimensions = Some(dimensions);
        documents.into_iter().for_each(|(key, vectors)| memory.take(key, vectors.into()));
        Ok(())
    }

    /// Forgets all documents but these, if that is worth writing a file, and the vectors of other
    /// models that nobody uses. A crash leaves the one or the other.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn keep_only(&self, _lock: &Lock, needed: &HashSet<u64>) -> io::Result<()> {
        for other in others(&self.folder, "vectors-", &self.name)? {
            held::remove(&other)?;
        }
        let mut disk = self.disk();
        self.read(&mut disk)?;
        let bytes = {
            let memory = self.memory();
            let Some(dimensions) = memory.dimensions else { return Ok(()) };
            let alive = memory.kept.iter().filter(|(key, _)| needed.contains(key));
            let size: usize = alive.clone().map(|(_, vectors)| size_of_val(&**vectors)).sum();
            if disk.read < SMALL || size as u64 > disk.read / 2 {
                return Ok(());
            }
            let mut bytes = head(dimensions);
            alive.for_each(|(key, vectors)| entry(&mut bytes, *key, vectors, dimensions));
            bytes
        };
        let next = self.path("log.next");
        let mut file = File::create(&next)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&next, self.path("log"))?;
        File::open(self.folder.join(&self.name))?.sync_all()?;
        self.read(&mut disk)
    }
}

impl Memory {
    fn take(&mut self, key: u64, vectors: Arc<[f32]>) {
        self.size += size_of_val(&*vectors);
        self.revision += 1;
        if let Some(before) = self.kept.insert(key, vectors) {
            self.size -= size_of_val(&*before);
        }
    }

    fn forget(&mut self) {
        *self = Memory { revision: self.revision + 1, ..Memory::default() };
    }
}

fn head(dimensions: usize) -> Vec<u8> {
    let dimensions = u32::try_from(dimensions).unwrap_or_default();
    let mut head = [MAGIC.as_slice(), &dimensions.to_le_bytes()].concat();
    head.extend(version(&head).to_le_bytes());
    head
}

/// How many numbers a vector has, if the head is whole.
fn read_head(from: &mut impl Read) -> io::Result<Option<usize>> {
    let mut bytes = Vec::new();
    from.by_ref().take(HEAD as u64).read_to_end(&mut bytes)?;
    let dimensions = bytes.get(MAGIC.len()..MAGIC.len() + 4).and_then(|it| it.first_chunk());
    let dimensions = dimensions.map(|it| u32::from_le_bytes(*it) as usize);
    Ok(dimensions.filter(|it| (1..=DIMENSIONS).contains(it) && head(*it) == bytes))
}

fn entry(bytes: &mut Vec<u8>, key: u64, vectors: &[f32], dimensions: usize) {
    let begin = bytes.len();
    let count = u32::try_from(vectors.len() / dimensions).unwrap_or_default();
    bytes.extend(key.to_le_bytes());
    bytes.extend(count.to_le_bytes());
    bytes.extend(vectors.iter().flat_map(|number| number.to_le_bytes()));
    let hash = version(&bytes[begin..]);
    bytes.extend(hash.to_le_bytes());
}

/// The next entry, if it is whole; `bytes` becomes what it is in the file.
fn read_entry(
    from: &mut impl Read,
    bytes: &mut Vec<u8>,
    dimensions: usize,
) -> io::Result<Option<(u64, Arc<[f32]>)>> {
    bytes.clear();
    from.by_ref().take(ENTRY_HEAD as u64).read_to_end(bytes)?;
    let Some((key, count)) = bytes.split_first_chunk::<8>() else { return Ok(None) };
    let (key, Some(count)) = (u64::from_le_bytes(*key), count.first_chunk::<4>()) else {
        return Ok(None);
    };
    let count = u32::from_le_bytes(*count) as usize;
    if count > MOST {
        return Ok(None);
    }
    let size = ENTRY_HEAD + count * dimensions * size_of::<f32>();
    from.by_ref().take((size - ENTRY_HEAD + HASH) as u64).read_to_end(bytes)?;
    let (entry, hash) = bytes.split_at(size.min(bytes.len()));
    if hash.len() < HASH || hash != version(entry).to_le_bytes() {
        return Ok(None);
    }
    let (numbers, _) = entry[ENTRY_HEAD..].as_chunks::<4>();
    Ok(Some((key, numbers.iter().map(|it| f32::from_le_bytes(*it)).collect())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(folder: &Path) -> Vectors {
        let vectors = Vectors::open(folder, "model").unwrap();
        vectors.refresh().unwrap();
        vectors
    }

    fn put(vectors: &Vectors, documents: &[(u64, &[f32])]) {
        let lock = vectors.lock().unwrap().unwrap();
        let documents = documents.iter().map(|(key, numbers)| (*key, numbers.to_vec()));
        vectors.put(&lock, 2, documents.collect()).unwrap();
    }

    /// The keys of 0 to 9 that have vectors, with these.
    fn kept(vectors: &Vectors) -> Vec<(u64, Vec<f32>)> {
        let kept = vectors.of((0..10).map(|key| (key, key)).collect());
        kept.into_iter().map(|(key, vectors)| (key, vectors.to_vec())).collect()
    }

    #[test]
    fn vectors_are_there_again_and_for_others() {
        let folder = tempfile::tempdir().unwrap();
        let (vectors, other) = (open(folder.path()), open(folder.path()));

        put(&vectors, &[(1, &[1.0, 0.0]), (2, &[0.0, 1.0, 0.6, 0.8])]);
        other.refresh().unwrap();
        put(&other, &[(3, &[])]);
        put(&vectors, &[(1, &[0.0, 1.0])]);

        let all = [(1, vec![0.0, 1.0]), (2, vec![0.0, 1.0, 0.6, 0.8]), (3, vec![])];
        assert_eq!(kept(&vectors), all);
        assert_eq!(kept(&open(folder.path())), all);
        assert_eq!(open(folder.path()).dimensions(), Some(2));
        let another = Vectors::open(folder.path(), "another").unwrap();
        another.refresh().unwrap();
        assert!(kept(&another).is_empty());
    }

    #[test]
    fn whatever_a_crash_leaves_of_a_file_is_read_up_to_there_and_gone_on_with() {
        let folder = tempfile::tempdir().unwrap();
        let vectors = open(folder.path());
        put(&vectors, &[(1, &[1.0, 0.0]), (2, &[0.0, 1.0])]);
        let whole = fs::read(vectors.path("log")).unwrap();
        let first = HEAD + ENTRY_HEAD + 8 + HASH;

        for length in (0..whole.len()).step_by(3) {
            // Of what was not written yet, some file systems keep zeros.
            for tail in [&[][..], &[0; 40]] {
                fs::write(vectors.path("log"), [&whole[..length], tail].concat()).unwrap();
                let again = open(folder.path());
                let expected: &[_] = if length < first { &[] } else { &[(1, vec![1.0, 0.0])] };
                assert_eq!(kept(&again), expected, "{length}");
                put(&again, &[(3, &[0.6, 0.8])]);
                let last = kept(&open(folder.path())).pop();
                assert_eq!(last, Some((3, vec![0.6, 0.8])), "{length}");
            }
        }
    }

    #[test]
    fn an_entry_that_was_damaged_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let vectors = open(folder.path());
        put(&vectors, &[(1, &[1.0, 0.0])]);
        let mut bytes = fs::read(vectors.path("log")).unwrap();
        bytes[HEAD + ENTRY_HEAD + 3] ^= 1;
        fs::write(vectors.path("log"), bytes).unwrap();

        assert!(kept(&open(folder.path())).is_empty());
    }

    #[test]
    fn one_writes_at_a_time_and_all_of_one_length() {
        let folder = tempfile::tempdir().unwrap();
        let (vectors, other) = (open(folder.path()), open(folder.path()));

        let lock = vectors.lock().unwrap().unwrap();
        assert!(other.lock().unwrap().is_none());
        vectors.put(&lock, 2, vec![(1, vec![1.0, 0.0])]).unwrap();
        let error = vectors.put(&lock, 3, vec![(2, vec![1.0, 0.0, 0.0])]).unwrap_err();
        drop(lock);

        assert!(error.to_string().contains("of 3 numbers, and those of before have 2"), "{error}");
        assert!(other.lock().unwrap().is_some());
    }

    #[test]
    fn what_is_not_needed_goes_when_it_is_most_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let before = Vectors::open(folder.path(), "before").unwrap();
        let (vectors, other) = (open(folder.path()), open(folder.path()));
        let lock = vectors.lock().unwrap().unwrap();
        let large = vec![0.5; 40 * DIMENSIONS];
        let small = vec![0.25; DIMENSIONS];
        vectors.put(&lock, DIMENSIONS, vec![(1, large), (2, small.clone())]).unwrap();
        other.refresh().unwrap();

        vectors.keep_only(&lock, &HashSet::from([1, 2])).unwrap();
        assert_eq!(kept(&vectors).len(), 2, "all of it is needed");
        let model = before.path("");
        assert!(model.exists(), "the vectors of another model, which are in use");
        drop(before);
        vectors.keep_only(&lock, &HashSet::from([2])).unwrap();
        other.refresh().unwrap();

        assert_eq!(kept(&vectors), [(2, small)]);
        assert_eq!(kept(&other), kept(&vectors));
        assert!(fs::metadata(vectors.path("log")).unwrap().len() < SMALL / 10);
        assert!(!model.exists(), "the vectors of another model");
    }
}
