//! Servers that run inside the gateway.

pub mod files;
