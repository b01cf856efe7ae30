//! Files that are changed: nothing is lost, and nothing is half there.

use super::*;

fn scene(files: &[(&str, &[u8])]) -> (TempDir, Files) {
    let (folder, _) = folder(files);
    let files = open(vec![writable(folder.path())]);
    (folder, files)
}

async fn version(files: &Files, path: &str) -> Value {
    structured(files, "read_file", json!({ "path": path })).await["version"].clone()
}

#[tokio::test]
async fn a_file_is_created_written_anew_and_deleted_by_whoever_knows_it() {
    let (folder, files) = scene(&[]);
    let read = || fs::read_to_string(folder.path().join("a/b.md")).ok();

    let created = json!({ "path": "a/b.md", "content": "one" });
    let created = structured(&files, "write_file", created).await;
    let blind = json!({ "path": "a/b.md", "content": "two" });
    let blind = failure(&files, "write_file", blind).await;
    assert_eq!(
        (&created["created"], &created["version"]),
        (&json!(true), &version(&files, "a/b.md").await)
    );
    assert!(blind.starts_with("a/b.md exists already, in version "), "{blind}");

    let written =
        json!({ "path": "a/b.md", "content": "two", "expected_version": created["version"] });
    let again = call(&files, "write_file", written.clone()).await;
    let late = call(&files, "write_file", written).await;
    assert_eq!(again["structuredContent"]["created"], false);
    let said = late["content"][0]["text"].as_str().unwrap();
    assert!(said.starts_with("conflict: the version of a/b.md is "), "{said}");
    assert_eq!(late["_meta"]["dev.toolgate/error"]["sideEffect"], "none");
    assert_eq!(read().as_deref(), Some("two"));

    let blind = failure(&files, "delete_file", json!({ "path": "a/b.md" })).await;
    assert!(blind.starts_with("give the version of a/b.md"), "{blind}");
    let full = failure(&files, "delete_file", json!({ "path": "a" })).await;
    assert!(full.starts_with("a is not empty"), "{full}");
    let known = json!({ "path": "a/b.md", "expected_version": version(&files, "a/b.md").await });
    structured(&files, "delete_file", known).await;
    structured(&files, "delete_file", json!({ "path": "a" })).await;
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left");
}

#[tokio::test]
async fn bytes_are_written_from_base64() {
    let (folder, files) = scene(&[]);

    let bytes = json!({ "path": "a.bin", "content": "AP8=", "encoding": "base64" });
    structured(&files, "write_file", bytes).await;
    let wrong = json!({ "path": "b.bin", "content": "AP8", "encoding": "base64" });
    let wrong = failure(&files, "write_file", wrong).await;

    assert_eq!(fs::read(folder.path().join("a.bin")).unwrap(), [0, 255]);
    assert!(wrong.starts_with("content is no base64"), "{wrong}");
}

