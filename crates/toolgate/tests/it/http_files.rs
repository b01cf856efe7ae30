//! Folders of files behind the gateway: read, written and watched by clients of both eras, each caller
//! in a folder of its own.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http_listening::listen;
use crate::support::{Gateway, Legacy, Modern, copy, example, is_sound, key_in, run_in, soon};

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// One root without a name, with these rules.
fn one(folder: &Path, rules: &str) -> String {
    format!("servers: [{{ name: notes, files: {{ roots: [{{ path: {folder:?}{rules} }}] }} }}]")
}

async fn call(gateway: &Gateway, tool: &str, arguments: Value) -> Value {
    Modern::of(gateway).call(tool, &arguments.to_string()).await.result()
}

#[tokio::test]
async fn files_are_written_and_edited_by_clients_of_both_eras() {
    let folder = folder(&[("docs/a.md", "# A\n\none\n")]);
    let gateway = Gateway::serve(one(folder.path(), ", write: true, delete: true")).await;
    let legacy = Legacy::open(&gateway, "2025-11-25", "{}").await;
    let read = |path: &str| fs::read_to_string(folder.path().join(path)).ok();

    let seen = legacy.call("read_file", r#"{"path":"docs/a.md"}"#).await.result();
    let version = &seen["structuredContent"]["version"];
    let edit = |new: &str| json!({ "path": "docs/a.md", "edits": [{ "old": "one", "new": new }], "expected_version": version });
    let edited = call(&gateway, "edit_file", edit("two")).await;
    let late = legacy.call("edit_file", &edit("three").to_string()).await.result();

    let diff = edited["structuredContent"]["diff"].as_str().unwrap();
    assert_eq!(diff, "--- docs/a.md\n+++ docs/a.md\n@@ -1,3 +1,3 @@\n # A\n \n-one\n+two\n");
    assert_eq!(late["isError"], true);
    assert!(late["content"][0]["text"].as_str().unwrap().starts_with("conflict: "), "{late}");
    assert_eq!(read("docs/a.md").as_deref(), Some("# A\n\ntwo\n"));

    let new = r#"{"path":"new/b.md","content":"b"}"#;
    let written = legacy.call("write_file", new).await.result();
    let moved = json!({ "path": "new/b.md", "destination": "docs/b.md" });
    call(&gateway, "move_file", moved).await;
    let version = &written["structuredContent"]["version"];
    assert_eq!(read("docs/b.md").as_deref(), Some("b"));
    call(&gateway, "delete_file", json!({ "path": "docs/b.md", "expected_version": version }))
        .await;
    assert_eq!((read("docs/b.md"), read("new/b.md")), (None, None));
}

#[tokio::test]
async fn what_changes_is_told_to_whoever_subscribed_in_either_era() {
    let folder = folder(&[("a.md", "one"), ("b.md", "one")]);
    let gateway = Gateway::serve(one(folder.path(), ", write: true")).await;
    let legacy = Legacy::open(&gateway, "2025-11-25", "{}").await;
    legacy.request("1", "resources/subscribe", r#"{"uri":"files:///a.md"}"#).await.result();
    let mut older = legacy.listen(None).await;
    older.head().await.unwrap();
    let filter = r#"{"notifications":{"resourceSubscriptions":["files:///a.md"]}}"#;
    let (mut newer, granted) = listen(&Modern::of(&gateway), filter).await;
    assert_eq!(granted["resourceSubscriptions"], json!(["files:///a.md"]));

    fs::write(folder.path().join("b.md"), "nobody subscribed to it").unwrap();
    // An older client's stream is open a little before anybody looks for it.
    let heard = async {
        for turn in 0.. {
            fs::write(folder.path().join("a.md"), format!("two {turn}")).unwrap();
            let patience = Duration::from_secs(2);
            if let Ok(message) = tokio::time::timeout(patience, older.message()).await {
                return message;
            }
        }
        unreachable!()
    };
    let heard = soon("the change", heard).await;
    let told = newer.message().await;

    for message in [heard, told] {
        assert_eq!(message["method"], "notifications/resources/updated", "{message}");
        assert_eq!(message["params"]["uri"], "files:///a.md");
    }
}

#[tokio::test]
async fn new_files_change_the_list_of_resources() {
    let folder = folder(&[("a.md", "one")]);
    let gateway = Gateway::serve(one(folder.path(), ", write: true")).await;
    let filter = r#"{"notifications":{"resourcesListChanged":true}}"#;
    let (mut wire, _) = listen(&Modern::of(&gateway), filter).await;

    call(&gateway, "write_file", json!({ "path": "b.md", "content": "two" })).await;

    assert_eq!(wire.message().await["method"], "notifications/resources/list_changed");
    let list = Modern::of(&gateway).request("2", "resources/list", "{}").await.result();
    assert_eq!(list["resources"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_does_not_fit_is_refused_with_what_is_left() {
    let folder = folder(&[("a.md", &"x".repeat(900))]);
    let rules = ", write: true, quota: { bytes: 1KiB, files: 10, file: 1KiB }";
    let gateway = Gateway::serve(one(folder.path(), rules)).await;

    let full =
        call(&gateway, "write_file", json!({ "path": "b.md", "content": "y".repeat(200) })).await;

    assert_eq!(full["isError"], true);
    let text = full["content"][0]["text"].as_str().unwrap();
    let expected = "there is no room for b.md: it needs 200 bytes, and of 1.0 KiB 900 bytes are used and 124 bytes left";
    assert!(text.starts_with(expected), "{text}");
    assert_eq!(full["_meta"]["dev.toolgate/error"]["category"], "quota_exceeded");
    assert!(!folder.path().join("b.md").exists());
}

#[tokio::test]
async fn roots_come_and_go_with_the_configuration() {
    let folder = folder(&[("one/a.md", "one"), ("two/b.md", "two")]);
    let root = |name: &str, more: &str| {
        let path = folder.path().join(name);
        format!("{{ name: {name}, path: {path:?}{more} }}")
    };
    let yaml = |roots: &[String]| {
        format!("servers: [{{ name: notes, files: {{ roots: [{}] }} }}]", roots.join(", "))
    };
    let gateway = Gateway::serve(yaml(&[root("one", "")])).await;
    let listed = async || {
        let listed = call(&gateway, "list_directory", json!({ "recursive": true })).await;
        listed["content"][0]["text"].as_str().unwrap().to_owned()
    };
    assert_eq!(listed().await, "one/\none/a.md (3 bytes)");

    gateway.rewrite(yaml(&[root("two", ", write: true")]));
    gateway.logged("the new configuration is in use").await;

    assert_eq!(listed().await, "two/\ntwo/b.md (3 bytes)");
    let written = call(&gateway, "write_file", json!({ "path": "two/c.md", "content": "x" })).await;
    assert_eq!(written["structuredContent"]["created"], true, "{written}");
}

/// The example, with a key for each of these, whose roles are as said.
struct Example {
    folder: TempDir,
    gateway: Gateway,
}

impl Example {
    async fn open() -> Example {
        let folder = tempfile::tempdir().unwrap();
        copy(&example("files"), folder.path());
        for (name, role) in [("ada", "staff"), ("bob", "staff"), ("eve", "editor")] {
            key_in(folder.path(), name, role);
        }
        let yaml = fs::read_to_string(folder.path().join("gateway.yaml")).unwrap();
        let at = |name: &str| format!("{}", folder.path().join(name).display());
        let moved = yaml
            .replace("listen: 127.0.0.1:8080\n", "")
            .replace("file: keys.yaml", &format!("file: {}", at("keys.yaml")))
            .replace("path: handbook", &format!("path: {}", at("handbook")))
            .replace("path: homes/", &format!("path: {}/", at("homes")))
            .replace("path: audit.jsonl", &format!("path: {}", at("audit.jsonl")));
        let gateway = Gateway::serve(moved).await;
        Example { folder, gateway }
    }

    async fn ask(&self, name: &str, method: &str, params: Value) -> Value {
        let key = fs::read_to_string(self.folder.path().join(name)).unwrap();
        let ask = Modern::of(&self.gateway).ask("1", method, &params.to_string());
        self.gateway.ask(&ask.header("Authorization", &format!("Bearer {key}"))).await.json()
    }

    async fn call(&self, name: &str, tool: &str, arguments: Value) -> Value {
        let params = json!({ "name": tool, "arguments": arguments });
        self.ask(name, "tools/call", params).await["result"].clone()
    }

    async fn text(&self, name: &str, tool: &str, arguments: Value) -> String {
        let result = self.call(name, tool, arguments).await;
        result["content"][0]["text"].as_str().unwrap_or_default().to_owned()
    }
}

#[tokio::test]
async fn two_callers_have_a_home_each_and_one_handbook() {
    let example = Example::open().await;
    let note = |text: &str| json!({ "path": "home/todo.md", "content": text });

    for (name, text) in [("ada", "hers"), ("bob", "his")] {
        let written = example.text(name, "write_file", note(text)).await;
        assert!(written.starts_with("home/todo.md was created"), "{written}");
    }
    for (name, text) in [("ada", "hers"), ("bob", "his")] {
        assert_eq!(example.text(name, "read_file", json!({ "path": "home/todo.md" })).await, text);
        let read =
            example.ask(name, "resources/read", json!({ "uri": "files:///home/todo.md" })).await;
        assert_eq!(read["result"]["contents"][0]["text"], text, "{read}");
    }
    let eves = example.call("eve", "read_file", json!({ "path": "home/todo.md" })).await;
    assert_eq!(eves["isError"], true, "{eves}");

    let rule = json!({ "path": "handbook/expenses.md", "edits": [{ "old": "30 days", "new": "60 days" }] });
    let refused = example.call("ada", "edit_file", rule.clone()).await;
    let changed = example.call("eve", "edit_file", rule).await;
    assert_eq!(refused["content"][0]["text"], "handbook is read only for you; not so: home");
    assert_eq!(changed["structuredContent"]["written"], true, "{changed}");
    let read = example.text("bob", "read_file", json!({ "path": "handbook/expenses.md" })).await;
    assert!(read.contains("60 days"), "{read}");
}

/// Nobody learns from announcements what another caller does in a folder of the same name.
#[tokio::test]
async fn who_listens_hears_of_its_own_files_alone() {
    let example = Example::open().await;
    let key = |name: &str| fs::read_to_string(example.folder.path().join(name)).unwrap();
    let filter = r#"{"notifications":{"resourceSubscriptions":["files:///home/a.md"]}}"#;
    let listening = async |name: &str| {
        let client = Modern::of(&example.gateway);
        let ask = client.ask("1", "subscriptions/listen", filter);
        let mut wire =
            client.send(&ask.header("Authorization", &format!("Bearer {}", key(name)))).await;
        assert_eq!(wire.head().await.unwrap().status, 200);
        wire.message().await;
        wire
    };
    let (mut adas, mut bobs) = (listening("ada").await, listening("bob").await);

    example.call("ada", "write_file", json!({ "path": "home/a.md", "content": "x" })).await;

    let told = adas.message().await;
    assert_eq!(told["params"]["uri"], "files:///home/a.md", "{told}");
    let silence = tokio::time::timeout(Duration::from_millis(1500), bobs.message()).await;
    assert!(silence.is_err(), "{silence:?}");
}

#[test]
fn a_scan_and_a_check_of_the_example_find_nothing() {
    is_sound("files", "staff");
}

/// All tools, also those that need leave: what `approve` and `scan` of others would see.
#[tokio::test]
async fn a_scan_of_everything_that_is_offered_finds_nothing() {
    let folder = folder(&[("root/a.md", "x")]);
    let root = folder.path().join("root");
    let yaml = one(&root, ", write: true, delete: true");
    fs::write(folder.path().join("gateway.yaml"), yaml).unwrap();

    let ran = run_in(folder.path(), &["scan", "gateway.yaml"]);

    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
}
