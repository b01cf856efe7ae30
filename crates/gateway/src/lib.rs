//! The decisions of the gateway.

pub mod config;