#[tokio::test]
async fn an_edit_shows_what_it_does_and_does_it_or_not() {
    let (folder, files) = scene(&[("a.md", b"# Title\n\none\ntwo\n"), ("b.bin", b"\0\xff")]);
    let read = || fs::read_to_string(folder.path().join("a.md")).unwrap();
    let edits = json!([{ "old": "one", "new": "1" }, { "old": "two", "new": "2" }]);

    let dry = json!({ "path": "a.md", "edits": edits, "dry_run": true });
    let dry = structured(&files, "edit_file", dry).await;
    assert_eq!((read().as_str(), &dry["written"]), ("# Title\n\none\ntwo\n", &json!(false)));
    assert_eq!(dry["version"], version(&files, "a.md").await);

    let edited = json!({ "path": "a.md", "edits": edits, "expected_version": dry["version"] });
    let done = call(&files, "edit_file", edited.clone()).await;
    let done = &done["structuredContent"];
    assert_eq!(read(), "# Title\n\n1\n2\n");
    assert_eq!(done["diff"], dry["diff"]);
    assert_eq!(
        done["diff"],
        "--- a.md\n+++ a.md\n@@ -1,4 +1,4 @@\n # Title\n \n-one\n-two\n+1\n+2\n"
    );
    assert_eq!(done["version"], version(&files, "a.md").await);

    let late = failure(&files, "edit_file", edited).await;
    assert!(late.starts_with("conflict: "), "{late}");
    // All of them or none.
    let half = json!({ "path": "a.md", "edits": [{ "old": "1", "new": "I" }, { "old": "3", "new": "III" }] });
    let half = failure(&files, "edit_file", half).await;
    assert!(half.starts_with("edit 2: old is not there"), "{half}");
    assert_eq!(read(), "# Title\n\n1\n2\n");
    let binary = json!({ "path": "b.bin", "edits": [{ "old": "a", "new": "b" }] });
    let binary = failure(&files, "edit_file", binary).await;
    assert!(binary.starts_with("b.bin is not text in UTF-8"), "{binary}");
    let nowhere = json!({ "path": "c.md", "edits": [{ "old": "a", "new": "b" }] });
    assert!(failure(&files, "edit_file", nowhere).await.starts_with("no file c.md"));
}

#[tokio::test]
async fn a_patch_is_applied_as_a_whole_or_not_at_all() {
    let (folder, files) = scene(&[("a.md", b"# Title\n\none\ntwo\nthree\n")]);
    let read = || fs::read_to_string(folder.path().join("a.md")).unwrap();
    let edit =
        |patch: &str, dry_run: bool| json!({ "path": "a.md", "patch": patch, "dry_run": dry_run });
    // Its numbers are wrong, its lines are right.
    let patch = "--- a/a.md\n+++ b/a.md\n@@ -1,2 +1,2 @@\n two\n-three\n+3\n";
    let applied = "--- a.md\n+++ a.md\n@@ -2,4 +2,4 @@\n \n one\n two\n-three\n+3\n";

    let dry = structured(&files, "edit_file", edit(patch, true)).await;
    assert_eq!((&dry["diff"], &dry["written"]), (&json!(applied), &json!(false)));
    let half = failure(&files, "edit_file", edit(&format!("{patch}@@\n-four\n"), false)).await;
    assert!(half.starts_with("hunk 2 (line 7 of the patch): none of its lines is there"), "{half}");
    assert_eq!(read(), "# Title\n\none\ntwo\nthree\n");
    let done = structured(&files, "edit_file", edit(patch, false)).await;
    assert_eq!((&done["diff"], &done["written"]), (&json!(applied), &json!(true)));
    assert_eq!(read(), "# Title\n\none\ntwo\n3\n");
    let both = json!({ "path": "a.md", "patch": applied, "edits": [{ "old": "a", "new": "b" }] });
    let both = failure(&files, "edit_file", both).await;
    assert_eq!(both, "give either edits or patch");
}

#[tokio::test]
async fn what_is_moved_takes_nobodys_place() {
    let (folder, files) = scene(&[("a.md", b"a"), ("b/c.md", b"c")]);

    let taken = json!({ "path": "a.md", "destination": "b/c.md" });
    let taken = failure(&files, "move_file", taken).await;
    assert!(taken.starts_with("there is something at b/c.md already"), "{taken}");
    let inside = failure(&files, "move_file", json!({ "path": "b", "destination": "b/d" })).await;
    assert_eq!(inside, "b cannot be moved into itself");
    let gone = failure(&files, "move_file", json!({ "path": "x", "destination": "y" })).await;
    assert!(gone.starts_with("no file x"), "{gone}");
    structured(&files, "move_file", json!({ "path": "a.md", "destination": "new/a.md" })).await;
    let moved =
        structured(&files, "move_file", json!({ "path": "b", "destination": "new/b" })).await;

    assert_eq!(moved["kind"], "folder");
    let read = |path: &str| fs::read_to_string(folder.path().join(path)).unwrap();
    assert_eq!((read("new/a.md").as_str(), read("new/b/c.md").as_str()), ("a", "c"));
}

