//! The documents of one folder, and the thread that keeps the index as the folder is.
//!
//! The folder is looked at, not listened to: mounted ones change without an event, and a look that
//! finds nothing costs one `stat` for each file. The more files there are the rarer are the looks,
//! so that they take a twentieth of one processor at most.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, mpsc};
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};
use toolgate_folder::{Place, Source};
use toolgate_gateway::config::{Knowledge, Language};
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_hosted::{Change, Changes};

use crate::article::Format;
use crate::index::{Filed, Index, Known, Stamp, version};
use crate::look::{Before, is_young, seen, stamp};
use crate::read::{PdfReader, Unreadable, read};
use crate::root::Root;
use crate::semantic::{Embedder, Semantic};
use crate::uris;

/// The shortest time between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// How much longer than a look the pause after it is.
const REST: u32 = 20;
/// Documents after which a long first reading commits what it has.
const BATCH: usize = 20_000;
/// Changed documents that are announced one by one.
const ANNOUNCED: usize = 50;

/// The documents of one folder.
pub(crate) struct Shelf {
    pub(crate) root: Root,
    pub(crate) rules: Knowledge,
    pub(crate) index: Index,
    /// Who ranks by meaning, where that is configured.
    pub(crate) semantic: Option<Arc<Semantic>>,
    pub(crate) changes: Changes,
    pdf: PdfReader,
    holdings: RwLock<Holdings>,
    /// Whether the folder was read once.
    read: watch::Sender<bool>,
    /// Whether all of it was looked at since this began.
    looked: AtomicBool,
    /// How often the index became another, or was found to be as the folder is for the first time.
    commits: watch::Sender<u64>,
    ended: AtomicBool,
    /// Whether the last look failed.
    failing: AtomicBool,
}

/// What there is, as of the last commit.
#[derive(Default)]
pub(crate) struct Holdings {
    pub(crate) known: BTreeMap<Place, Known>,
    pub(crate) languages: Vec<Language>,
}

/// Places to be looked at now, and who waits for that.
pub(crate) struct Errand {
    pub(crate) place: Place,
    pub(crate) done: oneshot::Sender<Result<(), String>>,
}

impl Shelf {
    /// Opens a folder with its index; nothing is read yet.
    ///
    /// # Errors
    /// When either cannot be opened.
    pub(crate) fn open(
        rules: Knowledge,
        folder: &std::path::Path,
        pdf: PdfReader,
        embedder: Option<Arc<dyn Embedder>>,
    ) -> Result<Shelf, String> {
        let shown = |path: &std::path::Path, error: io::Error| {
            format!("cannot open {}: {error}", path.display())
        };
        let root = Root::open(&rules.root).map_err(|error| shown(&rules.root, error))?;
        let unusable = |error: io::Error| {
            format!("{} (knowledge.index says where the index is)", shown(folder, error))
        };
        let index = Index::open(folder, &rules).map_err(unusable)?;
        let semantic = match rules.semantic.as_ref().zip(embedder) {
            Some((rules, embedder)) => {
                Some(Arc::new(Semantic::open(folder, rules, embedder).map_err(unusable)?))
            }
            None => None,
        };
        let shelf = Shelf {
            root,
            rules,
            index,
            semantic,
            changes: Changes::default(),
            pdf,
            holdings: RwLock::default(),
            read: watch::Sender::new(false),
            looked: AtomicBool::new(false),
            commits: watch::Sender::new(0),
            ended: AtomicBool::new(false),
            failing: AtomicBool::new(false),
        };
        shelf.recall().map_err(|error| format!("cannot read the index: {error}"))?;
        let is_empty = shelf.holdings().known.is_empty();
        shelf.read.send_replace(!is_empty);
        Ok(shelf)
    }

    /// What there is.
    pub(crate) fn holdings(&self) -> RwLockReadGuard<'_, Holdings> {
        self.holdings.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is something to search in, now or when the folder was read.
    pub(crate) fn is_read(&self) -> watch::Receiver<bool> {
        self.read.subscribe()
    }

    /// Tells of every time that the index becomes another, or is found to be as the folder is.
    pub(crate) fn commits(&self) -> watch::Receiver<u64> {
        self.commits.subscribe()
    }

    /// Whether the index has been held against all of the folder.
    pub(crate) fn has_looked(&self) -> bool {
        self.looked.load(Ordering::Relaxed)
    }

    /// Why there is nothing to search in yet.
    pub(crate) fn unread(&self) -> Fault {
        let message = match self.failing.load(Ordering::Relaxed) {
            true => "the articles cannot be read at present; the log of the gateway says why",
            false => "the articles are being read for the first time",
        };
        Fault::new(Reason::Overloaded, message).unsent()
    }

