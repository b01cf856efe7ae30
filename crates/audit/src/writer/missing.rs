//! What the chain tells of requests that have no record of their own.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use crate::line::Line;
use crate::shared::Shared;

/// How many, since the process began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Missing {
    /// Refused, as there was no record to be had.
    unrecorded: u64,
    /// Let through, as their server allows that.
    waived: u64,
    /// Refused, and one of too many, by reason.
    counted: BTreeMap<&'static str, u64>,
}

impl Missing {
    pub(super) fn of(shared: &Shared) -> Missing {
        Missing {
            unrecorded: shared.unrecorded.load(Ordering::Relaxed),
            waived: shared.waived.load(Ordering::Relaxed),
            counted: shared.counted().clone(),
        }
    }

    /// What came after `told`.
    pub(super) fn since(&self, told: &Missing) -> Missing {
        let earlier = |reason: &str| told.counted.get(reason).copied().unwrap_or_default();
        let counted = self.counted.iter().map(|(reason, count)| (*reason, count - earlier(reason)));
        Missing {
            unrecorded: self.unrecorded - told.unrecorded,
            waived: self.waived - told.waived,
            counted: counted.filter(|(_, count)| *count > 0).collect(),
        }
    }

    pub(super) fn write(&self, line: &mut Line<'_>) {
        line.number("unrecorded", self.unrecorded);
        line.number("waived", self.waived);
        line.number("counted", self.counted.values().sum());
        let reasons: Vec<_> =
            self.counted.iter().map(|(reason, count)| format!("\"{reason}\":{count}")).collect();
        line.json("reasons", &format!("{{{}}}", reasons.join(",")));
    }
}
