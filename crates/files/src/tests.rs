//! The server as a client sees it.

mod callers;
mod contained;
mod quotas;
mod resources;
mod tools;
mod watching;
mod writing;

use std::{fs, path::Path};

use serde_json::{Value, json};
use tempfile::TempDir;
use toolgate_gateway::call::{Caller, Who};
use toolgate_gateway::config::{self, FileQuota, FilesPlace, FilesRoot};
use toolgate_hosted::Refusal;

use super::Files;

/// A root of this folder that is read only.
fn root(folder: &Path) -> FilesRoot {
    FilesRoot {
        name: None,
        place: FilesPlace::Shared(folder.to_owned()),
        write: false,
        writers: Vec::new(),
        delete: false,
        hidden: false,
        include: Vec::new(),
        exclude: Vec::new(),
        quota: FileQuota::default(),
    }
}

/// The same in which everything may be changed.
fn writable(folder: &Path) -> FilesRoot {
    FilesRoot { write: true, delete: true, ..root(folder) }
}

fn open(roots: Vec<FilesRoot>) -> Files {
    Files::open(&config::Files { roots }).unwrap()
}

/// A folder with `files`, named by path and given by content.
fn folder(files: &[(&str, &[u8])]) -> (TempDir, Files) {
    let folder = tempfile::tempdir().unwrap();
    for (path, content) in files {
        write(folder.path(), path, content);
    }
    let files = open(vec![root(folder.path())]);
    (folder, files)
}

fn write(root: &Path, path: &str, content: &[u8]) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Nobody in particular.
fn nobody() -> Who {
    Who::of(Caller::anonymous())
}

async fn ask(files: &Files, method: &str, params: &Value) -> Result<Value, Refusal> {
    files.result(&nobody(), method, params, Box::new(|_| {})).await
}

async fn call(files: &Files, name: &str, arguments: Value) -> Value {
    call_as(&nobody(), files, name, arguments).await
}

async fn call_as(who: &Who, files: &Files, name: &str, arguments: Value) -> Value {
    let params = json!({ "name": name, "arguments": arguments });
    files.result(who, "tools/call", &params, Box::new(|_| {})).await.unwrap()
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
    ask(files, "resources/read", &json!({ "uri": uri })).await
}
