//! What the audit promises, tried from outside: chains, crashes, stalled and full disks, tampering.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod chain;
mod crash;
mod query;
#[cfg(feature = "tables")]
mod rows;
mod sinks;
mod speed;
mod support;
mod tamper;
