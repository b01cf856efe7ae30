//! Proofs that were used, until they would be refused for their age: each is good once.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ring::digest::{Context, SHA256};

use crate::refused::Refused;

/// Parts with a lock each. A key has all its proofs in one part, so that a client which fills its
/// part gets in the way of few others.
const PARTS: usize = 64;

/// How many proofs one part remembers: about 60 bytes each, 60 MB in all.
const MOST: usize = 16 * 1024;

/// What a proof is remembered by.
type Name = [u8; 16];

/// The proofs that were used. Cheap to clone: rules that take the place of others go on with the
/// same memory.
#[derive(Clone)]
pub struct UsedProofs(Arc<[Mutex<Part>]>);

#[derive(Default)]
struct Part {
    /// Until when, in seconds since the epoch.
    used: HashMap<Name, u64>,
    /// In the order in which they came; those that end later than others may stand before them.
    order: VecDeque<Name>,
}

impl Default for UsedProofs {
    fn default() -> UsedProofs {
        UsedProofs((0..PARTS).map(|_| Mutex::default()).collect())
    }
}

impl UsedProofs {
    /// Remembers the proof `jti` of `key` until `end`.
    ///
    /// # Errors
    /// It is remembered already, or there is no room to remember it.
    pub(super) fn remember(&self, key: &str, jti: &str, end: u64, now: u64) -> Result<(), Refused> {
        let part = hash(&[key]).first().map_or(0, |byte| usize::from(*byte) % PARTS);
        let Some(part) = self.0.get(part) else { return Err(full()) };
        let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
        part.forget(now);
        let name = hash(&[key, jti]);
        if part.used.contains_key(&name) {
            return Err(used());
        }
        // Fail closed: what is not remembered could be used again.
        if part.used.len() >= MOST {
            return Err(full());
        }
        part.used.insert(name, end);
        part.order.push_back(name);
        Ok(())
    }
}

pub(super) fn used() -> Refused {
    Refused::Proof("the proof was used before")
}

pub(super) fn full() -> Refused {
    Refused::Unavailable { retry_after: Duration::from_secs(1) }
}

impl Part {
    fn forget(&mut self, now: u64) {
        while let Some(oldest) = self.order.front() {
            if self.used.get(oldest).is_some_and(|end| *end >= now) {
                break;
            }
            self.used.remove(oldest);
            self.order.pop_front();
        }
    }
}

/// Lengths go first, so that no two lists of texts are hashed alike.
fn hash(parts: &[&str]) -> Name {
    let mut hash = Context::new(&SHA256);
    for part in parts {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut name = Name::default();
    for (byte, hashed) in name.iter_mut().zip(hash.finish().as_ref()) {
        *byte = *hashed;
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_good_once_until_it_is_too_old_anyway() {
        let replay = UsedProofs::default();

        assert_eq!(replay.remember("key", "a", 100, 50), Ok(()));
        assert!(replay.remember("key", "a", 100, 51).is_err());
        assert_eq!(replay.remember("another", "a", 100, 51), Ok(()));
        assert_eq!(replay.remember("key", "b", 200, 60), Ok(()));
        assert!(replay.remember("key", "a", 100, 100).is_err());
        assert_eq!(replay.remember("key", "a", 101, 101), Ok(()), "its date refuses it by now");
    }

    #[test]
    fn however_many_proofs_come_so_many_are_held_and_none_is_forgotten_early() {
        let replay = UsedProofs::default();
        for number in 0..MOST {
            assert_eq!(replay.remember("key", &number.to_string(), 100, 50), Ok(()));
        }

        let more = replay.remember("key", "more", 100, 50);

        assert!(matches!(more, Err(Refused::Unavailable { .. })), "{more:?}");
        assert!(replay.remember("key", "0", 100, 50).is_err());
        assert_eq!(replay.remember("key", "more", 200, 101), Ok(()), "room again");
        assert_eq!(replay.0.iter().map(|part| part.lock().unwrap().used.len()).sum::<usize>(), 1);
    }
}
