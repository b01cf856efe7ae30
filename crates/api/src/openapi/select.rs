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

/// A word of the configuration that names nothing in the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idle {
    /// Where it stands, from the key `openapi` on.
    pub path: String,
    /// What it is.
    pub word: String,
}

/// What the selections name and the document does not have: with a slip of the pen in `exclude` an
/// operation would be offered that nobody wanted. `operations`: all, with their paths.
pub(crate) fn idle(api: &OpenApi, operations: &[(&str, &Value)]) -> Vec<Idle> {
    let only = |key: &str, word: &String| {
        let (mut one, words) = (Selection::default(), vec![word.clone()]);
        match key {
            "tags" => one.tags = words,
            "operations" => one.operations = words,
            _ => one.paths = words,
        }
        one
    };
    let mut idle = Vec::new();
    let selections = api.include.iter().map(|it| ("include", it));
    for (key, all) in selections.chain([("exclude", &api.exclude)]) {
        let lists = [("tags", &all.tags), ("operations", &all.operations), ("paths", &all.paths)];
        for (list, word) in
            lists.iter().flat_map(|(list, words)| words.iter().map(move |it| (list, it)))
        {
            let one = only(list, word);
            if !operations.iter().any(|(path, operation)| names(&one, path, operation)) {
                idle.push(Idle { path: format!("{key}.{list}"), word: word.clone() });
            }
        }
    }
    idle
}

fn names(selection: &Selection, path: &str, operation: &Value) -> bool {
    let id = operation["operationId"].as_str().unwrap_or_default();
    let tags = operation["tags"].as_array();
    let tagged = |wanted: &String| tags.into_iter().flatten().any(|tag| tag == wanted.as_str());
    selection.tags.iter().any(tagged)
        || selection.operations.iter().any(|pattern| covers(pattern, id))
        || selection.paths.iter().any(|pattern| covers(pattern, path))
}
