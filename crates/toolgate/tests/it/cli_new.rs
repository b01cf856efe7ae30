//! `toolgate new`: what it writes is the example of the same shape, which is built and tested with
//! everything else, under another name.

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn new(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_toolgate"));
    command.arg("new").args(arguments).current_dir(folder).output().unwrap()
}

fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => open.push(path),
                false => found.push(path.strip_prefix(folder).unwrap().display().to_string()),
            }
        }
    }
    found.sort();
    found
}

#[test]
fn the_project_is_the_example_under_another_name() {
    let folder = TempDir::new().unwrap();

    let ran = new(folder.path(), &["term-desk", "--namespace", "org.acme", "--toolgate", ROOT]);

    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let (example, written) =
        (Path::new(ROOT).join("examples/my-server"), folder.path().join("term-desk"));
    assert_eq!(files(&written), files(&example));
    for file in files(&written) {
        let text = std::fs::read_to_string(written.join(&file)).unwrap();
        let model = std::fs::read_to_string(example.join(&file)).unwrap();
        let root = Path::new(ROOT).canonicalize().unwrap();
        let ours = format!("\"{}\"", root.join("crates/toolgate").display());
        let back = text
            .replace(&ours, "\"../../crates/toolgate\"")
            .replace("term-desk", "my-server")
            .replace("term_desk", "my_server")
            .replace("org.acme", "com.example");
        assert_eq!(back, model, "{file}");
        assert!(!text.contains("my-server") && !text.contains("my_server"), "{file}");
    }
}

#[test]
fn a_namespace_stays_as_it_is_whatever_is_in_it() {
    let folder = TempDir::new().unwrap();

    let ran = new(folder.path(), &["term-desk", "--namespace", "io.github.my-server"]);

    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let server = std::fs::read_to_string(folder.path().join("term-desk/server.json")).unwrap();
    assert!(server.contains(r#""name": "io.github.my-server/term-desk""#), "{server}");
}

#[test]
fn what_is_there_is_never_written_over() {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("desk")).unwrap();
    std::fs::write(folder.path().join("desk/notes"), "mine").unwrap();

    let ran = new(folder.path(), &["desk"]);

    assert!(!ran.status.success());
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(said.contains("desk is not empty") && said.contains("--into"), "{said}");
    assert_eq!(files(folder.path()), ["desk/notes"]);
}

#[test]
fn names_that_make_no_project_are_refused_with_one_that_does() {
    let folder = TempDir::new().unwrap();
    for name in ["9lives", "Desk", "desk_", "a--b", "../desk", "serde", "-", ""] {
        let ran = new(folder.path(), &[&format!("--into=x{}", name.len()), "--", name]);
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(!ran.status.success() && said.contains("my-server"), "{name}: {said}");
    }
    for namespace in ["acme", "org..acme", "org.-acme", "org.ac me"] {
        let ran = new(folder.path(), &["desk", "--namespace", namespace]);
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(!ran.status.success() && said.contains("io.github.USER"), "{namespace}: {said}");
    }
    assert!(files(folder.path()).is_empty());
}
