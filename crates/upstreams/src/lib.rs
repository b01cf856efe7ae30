//! Connectors to what stands behind the gateway.
