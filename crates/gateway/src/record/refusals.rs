//! Records of refusals, which cost whoever causes them nothing: they are bounded. Each caller, or
//! address of unknown ones, has a bucket, and all together have another. What no bucket has room for
//! is counted by its reason, which the ledger tells in one line a second at most.

use std::sync::Arc;

use toolgate_audit::{Books, Intent, Outcome};

use crate::quota::limits::Limits;

/// Records a refusal, or counts it as one of a flood.
pub(super) fn note(
    books: &Books,
    limits: &Arc<Limits>,
    who: &str,
    reason: &'static str,
    record: impl FnOnce() -> (Intent, Outcome),
) {
    if limits.may_note(books.refusals(), who) {
        let (intent, outcome) = record();
        books.record(&intent, &outcome);
    } else {
        books.count(reason);
    }
}
