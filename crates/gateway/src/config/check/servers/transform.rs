//! Conversions: do the bounds leave room for any?

use toolgate_values::{Size, Span};

use crate::config::check::Checks;
use crate::config::servers::transform::Transform;

/// More than one call should take.
const LONGEST: Span = Span::seconds(120);
/// What the process takes before it has done anything, and some for its work.
const LEAST: Size = Size::mib(64);

pub(in crate::config::check) fn check(checks: &mut Checks<'_>, path: &str, transform: &Transform) {
    let limits = &transform.limits;
    for (name, size) in [("input", limits.input), ("output", limits.output)] {
        if size < Size::kib(1) {
            checks.problem(&format!("{path}.limits.{name}"), "too small (write 1KiB or more)");
        }
    }
    if limits.memory < LEAST {
        let message = format!("too little for any image (write {LEAST} or more)");
        checks.problem(&format!("{path}.limits.memory"), message);
    }
    if limits.time.is_zero() || limits.time > LONGEST {
        let message = format!("not from 1s to {LONGEST} (write such as 8s)");
        checks.problem(&format!("{path}.limits.time"), message);
    }
}
