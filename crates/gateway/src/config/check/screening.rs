//! Whether the rules of screening can be used.

use std::sync::Arc;

use super::Checks;
use super::authentication::dotted;
use crate::config::screening::Screening;
use crate::screening::screen::Screen;

/// The rules of `screening` at `path`, together with those of the whole gateway; nothing if none
/// of them does anything.
pub(super) fn resolve(
    checks: &mut Checks<'_>,
    path: &str,
    own: Screening,
    whole: &Screening,
) -> Option<Arc<Screen>> {
    problems(checks, path, &own);
    // What is wrong with the rules of the whole gateway is said there, once.
    Screen::of(&own.over(whole)).ok().flatten().map(Arc::new)
}

/// Reports what is wrong with the rules at `path`.
pub(super) fn problems(checks: &mut Checks<'_>, path: &str, rules: &Screening) {
    let bounds = rules.bounds.compile().err().unwrap_or_default();
    let redaction = rules.redaction.compile().err().unwrap_or_default();
    for (key, problems) in [("bounds", bounds), ("redaction", redaction)] {
        for problem in problems {
            checks.problem(&format!("{path}.{key}{}", dotted(&problem.path)), problem.text);
        }
    }
    let Some(size) = rules.size else { return };
    if size.max.bytes() < toolgate_screen::size::LEAST {
        let message = "too little for a text and its notice (write 256B or more)";
        checks.problem(&format!("{path}.size.max"), message);
    }
    if size.keep.is_zero() {
        let message = "nobody could ever read the rest (write 1m or more)";
        checks.problem(&format!("{path}.size.keep"), message);
    }
}
