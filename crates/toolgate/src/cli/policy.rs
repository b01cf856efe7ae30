//! `toolgate policy`: do the rules decide as they should, and why do they decide so?

mod explain;
mod test;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Subcommand;
use toolgate_policy::Policy;
use toolgate_upstreams::Hosts;

use super::complain;
use crate::build;

/// What to do with the rules.
#[derive(clap::Args)]
pub struct PolicyArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a table of cases against the rules of a configuration.
    Test(test::TestArgs),
    /// Say what the rules decide on one call, and which rule decided.
    Explain(explain::ExplainArgs),
}

/// Runs the command.
pub fn run(args: PolicyArgs, hosts: &Hosts) -> ExitCode {
    match args.command {
        Command::Test(args) => test::run(&args, hosts),
        Command::Explain(args) => explain::run(&args, hosts),
    }
}

/// The rules of a configuration; without any, says so.
fn rules_of(path: &Path, hosts: &Hosts) -> Option<Arc<Policy>> {
    let checked = match build::read(path, hosts) {
        Ok((checked, _)) => checked,
        Err(problems) => {
            complain(&format!("the configuration has problems:\n{problems}"));
            return None;
        }
    };
    let policy = checked.policy().cloned();
    if policy.is_none() {
        complain("the configuration has no rules: whoever comes in may use everything");
    }
    policy
}
