//! What is counted, and how much of it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Every, Period};
use crate::clock::Timestamp;

/// The name of everything that found no room of its own.
pub(super) const OTHER: &str = "other";
/// The longest name that is kept: nobody fills the memory with names.
const LONGEST: usize = 256;

/// One thing that is counted, within one period.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Counter {
    /// The day or month.
    pub period: Period,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What is counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// The calls of one tool by one tenant.
    Tool {
        /// The tenant of the callers, if they have one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tenant: Option<Box<str>>,
        /// The server.
        server: Box<str>,
        /// The tool, by the server's own name.
        tool: Box<str>,
    },
    /// What counts against a quota.
    Quota {
        /// The name of the quota.
        name: Box<str>,
        /// Whose it is: a caller, a tenant, or everybody's.
        of: Box<str>,
    },
}

impl Counter {
    /// Whether it is of no use any more: a quota whose period has ended, a day older than `keep`
    /// days.
    pub fn is_over(&self, now: Timestamp, keep: u32) -> bool {
        match (&self.what, self.period) {
            (What::Tool { .. }, Period::Day(day)) => {
                let Period::Day(today) = Period::of(Every::Day, now) else { return false };
                day.saturating_add(keep) < today
            }
            (_, period) => period.left(now).is_zero(),
        }
    }

    /// The counter of the same tenant and server for what may be no tool at all.
    pub(super) fn of_another_tool(self) -> Counter {
        let what = match self.what {
            What::Tool { tenant, server, .. } => What::Tool { tenant, server, tool: OTHER.into() },
            quota => quota,
        };
        Counter { what, ..self }
    }

    /// The counter for all that have no room of their own.
    pub fn crowd(&self) -> Counter {
        let what = match &self.what {
            What::Tool { tenant: _, server, tool: _ } => What::Tool {
                tenant: Some(OTHER.into()),
                server: server.clone(),
                tool: OTHER.into(),
            },
            // No principal is empty.
            What::Quota { name, of: _ } => What::Quota { name: name.clone(), of: "".into() },
        };
        Counter { period: self.period, what }
    }

    /// Whether its names are short enough to be kept.
    pub fn is_modest(&self) -> bool {
        let names = match &self.what {
            What::Tool { tenant, server: _, tool } => [tenant.as_deref().unwrap_or(""), tool],
            What::Quota { name, of } => [&**name, of],
        };
        names.iter().all(|name| name.len() <= LONGEST)
    }
}

/// How much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Amount {
    /// Calls.
    pub calls: u64,
    /// Those among them that failed.
    pub errors: u64,
    /// What they weighed.
    pub cost: u64,
    /// How long they took, in microseconds.
    pub micros: u64,
    /// How much was sent and answered, in bytes.
    pub bytes: u64,
}

impl Amount {
    /// One call of this weight.
    pub fn call(cost: u32) -> Amount {
        Amount { calls: 1, cost: u64::from(cost), ..Amount::default() }
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, more: Amount) -> Amount {
        Amount {
            calls: self.calls.saturating_add(more.calls),
            errors: self.errors.saturating_add(more.errors),
            cost: self.cost.saturating_add(more.cost),
            micros: self.micros.saturating_add(more.micros),
            bytes: self.bytes.saturating_add(more.bytes),
        }
    }
}

/// How much may be used. What is known before a call (its number, its weight) is never exceeded;
/// of what is known only after it (time, bytes), the call that reaches the mark is the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Most {
    /// Calls.
    pub calls: Option<u64>,
    /// Weight.
    pub cost: Option<u64>,
    /// Time.
    pub time: Option<Duration>,
    /// Bytes.
    pub bytes: Option<u64>,
}

impl Most {
    /// Whether `more` may be used after `used`.
    pub fn allows(self, used: Amount, more: Amount) -> bool {
        let fits = |most: Option<u64>, used: u64, more: u64| {
            most.is_none_or(|most| used.saturating_add(more) <= most)
        };
        let is_left = |most: Option<u64>, used: u64| most.is_none_or(|most| used < most);
        let micros = self.time.map(|time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
        fits(self.calls, used.calls, more.calls)
            && fits(self.cost, used.cost, more.cost)
            && is_left(micros, used.micros)
            && is_left(self.bytes, used.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_and_weight_are_never_exceeded_and_time_and_bytes_by_one_call() {
        let used = Amount { calls: 9, cost: 8, micros: 999_999, bytes: 99, errors: 0 };
        let most = |calls, cost, seconds: Option<u64>, bytes| Most {
            calls,
            cost,
            time: seconds.map(Duration::from_secs),
            bytes,
        };
        for (most, cost, allowed) in [
            (most(Some(10), None, None, None), 1, true),
            (most(Some(9), None, None, None), 1, false),
            (most(None, Some(10), None, None), 2, true),
            (most(None, Some(10), None, None), 3, false),
            (most(None, None, Some(1), None), 1, true),
            (most(None, None, Some(0), None), 1, false),
            (most(None, None, None, Some(100)), 1, true),
            (most(None, None, None, Some(99)), 1, false),
            (most(Some(10), Some(8), None, None), 1, false),
        ] {
            assert_eq!(most.allows(used, Amount::call(cost)), allowed, "{most:?} {cost}");
        }
    }

    #[test]
    fn a_counter_is_read_as_it_is_written() {
        let tool = |tenant: Option<&str>| What::Tool {
            tenant: tenant.map(Box::from),
            server: "crm".into(),
            tool: "find".into(),
        };
        let quota = What::Quota { name: "free".into(), of: "key:ada".into() };
        for what in [tool(None), tool(Some("acme")), quota] {
            let counter = Counter { period: Period::Day(20_785), what };
            let text = serde_json::to_string(&counter).unwrap();
            assert!(text.starts_with(r#"{"period":"2026-11-28","#), "{text}");
            assert_eq!(serde_json::from_str::<Counter>(&text).unwrap(), counter);
        }
    }
}
