//! `toolgate check`: is this configuration one that a gateway would start with?

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Value, json};
use toolgate_catalog::lock::Lock;
use toolgate_gateway::config::{Checked, LockFile, Problem, Server, Warning};
use toolgate_upstreams::Hosts;

use super::{complain, documents, print, workflows};
use crate::build;
use crate::client::text::line;

/// What to check.
#[derive(clap::Args)]
pub struct CheckArgs {
    /// A configuration (YAML), or the mcp.json of another client.
    config: PathBuf,
    /// Print one JSON object instead of lines.
    #[arg(long)]
    json: bool,
    /// Do not ask databases whether the statements of `sql` servers fit them, nor servers whether the
    /// steps of workflows fit their tools.
    #[arg(long)]
    offline: bool,
}

/// Prints all problems and warnings. Exit: 0 nothing is wrong, 1 something is.
pub async fn run(args: CheckArgs, hosts: &Hosts) -> ExitCode {
    let report = match build::read(&args.config, hosts) {
        Ok((checked, warnings)) => Report::of(&checked, warnings, &args, hosts).await,
        Err(problems) => Report { problems: problems.0, ..Report::default() },
    };
    match args.json {
        true => print(&report.to_json()),
        false => report.tell(),
    }
    if report.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What was found.
#[derive(Default)]
struct Report {
    servers: usize,
    problems: Vec<Problem>,
    warnings: Vec<Warning>,
    documents: Vec<documents::Document>,
    /// How many definitions are pinned, if any.
    pinned: Option<usize>,
    /// Whether any server's definitions could be.
    pinnable: bool,
}

impl Report {
    async fn of(
        config: &Checked,
        warnings: Vec<Warning>,
        args: &CheckArgs,
        hosts: &Hosts,
    ) -> Report {
        let (mut problems, pinned) = lock(config);
        let mut warnings = warnings;
        problems.extend(lacking(config));
        if !args.offline {
            databases(config, &mut problems, &mut warnings).await;
            workflows::check(config, hosts, &mut problems, &mut warnings).await;
        }
        let documents = documents::of(config, &mut problems, &mut warnings);
        let (servers, pinnable) = (config.servers().len(), config.pins_any());
        Report { servers, problems, warnings, documents, pinned, pinnable }
    }

    fn to_json(&self) -> String {
        json!({
            "documents": self.documents.iter().map(|it| &it.entry).collect::<Vec<_>>(),
            "ok": self.problems.is_empty(),
            "problems": self.problems.iter().map(entry).collect::<Vec<_>>(),
            "pinned": self.pinned,
            "warnings": self.warnings.iter().map(|warning| entry(&warning.0)).collect::<Vec<_>>(),
        })
        .to_string()
    }

    /// The same for a person.
    fn tell(&self) {
        let warnings = self.warnings.iter().map(|warning| format!("warning: {warning}"));
        let problems = self.problems.iter().map(ToString::to_string);
        let documents = self.documents.iter().flat_map(|it| &it.lines).cloned();
        // Documents and databases have words in them.
        warnings.chain(problems).chain(documents).for_each(|text| print(&line(&text)));
        if !self.problems.is_empty() {
            return;
        }
        let plural = if self.servers == 1 { "" } else { "s" };
        print(&format!("ok: {} server{plural}", self.servers));
        if self.pinned.is_none() && self.pinnable {
            complain("note: no definition is pinned (toolgate lock pins what the servers say now)");
        }
    }
}

/// Servers that this build does not have.
fn lacking(config: &Checked) -> Vec<Problem> {
    let problem = |(index, server): (usize, &Server)| {
        let message = toolgate_upstreams::lacking(&server.kind)?;
        Some(config.problem(&format!("servers[{index}]"), message))
    };
    config.servers().iter().enumerate().filter_map(problem).collect()
}

/// This build has no databases, which is what is told.
#[cfg(not(feature = "sql"))]
async fn databases(_: &Checked, _: &mut Vec<Problem>, _: &mut Vec<Warning>) {}

/// Whether the statements fit the databases as they are now. One that cannot be asked is no problem of
/// the configuration.
#[cfg(feature = "sql")]
async fn databases(config: &Checked, problems: &mut Vec<Problem>, warnings: &mut Vec<Warning>) {
    for (index, server) in config.servers().iter().enumerate() {
        let toolgate_gateway::config::Kind::Sql(rules) = &server.kind else { continue };
        let at =
            |path: &str, message| config.problem(&format!("servers[{index}].sql.{path}"), message);
        match toolgate_upstreams::sql::check(rules).await {
            Ok(found) => problems.extend(found.into_iter().map(|it| at(&it.path, it.text))),
            Err(text) => {
                let message = format!("the statements were not checked: {text}");
                warnings.push(Warning(at("url", message)));
            }
        }
    }
}

/// What is wrong with the lock file, and how many definitions it pins, if there is one.
fn lock(config: &Checked) -> (Vec<Problem>, Option<usize>) {
    let LockFile { path, named } = config.lock();
    let problem = |line, path_in_file: String, message| Problem {
        file: path.clone(),
        line,
        path: path_in_file,
        message,
    };
    if !path.exists() {
        let missing = "does not exist (make it with toolgate lock)".to_owned();
        let missing = named.then(|| problem(0, String::new(), missing));
        return (missing.into_iter().collect(), None);
    }
    match Lock::load(path) {
        Ok(lock) => {
            let count = lock.servers().map(|server| lock.definitions(server).count()).sum();
            (Vec::new(), Some(count))
        }
        Err(problems) => {
            (problems.into_iter().map(|it| problem(it.line, it.path, it.text)).collect(), None)
        }
    }
}

fn entry(problem: &Problem) -> Value {
    json!({
        "file": problem.file.to_string_lossy(),
        "line": problem.line,
        "path": problem.path,
        "message": problem.message,
    })
}
