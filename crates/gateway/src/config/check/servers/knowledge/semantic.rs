//! Ranking by meaning: can the endpoint be asked, and is there time for its answers?

use toolgate_values::Span;

use crate::config::check::Checks;
use crate::config::check::servers::{headers, unencrypted};
use crate::config::servers::knowledge::Semantic;

/// The shortest time that is left for an answer.
const SHORTEST: Span = Span::millis(10);

pub(super) fn check(checks: &mut Checks<'_>, path: &str, semantic: &Semantic) {
    unencrypted(checks, &format!("{path}.url"), &semantic.url);
    headers(checks, &format!("{path}.headers"), &semantic.headers, &["accept"]);
    if semantic.model.trim().is_empty() {
        let message = "no model (write its name as the endpoint knows it)";
        checks.problem(&format!("{path}.model"), message);
    }
    for (key, span) in [("timeout", semantic.timeout), ("patience", semantic.patience)] {
        if span < SHORTEST {
            let message = format!("no endpoint is as fast (write {SHORTEST} or more)");
            checks.problem(&format!("{path}.{key}"), message);
        }
    }
}
