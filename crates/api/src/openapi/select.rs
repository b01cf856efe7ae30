//! Which operations of a document are offered?

use serde_json::Value;
use toolgate_gateway::config::servers::openapi::{OpenApi, Selection};
use toolgate_values::covers;

/// Whether an operation is offered.
pub(crate) fn offers(api: &OpenApi, method: &str, path: &str, operation: &Value) -> bool {
    let included = api.include.as_ref().is_none_or(|include| names(include, path, operation));
    let reads = matches!(method, "get" | "head");
    included && !names(&api.exclude, path, operation) && (reads || !api.read_only)
}

fn names(selection: &Selection, path: &str, operation: &Value) -> bool {
    let id = operation["operationId"].as_str().unwrap_or_default();
    let tags = operation["tags"].as_array();
    let tagged = |wanted: &String| tags.into_iter().flatten().any(|tag| tag == wanted.as_str());
    selection.tags.iter().any(tagged)
        || selection.operations.iter().any(|pattern| covers(pattern, id))
        || selection.paths.iter().any(|pattern| covers(pattern, path))
}
