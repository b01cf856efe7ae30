//! Whole manifests through the scanner, and properties of hashes and locks.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod honest;
mod poisoned;
mod properties;
mod reports;
mod speed;
mod variants;

use toolgate_catalog::manifest::{self, Manifest};
use toolgate_catalog::scan::{Report, scan};

/// The servers of a manifest in `tests/data`.
fn sample(file: &str) -> Vec<Manifest> {
    let path = format!("{}/tests/data/{file}", env!("CARGO_MANIFEST_DIR"));
    manifest::parse("sample", std::fs::read(path).unwrap().into()).unwrap()
}

/// What is found in one tool.
fn tool(tool: serde_json::Value) -> Report {
    let text = serde_json::json!([tool]).to_string();
    scan(&manifest::parse("one", text.into()).unwrap(), None, Vec::new())
}
