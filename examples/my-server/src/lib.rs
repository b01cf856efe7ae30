//! A glossary as an MCP server: one tool, one resource, one prompt.

mod glossary;
mod server;

pub use server::Server;

/// This server behind Toolgate.
pub fn gateway() -> toolgate::Builder {
    toolgate::Gateway::builder()
        .server_info(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))
        .host("my-server", Server)
}
