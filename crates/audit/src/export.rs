//! Records for other programs: JSON, one object a line; or CSV (RFC 4180).

use std::collections::BTreeMap;

use crate::line::{is_breaking, plain};
use crate::query::Entry;

/// The columns of CSV, in order.
const COLUMNS: [&str; 36] = [
    "seq",
    "time",
    "caller",
    "subject",
    "actor",
    "proof",
    "tenant",
    "address",
    "session",
    "toolset",
    "request",
    "method",
    "tool",
    "arguments",
    "arguments_bytes",
    "arguments_sha256",
    "arguments_redacted",
    "trace",
    "policy",
    "catalog",
    "approval",
    "requester",
    "approver",
    "call",
    "decision",
    "decision_id",
    "rule",
    "consent",
    "redacted",
    "upstream",
    "attempts",
    "outcome",
    "reason",
    "request_bytes",
    "reply_bytes",
    "duration_us",
];

/// The first line of CSV: the names of the columns.
pub fn header() -> String {
    COLUMNS.join(",")
}

/// A record as one JSON object without a line break.
pub fn json(entry: &Entry) -> String {
    // Only maps with keys that are no text fail, and there is none.
    let text = serde_json::to_string(entry).unwrap_or_default();
    // Whatever breaks lines or moves a cursor stands within strings.
    match text.contains(is_breaking) {
        true => escaped(&text),
        false => text,
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            c if is_breaking(c) => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// A record as one line of CSV, without the line break. What a spreadsheet would take for a formula
/// begins with an apostrophe.
pub fn csv(entry: &Entry) -> String {
    let (wish, end) = (&entry.wish, entry.end.as_ref());
    let number = |number: Option<u64>| number.map(|it| it.to_string()).unwrap_or_default();
    let text = |text: Option<&String>| text.map(|it| field(it)).unwrap_or_default();
    let cells: [String; COLUMNS.len()] = [
        wish.seq.to_string(),
        wish.time.clone(),
        field(&wish.caller),
        field(&wish.subject),
        text(wish.actor.as_ref()),
        field(&wish.proof),
        text(wish.tenant.as_ref()),
        text(wish.address.as_ref()),
        text(wish.session.as_ref()),
        text(wish.toolset.as_ref()),
        text(wish.request.as_ref()),
        field(&wish.method),
        text(wish.tool.as_ref()),
        wish.arguments.as_ref().map(|it| field(it.get())).unwrap_or_default(),
        number(wish.arguments_bytes),
        text(wish.arguments_sha256.as_ref()),
        counts(&wish.arguments_redacted),
        text(wish.trace.as_ref()),
        text(wish.policy.as_ref()),
        text(wish.catalog.as_ref()),
        text(wish.approval.as_ref()),
        text(wish.requester.as_ref()),
        text(wish.approver.as_ref()),
        text(wish.call.as_ref()),
        end.map(|end| end.decision.as_str().to_owned()).unwrap_or_default(),
        text(end.and_then(|end| end.decision_id.as_ref())),
        text(end.and_then(|end| end.rule.as_ref())),
        text(end.and_then(|end| end.consent.as_ref())),
        end.map(|end| counts(&end.redacted)).unwrap_or_default(),
        text(end.and_then(|end| end.upstream.as_ref())),
        number(end.map(|end| end.attempts.into())),
        end.map(|end| end.outcome.as_str().to_owned()).unwrap_or_default(),
        text(end.and_then(|end| end.reason.as_ref())),
        number(end.map(|end| end.request_bytes)),
        number(end.map(|end| end.reply_bytes)),
        number(end.and_then(|end| end.duration_us)),
    ];
    cells.join(",")
}

/// Rules and how often each found something.
fn counts(counts: &BTreeMap<String, u64>) -> String {
    let each: Vec<_> = counts.iter().map(|(rule, count)| format!("{rule}={count}")).collect();
    field(&each.join(" "))
}

fn field(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let guard = if formula { "'" } else { "" };
    let text = plain(text);
    if formula || text.contains([',', '"']) {
        return format!("\"{guard}{}\"", text.replace('"', "\"\""));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_never_two_nor_a_formula() {
        let cases = [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("a\nb\u{1b}", "a\\u{a}b\\u{1b}"),
            ("=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\""),
        ];
        for (text, cell) in cases {
            assert_eq!(field(text), cell);
        }
    }
}
