//! One caller, made ready for decisions.

use std::collections::BTreeSet;
use std::sync::Arc;

use cedar_policy::{Entity, EntityUid};
use toolgate_protocol::caller::Caller;

/// A caller with its roles.
#[derive(Debug)]
pub(crate) struct Principal {
    /// Differs between any two.
    pub(crate) id: u64,
    pub(crate) caller: Caller,
    /// Its own and those they inherit.
    pub(crate) roles: BTreeSet<Arc<str>>,
    pub(crate) entity: Entity,
    pub(crate) uid: EntityUid,
    /// Why its claims cannot be read.
    pub(crate) unfit: Option<String>,
}
