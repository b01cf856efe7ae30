//! Whether anybody can be asked for consent.

use super::Checks;
use crate::config::approvals::By;
use crate::config::tree::Config;

pub(super) fn check(checks: &mut Checks<'_>, config: &Config) {
    let approvals = &config.approvals;
    if approvals.ttl.is_zero() {
        checks.problem("approvals.ttl", "nobody would ever be in time (write 1m or more)");
    }
    if approvals.by == By::Other && approvals.roles.is_empty() {
        let message = "nobody may decide (add roles: [ROLE] to approvals, or write by: caller)";
        checks.problem("approvals.by", message);
    }
    if !approvals.roles.is_empty() && config.authentication.is_none() {
        let message = "nobody has a role without authentication (add authentication)";
        checks.problem("approvals.roles", message);
    }
}
