//! The OpenAPI documents of a configuration, read without a network.

use serde_json::{Value, json};
use toolgate_api::{Reading, read_document};
use toolgate_gateway::config::{Checked, Kind, Problem};

/// What became of one document.
pub(super) struct Document {
    server: String,
    reading: Reading,
}

/// The documents that are files, and what is wrong with those that cannot be read.
pub(super) fn of(config: &Checked) -> (Vec<Document>, Vec<Problem>) {
    let (mut documents, mut problems) = (Vec::new(), Vec::new());
    for server in config.servers() {
        let Kind::OpenApi(api) = &server.kind else { continue };
        let Some(file) = api.file() else { continue };
        let read = std::fs::read(&file).map_err(|error| format!("cannot read the file: {error}"));
        match read.and_then(|text| read_document(api, &text)) {
            Ok(reading) => {
                documents.push(Document { server: server.name.to_string(), reading });
            }
            Err(message) => {
                problems.push(Problem { file, line: 0, path: String::new(), message });
            }
        }
    }
    (documents, problems)
}

impl Document {
    /// How many of its operations are tools; then each that is none, with the reason.
    pub(super) fn lines(&self) -> Vec<String> {
        let Document { server, reading } = self;
        let (total, tools) = (reading.total, reading.operations.len());
        let mut lines = vec![format!("{server}: {tools} tools of {total} operations")];
        lines.extend(
            reading
                .skipped
                .iter()
                .map(|it| format!("{server}: {} is no tool: {}", it.operation, it.reason)),
        );
        lines
    }

    /// The same for a program.
    pub(super) fn entry(&self) -> Value {
        let skipped = self.reading.skipped.iter();
        let skipped = skipped.map(|it| json!({ "operation": it.operation, "reason": it.reason }));
        json!({
            "server": self.server,
            "operations": self.reading.total,
            "tools": self.reading.operations.len(),
            "skipped": skipped.collect::<Vec<_>>(),
        })
    }
}
