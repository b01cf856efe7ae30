//! Examples, in folders of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Where an example is.
pub fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name)
}

/// Copies a folder with all that is in it.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// Runs `toolgate` in a folder.
pub fn run_in(folder: &Path, words: &[&str]) -> Output {
    let mut toolgate = Command::new(env!("CARGO_BIN_EXE_toolgate"));
    toolgate.args(words).current_dir(folder).output().unwrap()
}

/// Makes a key for somebody with this role, and writes it into a file of that name.
pub fn key_in(folder: &Path, name: &str, role: &str) {
    let made = run_in(folder, &["key", "new", name, "--role", role, "--file", "keys.yaml"]);
    let key = String::from_utf8(made.stdout).unwrap();
    fs::write(folder.join(name), key.trim()).unwrap();
}

/// A check and a scan of an example find nothing, once somebody has a key.
pub fn is_sound(name: &str, role: &str) {
    let folder = tempfile::tempdir().unwrap();
    copy(&example(name), folder.path());
    key_in(folder.path(), "ada", role);
    for command in ["check", "scan"] {
        let ran = run_in(folder.path(), &[command, "gateway.yaml"]);
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
    }
}
