//! `toolgate check`: is this configuration one that a gateway would start with?

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Value, json};
use toolgate_gateway::config::{self, Problem};

use super::print;

/// What to check.
#[derive(clap::Args)]
pub struct CheckArgs {
    /// A configuration (YAML), or the mcp.json of another client.
    config: PathBuf,
    /// Print one JSON object instead of lines.
    #[arg(long)]
    json: bool,
}

/// Prints all problems and warnings. Exit: 0 nothing is wrong, 1 something is.
pub fn run(args: &CheckArgs) -> ExitCode {
    let (servers, problems, warnings) = match config::load(&args.config) {
        Ok((checked, warnings)) => (checked.servers().len(), Vec::new(), warnings),
        Err(problems) => (0, problems.0, Vec::new()),
    };
    if args.json {
        let report = json!({
            "ok": problems.is_empty(),
            "problems": problems.iter().map(entry).collect::<Vec<_>>(),
            "warnings": warnings.iter().map(|warning| entry(&warning.0)).collect::<Vec<_>>(),
        });
        print(&report.to_string());
    } else {
        for warning in &warnings {
            print(&format!("warning: {warning}"));
        }
        for problem in &problems {
            print(&problem.to_string());
        }
        if problems.is_empty() {
            let plural = if servers == 1 { "" } else { "s" };
            print(&format!("ok: {servers} server{plural}"));
        }
    }
    if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn entry(problem: &Problem) -> Value {
    json!({
        "file": problem.file.to_string_lossy(),
        "line": problem.line,
        "path": problem.path,
        "message": problem.message,
    })
}
