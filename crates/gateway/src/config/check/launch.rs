//! Is what is started the program that the command names, today and the next time?

use std::collections::BTreeMap;

use toolgate_catalog::finding::Severity;
use toolgate_catalog::rules::launch;
use toolgate_values::Secret;

use super::Checks;
use crate::config::problem::{key_path, quote};

/// Refuses what makes a program run other code than it is asked to, and warns of what might.
/// `unpinned`: somebody has said that any version will do.
pub(super) fn check(checks: &mut Checks<'_>, path: &str, words: &[String], unpinned: bool) {
    let place = format!("{path}.command");
    if let Some(word) = launch::smuggled(words) {
        let name = word.split('=').next().unwrap_or_default();
        let message =
            format!("{} runs code that the command does not name (remove it)", quote(name));
        checks.problem(&place, message);
    }
    if let Some(word) = launch::escape(words) {
        let message = format!(
            "{} reaches outside the container (give it the one folder or address that it needs)",
            quote(word)
        );
        checks.warning(&place, message);
    }
    if unpinned {
        return;
    }
    if let Some(package) = launch::floating(words) {
        let message = format!(
            "{} may be another program at the next start (write its exact version or digest, or unpinned: true)",
            quote(package)
        );
        checks.problem(&place, message);
    } else if let Some(package) = launch::unpinned(words) {
        let message = format!(
            "{} has no exact version, so the next start may run another one (write NAME@1.2.3, a digest, or unpinned: true)",
            quote(package)
        );
        checks.warning(&place, message);
    }
}

/// The same for the variables of its own.
pub(super) fn variables(checks: &mut Checks<'_>, path: &str, env: &BTreeMap<String, Secret>) {
    for (name, value) in env {
        variable(checks, &key_path(&format!("{path}.env"), name), name, value.reveal());
    }
}

/// The same for one variable.
pub(super) fn variable(checks: &mut Checks<'_>, place: &str, name: &str, value: &str) {
    match launch::smuggles(name, value) {
        Some(Severity::High) => {
            checks.problem(
                place,
                "it makes the program run code that the command does not name (remove it)",
            );
        }
        Some(_) => checks.warning(
            place,
            "it changes where the program finds its own code (remove it if you can)",
        ),
        None => {}
    }
}
