//! `toolgate workflow`: what is a workflow made of?

use std::path::PathBuf;
use std::process::ExitCode;

use toolgate_gateway::config;
use toolgate_gateway::config::servers::workflow::{Workflow, WorkflowTool};
use toolgate_workflow::graph;

use super::{complain, print};

/// What to do with workflows.
#[derive(clap::Args)]
pub struct WorkflowArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Draw a workflow: its steps in their order, and what undoes them.
    Graph(GraphArgs),
}

#[derive(clap::Args)]
struct GraphArgs {
    /// The tool, or SERVER.TOOL where several servers have one of this name.
    name: String,
    /// The configuration (YAML).
    #[arg(short, long)]
    config: PathBuf,
    /// As text for Mermaid, or as a picture.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Default, clap::ValueEnum)]
enum Format {
    #[default]
    Mermaid,
    Svg,
}

/// Prints what was asked for. Exit: 0 it was, 1 it could not be.
pub fn run(args: WorkflowArgs) -> ExitCode {
    let Command::Graph(args) = args.command;
    let servers = match config::workflows(&args.config) {
        Ok(servers) => servers,
        Err(problems) => {
            complain(&format!("the configuration has problems:\n{problems}"));
            return ExitCode::FAILURE;
        }
    };
    match find(&servers, &args.name) {
        Ok((name, tool)) => {
            print(&match args.format {
                Format::Mermaid => graph::mermaid(name, tool),
                Format::Svg => graph::svg(name, tool),
            });
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

/// The one workflow that the name is for.
fn find<'a>(
    servers: &'a [(String, Workflow)],
    name: &str,
) -> Result<(&'a str, &'a WorkflowTool), String> {
    let all: Vec<_> = servers
        .iter()
        .flat_map(|(server, it)| it.tools.iter().map(move |(name, tool)| (server, name, tool)))
        .collect();
    let is_it = |server: &str, tool: &str| name == tool || name == format!("{server}.{tool}");
    let found: Vec<_> = all.iter().filter(|(server, tool, _)| is_it(server, tool)).collect();
    let names = |all: &mut dyn Iterator<Item = &(&String, &String, &WorkflowTool)>| {
        all.map(|(server, tool, _)| format!("{server}.{tool}")).collect::<Vec<_>>().join(", ")
    };
    match found.as_slice() {
        [(_, name, tool)] => Ok((name, tool)),
        [] if all.is_empty() => Err("the configuration has no workflow".to_owned()),
        [] => Err(format!("no workflow is called {name} (there are {})", names(&mut all.iter()))),
        _ => {
            let several = names(&mut found.into_iter());
            Err(format!("several workflows are called {name} (write one of {several})"))
        }
    }
}
