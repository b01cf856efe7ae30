//! Tokens that were verified, by their hash, until they end.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use ring::digest;
use toolgate_protocol::caller::Caller;

use crate::resource::Resource;

/// How many tokens are remembered; the oldest gives way. About 100 bytes and the claims each.
const MOST: usize = 16 * 1024;

/// Parts with a lock each, so that callers seldom wait for each other.
const PARTS: usize = 16;

/// What a verified token is found by. The token itself is not kept.
pub(crate) type Name = [u8; 32];

/// Verified tokens.
pub(crate) struct Cache {
    parts: [Mutex<Part>; PARTS],
}

#[derive(Default)]
struct Part {
    entries: HashMap<Name, Entry>,
    oldest: VecDeque<Name>,
}

struct Entry {
    caller: Caller,
    /// Seconds since the epoch.
    until: u64,
}

/// The name of `token` where it was verified for `resource`: it is worth nothing elsewhere.
pub(crate) fn name(token: &str, resource: &Resource) -> Name {
    // No token holds a zero byte, so no two pairs have the same text.
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(token.as_bytes());
    hash.update(&[0]);
    hash.update(resource.as_str().as_bytes());
    // SHA-256 is 32 bytes, as a name is. By ring: its assembly needs no SHA instructions.
    let mut name = Name::default();
    name.copy_from_slice(hash.finish().as_ref());
    name
}

impl Cache {
    pub(crate) fn new() -> Cache {
        Cache { parts: std::array::from_fn(|_| Mutex::default()) }
    }

    /// The caller that was verified, if that still holds at `now`.
    pub(crate) fn get(&self, name: &Name, now: u64) -> Option<Caller> {
        let part = self.part(name)?.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = part.entries.get(name)?;
        (now < entry.until).then(|| entry.caller.clone())
    }

    /// Remembers `caller` until `until`, in seconds since the epoch.
    pub(crate) fn put(&self, name: Name, caller: Caller, until: u64) {
        let Some(part) = self.part(&name) else { return };
        let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
        if part.entries.insert(name, Entry { caller, until }).is_none() {
            part.oldest.push_back(name);
        }
        if part.entries.len() > MOST / PARTS
            && let Some(oldest) = part.oldest.pop_front()
        {
            part.entries.remove(&oldest);
        }
    }

    fn part(&self, name: &Name) -> Option<&Mutex<Part>> {
        self.parts.get(usize::from(name.first()? % PARTS as u8))
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    fn named(number: u32) -> Name {
        Sha256::digest(number.to_be_bytes()).into()
    }

    #[test]
    fn a_token_is_remembered_until_it_ends() {
        let cache = Cache::new();
        cache.put(named(1), Caller::anonymous(), 100);

        assert!(cache.get(&named(1), 99).is_some());
        assert!(cache.get(&named(1), 100).is_none());
        assert!(cache.get(&named(2), 99).is_none());
    }

    #[test]
    fn however_many_tokens_there_are_so_many_are_held() {
        let cache = Cache::new();
        for number in 0..2 * MOST as u32 {
            cache.put(named(number), Caller::anonymous(), 100);
        }

        let held: usize = cache.parts.iter().map(|part| part.lock().unwrap().entries.len()).sum();

        assert!(held <= MOST, "{held}");
        assert!(cache.get(&named(2 * MOST as u32 - 1), 0).is_some());
    }

    #[test]
    fn a_token_verified_for_one_resource_is_unknown_at_another() {
        let resource = Resource::new(&"https://gw/mcp".parse().unwrap());

        assert_ne!(name("t", &resource), name("t", &resource.at("/mcp/crm")));
    }
}
