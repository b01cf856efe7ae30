//! Who may come in: the whole verifier, with issuers on loopback.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod headers;
mod issuers;
mod keys;
mod opaque;
mod sign_in;
mod speed;
mod storms;
mod support;
mod tokens;
mod workloads;
