//! The OpenAPI documents of a configuration, read without a network.

use serde_json::Value;
use toolgate_gateway::config::{Checked, Problem};

/// What became of one document.
pub(super) struct Document {
    /// How many of its operations are tools; then each that is none, with the reason.
    pub lines: Vec<String>,
    /// The same for a program.
    pub entry: Value,
}

/// The documents that are files, and what is wrong with those that cannot be read.
#[cfg(not(feature = "api"))]
pub(super) fn of(_: &Checked) -> (Vec<Document>, Vec<Problem>) {
    // This build lacks such servers, which is what is told.
    (Vec::new(), Vec::new())
}

/// The documents that are files, and what is wrong with those that cannot be read.
#[cfg(feature = "api")]
pub(super) fn of(config: &Checked) -> (Vec<Document>, Vec<Problem>) {
    let (mut documents, mut problems) = (Vec::new(), Vec::new());
    for server in config.servers() {
        let toolgate_gateway::config::Kind::OpenApi(api) = &server.kind else { continue };
        let Some(file) = api.file() else { continue };
        let read = std::fs::read(&file).map_err(|error| format!("cannot read the file: {error}"));
        match read.and_then(|text| toolgate_api::read_document(api, &text)) {
            Ok(reading) => documents.push(told(server.name.as_str(), &reading)),
            Err(message) => {
                problems.push(Problem { file, line: 0, path: String::new(), message });
            }
        }
    }
    (documents, problems)
}

#[cfg(feature = "api")]
fn told(server: &str, reading: &toolgate_api::Reading) -> Document {
    let (total, tools) = (reading.total, reading.operations.len());
    let reasons = reading
        .skipped
        .iter()
        .map(|it| format!("{server}: {} is no tool: {}", it.operation, it.reason));
    let skipped = reading
        .skipped
        .iter()
        .map(|it| serde_json::json!({ "operation": it.operation, "reason": it.reason }));
    Document {
        lines: std::iter::once(format!("{server}: {tools} tools of {total} operations"))
            .chain(reasons)
            .collect(),
        entry: serde_json::json!({
            "server": server,
            "operations": total,
            "tools": tools,
            "skipped": skipped.collect::<Vec<_>>(),
        }),
    }
}
