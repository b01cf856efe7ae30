//! A glossary as an MCP server: one tool, one resource, one prompt.

mod glossary;
mod server;

pub use server::Server;

/// This server behind Toolgate.
pub fn gateway() -> toolgate::Builder {
    toolgate::Gateway::builder().host("my-server", Server)
}
