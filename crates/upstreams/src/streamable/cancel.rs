//! A request that nobody waits for any more.

use std::sync::Arc;

use super::Streamable;
use crate::link;

/// Tells the server when nobody waits for a request any more: closing the stream alone does not
/// mean that (2025-11-25, transports).
pub(super) struct CancelGuard {
    link: Option<Arc<Streamable>>,
    id: u64,
}

impl CancelGuard {
    pub fn new(link: Arc<Streamable>, id: u64) -> CancelGuard {
        CancelGuard { link: Some(link), id }
    }

    /// The request has its answer, or never reached the server.
    pub fn disarm(&mut self) {
        self.link = None;
    }
}

impl Drop for CancelGuard {
    fn drop(&mut self) {
        let Some(link) = self.link.take() else { return };
        let id = self.id;
        link.say(async move { link::cancelled(id) });
    }
}
