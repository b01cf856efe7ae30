//! Behaviour through the real binary: each test runs its own gateway, its own clients and servers.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod http_asking;
mod http_input;
mod http_leaving;
mod http_listening;
mod http_misbehaving;
mod http_notices;
mod support;
