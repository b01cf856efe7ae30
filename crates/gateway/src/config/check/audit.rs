//! Whether records can be kept as the file says.

use super::Checks;
use super::authentication::dotted;
use crate::config::tree::Config;

pub(super) fn check(checks: &mut Checks<'_>, config: &mut Config) {
    let Some(rules) = &mut config.audit else { return };
    if let Some(file) = &mut rules.file {
        file.path = checks.resolve("audit.file.path", &file.path);
    }
    if let Some(sqlite) = &mut rules.sqlite {
        sqlite.path = checks.resolve("audit.sqlite.path", &sqlite.path);
    }
    for problem in rules.compile().err().unwrap_or_default() {
        checks.problem(&format!("audit{}", dotted(&problem.path)), problem.text);
    }
    if checks.places.is_literal("audit.key") {
        checks.warning(
            "audit.key",
            "the key stands in the file itself (write ${env:NAME} or ${file:PATH})",
        );
    }
}
