//! What a caller may know of its limits: the one that it is closest to.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Where a call tells what is left, for the answer that it belongs to. Only limits of the caller's
/// own are told: how busy a server is by others is nobody's business.
#[derive(Debug, Default)]
pub struct Standing(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    told: Option<Told>,
    wait: Option<Duration>,
}

/// A limit as headers tell of it (draft-ietf-httpapi-ratelimit-headers-11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its name.
    pub name: Arc<str>,
    /// So many.
    pub quota: u64,
    /// Within what time.
    pub window: Duration,
    /// How many are left.
    pub remaining: u64,
    /// When there are all of them again; or, when it refused the call, when to try again.
    pub reset: Duration,
    /// Whether it refused the call.
    refused: bool,
}

impl Standing {
    /// What there is to tell.
    pub fn told(&self) -> Option<Told> {
        self.lock().told.clone()
    }

    /// How many seconds to wait, when a limit of any kind refused the call.
    pub fn wait(&self) -> Option<u64> {
        self.lock().wait.map(|wait| seconds(wait).max(1))
    }

    /// A limit let the call pass.
    pub(crate) fn allowed(
        &self,
        name: &Arc<str>,
        quota: u64,
        window: Duration,
        remaining: u64,
        reset: Duration,
    ) {
        let told = &mut self.lock().told;
        if told.as_ref().is_none_or(|told| !told.refused && remaining < told.remaining) {
            let name = name.clone();
            *told = Some(Told { name, quota, window, remaining, reset, refused: false });
        }
    }

    /// A limit refused the call.
    pub(crate) fn refused(&self, name: &Arc<str>, quota: u64, window: Duration, wait: Duration) {
        let (name, remaining, reset) = (name.clone(), 0, wait);
        self.lock().told = Some(Told { name, quota, window, remaining, reset, refused: true });
    }

    /// Another call of the same request begins.
    pub(crate) fn forget(&self) {
        *self.lock() = State::default();
    }

    /// The call was refused until then.
    pub(crate) fn come_back(&self, wait: Option<Duration>) {
        self.lock().wait = wait;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    /// The value of `RateLimit-Policy`: a list of items, each a string with parameters (RFC 9651).
    pub fn policy(&self) -> String {
        format!("\"{}\";q={};w={}", self.name, self.quota, seconds(self.window).max(1))
    }

    /// The value of `RateLimit`.
    pub fn state(&self) -> String {
        format!("\"{}\";r={};t={}", self.name, self.remaining, seconds(self.reset))
    }
}

/// Rounded up: a client that waits as told is not refused again.
pub(crate) fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_that_is_closest_is_told_and_a_refusal_before_all() {
        let minute = Duration::from_secs(60);
        let standing = Standing::default();
        standing.allowed(&"caller".into(), 60, minute, 10, Duration::from_millis(49_001));
        standing.allowed(&"tenant".into(), 600, minute, 500, minute);

        let told = standing.told().unwrap();
        assert_eq!(told.policy(), r#""caller";q=60;w=60"#);
        assert_eq!(told.state(), r#""caller";r=10;t=50"#);

        standing.refused(&"tool".into(), 30, minute, Duration::from_secs(2));
        standing.allowed(&"caller".into(), 60, minute, 0, minute);
        assert_eq!(standing.told().unwrap().state(), r#""tool";r=0;t=2"#);
    }
}
