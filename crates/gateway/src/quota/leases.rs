//! Calls at work, where other replicas count them too: each has a lease, which ends by itself if this
//! process does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::store::{Name, Shared};

/// How long a call counts that nobody renews: so long do those of a dead replica.
pub(super) const LASTING: Duration = Duration::from_secs(30);
/// How often calls at work are counted anew. Two may fail in between.
pub(super) const AGAIN: Duration = Duration::from_secs(10);

/// The leases of this process, each with the caps that it counts under.
#[derive(Clone, Default)]
pub(super) struct Leases(Arc<Mutex<HashMap<Name, Arc<[Name]>>>>);

/// A call that is counted in; dropping it counts it out.
pub(super) struct Lease {
    leases: Leases,
    store: Arc<Shared>,
    name: Name,
    caps: Arc<[Name]>,
}

impl Leases {
    /// A call is about to be counted in under these caps. Whatever comes of it, it is counted out:
    /// an answer that comes too late is no exception.
    pub(super) fn begin(&self, store: &Arc<Shared>, name: Name, caps: Vec<Name>) -> Lease {
        let caps: Arc<[Name]> = caps.into();
        self.lock().insert(name, caps.clone());
        Lease { leases: self.clone(), store: store.clone(), name, caps }
    }

    /// Renews those of all calls at work.
    pub(super) async fn renew(&self, store: &Shared) {
        let leases = self.all();
        if !leases.is_empty() {
            // Whoever is not answered now is answered next time; it is logged where it is asked.
            let _ = store.renew(&leases, LASTING).await;
        }
    }

    fn all(&self) -> Vec<(Name, Name)> {
        let leases = self.lock();
        let of = |(lease, caps): (&Name, &Arc<[Name]>)| -> Vec<_> {
            caps.iter().map(|cap| (*cap, *lease)).collect()
        };
        leases.iter().flat_map(of).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Name, Arc<[Name]>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// The store said that it counted nothing in.
    pub(super) fn was_refused(mut self) {
        self.caps = Arc::default();
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.leases.lock().remove(&self.name);
        if self.caps.is_empty() {
            return;
        }
        let (store, name, caps) = (self.store.clone(), self.name, self.caps.clone());
        // Without a runtime the process is ending, and the lease ends by itself.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { store.end(&caps, name).await });
        }
    }
}
