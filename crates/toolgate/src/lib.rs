//! Toolgate: a production gateway and server runtime for the Model Context Protocol.

pub mod app;
pub mod build;
pub mod cli;
mod client;
mod collector;
mod fetch;
pub mod front;
mod offers;
pub mod reload;
pub mod sample;
mod stores;
pub mod telemetry;
mod watch;
