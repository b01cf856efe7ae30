//! The decisions of the gateway.
