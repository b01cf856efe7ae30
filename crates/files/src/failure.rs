//! Why a tool failed, told so that the model can do better.

use std::error::Error;

use serde_json::Value;
use toolgate_folder::Place;
use toolgate_gateway::fault::{Fault, Reason};

/// Why a tool failed: one sentence that says what to do instead, and its category.
#[derive(Debug)]
pub(crate) struct Failure(Fault);

impl Failure {
    /// Other arguments would do.
    pub(crate) fn told(sentence: impl Into<String>) -> Failure {
        Failure::of(Reason::Arguments, sentence)
    }

    /// Of another category.
    pub(crate) fn of(reason: Reason, sentence: impl Into<String>) -> Failure {
        Failure(Fault::new(reason, sentence).unsent())
    }

    /// The system refused, for a reason that the operator knows more of.
    pub(crate) fn system(
        place: &Place,
        what: &str,
        error: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Failure {
        let error = error.into();
        if let Some(why) = error.downcast_ref().and_then(toolgate_folder::hindrance) {
            let sentence = format!("{place} cannot be {what}: {why}");
            return Failure(Fault::new(Reason::QuotaExceeded, sentence).unsent().because(error));
        }
        let sentence = format!("{place} cannot be {what}: {error}");
        Failure(Fault::new(Reason::Internal, sentence).because(error))
    }

    /// The sentence.
    pub(crate) fn sentence(&self) -> &str {
        &self.0.message
    }

    /// The result that says so, in the form of the gateway's own failures.
    pub(crate) fn result(&self) -> Value {
        let Failure(fault) = self;
        if let Some(cause) = fault.cause() {
            tracing::warn!(cause, "a file could not be served");
        }
        toolgate_hosted::failure(fault)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, ErrorKind};

    use super::*;

    #[test]
    fn a_full_disk_is_told_with_a_way_out_and_changes_nothing() {
        for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded] {
            let Failure(fault) =
                Failure::system(&Place::parse("a.md").unwrap(), "written", io::Error::from(kind));

            assert_eq!(fault.reason, Reason::QuotaExceeded);
            assert_eq!(fault.side_effect, toolgate_gateway::fault::SideEffect::None);
            assert!(fault.message.contains("a.md cannot be written: "), "{}", fault.message);
            assert!(fault.message.contains("ask the operator for room"), "{}", fault.message);
            assert!(fault.cause().is_some(), "the log is told");
        }
    }
}
