//! The commands, one file each.

mod approvals;
mod approve;
mod audit;
mod call;
mod check;
mod dev_issuer;
mod documents;
mod inspect;
mod key;
mod new;
mod policy;
mod scan;
mod schema;
mod serve;
mod stdio;
mod usage;
mod workflow;
mod workflows;

use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use toolgate_gateway::config::Checked;
use toolgate_upstreams::Hosts;

use crate::build::{self, Content};
use crate::stop::Stop;
use crate::telemetry;
use crate::terminal::{complain, ended, print, tell};

/// A production gateway and server runtime for the Model Context Protocol.
#[derive(Parser)]
#[command(name = "toolgate", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve clients over HTTP. Without a file: the built-in sample.
    Serve(serve::ServeArgs),
    /// Serve one client over stdin and stdout. Without a file: the built-in sample.
    Stdio(stdio::StdioArgs),
    /// Look for mistakes in a configuration.
    Check(check::CheckArgs),
    /// Print the JSON Schema of the configuration, for editors.
    Schema,
    /// Write a project of a server in Rust: builds, runs, has tests.
    New(new::NewArgs),
    /// Show what an MCP server offers.
    Inspect(inspect::InspectArgs),
    /// Call one tool of an MCP server.
    Call(call::CallArgs),
    /// Look for what deceives or endangers: in a configuration with all its servers, in one server,
    /// in a saved manifest.
    Scan(scan::ScanArgs),
    /// Approve what servers say of their tools now, after a look at each difference.
    Approve(approve::ApproveArgs),
    /// Pin what servers say of their tools now, for the first time.
    Lock(approve::LockArgs),
    /// Show how servers differ from what was approved.
    Diff(approve::DiffArgs),
    /// Run a small OAuth issuer on this machine, for trying and testing. Not for production.
    DevIssuer(dev_issuer::DevIssuerArgs),
    /// Make, list and revoke keys for callers.
    Key(key::KeyArgs),
    /// Print what was used: calls, time, bytes and weight by day, tenant and tool.
    Usage(usage::UsageArgs),
    /// Verify, search and export audit records.
    Audit(audit::AuditArgs),
    /// List, grant and refuse calls that wait for a person's consent.
    Approvals(approvals::ApprovalsArgs),
    /// Test the rules on who may use what, and explain what they decide.
    Policy(policy::PolicyArgs),
    /// Draw workflows.
    Workflow(workflow::WorkflowArgs),
}

/// Runs the command line of a program that has these servers of its own. To be called first in
/// `main`: this program also starts itself.
pub fn run(hosts: &Hosts) -> ExitCode {
    crate::init();
    let cli = Cli::parse();
    let command = cli.command.unwrap_or_else(|| Command::Serve(serve::ServeArgs::default()));
    match command {
        Command::Serve(args) => block_on(serve::run(args, hosts)),
        Command::Stdio(args) => block_on(stdio::run(args, hosts)),
        Command::Check(args) => block_on(check::run(args, hosts)),
        Command::Schema => schema::run(),
        Command::New(args) => new::run(&args),
        Command::Inspect(args) => block_on(inspect::run(args)),
        Command::Call(args) => block_on(call::run(args)),
        Command::Scan(args) => block_on(scan::run(args, hosts)),
        Command::Approve(args) => block_on(approve::run(args, hosts)),
        Command::Lock(args) => block_on(approve::lock(args, hosts)),
        Command::Diff(args) => block_on(approve::diff(args, hosts)),
        Command::DevIssuer(args) => block_on(dev_issuer::run(args)),
        Command::Key(args) => key::run(args),
        Command::Usage(args) => block_on(usage::run(args, hosts)),
        Command::Audit(args) => audit::run(args, hosts),
        Command::Approvals(args) => block_on(approvals::run(args)),
        Command::Policy(args) => policy::run(args, hosts),
        Command::Workflow(args) => workflow::run(args),
    }
}

fn block_on(command: impl Future<Output = ExitCode>) -> ExitCode {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut builder = if threads == 1 {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    match builder.enable_all().build() {
        Ok(runtime) => {
            let code = runtime.block_on(command);
            // What still runs is given up: everything that matters has been waited for.
            runtime.shutdown_timeout(std::time::Duration::from_millis(100));
            code
        }
        Err(error) => {
            complain(&format!("no runtime: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Reads the configuration and begins to log as it says; without one, says what is wrong.
fn configure(path: Option<&Path>, hosts: &Hosts) -> Option<(Checked, Content)> {
    let (config, warnings, content) = match build::load(path, hosts) {
        Ok(loaded) => loaded,
        Err(problems) => {
            complain(&format!("the configuration has problems:\n{problems}"));
            return None;
        }
    };
    telemetry::begin(&config.log);
    for warning in &warnings {
        tracing::warn!(%warning, "configuration");
    }
    Some((config, content))
}

/// Begins to notice that the process is told to stop; `None` when that cannot be done.
fn stop() -> Option<Stop> {
    Stop::listen().inspect_err(|error| complain(&format!("no signals: {error}"))).ok()
}
