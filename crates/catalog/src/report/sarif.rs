//! A report as SARIF 2.1.0 (OASIS), which code scanning services read.

use serde_json::{Value, json};

use crate::canonical::Hash;
use crate::finding::{Finding, Rule, Severity};
use crate::rules;
use crate::scan::Report;

/// The report as a SARIF log of one run. `target` is what was scanned, as a URI reference: the
/// place of findings for services that show them beside a file.
#[must_use]
pub fn sarif(report: &Report, target: &str) -> Value {
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "toolgate",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules::ALL.iter().map(|rule| descriptor(rule)).collect::<Vec<_>>(),
            }},
            "results": report.findings.iter().map(|finding| result(finding, target)).collect::<Vec<_>>(),
        }],
    })
}

fn descriptor(rule: &Rule) -> Value {
    json!({
        "id": rule.id,
        "shortDescription": { "text": rule.title },
        "fullDescription": { "text": rule.explanation },
        "help": { "text": rule.remedy },
        "defaultConfiguration": { "level": level(rule.severity) },
        "properties": { "security-severity": score(rule.severity), "tags": ["security"] },
    })
}

fn result(finding: &Finding, target: &str) -> Value {
    let place = &finding.place;
    let evidence = finding.evidence.as_ref().map(|it| format!(": {it}")).unwrap_or_default();
    let index = rules::ALL.iter().position(|rule| rule.id == finding.rule.id);
    let fingerprint = Hash::of(&format!("{} {place} {evidence}", finding.rule.id));
    json!({
        "ruleId": finding.rule.id,
        "ruleIndex": index,
        "level": level(finding.severity),
        "message": { "text": format!("{}{evidence}", finding.message) },
        "locations": [{
            "physicalLocation": {
                "artifactLocation": { "uri": target },
                "region": { "startLine": place.line.unwrap_or(1) },
            },
            "logicalLocations": [{ "fullyQualifiedName": place.to_string(), "kind": "member" }],
        }],
        "partialFingerprints": { "toolgate/v1": fingerprint.to_string() },
        "properties": { "severity": finding.severity.as_str() },
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

/// What code scanning services rank by, from 0 to 10.
fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::High => "8.0",
        Severity::Medium => "5.0",
        Severity::Low => "2.0",
        Severity::Info => "0.0",
    }
}
