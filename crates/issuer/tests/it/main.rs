//! The issuer in process: whole flows, and what is refused on the way.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod clients;
mod codes;
mod exchanges;
mod server;
mod support;
