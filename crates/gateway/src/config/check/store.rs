//! Whether replicas can share what the file says.

use super::Checks;
use crate::config::tree::Config;

pub(super) fn check(checks: &mut Checks<'_>, config: &Config) {
    let rules = &config.store;
    for (key, span) in [("timeout", rules.timeout), ("connect_timeout", rules.connect_timeout)] {
        if span.is_zero() {
            let message = "nothing is that quick (write 250ms or more)";
            checks.problem(&format!("store.{key}"), message);
        }
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !rules.name.chars().all(legal) {
        let message = "not a name for a store (use letters, digits, -, _ and .)";
        checks.problem("store.name", message);
    }
    if let Some(url) = &rules.redis {
        redis(checks, url.reveal(), rules.insecure);
    }
    if let Some(url) = &rules.postgres {
        postgres(checks, url.reveal(), rules.insecure);
    }
    if rules.redis.is_some() && rules.postgres.is_some() {
        checks.problem("store.postgres", "there is one store (remove this, or store.redis)");
    }
    if rules.url().is_none() {
        return;
    }
    if config.keys.is_empty() {
        let message = "replicas that share a store have to share keys (add keys)";
        checks.problem("store", message);
    }
    if config.usage.file.is_some() {
        let message = "usage is counted in the store (remove this, or the store)";
        checks.problem("usage.file", message);
    }
}

/// Messages say nothing of the address: it holds the password.
fn redis(checks: &mut Checks<'_>, url: &str, insecure: bool) {
    let path = "store.redis";
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    if !matches!(scheme, "redis" | "rediss") {
        let message = "expected rediss://USER:PASSWORD@HOST:PORT, or redis:// in the clear";
        checks.problem(path, message);
        return;
    }
    if scheme == "redis" && !insecure && !is_here(host(rest)) {
        let message = "the password and who calls would go over the network in the clear (write \
                       rediss://, or set insecure: true)";
        checks.problem(path, message);
    }
    has_password_in_file(checks, path, rest);
}

fn postgres(checks: &mut Checks<'_>, url: &str, insecure: bool) {
    let path = "store.postgres";
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    if !matches!(scheme, "postgres" | "postgresql") {
        let message = "expected postgres://USER:PASSWORD@HOST/DATABASE";
        checks.problem(path, message);
        return;
    }
    let is_safe = ["sslmode=verify-full", "sslmode=verify-ca"].iter().any(|it| rest.contains(it));
    if !is_safe && !insecure && !is_here(host(rest)) {
        let message = "the password and who calls would go over the network in whatever way the \
                       server likes (add ?sslmode=verify-full, or set insecure: true)";
        checks.problem(path, message);
    }
    has_password_in_file(checks, path, rest);
}

fn has_password_in_file(checks: &mut Checks<'_>, path: &str, rest: &str) {
    let has_password = rest.split('/').next().is_some_and(|authority| {
        authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
    });
    if has_password && checks.places.is_literal(path) {
        checks.warning(
            path,
            "the password stands in the file itself (write ${env:NAME} or ${file:PATH})",
        );
    }
}

/// The host in what follows the scheme.
fn host(rest: &str) -> &str {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let place = authority.rsplit('@').next().unwrap_or_default();
    match place.strip_prefix('[') {
        Some(six) => six.split(']').next().unwrap_or_default(),
        None => place.split(':').next().unwrap_or_default(),
    }
}

/// Whether it is this machine.
fn is_here(host: &str) -> bool {
    let is_loopback = host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    // A folder is one of sockets.
    let is_folder = host.starts_with('/') || host.starts_with("%2F") || host.starts_with("%2f");
    is_loopback || is_folder || matches!(host, "" | "localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_here() {
        for here in [
            "127.0.0.1:6379/0",
            "user:p@[::1]:6379",
            "localhost",
            "127.0.0.9",
            ":p@localhost:1/2",
            "u@%2Frun%2Fpg/db",
        ] {
            assert!(is_here(host(here)), "{here}");
        }
        for there in [
            "10.0.0.1:6379",
            "localhost:x@redis.example:6379/0",
            "127.0.0.1.evil.example",
            "[2001:db8::1]:1",
        ] {
            assert!(!is_here(host(there)), "{there}");
        }
    }
}
