//! Which consent has been used? Each once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::clock::Timestamp;

/// Used consent remembered at once.
const MOST: usize = 100_000;

/// The numbers of used consent, each until it would have ended anyway.
#[derive(Default)]
pub(super) struct Spent(Mutex<HashMap<u64, u64>>);

impl Spent {
    /// Uses consent up. False when it was used before, or cannot be remembered.
    pub(super) fn spend(&self, nonce: u64, until: u64, now: Timestamp) -> bool {
        let mut spent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if spent.len() >= MOST {
            spent.retain(|_, until| *until > now.seconds());
        }
        spent.len() < MOST && spent.insert(nonce, until).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consent_is_used_once_and_what_cannot_be_remembered_is_not_used() {
        let spent = Spent::default();
        let at = Timestamp::from_seconds;
        assert!(spent.spend(7, 100, at(1)));
        assert!(!spent.spend(7, 100, at(2)));

        for nonce in 1000..1000 + MOST as u64 {
            spent.spend(nonce, 100, at(2));
        }

        assert!(!spent.spend(8, 100, at(3)));
        assert!(spent.spend(8, 300, at(101)));
    }
}
