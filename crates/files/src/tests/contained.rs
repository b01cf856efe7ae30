//! Nothing outside the root is reached, in whatever form it is asked for.

use std::{
    fs,
    os::unix::fs::symlink,
    sync::atomic::{AtomicBool, Ordering},
};

use super::*;

const SECRET: &str = "the secret of the house";

/// A root beside a folder with a secret, and every kind of link to that.
fn house() -> (TempDir, Files) {
    let house = tempfile::tempdir().unwrap();
    write(house.path(), "outside/secret.txt", SECRET.as_bytes());
    write(house.path(), "root/inside.txt", b"welcome");
    write(house.path(), "root/.env", SECRET.as_bytes());
    write(house.path(), "root/.git/config", SECRET.as_bytes());
    write(house.path(), "root/docs/.hidden.md", SECRET.as_bytes());
    let root = house.path().join("root");
    symlink("../outside/secret.txt", root.join("file_link")).unwrap();
    symlink("../outside", root.join("folder_link")).unwrap();
    symlink(house.path().join("outside"), root.join("absolute_link")).unwrap();
    symlink("file_link", root.join("link_to_link")).unwrap();
    symlink("loop", root.join("loop")).unwrap();
    symlink("inside.txt", root.join("good_link")).unwrap();
    let files = open(vec![writable(&root)]);
    (house, files)
}

/// Case S5: a path that only begins like an allowed one, or leads out by any spelling.
/// Case G5: what a model puts into a path or an address stays a name within it.
#[tokio::test]
async fn no_form_of_path_leads_out() {
    let (house, files) = house();
    let absolute = house.path().join("outside/secret.txt");
    let absolute = absolute.to_str().unwrap();
    let paths = [
        "../outside/secret.txt",
        "docs/../../outside/secret.txt",
        "./../outside/secret.txt",
        "..",
        absolute,
        "/proc/self/environ",
        "//etc/passwd",
        "..\\outside\\secret.txt",
        "C:\\Windows\\win.ini",
        "C:/Windows/win.ini",
        "\\\\server\\share",
        "inside.txt\0../outside/secret.txt",
        "%2e%2e/outside/secret.txt",
        "..%2foutside%2fsecret.txt",
        "%252e%252e/outside/secret.txt",
        "files:///../outside/secret.txt",
        "files:///%2e%2e/outside/secret.txt",
        "file:///etc/passwd",
        "file_link",
        "folder_link/secret.txt",
        "absolute_link/secret.txt",
        "link_to_link",
        "loop",
        "good_link/../../outside/secret.txt",
        "~/.ssh/id_rsa",
        "../admin?x=1#",
        "../outside/secret.txt?x=1#",
        ".env",
        ".git/config",
        "docs/.hidden.md",
        "docs/./.hidden.md",
    ];
    for path in paths {
        let read = call(&files, "read_file", json!({ "path": path })).await;
        let list = call(&files, "list_directory", json!({ "path": path })).await;
        let search = call(&files, "search_files", json!({ "path": path, "query": "e" })).await;
        let refusal = read_resource(&files, &format!("files:///{path}")).await.unwrap_err();

        for result in [read, list, search] {
            assert_eq!(result["isError"], true, "{path:?}: {result}");
            assert!(!result.to_string().contains(SECRET), "{path:?}: {result}");
        }
        assert_eq!((refusal.code, refusal.message.as_str()), (-32602, "resource not found"));
    }
}

#[tokio::test]
async fn lists_and_searches_show_neither_hidden_files_nor_what_is_outside() {
    let (_house, files) = house();

    let listed = structured(&files, "list_directory", json!({ "recursive": true })).await;
    let found = structured(&files, "search_files", json!({ "query": "secret" })).await;
    let resources = ask(&files, "resources/list", &json!({})).await.unwrap();

    assert_eq!(paths(&listed["entries"]), ["docs", "good_link", "inside.txt"]);
    assert_eq!(found["matches"], json!([]));
    assert_eq!(resources["resources"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_link_within_the_root_is_followed() {
    let (_house, files) = house();

    let read = structured(&files, "read_file", json!({ "path": "good_link" })).await;

    assert_eq!(read["text"], "welcome");
}

#[tokio::test]
async fn a_link_that_is_swapped_during_the_call_never_leads_out() {
    let (house, files) = house();
    let root = house.path().join("root");
    fs::create_dir(root.join("real")).unwrap();
    fs::write(root.join("real/secret.txt"), "harmless").unwrap();
    let done = AtomicBool::new(false);

    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for target in ["real", "../outside"] {
                    symlink(target, root.join("next")).unwrap();
                    fs::rename(root.join("next"), root.join("swapped")).unwrap();
                }
            }
        });
        scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            for _ in 0..500 {
                let arguments = json!({ "path": "swapped/secret.txt" });
                let result = runtime.block_on(call(&files, "read_file", arguments));
                assert!(!result.to_string().contains(SECRET), "{result}");
            }
            done.store(true, Ordering::Relaxed);
        });
    });
}

#[tokio::test]
async fn the_root_stays_the_folder_it_was() {
    let (house, files) = house();
    let root = house.path().join("root");
    fs::rename(&root, house.path().join("moved")).unwrap();
    symlink("outside", &root).unwrap();

    let read = structured(&files, "read_file", json!({ "path": "inside.txt" })).await;

    assert_eq!(read["text"], "welcome");
    assert!(
        failure(&files, "read_file", json!({ "path": "secret.txt" })).await.contains("no file")
    );
}

#[tokio::test]
async fn a_named_pipe_is_not_opened() {
    let (root, files) = folder(&[("a.txt", b"a")]);
    let made = std::process::Command::new("mkfifo").arg(root.path().join("pipe")).status();
    assert!(made.unwrap().success());

    let listed = structured(&files, "list_directory", json!({})).await;
    let read = failure(&files, "read_file", json!({ "path": "pipe" })).await;

    assert_eq!(paths(&listed["entries"]), ["a.txt"]);
    assert_eq!(read, "no file pipe; files at the root: a.txt");
}

#[tokio::test]
async fn names_that_cannot_be_shown_are_left_out() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};
    let (root, files) = folder(&[("é b.txt", b"e"), ("a\nb.txt", b""), ("a\\b.txt", b"")]);
    fs::write(root.path().join(OsStr::from_bytes(b"\xff.txt")), "").unwrap();

    let listed = structured(&files, "list_directory", json!({})).await;

    assert_eq!(paths(&listed["entries"]), ["é b.txt"]);
    assert!(read_resource(&files, "files:///%C3%A9%20b.txt").await.is_ok());
}
