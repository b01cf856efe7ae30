//! Which legacy sessions are open?

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hyper::header::{HeaderMap, HeaderValue};

/// The header that names a session, in both directions.
pub(crate) const SESSION: &str = "mcp-session-id";

/// The open sessions. Their ids are bare numbers: this server stands on loopback and guards nothing.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<Numbers>);

#[derive(Debug, Default)]
struct Numbers {
    last: u64,
    open: HashSet<u64>,
}

/// What a request says about its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It names none.
    None,
    /// It names one that is not open.
    Unknown,
    /// It names this open one.
    Open(u64),
}

impl Sessions {
    /// Opens a session and names it.
    pub(crate) fn open(&self) -> HeaderValue {
        let mut numbers = self.numbers();
        numbers.last += 1;
        let session = numbers.last;
        numbers.open.insert(session);
        session.into()
    }

    /// Which session the headers name.
    pub(crate) fn claim(&self, headers: &HeaderMap) -> Claim {
        let Some(value) = headers.get(SESSION) else {
            return Claim::None;
        };
        let number = value.to_str().ok().and_then(|text| text.parse().ok());
        match number {
            Some(number) if self.numbers().open.contains(&number) => Claim::Open(number),
            _ => Claim::Unknown,
        }
    }

    /// Ends a session.
    pub(crate) fn end(&self, session: u64) {
        self.numbers().open.remove(&session);
    }

    fn numbers(&self) -> MutexGuard<'_, Numbers> {
        // The numbers are whole after any panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
