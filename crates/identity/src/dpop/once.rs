//! Who remembers, for all replicas, what may be used once?

use std::time::Duration;

use futures_util::future::BoxFuture;

/// It does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NobodyKnows;

/// A memory that several replicas share.
pub trait Once: Send + Sync {
    /// Whether this is the first time within `lasting` that any of them asks about these names.
    fn first<'a>(
        &'a self,
        names: &[&str],
        lasting: Duration,
    ) -> BoxFuture<'a, Result<bool, NobodyKnows>>;
}
