//! Nothing outside the root is reached, in whatever form it is asked for.

use std::{
    fs,
    os::unix::fs::symlink,
    sync::atomic::{AtomicBool, Ordering},
};

use rustix::fs::{CWD, RenameFlags, renameat_with};

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

/// Ways to say something that is outside, or hidden.
const PATHS: [&str; 30] = [
    "../outside/secret.txt",
    "docs/../../outside/secret.txt",
    "./../outside/secret.txt",
    "..",
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

/// Case S5: a path that only begins like an allowed one, or leads out by any spelling.
/// Case G5: what a model puts into a path or an address stays a name within it.
#[tokio::test]
async fn no_form_of_path_leads_out() {
    let (house, files) = house();
    let absolute = house.path().join("outside/secret.txt");
    let paths = PATHS.into_iter().chain(absolute.to_str());
    for path in paths {
        let read = call(&files, "read_file", json!({ "path": path })).await;
        let list = call(&files, "list_directory", json!({ "path": path })).await;
        let search = call(&files, "search_files", json!({ "path": path, "query": "e" })).await;
        let refusal = read_resource(&files, &format!("files:///{path}")).await.unwrap_err();

        let info = call(&files, "file_info", json!({ "path": path })).await;
        let tree = call(&files, "tree", json!({ "path": path })).await;

        for result in [read, list, search, info, tree] {
            assert_eq!(result["isError"], true, "{path:?}: {result}");
            assert!(!result.to_string().contains(SECRET), "{path:?}: {result}");
        }
        assert_eq!((refusal.code, refusal.message.as_str()), (-32002, "resource not found"));
    }
}

/// Case S5: nothing is written by such a path either, except under a name that only looks like one.
/// Case G5: what a model puts into a path stays a name within it.
#[tokio::test]
async fn no_form_of_path_is_written_outside() {
    for path in PATHS {
        let (house, files) = house();
        let calls = [
            ("write_file", json!({ "path": path, "content": "ours" })),
            (
                "edit_file",
                json!({ "path": path, "edits": [{ "old": "e", "new": "", "all": true }] }),
            ),
            ("delete_file", json!({ "path": path, "expected_version": "0".repeat(32) })),
            ("move_file", json!({ "path": path, "destination": "moved" })),
            ("move_file", json!({ "path": "inside.txt", "destination": path })),
            ("create_directory", json!({ "path": path })),
        ];
        for (tool, arguments) in calls {
            let result = call(&files, tool, arguments).await;
            assert!(!result.to_string().contains(SECRET), "{tool} {path:?}: {result}");
        }
        let secrets =
            ["outside/secret.txt", "root/.env", "root/.git/config", "root/docs/.hidden.md"];
        for secret in secrets {
            let text = fs::read_to_string(house.path().join(secret)).unwrap();
            assert_eq!(text, SECRET, "{path:?}: {secret}");
        }
        for (folder, count) in [("", 2), ("outside", 1), ("root/.git", 1)] {
            let entries = fs::read_dir(house.path().join(folder)).unwrap().count();
            assert_eq!(entries, count, "{path:?}: {folder}");
        }
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

/// Whoever writes while a folder becomes a link to elsewhere writes into the one or fails.
#[tokio::test]
async fn a_folder_that_becomes_a_link_during_a_write_never_leads_out() {
    let (house, files) = house();
    let root = house.path().join("root");
    fs::create_dir(root.join("real")).unwrap();
    let done = AtomicBool::new(false);
    let mut written = 0;

    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (real, link) = (root.join("real"), root.join("link"));
            symlink("../outside", &link).unwrap();
            while !done.load(Ordering::Relaxed) {
                renameat_with(CWD, &real, CWD, &link, RenameFlags::EXCHANGE).unwrap();
            }
        });
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (files, done, written) = (&files, &done, &mut written);
        scope.spawn(move || {
            let begun = std::time::Instant::now();
            let mut turn = 0;
            while begun.elapsed() < std::time::Duration::from_secs(1) {
                turn += 1;
                let path = format!("real/{turn}.txt");
                let calls = [
                    ("write_file", json!({ "path": path, "content": "ours" })),
                    ("edit_file", json!({ "path": "real/secret.txt", "edits": [{ "old": "secret", "new": "ours" }] })),
                    ("move_file", json!({ "path": path, "destination": format!("real/moved-{turn}") })),
                    ("create_directory", json!({ "path": format!("real/folder-{turn}") })),
                    ("delete_file", json!({ "path": "real/secret.txt", "expected_version": "0".repeat(32) })),
                ];
                for (tool, arguments) in calls {
                    let result = runtime.block_on(call(files, tool, arguments));
                    assert!(!result.to_string().contains(SECRET), "{result}");
                    *written += usize::from(result["isError"] != true);
                }
            }
            done.store(true, Ordering::Relaxed);
        });
    });

    assert!(written > 0, "some of it is done");
    let outside: Vec<_> = fs::read_dir(house.path().join("outside")).unwrap().collect();
    assert_eq!(outside.len(), 1, "{outside:?}");
    assert_eq!(fs::read_to_string(house.path().join("outside/secret.txt")).unwrap(), SECRET);
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
