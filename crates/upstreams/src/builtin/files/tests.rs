//! The server as a client sees it.

mod contained;
mod resources;
mod tools;

use std::{fs, path::Path};

use serde_json::{Value, json};
use tempfile::TempDir;
use toolgate_hosted::Refusal;

use super::Files;

/// A folder with `files`, named by path and given by content.
fn folder(files: &[(&str, &[u8])]) -> (TempDir, Files) {
    let root = tempfile::tempdir().unwrap();
    for (path, content) in files {
        write(root.path(), path, content);
    }
    let files = Files::open(root.path()).unwrap();
    (root, files)
}

fn write(root: &Path, path: &str, content: &[u8]) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

async fn call(files: &Files, name: &str, arguments: Value) -> Value {
    files.result("tools/call", &json!({ "name": name, "arguments": arguments })).await.unwrap()
}

/// The structured content of a call that works.
async fn structured(files: &Files, name: &str, arguments: Value) -> Value {
    let result = call(files, name, arguments).await;
    assert_eq!(result["isError"], Value::Null, "{result}");
    result["structuredContent"].clone()
}

/// The sentence of a call that fails.
async fn failure(files: &Files, name: &str, arguments: Value) -> String {
    let result = call(files, name, arguments).await;
    assert_eq!(result["isError"], true, "{result}");
    result["content"][0]["text"].as_str().unwrap().to_owned()
}

/// The paths of a list of files or matches.
fn paths(rows: &Value) -> Vec<String> {
    rows.as_array().unwrap().iter().map(|row| row["path"].as_str().unwrap().to_owned()).collect()
}

async fn read_resource(files: &Files, uri: &str) -> Result<Value, Refusal> {
    files.result("resources/read", &json!({ "uri": uri })).await
}