    /// Ends the thread after what it is at.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Keeps the index as the folder is, until nobody can send an errand any more.
    pub(crate) fn keep(self: &Arc<Self>, errands: &mpsc::Receiver<Errand>) {
        let mut before = Before::default();
        let mut rest = Duration::ZERO;
        let mut told = false;
        loop {
            match errands.recv_timeout(rest) {
                Ok(Errand { place, done }) => {
                    let _ = done.send(self.look_at(&place));
                    continue;
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
                Err(mpsc::RecvTimeoutError::Timeout) => {}
            }
            if self.has_ended() {
                return;
            }
            // Again and again: one that a reload takes over from is in use for a while yet.
            if let Err(error) = self.index.tidy()
                && !std::mem::replace(&mut told, true)
            {
                tracing::warn!(%error, "an index of another making stays");
            }
            match self.look(&mut before) {
                Ok(took) => {
                    if !self.looked.swap(true, Ordering::Relaxed) {
                        self.commits.send_modify(|count| *count += 1);
                    }
                    self.failing.store(false, Ordering::Relaxed);
                    self.read.send_if_modified(|read| !std::mem::replace(read, true));
                    rest = LOOK.max(took * REST);
                }
                Err(_) if self.has_ended() => return,
                Err(error) => {
                    self.failing.store(true, Ordering::Relaxed);
                    tracing::warn!(
                        error,
                        "the folder could not be indexed; the last state is served"
                    );
                    rest = LOOK * REST;
                }
            }
        }
    }

    /// Looks at one place, which somebody just wrote.
    fn look_at(&self, place: &Place) -> Result<(), String> {
        let source = self.root.current().map_err(unread)?;
        let entry = match source.file(place) {
            Ok(_) => {
                let entries = source.entries(&place.parent()).unwrap_or_default();
                entries.into_iter().find(|entry| entry.name == place.name())
            }
            Err(_) => None,
        };
        let stamp = entry.and_then(|entry| stamp(&entry.kind));
        let (changed, gone) = match stamp {
            Some(stamp) => (vec![(place.clone(), stamp)], Vec::new()),
            None => (Vec::new(), vec![place.clone()]),
        };
        self.apply(&source, changed, gone)?;
        // While another process writes the index, it is for the next look.
        let is_known = self.holdings().known.get(place).map(|known| known.stamp) == stamp;
        if is_known { Ok(()) } else { Err("the index is being written".to_owned()) }
    }

    /// Looks at everything, and reads what is not as it was. Tells how long the look alone took.
    fn look(&self, before: &mut Before) -> Result<Duration, String> {
        let begun = Instant::now();
        let source = self.root.current().map_err(unread)?;
        let ended = || self.has_ended();
        let (seen, kept) = seen(&source, before, &ended).map_err(unread)?;
        let young = &mut before.young;
        let took = begun.elapsed();
        let (changed, gone) = {
            let known = &self.holdings().known;
            let is_new = |(place, stamp): &(&Place, &Stamp)| match known.get(*place) {
                Some(known) if known.stamp == Stamp::UNREAD => source.file(place).is_ok(),
                Some(known) => known.stamp != **stamp || young.contains_key(*place),
                None => true,
            };
            let changed = seen.iter().filter(is_new).map(|(place, stamp)| (place.clone(), *stamp));
            let stays = |place: &Place| kept.iter().any(|folder| folder.contains(place));
            let gone = known.keys().filter(|place| !seen.contains_key(*place) && !stays(place));
            let gone = gone.cloned();
            (changed.collect::<Vec<_>>(), gone.collect::<Vec<_>>())
        };
        *young = changed.iter().filter(|(_, stamp)| is_young(*stamp)).cloned().collect();
        if !changed.is_empty() || !gone.is_empty() {
            self.apply(&source, changed, gone)?;
        }
        Ok(took)
    }

    /// Reads what changed, and commits.
    fn apply(
        &self,
        source: &Source,
        changed: Vec<(Place, Stamp)>,
        gone: Vec<Place>,
    ) -> Result<(), String> {
        let failed = |error: tantivy::TantivyError| match self.index.try_writing() {
            Ok(()) => format!("the index cannot be written: {error}"),
            Err(why) => {
                format!("the index cannot be written: {why} (knowledge.index says where it is)")
            }
        };
        let Some(mut writer) = self.index.writer().map_err(failed)? else {
            // Another process, or the one that this takes over from, keeps the same index.
            self.index.refresh().map_err(failed)?;
            return self.recall().map_err(failed);
        };
        let mut written = Written::default();
        for place in gone {
            self.index.remove(&writer, &place);
            written.documents.push((place, None));
        }
        let several = changed.len() > BATCH;
        for (place, stamp) in changed {
            if self.has_ended() {
                break;
            }
            let known = self.holdings().known.get(&place).cloned();
            let mut filed = self.file(source, &place, stamp);
            let category =
                filed.content.as_ref().ok().and_then(|article| article.category.as_deref());
            let next = Known {
                stamp: filed.stamp,
                version: filed.version,
                category: category.map(Arc::from),
                readable: filed.content.is_ok(),
            };
            if known.as_ref().is_some_and(|known| known.version == filed.version) {
                written.untouched.push((place, next));
                continue;
            }
            if let Err(Unreadable(reason)) = &filed.content {
                tracing::warn!(id = %place, reason, "a document cannot be read");
            }
            self.index.put(&writer, &place, &mut filed).map_err(failed)?;
            for loss in filed.content.iter().flat_map(|article| &article.losses) {
                tracing::warn!(id = %place, loss, "a document has not all of its file");
            }
            written.documents.push((place, Some(next)));
            if several && written.documents.len() % BATCH == 0 {
                writer.commit().map_err(failed)?;
            }
        }
        if !written.documents.is_empty() {
            writer.commit().map_err(failed)?;
        }
        self.index.refresh().map_err(failed)?;
        self.publish(written).map_err(failed)?;
        // Segments that are put together meanwhile are not worth a failure.
        if let Err(error) = writer.wait_merging_threads() {
            tracing::warn!(%error, "parts of the index could not be put together");
        }
        Ok(())
    }

    fn file(&self, source: &Source, place: &Place, stamp: Stamp) -> Filed {
        let unreadable = |reason: String| Filed {
            stamp,
            version: version(format!("{stamp:?} {reason}").as_bytes()),
            content: Err(Unreadable(reason)),
        };
        let unread = |filed: Filed| Filed { stamp: Stamp::UNREAD, ..filed };
        let limit = self.rules.limits.file;
        let bytes = match source.file(place) {
            Ok(file) => {
                let most = limit.bytes() as u64;
                let mut bytes = Vec::new();
                match file.bytes.take(most + 1).read_to_end(&mut bytes) {
                    Ok(_) if bytes.len() as u64 > most => {
                        return unreadable(format!("it is larger than {limit}"));
                    }
                    Ok(_) => bytes,
                    Err(error) => {
                        return unread(unreadable(format!("the file cannot be read: {error}")));
                    }
                }
            }
            Err(error) => {
                return unread(unreadable(format!("the file cannot be opened: {error}")));
            }
        };
        let content = match Format::of(place.name()) {
            Some(format) => read(place, format, &bytes, &self.rules, &self.pdf),
            None => Err(Unreadable("it is of no known format".to_owned())),
        };
        Filed { stamp, version: version(&bytes), content }
    }

    /// Takes over what the index says of the last commit.
    fn recall(&self) -> tantivy::Result<()> {
        let known = self.index.known()?;
        let languages = self.languages()?;
        *self.holdings.write().unwrap_or_else(PoisonError::into_inner) =
            Holdings { known, languages };
        self.commits.send_modify(|count| *count += 1);
        Ok(())
    }

    fn languages(&self) -> tantivy::Result<Vec<Language>> {
        let mut languages = self.index.languages()?;
        languages.insert(self.rules.language);
        Ok(languages.into_iter().collect())
    }

    /// Shows what was committed, and tells who listens.
    fn publish(&self, written: Written) -> tantivy::Result<()> {
        let languages = self.languages()?;
        let mut events = Vec::new();
        {
            let mut holdings = self.holdings.write().unwrap_or_else(PoisonError::into_inner);
            holdings.languages = languages;
            for (place, known) in written.untouched {
                holdings.known.insert(place, known);
            }
            let mut list = false;
            for (place, next) in written.documents {
                let updated = Change::Updated(uris::article(&place));
                let stays = next.is_some();
                let before = match next {
                    Some(next) => holdings.known.insert(place, next),
                    None => holdings.known.remove(&place),
                };
                list |= before.is_some() != stays;
                if before.is_some() && events.len() < ANNOUNCED {
                    events.push(updated);
                }
            }
            if list {
                events.push(Change::Resources);
                events.push(Change::Updated(uris::CATEGORIES.to_owned()));
            }
        }
        self.commits.send_modify(|count| *count += 1);
        events.into_iter().for_each(|event| self.changes.announce(event));
        Ok(())
    }
}

/// What one commit is made of.
#[derive(Default)]
struct Written {
    /// Documents that are new or gone.
    documents: Vec<(Place, Option<Known>)>,
    /// Files that were written as they had been.
    untouched: Vec<(Place, Known)>,
}

fn unread(error: io::Error) -> String {
    format!("the folder cannot be read: {error}")
}
