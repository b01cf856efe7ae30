//! What one caller sees: the roots that are there for it, as one tree.

use std::io;
use std::sync::Arc;

use toolgate_folder::{Content, Entry, Kind, Listing, Place, Source};
use toolgate_gateway::call::Who;
use toolgate_gateway::fault::Reason;

use crate::failure::Failure;
use crate::names;
use crate::roots::{Names, Root};
use crate::watch::Watches;

/// The files of one caller.
pub(crate) struct View {
    mounts: Vec<Mount>,
    watches: Arc<Watches>,
}

/// A root at its place.
struct Mount {
    number: usize,
    root: Arc<Root>,
    names: Names,
    /// None while the caller has no folder yet.
    source: Option<Arc<Source>>,
    may_write: bool,
    may_delete: bool,
}

/// Where something is changed.
pub(crate) struct Spot {
    number: usize,
    names: Names,
    watches: Arc<Watches>,
    pub(crate) root: Arc<Root>,
    pub(crate) source: Arc<Source>,
    /// From the root.
    pub(crate) place: Place,
    /// As the caller calls it.
    pub(crate) shown: Place,
}

/// What a change is to do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Intent {
    Write,
    Delete,
}

impl View {
    /// The roots that are there for a caller. One that cannot be opened is not.
    pub(crate) fn of(roots: &[Arc<Root>], who: &Who, watches: &Arc<Watches>) -> View {
        let mut mounts = Vec::new();
        for (number, root) in roots.iter().enumerate() {
            let Some(names) = root.names(who) else { continue };
            let source = match root.find(&names) {
                Ok(source) => source,
                Err(error) => {
                    tracing::warn!(%error, root = %root.at, "the folder of a caller cannot be opened");
                    continue;
                }
            };
            mounts.push(Mount {
                number,
                root: root.clone(),
                names,
                source,
                may_write: root.may_write(&who.caller),
                may_delete: root.may_delete(&who.caller),
            });
        }
        View { mounts, watches: watches.clone() }
    }

    /// The root that a place is in, and where in it.
    fn mount(&self, place: &Place) -> Option<(&Mount, Place)> {
        self.mounts.iter().find_map(|mount| {
            let at = &mount.root.at;
            let is_in = at == place || at.contains(place);
            is_in.then(|| {
                (mount, place.names().skip(at.depth()).fold(Place::default(), |p, n| p.join(n)))
            })
        })
    }

    /// Whether the roots are folders of their own below the root of everything.
    fn is_above(&self, place: &Place) -> bool {
        place.is_root() && self.mounts.iter().all(|mount| !mount.root.at.is_root())
    }

    pub(crate) fn entries(&self, folder: &Place) -> io::Result<Vec<Entry>> {
        if self.is_above(folder) {
            let name = |mount: &Mount| mount.root.at.as_str().to_owned();
            let mut names: Vec<_> = self.mounts.iter().map(name).collect();
            names.sort_unstable();
            let entry = |name| Entry { name, kind: Kind::Folder { link: false } };
            return Ok(names.into_iter().map(entry).collect());
        }
        let (mount, place) = self.mount(folder).ok_or(io::ErrorKind::NotFound)?;
        match &mount.source {
            Some(source) => source.entries(&place),
            None if place.is_root() => Ok(Vec::new()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    pub(crate) fn file(&self, place: &Place) -> io::Result<Content> {
        let (mount, place) = self.mount(place).ok_or(io::ErrorKind::NotFound)?;
        mount.source.as_ref().ok_or(io::ErrorKind::NotFound)?.file(&place)
    }

    pub(crate) fn is_folder(&self, place: &Place) -> bool {
        if self.is_above(place) {
            return true;
        }
        let Some((mount, place)) = self.mount(place) else { return false };
        match &mount.source {
            Some(source) => source.is_folder(&place),
            None => place.is_root(),
        }
    }

    /// Whether a place may be written, as far as rules say.
    pub(crate) fn may_write(&self, place: &Place) -> bool {
        self.mount(place).is_some_and(|(mount, _)| mount.may_write)
    }

    /// The root of a place with its folder, if it has one yet; for what is told of it.
    pub(crate) fn root(&self, place: &Place) -> Option<(&Root, Option<&Arc<Source>>)> {
        self.mount(place).map(|(mount, _)| (&*mount.root, mount.source.as_ref()))
    }

    /// Where a change is to be made. The folder of a caller is made now if there is none yet.
    pub(crate) fn spot(&self, shown: &Place, intent: Intent) -> Result<Spot, Failure> {
        let Some((mount, place)) = self.mount(shown) else {
            let roots: Vec<_> = self.mounts.iter().map(|mount| mount.root.at.as_str()).collect();
            let roots = roots.join(", ");
            return Err(Failure::told(format!(
                "{shown} is in no folder that is served; paths begin with one of: {roots}"
            )));
        };
        let (may, done) = match intent {
            Intent::Write => (mount.may_write, "read only"),
            Intent::Delete => (mount.may_delete, "not to be deleted from"),
        };
        if !may {
            let at = &mount.root.at;
            let others: Vec<_> =
                self.mounts
                    .iter()
                    .filter(|mount| {
                        if intent == Intent::Write { mount.may_write } else { mount.may_delete }
                    })
                    .map(|mount| mount.root.at.as_str())
                    .collect();
            let way = if others.is_empty() {
                String::new()
            } else {
                format!("; not so: {}", others.join(", "))
            };
            return Err(Failure::of(Reason::Forbidden, format!("{at} is {done} for you{way}")));
        }
        if place.is_root() {
            return Err(Failure::told(format!("{shown} is a root itself; name something in it")));
        }
        let source = match &mount.source {
            Some(source) => source.clone(),
            None => mount
                .root
                .make(&mount.names)
                .map_err(|error| Failure::system(&mount.root.at, "made", error))?,
        };
        names::check_new(&source, &place)?;
        Ok(Spot {
            number: mount.number,
            names: mount.names.clone(),
            watches: self.watches.clone(),
            root: mount.root.clone(),
            source,
            place,
            shown: shown.clone(),
        })
    }
}

impl Spot {
    /// Whether both are in one folder.
    pub(crate) fn is_beside(&self, other: &Spot) -> bool {
        (self.number, &self.names) == (other.number, &other.names)
    }

    /// Whoever listens is told.
    pub(crate) fn touched(&self) {
        self.watches.touched(&(self.number, self.names.clone()), &self.place);
    }
}

impl Listing for View {
    fn entries(&self, folder: &Place) -> io::Result<Vec<Entry>> {
        View::entries(self, folder)
    }
}
