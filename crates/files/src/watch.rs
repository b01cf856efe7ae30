//! Who listens is told what changed.
//!
//! Folders are looked at, not listened to: mounted ones change without an event, and a look goes
//! through the same capability as everything else. Somebody looks only while somebody listens, once for
//! all who see the same folder; what changed several times between two looks is told once.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{OnceCell, Semaphore};
use tokio::task::AbortHandle;
use toolgate_folder::{Bounds, End, Kind, Place, Walk};
use toolgate_hosted::{Change, Changes};

use crate::address::BASE;
use crate::roots::{Names, Root};

/// The shortest time between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// How much longer than a look the pause after it is, so that it takes a twentieth of one processor.
const REST: u32 = 20;
/// How long nobody has to listen until nobody looks.
const GRACE: Duration = Duration::from_secs(60);
/// Looks at the same time, however many callers listen; more wait.
const AT_ONCE: usize = 2;
/// What is looked at at most; beyond that only our own changes are told.
const BOUNDS: Bounds = Bounds { entries: 1_000_000, time: Duration::from_secs(60) };

/// A folder that is watched: the number of its root, and whose it is.
pub(crate) type Key = (usize, Names);

/// Files and folders with what tells that they changed.
type Seen = BTreeMap<Place, Option<(u64, Option<SystemTime>)>>;

/// The folders that are watched.
#[derive(Debug)]
pub(crate) struct Watches {
    all: Mutex<BTreeMap<Key, Arc<Watch>>>,
    looks: Arc<Semaphore>,
}

