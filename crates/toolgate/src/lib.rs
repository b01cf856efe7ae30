//! Toolgate: a production gateway and server runtime for the Model Context Protocol.

pub mod app;
pub mod cli;
mod client;
pub mod front;
pub mod telemetry;
