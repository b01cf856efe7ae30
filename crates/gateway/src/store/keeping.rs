//! Where texts with versions are kept: where all replicas see them, or in this process where there
//! is no store.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Away, Item, Kept, Name, Placed, Room, Shared, Shelves};
use crate::fault::{Fault, Reason, SideEffect};

/// One place for all of them.
#[derive(Default)]
pub struct Keeping {
    here: Shelves,
    elsewhere: Option<Arc<Shared>>,
}

impl Keeping {
    /// In this store, if there is one.
    pub fn of(store: Option<Arc<Shared>>) -> Keeping {
        Keeping { here: Shelves::default(), elsewhere: store }
    }

    /// Whether other replicas see what is kept here.
    pub fn is_shared(&self) -> bool {
        self.elsewhere.is_some()
    }

    /// See [`Backend::find`](super::Backend::find).
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn find(&self, shelf: &str, name: Name) -> Result<Option<Kept>, Fault> {
        match &self.elsewhere {
            None => Ok(self.here.find(shelf, name, Instant::now())),
            Some(store) => store.find(shelf, name).await.map_err(|away| unread(store, away)),
        }
    }

    /// See [`Backend::list`](super::Backend::list).
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn list(&self, shelf: &str, most: usize) -> Result<Vec<Kept>, Fault> {
        match &self.elsewhere {
            None => Ok(self.here.list(shelf, most, Instant::now())),
            Some(store) => store.list(shelf, most).await.map_err(|away| unread(store, away)),
        }
    }

    /// See [`Backend::place`](super::Backend::place).
    ///
    /// # Errors
    /// The store does not answer: it may have kept the text or not.
    pub async fn place(&self, shelf: &str, item: &Item<'_>, room: Room) -> Result<Placed, Fault> {
        match &self.elsewhere {
            None => Ok(self.here.place(shelf, item, room, Instant::now())),
            Some(store) => {
                store.place(shelf, item, room).await.map_err(|away| unwritten(store, away))
            }
        }
    }

    /// See [`Backend::remove`](super::Backend::remove).
    ///
    /// # Errors
    /// The store does not answer: it may have taken it away or not.
    pub async fn remove(&self, shelf: &str, name: Name, version: u64) -> Result<bool, Fault> {
        match &self.elsewhere {
            None => Ok(self.here.remove(shelf, name, version, Instant::now())),
            Some(store) => {
                let removed = store.remove(shelf, name, version).await;
                removed.map_err(|away| unwritten(store, away))
            }
        }
    }
}

fn unread(store: &Shared, away: Away) -> Fault {
    fault(store, "so nothing was read or changed", away)
}

fn unwritten(store: &Shared, away: Away) -> Fault {
    let mut fault =
        fault(store, "so it is not known whether this was changed; read it again", away);
    fault.side_effect = SideEffect::Unknown;
    fault
}

fn fault(store: &Shared, so: &str, away: Away) -> Fault {
    let kind = store.kind();
    let message =
        format!("what this tool keeps is in {kind}, which does not do what it is asked now, {so}");
    Fault::new(Reason::Unavailable, message).retry_after(Duration::from_secs(1)).because(away)
}
