//! How much may be in a root.

use std::num::NonZero;
use std::sync::Arc;

use toolgate_gateway::config::Size;

use super::*;

fn bounded(folder: &Path, bytes: Option<Size>, files: u64) -> FilesRoot {
    let quota = FileQuota { bytes, files: NonZero::new(files), file: Size::kib(4) };
    FilesRoot { quota, ..writable(folder) }
}

#[tokio::test]
async fn what_does_not_fit_is_refused_with_what_is_used_and_left() {
    let (folder, _) = folder(&[("a.txt", &[b'a'; 3000])]);
    let files = open(vec![bounded(folder.path(), Some(Size::kib(4)), 4)]);
    let write = async |path: &str, size: usize| {
        let content = json!({ "path": path, "content": "x".repeat(size) });
        call(&files, "write_file", content).await
    };

    let large = write("b.txt", 5000).await;
    let full = write("b.txt", 2000).await;
    assert_eq!(large["_meta"]["dev.toolgate/error"]["category"], "too_large");
    assert_eq!(full["_meta"]["dev.toolgate/error"]["category"], "quota_exceeded");
    assert_eq!(
        full["content"][0]["text"],
        "there is no room for b.txt: it needs 1.9 KiB, and of 4.0 KiB 2.9 KiB are used and 1.0 KiB left; \
         it needs 1 new files or folders, and of 4 1 are used and 3 left; shorten or delete files first"
    );

    assert_eq!(write("b.txt", 1000).await["isError"], Value::Null);
    let info = structured(&files, "file_info", json!({ "path": "b.txt" })).await;
    assert_eq!(
        info["quota"],
        json!({ "largest_file": 4096, "bytes": { "used": 4000, "limit": 4096 }, "files": { "used": 2, "limit": 4 } })
    );
    let nested = write("c/d/e.txt", 1).await;
    assert!(
        nested["content"][0]["text"].as_str().unwrap().contains("it needs 3 new files"),
        "{nested}"
    );
    // What is shortened or deleted makes room.
    let shorter = json!({ "path": "a.txt", "edits": [{ "old": "aa", "new": "", "all": true }] });
    structured(&files, "edit_file", shorter).await;
    assert_eq!(write("c/d.txt", 3000).await["isError"], Value::Null);
    let tools = [
        ("create_directory", json!({ "path": "e" })),
        ("move_file", json!({ "path": "b.txt", "destination": "e/b.txt" })),
    ];
    for (tool, arguments) in tools {
        assert!(failure(&files, tool, arguments).await.starts_with("there is no room"), "{tool}");
    }
}

#[tokio::test]
async fn what_others_removed_makes_room() {
    let (folder, _) = folder(&[("a.txt", &[b'a'; 3000])]);
    let files = open(vec![bounded(folder.path(), Some(Size::kib(4)), 0)]);
    let content = json!({ "path": "b.txt", "content": "x".repeat(3000) });
    failure(&files, "write_file", content.clone()).await;

    fs::remove_file(folder.path().join("a.txt")).unwrap();

    structured(&files, "write_file", content).await;
}

/// However many write at once, also through different servers, a quota is exact.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_quota_is_exact_under_writers_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let rules = bounded(folder.path(), Some(Size::kib(10)), 0);
    let servers = [0, 1].map(|_| Arc::new(open(vec![rules.clone()])));

    let writers: Vec<_> = (0..64)
        .map(|n| {
            let files = servers[n % 2].clone();
            tokio::spawn(async move {
                let content = json!({ "path": format!("{n}.txt"), "content": "x".repeat(1024) });
                call(&files, "write_file", content).await["isError"] != true
            })
        })
        .collect();
    let mut written = 0;
    for writer in writers {
        written += usize::from(writer.await.unwrap());
    }

    assert_eq!(written, 10);
    let entries = fs::read_dir(folder.path()).unwrap().map(Result::unwrap);
    let files = entries.filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
    assert_eq!(files.map(|file| file.metadata().unwrap().len()).sum::<u64>(), 10 << 10);
}
