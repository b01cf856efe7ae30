//! Connectors to what stands behind the gateway.

pub mod child;
