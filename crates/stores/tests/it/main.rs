//! Each store against a real server: it does what memory does.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod postgres;
mod redis;
mod support;
