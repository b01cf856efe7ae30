//! The OpenAPI documents of a configuration, read without a network.

use serde_json::Value;
use toolgate_gateway::config::{Checked, Problem, Warning};

/// What became of one document.
pub(super) struct Document {
    /// How many of its operations are tools; then each that is none, with the reason.
    pub lines: Vec<String>,
    /// The same for a program.
    pub entry: Value,
}

/// The documents that are files, and what is wrong with those that cannot be read.
#[cfg(not(feature = "api"))]
pub(super) fn of(_: &Checked, _: &mut Vec<Problem>, _: &mut Vec<Warning>) -> Vec<Document> {
    // This build lacks such servers, which is what is told.
    Vec::new()
}

/// The documents that are files, and what is wrong with those that cannot be read. What the
/// configuration names and a document does not have is a warning: documents change by themselves.
#[cfg(feature = "api")]
pub(super) fn of(
    config: &Checked,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Warning>,
) -> Vec<Document> {
    let mut documents = Vec::new();
    for (index, server) in config.servers().iter().enumerate() {
        let toolgate_gateway::config::Kind::OpenApi(api) = &server.kind else { continue };
        let Some(file) = api.file() else { continue };
        let read = std::fs::read(&file).map_err(|error| format!("cannot read the file: {error}"));
        let reading = read.and_then(|text| toolgate_api::read_document(api, &text));
        let located = |reading| toolgate_api::located(api, &reading).map(|()| reading);
        let reading = match reading.and_then(located) {
            Ok(reading) => reading,
            Err(error) => {
                let message = format!("{}: {error}", file.display());
                problems.push(config.problem(&format!("servers[{index}].openapi"), message));
                continue;
            }
        };
        let mut absent = |key: &str, word: &str| {
            let message = format!("the document has nothing that is called {word:?}");
            warnings.push(Warning(config.problem(&format!("servers[{index}].{key}"), message)));
        };
        for idle in &reading.idle {
            absent(&format!("openapi.{}", idle.path), &idle.word);
        }
        let there = reading.operations.iter().map(|it| it.tool.name.clone()).collect();
        for (key, name) in server.absent(&there) {
            absent(key, name);
        }
        documents.push(told(server.name.as_str(), &reading));
    }
    documents
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
        lines: std::iter::once(format!("{server}: {tools} of {total} operations are tools"))
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
