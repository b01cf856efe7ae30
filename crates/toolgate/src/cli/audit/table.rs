//! `toolgate audit query`: records as a person reads them.

use std::process::ExitCode;

use toolgate_audit::{Entry, plain};
use toolgate_upstreams::Hosts;

use super::super::print;
use super::{Source, Wanted, each, ended};

const WIDTHS: [usize; 7] = [27, 20, 24, 24, 9, 18, 9];
const NAMES: [&str; 7] = ["time", "caller", "method", "tool", "outcome", "reason", "ms"];

pub(super) fn run(source: Source, wanted: Wanted, hosts: &Hosts) -> ExitCode {
    let outcome = source.open(hosts).and_then(|place| {
        print(&line(NAMES.map(str::to_owned)));
        each(place.records, wanted, |entry| print(&line(cells(&entry))))
    });
    ended(outcome)
}

fn cells(entry: &Entry) -> [String; 7] {
    let (wish, end) = (&entry.wish, entry.end.as_ref());
    let whom = wish.address.as_ref().filter(|_| wish.proof == "none").unwrap_or(&wish.subject);
    [
        wish.time.clone(),
        whom.clone(),
        wish.method.clone(),
        wish.tool.clone().unwrap_or_default(),
        end.map_or("open", |end| end.outcome.as_str()).to_owned(),
        end.and_then(|end| end.reason.clone()).unwrap_or_default(),
        end.and_then(|end| end.duration_us)
            .map(|micros| format!("{:.1}", micros as f64 / 1000.0))
            .unwrap_or_default(),
    ]
}

/// One line, whatever the cells hold: a name that a peer chose must not move the cursor.
fn line(cells: [String; 7]) -> String {
    let padded = cells.into_iter().zip(WIDTHS).map(|(cell, width)| {
        let cell = plain(&cell);
        let cut: String = match cell.chars().count() > width {
            true => cell.chars().take(width - 1).chain(['…']).collect(),
            false => cell,
        };
        format!("{cut:width$}")
    });
    padded.collect::<Vec<_>>().join(" ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Case L1.
    #[test]
    fn a_cell_neither_breaks_its_line_nor_commands_the_terminal() {
        let cells = ["t", "a", "m", "x\n\u{1b}[2Jy\u{202e}", "ok", "", ""].map(str::to_owned);

        let line = line(cells);

        assert!(!line.contains(['\n', '\u{1b}', '\u{202e}']), "{line:?}");
        assert!(line.contains("x\\u{a}\\u{1b}[2Jy"), "{line:?}");
    }
}
