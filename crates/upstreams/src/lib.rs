//! Connectors to what stands behind the gateway.

pub mod builtin;
pub mod child;
