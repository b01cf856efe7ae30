//! Why a request has no record.

/// Why a request has no record, and so must not go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Too many records wait to be written.
    #[error("too many audit records wait to be written")]
    Full,
    /// The record was not written in time.
    #[error("the audit record was not written in time")]
    Late,
    /// The record could not be written; what the system said is for the log.
    #[error("the audit record could not be written")]
    Failing,
    /// The gateway stops.
    #[error("the audit ledger is closed")]
    Closed,
}