impl Default for Watches {
    fn default() -> Watches {
        Watches { all: Mutex::default(), looks: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

#[derive(Debug)]
struct Watch {
    root: Arc<Root>,
    names: Names,
    changes: Changes,
    /// Whether there was a first look.
    begun: OnceCell<()>,
    state: Mutex<State>,
    looking: Mutex<Option<AbortHandle>>,
}

#[derive(Debug)]
struct State {
    seen: Option<Arc<Seen>>,
    /// What we changed ourselves: it may look the same.
    touched: BTreeSet<Place>,
    /// When somebody last asked to listen.
    asked: Instant,
}

impl Watches {
    /// What is announced of a folder, from now on.
    pub(crate) async fn watch(self: &Arc<Self>, key: Key, root: &Arc<Root>) -> Changes {
        let watch = self.begun(key, root);
        // Whatever changes after this is found by the next look.
        watch.begun.get_or_init(|| async { drop(self.look(&watch).await) }).await;
        watch.changes.clone()
    }

    /// Something of ours changed there.
    pub(crate) fn touched(&self, key: &Key, place: &Place) {
        if let Some(watch) = self.all().get(key) {
            watch.state().touched.insert(place.clone());
        }
    }

    /// Nobody looks any more.
    pub(crate) fn end(&self) {
        for watch in std::mem::take(&mut *self.all()).into_values() {
            watch.end();
        }
    }

    fn begun(self: &Arc<Self>, key: Key, root: &Arc<Root>) -> Arc<Watch> {
        let mut all = self.all();
        if let Some(watch) = all.get(&key) {
            watch.state().asked = Instant::now();
            return watch.clone();
        }
        let state = State { seen: None, touched: BTreeSet::new(), asked: Instant::now() };
        let watch = Arc::new(Watch {
            root: root.clone(),
            names: key.1.clone(),
            changes: Changes::default(),
            begun: OnceCell::new(),
            state: Mutex::new(state),
            looking: Mutex::default(),
        });
        let looking = tokio::spawn(self.clone().keep(key.clone(), watch.clone())).abort_handle();
        *watch.looking.lock().unwrap_or_else(PoisonError::into_inner) = Some(looking);
        all.insert(key, watch.clone());
        watch
    }

    /// Looks until nobody listens.
    async fn keep(self: Arc<Self>, key: Key, watch: Arc<Watch>) {
        let mut rest = LOOK;
        loop {
            tokio::time::sleep(rest).await;
            if self.is_over(&key, &watch) {
                return;
            }
            rest = match self.look(&watch).await {
                Ok(took) => LOOK.max(took * REST),
                Err(error) => {
                    tracing::warn!(%error, root = %watch.root.at, "changes of a folder cannot be told");
                    LOOK * REST
                }
            };
        }
    }

    fn is_over(&self, key: &Key, watch: &Watch) -> bool {
        let mut all = self.all();
        // Under the lock nobody can begin to listen.
        let is_over = !watch.changes.is_heard() && watch.state().asked.elapsed() > GRACE;
        if is_over {
            all.remove(key);
        }
        is_over
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<Key, Arc<Watch>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at a folder when it is its turn. How long that took.
    async fn look(&self, watch: &Arc<Watch>) -> io::Result<Duration> {
        let turn = self.looks.clone().acquire_owned().await.map_err(io::Error::other)?;
        let watch = watch.clone();
        let look = tokio::task::spawn_blocking(move || {
            let _until_done = turn;
            watch.look()
        });
        look.await.map_err(io::Error::other)?
    }
}

impl Watch {
    /// Looks at the folder, and announces what is not as it was.
    fn look(&self) -> io::Result<Duration> {
        let begun = Instant::now();
        let seen = self.seen().inspect_err(|_| self.announce_touched())?;
        let (took, seen) = (begun.elapsed(), Arc::new(seen));
        let (before, touched) = {
            let mut state = self.state();
            (state.seen.replace(seen.clone()), std::mem::take(&mut state.touched))
        };
        if let Some(before) = before {
            self.announce(&before, &seen, &touched);
        }
        Ok(took)
    }

    /// What we changed ourselves is told also where nobody can look.
    fn announce_touched(&self) {
        let touched = std::mem::take(&mut self.state().touched);
        if !touched.is_empty() {
            self.changes.announce(Change::Resources);
        }
        for place in touched {
            self.announce_updated(&place);
        }
    }

    fn seen(&self) -> io::Result<Seen> {
        let mut seen = Seen::new();
        // A caller has a folder when the caller first writes.
        let Some(source) = self.root.find(&self.names)? else { return Ok(seen) };
        let mut walk = Walk::within(&*source, true, None, BOUNDS);
        let end = walk.run(&Place::default(), &mut |_, place, entry| {
            let stamp = match entry.kind {
                Kind::File { size, modified } => Some((size, modified)),
                Kind::Folder { .. } => None,
            };
            seen.insert(place.clone(), stamp);
            ControlFlow::Continue(())
        })?;
        match end {
            End::Complete => Ok(seen),
            // What was not reached is not gone.
            End::Enough | End::Spent => Err(io::Error::other("there is too much in it")),
        }
    }

    fn announce(&self, before: &Seen, now: &Seen, touched: &BTreeSet<Place>) {
        let is_file = |place: &Place| {
            [before, now].iter().any(|seen| seen.get(place).is_some_and(Option::is_some))
        };
        let mut changed: BTreeSet<&Place> = touched.iter().collect();
        changed.extend(
            now.iter()
                .filter(|(place, stamp)| before.get(*place) != Some(stamp))
                .map(|(place, _)| place),
        );
        changed.extend(before.keys().filter(|place| !now.contains_key(*place)));
        changed.retain(|place| is_file(place));
        let is_listed = |seen: &Seen, place: &Place| seen.get(place).is_some_and(Option::is_some);
        if changed.iter().any(|place| is_listed(before, place) != is_listed(now, place)) {
            self.changes.announce(Change::Resources);
        }
        for place in changed {
            self.announce_updated(place);
        }
    }

    fn announce_updated(&self, place: &Place) {
        self.changes.announce(Change::Updated(self.root.at.place(place).uri(BASE)));
    }

    fn end(&self) {
        if let Some(looking) = self.looking.lock().unwrap_or_else(PoisonError::into_inner).take() {
            looking.abort();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
