//! The decisions of the gateway.

pub mod call;
pub mod clock;
pub mod config;
pub mod fault;
pub mod seal;
pub mod session;
pub mod upstream;
