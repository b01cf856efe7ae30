//! What is wrong with a definition, how badly, and what to do about it.

use std::fmt;
use std::str::FromStr;

use crate::definition::Kind;

/// How much a finding matters. The least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Good to know.
    Info,
    /// Makes mistakes of a model likelier.
    Low,
    /// To be looked at by a person.
    Medium,
    /// An attack, or indistinguishable from one.
    High,
}

impl Severity {
    /// As configuration, commands and reports write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Severity {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Severity, Self::Err> {
        [Severity::Info, Severity::Low, Severity::Medium, Severity::High]
            .into_iter()
            .find(|severity| severity.as_str() == text)
            .ok_or("expected high, medium, low or info")
    }
}

/// A rule: what it looks for, and why. The table of all is [`crate::rules::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Its id, which never changes its meaning: `TG-POISON-001`.
    pub id: &'static str,
    /// How much its findings matter, unless a finding itself is less sure.
    pub severity: Severity,
    /// A few words.
    pub title: &'static str,
    /// Why this is dangerous.
    pub explanation: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

/// Where something was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// The server.
    pub server: Option<String>,
    /// What is defined there, and its name.
    pub definition: Option<(Kind, String)>,
    /// A JSON pointer (RFC 6901) into the definition.
    pub pointer: String,
    /// The line of a configuration file, counted from 1.
    pub line: Option<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use crate::visible::shown;
        let mut parts = Vec::new();
        parts.extend(self.server.as_deref().map(|server| shown(server).into_owned()));
        if let Some((kind, name)) = &self.definition {
            parts.push(format!("{kind} {}", shown(name)));
        }
        if !self.pointer.is_empty() {
            parts.push(shown(&self.pointer).into_owned());
        }
        parts.extend(self.line.map(|line| format!("line {line}")));
        f.write_str(&parts.join(": "))
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule that found it.
    pub rule: &'static Rule,
    /// How much it matters here.
    pub severity: Severity,
    /// Where.
    pub place: Place,
    /// What is wrong, in one sentence. Fit for a terminal.
    pub message: String,
    /// The words that gave it away, hidden characters shown as `\u{...}`.
    pub evidence: Option<String>,
}
