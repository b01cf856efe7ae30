//! A report for a terminal. Nothing in it can move the cursor: names and evidence come shown.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::finding::Severity;
use crate::scan::Report;

/// The report as lines: the findings, what the rules mean, and the sums.
#[must_use]
pub fn table(report: &Report) -> String {
    let mut out = String::new();
    let mut rules = BTreeSet::new();
    for finding in &report.findings {
        let (severity, id) = (finding.severity.as_str(), finding.rule.id);
        let _ = writeln!(out, "{severity:<7} {id:<15} {}", finding.place);
        let _ = writeln!(out, "        {}", finding.message);
        for line in finding.evidence.iter().flat_map(|evidence| evidence.lines()) {
            let _ = writeln!(out, "        | {line}");
        }
        rules.insert(id);
    }
    for (id, count) in &report.left_out {
        let _ = writeln!(out, "{count} more findings of {id} are left out");
    }
    // What only informs needs no remedy.
    let serious = |id: &&str| {
        report.findings.iter().any(|it| it.rule.id == *id && it.severity > Severity::Low)
    };
    let mut explained = crate::rules::ALL
        .iter()
        .filter(|rule| rules.contains(rule.id) && serious(&rule.id))
        .peekable();
    if explained.peek().is_some() {
        out.push('\n');
    }
    for rule in explained {
        let _ = writeln!(
            out,
            "{}: {}\n        {} {}",
            rule.id, rule.title, rule.explanation, rule.remedy
        );
    }
    let count = |severity| report.count(severity);
    let _ = write!(
        out,
        "{}{} high, {} medium, {} low, {} info; {} of {}",
        if out.is_empty() { "" } else { "\n" },
        count(Severity::High),
        count(Severity::Medium),
        count(Severity::Low),
        count(Severity::Info),
        many(report.tools, "tool"),
        many(report.servers, "server"),
    );
    out
}

fn many(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
