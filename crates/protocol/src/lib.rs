//! Bytes to messages and back: pure, no I/O.
//!
//! A message is scanned once and then borrowed: what nobody edits leaves byte for byte as it came.

pub mod caller;
pub mod client;
pub mod headers;
pub mod json;
pub mod jsonrpc;
pub mod legacy;
pub mod method;
pub mod modern;
pub mod splice;
pub mod sse;
pub mod tasks;
pub mod version;
