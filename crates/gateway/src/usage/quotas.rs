//! Which quotas a call counts against, and what it is told when one is used up.

use std::sync::Arc;

use toolgate_protocol::caller::Caller;

use super::{Amount, Claim, Counter, Denied, Most, Period, Store, What};
use crate::clock::Timestamp;
use crate::config::{Every, Per, Quota};
use crate::fault::{Fault, Reason};
use crate::quota::standing::Standing;

/// The quotas of a configuration.
#[derive(Default)]
pub(crate) struct Quotas(Vec<Rule>);

struct Rule {
    name: Box<str>,
    every: Every,
    most: Most,
    quota: Quota,
}

impl Quotas {
    /// Those that are configured.
    pub(crate) fn of(quotas: &[Quota]) -> Quotas {
        let rule = |quota: &Quota| Rule {
            name: quota.name.as_str().into(),
            every: quota.every,
            most: Most {
                calls: quota.calls.map(|most| most.get().into()),
                cost: quota.cost.map(|most| most.get()),
                time: quota.time.map(|time| time.duration()),
                bytes: quota.bytes.map(|bytes| bytes.bytes() as u64),
            },
            quota: quota.clone(),
        };
        Quotas(quotas.iter().map(rule).collect())
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that a call counts against.
    pub(crate) fn claims(
        &self,
        server: &str,
        tool: &str,
        caller: &Caller,
        now: Timestamp,
    ) -> Vec<Claim> {
        let applies = |rule: &&Rule| rule.quota.covers(server, tool, caller.tenant.as_deref());
        let claim = |rule: &Rule| Claim {
            counter: Counter {
                period: Period::of(rule.every, now),
                what: What::Quota { name: rule.name.clone(), of: whose(rule.quota.per, caller) },
            },
            most: rule.most,
        };
        self.0.iter().filter(applies).map(claim).collect()
    }
}

/// Without a tenant a caller is one of its own: nobody goes free.
fn whose(per: Per, caller: &Caller) -> Box<str> {
    let principal = || Box::from(&*caller.principal);
    let tenant = || caller.tenant.as_ref().map(|tenant| format!("tenant:{tenant}").into());
    match per {
        Per::Everyone => "everyone".into(),
        Per::Caller => principal(),
        Per::Tenant => tenant().unwrap_or_else(principal),
    }
}

/// Counts a call against all these quotas, or against none.
///
/// # Errors
/// When one is used up, with the time until the next period; or when nobody can tell.
pub(crate) async fn claim(
    store: &dyn Store,
    claims: &[Claim],
    amount: Amount,
    now: Timestamp,
    standing: Option<&Standing>,
) -> Result<(), Fault> {
    match store.claim(claims, amount).await {
        Ok(()) => {
            if let Some(standing) = standing {
                tell(store, claims, now, standing).await;
            }
            Ok(())
        }
        Err(Denied::UsedUp(at)) => {
            let claim = claims.get(at).or(claims.first());
            let Some(claim) = claim else {
                return Err(Fault::new(Reason::Internal, "a quota that nobody asked for"));
            };
            let wait = claim.counter.period.left(now);
            let name = name_of(claim);
            if let (Some(standing), Some(most)) = (standing, claim.most.calls) {
                standing.refused(&name, most, claim.counter.period.length(), wait);
            }
            Err(used_up(&name, claim).retry_after(wait))
        }
        // Fail closed: without the store nothing bounds the caller.
        Err(Denied::Unavailable(error)) => {
            let message = "usage cannot be counted at the moment, so the call was not made";
            let wait = std::time::Duration::from_secs(1);
            Err(Fault::new(Reason::Unavailable, message).retry_after(wait).because(error))
        }
    }
}

/// Tells what is left of the quota with the least calls left.
async fn tell(store: &dyn Store, claims: &[Claim], now: Timestamp, standing: &Standing) {
    for claim in claims {
        let Some(most) = claim.most.calls else { continue };
        let Ok(used) = store.read(&claim.counter).await else { continue };
        let period = claim.counter.period;
        let left = most.saturating_sub(used.calls);
        standing.allowed(&name_of(claim), most, period.length(), left, period.left(now));
    }
}

fn name_of(claim: &Claim) -> Arc<str> {
    match &claim.counter.what {
        What::Quota { name, .. } => (**name).into(),
        What::Tool { tool, .. } => (**tool).into(),
    }
}

fn used_up(name: &str, claim: &Claim) -> Fault {
    let Most { calls, cost, time, bytes } = claim.most;
    let parts: Vec<String> = [
        calls.map(|most| format!("{most} calls")),
        cost.map(|most| format!("{most} units")),
        time.map(|most| format!("{} s of work", most.as_secs())),
        bytes.map(|most| format!("{most} bytes")),
    ]
    .into_iter()
    .flatten()
    .collect();
    let each = match claim.counter.period {
        Period::Day(_) => "day",
        Period::Month(_) => "month",
    };
    let message = format!(
        "the quota \"{name}\" of {} a {each} is used up; it begins anew at the next {each} (UTC)",
        parts.join(" and ")
    );
    Fault::new(Reason::QuotaExceeded, message)
}
