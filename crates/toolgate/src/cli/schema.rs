//! `toolgate schema`: the JSON Schema of the configuration, as editors want it.

use std::process::ExitCode;

use toolgate_gateway::config;

use super::print;

/// Prints the schema.
pub fn run() -> ExitCode {
    print(config::SCHEMA.trim_end());
    ExitCode::SUCCESS
}
