//! What of approvals outlives a reload.

use std::sync::Arc;
use std::time::Duration;

use super::consent::id_of;
use super::shelf::Table;
use super::spent::Spent;
use crate::clock::Timestamp;
use crate::fault::Fault;
use crate::seal::Keyring;
use crate::store::{Name, Shared};

/// Calls that wait for somebody, and consent that was used.
pub struct Approvals {
    /// Calls that wait for somebody other than their caller.
    pub table: Table,
    spent: Spent,
    /// Where it is remembered what was used at other replicas too.
    store: Option<Arc<Shared>>,
    /// Tells this process apart: consent that another one sealed may have been used there. The same
    /// for all that share a store.
    pub(super) process: u64,
}

impl Approvals {
    /// None yet.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn new() -> Result<Approvals, getrandom::Error> {
        let (table, spent) = (Table::default(), Spent::default());
        Ok(Approvals { table, spent, store: None, process: random()? })
    }

    /// None yet, at any replica on this store.
    pub fn shared(store: Arc<Shared>, keys: Arc<Keyring>) -> Approvals {
        let (table, spent) = (Table::shared(store.clone(), keys), Spent::default());
        Approvals { table, spent, store: Some(store), process: 0 }
    }

    /// Uses consent up. False when it was used before, or cannot be remembered.
    ///
    /// # Errors
    /// Nobody can tell.
    pub(super) async fn spend(
        &self,
        nonce: u64,
        lasting: Duration,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let Some(store) = &self.store else {
            return Ok(self.spent.spend(nonce, now.seconds() + lasting.as_secs(), now));
        };
        let name = Name::of("consent", &[&id_of(nonce)]);
        store.once(name, lasting).await.map_err(|away| store.fault(away))
    }
}

/// A number that nobody can guess.
pub(super) fn random() -> Result<u64, getrandom::Error> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)?;
    Ok(u64::from_be_bytes(bytes))
}
