//! What is taken out of the gateway's own log.

use std::sync::Arc;

use bytes::Bytes;
use toolgate_screen::detect::Detector;
use toolgate_screen::redact::{Compiled, Rules, Scope};

use crate::gateway::Gateway;

/// Rules of redaction for lines of a log, where no role exempts.
pub struct LogRules {
    rules: Compiled,
    key: Arc<[u8; 32]>,
}

/// What the operator of a system has to see.
const FOR_OPERATORS: [Detector; 3] =
    [Detector::StackTrace, Detector::InternalUrl, Detector::ConnectionString];

impl LogRules {
    /// Those of the rules that are about secrets and persons, wherever they stand.
    fn of(rules: &Rules) -> Option<Compiled> {
        let all = rules.0.iter().filter(|rule| !rule.only_errors).cloned();
        let all = all.map(|mut rule| {
            rule.detect.retain(|detector| !FOR_OPERATORS.contains(detector));
            rule.paths.clear();
            rule
        });
        let all: Vec<_> = all.filter(|rule| !rule.detect.is_empty()).collect();
        if all.is_empty() { None } else { Rules(all).compile().ok() }
    }

    /// The line as it is written. What a rule would refuse is masked: the line is needed.
    #[must_use]
    pub fn line(&self, line: &[u8]) -> Bytes {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let scope = Scope { caller: None, tool: None, is_error: false, key: &*self.key };
        let clean = self.rules.lenient(&Bytes::copy_from_slice(text), scope).bytes;
        [&clean[..], &line[text.len()..]].concat().into()
    }
}

impl Gateway {
    /// What is taken out of its log; `None` without rules.
    #[must_use]
    pub fn log_rules(&self) -> Option<LogRules> {
        let rules = LogRules::of(&self.config.screening.redaction)?;
        Some(LogRules { rules, key: self.keys().redaction_key() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lines_of_both_formats_lose_secrets_and_keep_their_end() {
        let rules: Rules = serde_json::from_value(json!([
            { "detect": ["token", "internal_url"], "action": "refuse" },
            { "detect": ["email"], "only_errors": true },
        ]))
        .unwrap();
        let rules = LogRules { rules: LogRules::of(&rules).unwrap(), key: Arc::new([0; 32]) };
        let token = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
        for (line, expected) in [
            (format!("WARN it failed: {token}\n"), "WARN it failed: [redacted:token]\n"),
            (
                format!("{{\"m\":\"a@b.io \\u001b {token}\",\"url\":\"http://10.0.0.1/\"}}\n"),
                "{\"m\":\"a@b.io \\u001b [redacted:token]\",\"url\":\"http://10.0.0.1/\"}\n",
            ),
            ("no line end".to_owned(), "no line end"),
        ] {
            assert_eq!(rules.line(line.as_bytes()), expected);
        }
    }
}
