//! Behaviour through the real binary: each test runs its own gateway, its own clients and servers.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod cli;
mod peer;
mod stdio;
