//! Consent that a client carries.

use serde::{Deserialize, Serialize};

/// Consent within a sealed `requestState`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Consent {
    /// The version of the rules that wanted it.
    pub(super) version: String,
    /// Used once, by this number.
    pub(super) nonce: u64,
    pub(super) process: u64,
    /// The id of the approval, where it was given already, in an earlier round of the same call.
    pub(super) given: Option<String>,
}

impl Consent {
    /// The id of the approval that it is, or will be, consent by.
    pub(super) fn id(&self) -> String {
        self.given.clone().unwrap_or_else(|| id_of(self.nonce))
    }
}

/// An id as people read it.
pub(super) fn id_of(number: u64) -> String {
    format!("{number:016x}")
}
