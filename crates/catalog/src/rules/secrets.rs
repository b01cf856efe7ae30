//! Does a secret stand in plain text?

use std::sync::LazyLock;

use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

use crate::finding::{Finding, Place};
use crate::findings::Findings;
use crate::rules;

/// Tokens that say themselves what they are.
const TOKENS: &[&str] = &[
    r"\bgh[pousr]_[A-Za-z0-9]{36}",
    r"\bgithub_pat_[A-Za-z0-9_]{50,}",
    r"\bglpat-[A-Za-z0-9_-]{20}",
    r"\b(AKIA|ASIA)[0-9A-Z]{16}\b",
    r"\bxox[abprs]-[A-Za-z0-9-]{20,}",
    r"\bsk-(ant-|proj-)?[A-Za-z0-9_-]{32,}",
    r"\b[rs]k_live_[A-Za-z0-9]{20,}",
    r"\bAIza[0-9A-Za-z_-]{35}",
    r"\bntn_[A-Za-z0-9]{40,}",
    r"\bnpm_[A-Za-z0-9]{36}",
    r"\bhf_[A-Za-z0-9]{34}",
    r"\bSG\.[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}",
    r"-----BEGIN ([A-Z]+ )?PRIVATE KEY-----",
    r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}",
    r"\b[a-z][a-z0-9+.-]{2,20}://[^/\s:@'\x22${}]+:[^/\s@'\x22${}<>]{6,}@[^\s'\x22]+",
];

static SET: LazyLock<Option<RegexSet>> =
    LazyLock::new(|| RegexSetBuilder::new(TOKENS).unicode(false).build().ok());

static EACH: LazyLock<Vec<Option<Regex>>> = LazyLock::new(|| {
    TOKENS.iter().map(|token| RegexBuilder::new(token).unicode(false).build().ok()).collect()
});

/// A key that names a secret, and its value.
static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    RegexBuilder::new(r#"(?:^|[\s{,\x22'-])([\w-]*(?:token|secret|password|passwd|api[_-]?key|apikey|access[_-]?key|private[_-]?key|credentials?|authorization)[\w-]*)["']?\s*[:=]\s*["']?((?:Bearer|Basic|token)\s+)?([^"'\s,}\]]{8,})"#)
        .unicode(false)
        .case_insensitive(true)
        .build()
        .ok()
});

/// Looks at a text of a definition.
pub(crate) fn look(text: &str, place: &dyn Fn() -> Place, found: &mut Findings) {
    if let Some(token) = token(text) {
        found.add(&rules::TOKEN, place(), "holds a secret".to_owned(), Some(masked(token)));
    }
}

/// Looks at the text of a configuration, in whatever syntax, line by line.
#[must_use]
pub fn configuration(text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let mut add = |rule: &'static crate::finding::Rule, what: &str, evidence: String| {
            findings.push(Finding {
                rule,
                severity: rule.severity,
                place: Place { line: Some(at + 1), ..Place::default() },
                message: what.to_owned(),
                evidence: Some(evidence),
            });
        };
        if let Some(token) = token(line) {
            add(&rules::TOKEN, "a secret stands in the file itself", masked(token));
        } else if let Some((key, value)) = named(line) {
            let evidence = format!("{key}: {}", masked(value));
            add(&rules::LITERAL, "what looks like a secret stands in the file itself", evidence);
        }
    }
    findings
}

fn token(text: &str) -> Option<&str> {
    let at = SET.as_ref()?.matches(text.as_bytes()).into_iter().next()?;
    let range = EACH.get(at)?.as_ref()?.find(text.as_bytes())?.range();
    text.get(range)
}

fn named(line: &str) -> Option<(&str, &str)> {
    let captures = NAMED.as_ref()?.captures(line.as_bytes())?;
    let part = |at| line.get(captures.get(at)?.range());
    let (key, value) = (part(1)?, part(3)?);
    let elsewhere = value.starts_with(['$', '/', '.', '<', '{', '*', '[', '~', '&', '|'])
        || value.contains("${");
    let count = |known: fn(&u8) -> bool| value.as_bytes().iter().filter(|byte| known(byte)).count();
    let mixed = count(u8::is_ascii_digit) >= 2 && count(u8::is_ascii_alphabetic) >= 2;
    let address = value.contains("://");
    (!elsewhere && !address && mixed).then_some((key, value))
}

/// A secret as it may be shown: enough to find it by.
fn masked(secret: &str) -> String {
    let head: String = secret.chars().take(4).collect();
    format!("{}… ({} characters)", crate::visible::shown(&head), secret.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_in_a_configuration_is_found_and_not_shown() {
        let token = format!("ghp_{}", "a1B2".repeat(9));
        let text = format!(
            "servers:\n- env:\n    A: {token}\n    API_KEY: 'q7w8e9r0t1y2'\n    B_TOKEN: ${{env:B}}\n    token_path: /run/secrets/t0k3n1\n    password: changed\n"
        );

        let found = configuration(&text);

        let told: Vec<_> = found.iter().map(|it| (it.rule.id, it.place.line)).collect();
        assert_eq!(told, [("TG-SECRET-001", Some(3)), ("TG-SECRET-002", Some(4))]);
        assert!(!format!("{found:?}").contains("a1B2a1B2"));
        assert!(!format!("{found:?}").contains("e9r0"));
    }

    #[test]
    fn every_pattern_is_one() {
        assert!(SET.is_some() && NAMED.is_some() && EACH.iter().all(Option::is_some));
    }
}
