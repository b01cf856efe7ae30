//! Bytes to messages and back: pure, no I/O.
//!
//! A message is scanned once and then borrowed: what nobody edits leaves byte for byte as it came.

pub mod headers;
pub mod json;
pub mod jsonrpc;
pub mod splice;
pub mod sse;
