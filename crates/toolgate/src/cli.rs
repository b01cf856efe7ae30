//! The commands, one file each.

mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
}

/// Runs the command line.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let command = cli.command.unwrap_or_else(|| Command::Serve(serve::ServeArgs::default()));
    match command {
        Command::Serve(args) => block_on(serve::run(args)),
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

/// Says on stderr what went wrong.
#[expect(clippy::print_stderr, reason = "this is the command's voice")]
fn complain(text: &str) {
    eprintln!("toolgate: {text}");
}
