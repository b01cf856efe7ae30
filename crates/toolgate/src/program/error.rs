//! Why a program's gateway does not serve.

use std::io;

use toolgate_gateway::config::Problems;

/// Why a program's gateway does not serve.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A server cannot be called this.
    #[error("{name:?} cannot name a server: {why}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it, and a way out.
        why: String,
    },
    /// A native tool has arguments that cannot be checked.
    #[error(transparent)]
    Schema(#[from] toolgate_hosted::UnusableSchema),
    /// The configuration has problems, each with its line.
    #[error("the configuration has problems:\n{0}")]
    Configuration(Problems),
    /// Something that the configuration names cannot be had.
    #[error("{0}")]
    Start(String),
    /// The address cannot be bound.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: String,
        /// What the system says.
        source: io::Error,
    },
}
