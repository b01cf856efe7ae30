//! A report as JSON: `{"findings": [{"id", "severity", ...}], "summary": {...}}`.

use serde_json::{Map, Value};

use crate::finding::{Finding, Severity};
use crate::scan::Report;

/// The report as one JSON object.
#[must_use]
pub fn json(report: &Report) -> Value {
    let summary: Map<_, _> = [Severity::High, Severity::Medium, Severity::Low, Severity::Info]
        .into_iter()
        .map(|severity| (severity.as_str().to_owned(), report.count(severity).into()))
        .collect();
    serde_json::json!({
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
        "summary": summary,
        "leftOut": report.left_out,
        "servers": report.servers,
        "tools": report.tools,
    })
}

fn finding(finding: &Finding) -> Value {
    let place = &finding.place;
    serde_json::json!({
        "id": finding.rule.id,
        "severity": finding.severity.as_str(),
        "title": finding.rule.title,
        "message": finding.message,
        "server": place.server,
        "kind": place.definition.as_ref().map(|(kind, _)| kind.to_string()),
        "name": place.definition.as_ref().map(|(_, name)| name),
        "pointer": place.pointer,
        "line": place.line,
        "evidence": finding.evidence,
        "explanation": finding.rule.explanation,
        "remedy": finding.rule.remedy,
    })
}
