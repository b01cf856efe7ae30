//! `toolgate audit verify`: what was tampered with, and where.

use std::process::ExitCode;

use serde_json::json;
use toolgate_audit::{Report, plain};
use toolgate_upstreams::Hosts;

use super::super::{complain, print};
use super::{Records, Source};

/// Exit: 0 the chain is whole, 1 it is not, 2 it cannot be read.
pub(super) fn run(source: Source, as_json: bool, hosts: &Hosts) -> ExitCode {
    let report = source.open(hosts).and_then(|place| {
        let key = place.key.as_ref();
        match place.records {
            Records::Files(path) => toolgate_audit::verify(&path, key)
                .map_err(|error| format!("{}: {error}", path.display())),
            Records::Table(archive) => archive.verify(key).map_err(|error| error.to_string()),
        }
    });
    let report = match report {
        Ok(report) => report,
        Err(text) => {
            complain(&text);
            return ExitCode::from(2);
        }
    };
    print(&if as_json { object(&report) } else { sentences(&report) });
    if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn object(report: &Report) -> String {
    let defects: Vec<_> = report
        .defects
        .iter()
        .map(|defect| json!({ "file": defect.file, "line": defect.line, "text": defect.text }))
        .collect();
    json!({
        "ok": report.is_sound(),
        "files": report.files,
        "lines": report.lines,
        "newest": report.last,
        "calls": report.intents,
        "events": report.events,
        "open": report.open.len(),
        "unrecorded": report.unrecorded,
        "waived": report.waived,
        "counted": report.counted,
        "keyed": report.keyed,
        "endKnown": report.ended,
        "defects": defects,
    })
    .to_string()
}

fn sentences(report: &Report) -> String {
    let mut text = String::new();
    for defect in &report.defects {
        text.push_str(&plain(&defect.to_string()));
        text.push('\n');
    }
    let Report { files, lines, last, intents, events, .. } = report;
    let verdict = if report.is_sound() { "whole" } else { "TAMPERED WITH" };
    text.push_str(&format!(
        "{verdict}: {lines} lines in {files} files, the newest is {last}; {intents} calls, {events} events"
    ));
    for (count, what) in [
        (report.open.len() as u64, "calls without an outcome: they run, or nobody knows"),
        (report.unrecorded, "requests refused for want of a record"),
        (report.waived, "reads let through without a record"),
        (report.counted, "refusals of floods, counted only"),
    ] {
        if count > 0 {
            text.push_str(&format!("\n{count} {what}"));
        }
    }
    if !report.keyed {
        text.push_str("\nwithout a key: whoever can write the files can also write them anew");
    }
    if !report.ended {
        text.push_str("\nthe end of the chain is not known: lines may be missing there");
    }
    text
}
