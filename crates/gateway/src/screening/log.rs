//! What is taken out of the gateway's own log.

use bytes::Bytes;
use std::sync::Arc;

use toolgate_screen::redact::{Compiled, Scope};

use crate::gateway::Gateway;

/// Rules of redaction for lines of a log, where no role exempts and every line counts as a failure.
pub struct LogRules {
    rules: Compiled,
    key: Arc<[u8; 32]>,
}

impl LogRules {
    /// The line as it is written. What a rule would refuse is masked: the line is needed.
    #[must_use]
    pub fn line(&self, line: &[u8]) -> Bytes {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let scope = Scope { caller: None, tool: None, is_error: true, key: &*self.key };
        let clean = self.rules.lenient(&Bytes::copy_from_slice(text), scope).bytes;
        [&clean[..], &line[text.len()..]].concat().into()
    }
}

impl Gateway {
    /// What is taken out of its log; `None` without rules.
    #[must_use]
    pub fn log_rules(&self) -> Option<LogRules> {
        let rules = &self.config.screening.redaction;
        let compiled = rules.compile().ok().filter(|_| !rules.0.is_empty())?;
        Some(LogRules { rules: compiled, key: self.keys().redaction_key() })
    }
}