#[tokio::test]
async fn of_writers_at_once_one_is_first_and_the_others_are_told() {
    let (folder, files) = scene(&[("a.md", b"0")]);
    let files = std::sync::Arc::new(files);
    let seen = version(&files, "a.md").await;

    let writers = (0..16).map(|n| {
        let (files, seen) = (files.clone(), seen.clone());
        tokio::spawn(async move {
            let content = json!({ "path": "a.md", "content": format!("writer {n}"), "expected_version": seen });
            call(&files, "write_file", content).await["isError"] != true
        })
    });
    let mut won = 0;
    for writer in writers.collect::<Vec<_>>() {
        won += usize::from(writer.await.unwrap());
    }

    assert_eq!(won, 1);
    assert!(fs::read_to_string(folder.path().join("a.md")).unwrap().starts_with("writer "));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
}

/// Whoever reads while somebody writes sees one text or the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_sees_a_file_that_is_half_written() {
    let texts = ["a".repeat(200_000), "b".repeat(200_000)];
    let (folder, files) = scene(&[("a.txt", texts[0].as_bytes())]);
    let path = folder.path().join("a.txt");
    let reading = tokio::task::spawn_blocking(move || {
        let begun = std::time::Instant::now();
        while begun.elapsed() < std::time::Duration::from_millis(500) {
            let text = fs::read_to_string(&path).unwrap();
            let first = text.as_bytes()[0];
            assert!(text.len() == 200_000 && text.bytes().all(|byte| byte == first));
        }
    });

    let mut turn = 0;
    while !reading.is_finished() {
        turn += 1;
        let known =
            structured(&files, "file_info", json!({ "path": "a.txt" })).await["version"].clone();
        let next =
            json!({ "path": "a.txt", "content": texts[turn % 2], "expected_version": known });
        structured(&files, "write_file", next).await;
    }

    reading.await.unwrap();
    assert!(turn > 1, "{turn}");
}

#[tokio::test]
async fn names_that_mean_something_else_elsewhere_are_refused() {
    let (folder, files) = scene(&[]);
    fs::create_dir(folder.path().join("odd:folder")).unwrap();

    for path in [
        "nul.txt",
        "a:b",
        "C:/Windows/x",
        "e\u{301}.md",
        "a\u{202e}b",
        "x/con/y.md",
        "end. ",
        &"d/".repeat(40),
    ] {
        let refused = json!({ "path": format!("{path}"), "content": "x" });
        let refused = call(&files, "write_file", refused).await;
        assert_eq!(refused["isError"], true, "{path}: {refused}");
        let moved = call(&files, "create_directory", json!({ "path": path })).await;
        assert_eq!(moved["isError"], true, "{path}: {moved}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    // What is there already is called as it is called.
    structured(&files, "write_file", json!({ "path": "odd:folder/a.md", "content": "x" })).await;
}

#[tokio::test]
async fn what_is_only_read_has_no_tools_that_write() {
    let (folder, reading) = folder(&[("a.md", b"a")]);
    let names = |tools: Value| {
        let tools = tools["tools"].as_array().unwrap().clone();
        tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };

    let few = names(ask(&reading, "tools/list", &json!({})).await.unwrap());
    let more = open(vec![FilesRoot { write: true, ..root(folder.path()) }]);
    let more = names(ask(&more, "tools/list", &json!({})).await.unwrap());

    assert_eq!(
        few,
        ["list_directory", "tree", "read_file", "read_files", "search_files", "file_info"]
    );
    assert_eq!(more[6..], ["write_file", "edit_file", "move_file", "create_directory"]);
    let refused = ask(
        &reading,
        "tools/call",
        &json!({ "name": "write_file", "arguments": { "path": "b", "content": "" } }),
    )
    .await;
    assert_eq!(refused.unwrap_err().code, -32602);
}
