//! `toolgate policy test`: a table of cases, each a call and what is to become of it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Deserialize;
use toolgate_gateway::config;
use toolgate_policy::{Outcome, Table};
use toolgate_upstreams::Hosts;

use super::rules_of;
use crate::cli::{complain, print};

/// What to test.
#[derive(clap::Args)]
pub struct TestArgs {
    /// The table (YAML): `config`, the file with the rules, and `cases`.
    table: PathBuf,
    /// The configuration whose rules to test, instead of the one that the table names.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Print one JSON object instead of lines.
    #[arg(long)]
    json: bool,
}

/// A table as its file holds it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// The configuration, relative to the file.
    config: Option<PathBuf>,
    cases: Table,
}

/// Prints what differs. Exit: 0 nothing, 1 something, 2 the files cannot be read.
pub fn run(args: &TestArgs, hosts: &Hosts) -> ExitCode {
    let unusable = ExitCode::from(2);
    let file = match read(&args.table) {
        Ok(file) => file,
        Err(text) => {
            complain(&text);
            return unusable;
        }
    };
    let folder = args.table.parent().unwrap_or_else(|| Path::new(""));
    let own = file.config.map(|path| folder.join(path));
    let Some(path) = args.config.clone().or(own) else {
        complain("no configuration (write config: FILE into the table, or pass --config FILE)");
        return unusable;
    };
    let Some(policy) = rules_of(&path, hosts) else { return unusable };
    let outcomes = file.cases.run(&policy);
    let failed = outcomes.iter().filter(|outcome| !outcome.passed()).count();
    if args.json {
        let report = serde_json::json!({ "ok": failed == 0, "cases": outcomes });
        print(&report.to_string());
    } else {
        print(&report(&file.cases, &outcomes, failed));
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn read(path: &Path) -> Result<File, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("cannot read the table {shown}: {error}"))?;
    let value = config::value(&text, path).map_err(|problems| problems.to_string())?;
    serde_json::from_value(value).map_err(|error| {
        format!("{shown} is no table of cases: {error} (see docs/policy.md for one)")
    })
}

fn report(table: &Table, outcomes: &[Outcome], failed: usize) -> String {
    let mut lines = Vec::new();
    for (case, outcome) in table.0.iter().zip(outcomes) {
        let word = if outcome.passed() { "ok    " } else { "FAILED" };
        lines.push(format!("{word} {}", case.title(outcome.index)));
        if outcome.passed() {
            continue;
        }
        lines.extend(outcome.differences.iter().map(|text| format!("       {text}")));
        if let Some(explanation) = &outcome.explanation {
            lines.extend(explanation.to_string().lines().map(|line| format!("       {line}")));
        }
    }
    let (all, good) = (outcomes.len(), outcomes.len() - failed);
    lines.push(format!("{good} of {all} cases as expected"));
    lines.join("\n")
}
