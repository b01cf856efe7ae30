//! Whether limits and quotas mean something, and the limits that hold where none is written.

use std::collections::HashSet;
use std::num::NonZeroUsize;

use toolgate_values::Rate;

use super::Checks;
use crate::config::problem::quote;
use crate::config::tree::Config;
use crate::config::usage::Quota;

/// Calls of one caller, where callers are known and nothing else is written.
const CALLER: Rate = Rate::per_minute(60);
/// Requests from one address whose caller is not known.
const ADDRESS: Rate = Rate::per_minute(100);

pub(super) fn check(checks: &mut Checks<'_>, config: &mut Config) {
    let known = config.authentication.is_some();
    let limits = &mut config.rate_limits;
    // Without authentication everybody is the same caller, whom 60 a minute would stop.
    if limits.defaults.unwrap_or(known) {
        limits.caller.get_or_insert(CALLER);
        limits.ip.get_or_insert(ADDRESS);
        if limits.concurrent.is_none() {
            limits.concurrent = NonZeroUsize::new(config.limits.in_flight_per_client);
        }
    }
    if config.usage.save.is_zero() {
        checks.problem("usage.save", "the file would never rest (write 1s or more)");
    }
    if let Some(file) = &mut config.usage.file {
        *file = checks.resolve("usage.file", file);
    }
    let mut names = HashSet::new();
    for (index, quota) in config.quotas.iter().enumerate() {
        let path = format!("quotas[{index}]");
        one(checks, &path, quota, config);
        if !names.insert(&*quota.name) {
            let message =
                format!("{} is another quota already (choose another)", quote(&quota.name));
            checks.problem(&format!("{path}.name"), message);
        }
    }
}

fn one(checks: &mut Checks<'_>, path: &str, quota: &Quota, config: &Config) {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !quota.name.chars().all(legal) {
        let message = format!(
            "{} cannot name a quota (use letters, digits, -, _ and .)",
            checks.shown(&format!("{path}.name"), &quota.name)
        );
        checks.problem(&format!("{path}.name"), message);
    }
    let bounded = quota.calls.is_some()
        || quota.cost.is_some()
        || quota.time.is_some()
        || quota.bytes.is_some();
    if !bounded {
        checks.problem(path, "it bounds nothing (add calls, cost, time or bytes)");
    }
    if quota.time.is_some_and(|time| time.is_zero()) {
        checks.problem(&format!("{path}.time"), "no call could be made (write 1s or more)");
    }
    if quota.bytes.is_some_and(|bytes| bytes.bytes() == 0) {
        checks.problem(&format!("{path}.bytes"), "no call could be made (write 1KiB or more)");
    }
    match &quota.server {
        Some(server) if !config.entries.iter().any(|entry| entry.name.as_str() == server) => {
            let message = format!("there is no server {} (write the name of one)", quote(server));
            checks.problem(&format!("{path}.server"), message);
        }
        None if quota.tools.is_some() => {
            let message = "tools belong to a server (add server: NAME)";
            checks.problem(&format!("{path}.tools"), message);
        }
        _ => {}
    }
    for (key, names) in [("tools", &quota.tools), ("tenants", &quota.tenants)] {
        if names.as_ref().is_some_and(Vec::is_empty) {
            let message = "an empty list covers nothing (list some, or remove the key)";
            checks.problem(&format!("{path}.{key}"), message);
        }
    }
    let callers = config.authentication.is_some();
    if !callers && quota.tenants.is_some() {
        let message = "nobody has a tenant without authentication, so this covers nobody (add authentication)";
        checks.warning(&format!("{path}.tenants"), message);
    }
}
