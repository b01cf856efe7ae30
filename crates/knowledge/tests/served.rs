//! A folder of documents as it is served, whatever lies in it and whoever changes it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use toolgate_gateway::call::{Caller, Who};
use toolgate_gateway::testing::{client, request, told};
use toolgate_gateway::upstream::Upstream;
use toolgate_hosted::Hosted;
use toolgate_knowledge::{Knowledge, PdfReader};
use toolgate_protocol::caller::Identity;
use toolgate_protocol::version::Version;

struct Scene {
    folder: TempDir,
    hosted: Arc<Hosted>,
}

impl Scene {
    /// The server over these files, once they are indexed.
    async fn of(files: &[(&str, &[u8])]) -> Scene {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("articles")).unwrap();
        for (path, bytes) in files {
            let path = folder.path().join("articles").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let hosted = hosted(&folder, PdfReader::none());
        let scene = Scene { folder, hosted };
        scene.settled().await;
        scene
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("articles").join(path)
    }

    async fn settled(&self) {
        let waiting = async {
            while self.hosted.probe().await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), waiting).await.unwrap();
    }

    /// What is answered to somebody who may do everything.
    async fn ask(&self, method: &str, params: Value) -> Value {
        let client = client(Version::V2025_11_25, &json!({}));
        let mut request = request(&client, method, params);
        let roles = vec!["editor".into()];
        request.who = Who::of(Caller::from(Identity { roles, ..Identity::default() }));
        told(self.hosted.call(&request).await).await.unwrap_or_else(|fault| panic!("{fault}"))
    }

    async fn call(&self, tool: &str, arguments: Value) -> Value {
        let answer = self.ask("tools/call", json!({ "name": tool, "arguments": arguments })).await;
        assert!(answer["result"].is_object(), "{answer}");
        answer["result"].clone()
    }

    /// The structured content of a call that works.
    async fn works(&self, tool: &str, arguments: Value) -> Value {
        let result = self.call(tool, arguments).await;
        assert_ne!(result["isError"], true, "{result}");
        result["structuredContent"].clone()
    }

    /// Why a call does not work.
    async fn refused(&self, tool: &str, arguments: Value) -> String {
        let result = self.call(tool, arguments).await;
        assert_eq!(result["isError"], true, "{result}");
        text(&result)
    }

    async fn version(&self, id: &str) -> String {
        let article = self.works("get_article", json!({ "id": id })).await;
        article["version"].as_str().unwrap().to_owned()
    }

    /// Waits until a search finds these.
    async fn until(&self, query: &str, expected: &[&str]) {
        let waiting = async {
            loop {
                let found = self.works("search_articles", json!({ "query": query })).await;
                let ids: Vec<_> = found["articles"].as_array().unwrap().iter().map(id).collect();
                if ids == expected {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(60), waiting).await;
        assert!(waited.is_ok(), "{query} never finds {expected:?}");
    }
}

fn id(article: &Value) -> String {
    article["id"].as_str().unwrap().to_owned()
}

fn text(result: &Value) -> String {
    let parts = result["content"].as_array().unwrap().iter();
    parts.map(|part| part["text"].as_str().unwrap()).collect::<Vec<_>>().join("\n")
}

fn hosted(folder: &TempDir, pdf: PdfReader) -> Arc<Hosted> {
    let role = json!(["editor"]);
    let rules = serde_json::from_value(json!({
        "root": folder.path().join("articles"),
        "index": folder.path().join("index"),
        "write": { "create": role, "update": role, "delete": role },
    }));
    let knowledge = Knowledge::open(&rules.unwrap(), pdf, None).unwrap();
    Arc::new(Hosted::new("kb", Arc::new(knowledge)))
}

#[tokio::test]
async fn categories_come_in_pages_that_hold_each_of_them_once() {
    let files: Vec<_> = (0..450).map(|number| format!("c{number:03}/a.md")).collect();
    let files: Vec<_> = files.iter().map(|path| (path.as_str(), &b"# Same"[..])).collect();
    let scene = Scene::of(&files).await;

    let (mut sizes, mut seen, mut arguments) = (Vec::new(), Vec::new(), json!({}));
    loop {
        let result = scene.call("list_categories", arguments).await;
        let page = &result["structuredContent"];
        let rows = page["categories"].as_array().unwrap();
        sizes.push(rows.len());
        seen.extend(rows.iter().map(|row| row["category"].as_str().unwrap().to_owned()));
        assert_eq!((&page["total"], &page["articles"]), (&json!(450), &json!(450)));
        assert_eq!(page["has_more"].as_bool().unwrap(), page["next_cursor"].is_string());
        assert_eq!(text(&result).contains("More follow"), page["next_cursor"].is_string());
        let Some(next) = page["next_cursor"].as_str() else { break };
        arguments = json!({ "cursor": next });
    }

    assert_eq!(sizes, [200, 200, 50]);
    assert!(seen.is_sorted() && seen.len() == 450);
    let few = scene.works("list_categories", json!({ "limit": 3 })).await;
    assert_eq!(few["categories"].as_array().unwrap().len(), 3);
    for limit in [0, 1001] {
        let why = scene.refused("list_categories", json!({ "limit": limit })).await;
        assert!(why.contains("limit must be from 1 to 1000"), "{why}");
    }
}

#[tokio::test]
async fn more_categories_than_are_listed_at_once_are_told() {
    let files: Vec<_> = (0..1001).map(|number| format!("c{number:04}/a.md")).collect();
    let files: Vec<_> = files.iter().map(|path| (path.as_str(), &b"# Same"[..])).collect();
    let scene = Scene::of(&files).await;

    let read = scene.ask("resources/read", json!({ "uri": "kb://categories" })).await;
    let read = read["result"]["contents"][0]["text"].as_str().unwrap();
    let read: Value = serde_json::from_str(read).unwrap();
    let found = scene.works("search_articles", json!({ "query": "same", "facets": true })).await;

    assert_eq!(read["categories"].as_array().unwrap().len(), 1000);
    assert_eq!((&read["has_more"], &read["total"]), (&json!(true), &json!(1001)));
    assert_eq!(found["facets"].as_array().unwrap().len(), 100);
    assert_eq!(found["more_facets"], 901);
}

#[tokio::test]
async fn cursors_of_other_lists_begin_no_list_of_categories() {
    let scene = Scene::of(&[("a/a.md", b"# Same"), ("b/b.md", b"# Same")]).await;
    let found = scene.works("search_articles", json!({ "query": "same", "limit": 1 })).await;
    let listed = scene.works("list_categories", json!({ "limit": 1 })).await;

    let cursor = &found["next_cursor"];
    let why = scene.refused("list_categories", json!({ "cursor": cursor })).await;
    assert!(why.contains("of another list"), "{why}");
    let cursor = &listed["next_cursor"];
    let why = scene.refused("search_articles", json!({ "query": "same", "cursor": cursor })).await;
    assert!(why.contains("of another query"), "{why}");
    for cursor in [cursor, &found["next_cursor"]] {
        let page = scene.ask("resources/list", json!({ "cursor": cursor })).await;
        assert_eq!(page["error"]["code"], -32602, "{page}");
    }
}

#[tokio::test]
async fn what_an_article_lacks_of_its_file_is_told_with_it() {
    let headings = "# Heading\n".repeat(10_003);
    let scene = Scene::of(&[
        ("headings.md", headings.as_bytes()),
        ("latin.txt", b"gr\xfc\xdfe"),
        ("open.csv", b"name\nada\n\"grace\nhedy\n"),
        ("whole.md", b"# Whole"),
    ])
    .await;

    for (id, loss) in [
        ("headings.md", "the last 3 of its headings"),
        ("latin.txt", "U+FFFD"),
        ("open.csv", "line 3 is never closed"),
    ] {
        let result = scene.call("get_article", json!({ "id": id })).await;
        let uri = format!("kb://articles/{id}");
        let read = scene.ask("resources/read", json!({ "uri": uri })).await;

        assert!(result["structuredContent"]["losses"][0].as_str().unwrap().contains(loss));
        assert!(text(&result).contains(loss), "{result}");
        assert!(read["result"]["contents"][0]["text"].as_str().unwrap().contains(loss), "{read}");
    }
    let whole = scene.call("get_article", json!({ "id": "whole.md" })).await;
    assert_eq!(
        (text(&whole), &whole["structuredContent"]["losses"]),
        ("# Whole".into(), &Value::Null)
    );
    scene.until("hedy", &["open.csv"]).await;
}

#[tokio::test]
async fn what_is_cut_off_a_pdf_is_told_with_what_is_left() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("articles")).unwrap();
    fs::write(folder.path().join("articles/long.pdf"), "stands for a long one").unwrap();
    let loss = "its text ends on page 2 of 900: what comes after is left out";
    let printed = format!("{loss}\n\nalpha\u{c}beta");
    let script = format!("cat > /dev/null; printf '{printed}'");
    let reader = PdfReader::new("/bin/sh".into(), vec!["-c".to_owned(), script]);
    let scene = Scene { hosted: hosted(&folder, reader), folder };
    scene.settled().await;

    let whole = scene.call("get_article", json!({ "id": "long.pdf" })).await;
    let page = scene.call("get_article", json!({ "id": "long.pdf", "section": "page-2" })).await;

    for answer in [&whole, &page] {
        assert_eq!(answer["structuredContent"]["losses"], json!([loss]));
        assert!(text(answer).contains(loss), "{answer}");
    }
    assert_eq!(page["structuredContent"]["text"].as_str().unwrap().trim(), "beta");
    scene.until("alpha", &["long.pdf"]).await;
}

#[tokio::test]
async fn a_folder_that_cannot_be_read_is_not_said_to_be_being_read() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("articles")).unwrap();
    for number in 0..=50_000 {
        fs::File::create(folder.path().join(format!("articles/{number}"))).unwrap();
    }
    let hosted = hosted(&folder, PdfReader::none());
    let waiting = async {
        loop {
            let why = hosted.probe().await.unwrap_err().to_string();
            if why.contains("cannot be read at present") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };

    tokio::time::timeout(Duration::from_secs(60), waiting).await.unwrap();
}

#[tokio::test]
async fn documents_of_a_folder_that_cannot_be_read_any_more_stay() {
    let scene = Scene::of(&[("large/a.md", b"# Alpha"), ("b.md", b"# Beta")]).await;
    scene.until("alpha", &["large/a.md"]).await;

    for number in 0..50_000 {
        fs::File::create(scene.path(&format!("large/{number}"))).unwrap();
    }
    fs::write(scene.path("c.md"), "# Gamma").unwrap();
    scene.until("gamma", &["c.md"]).await;

    scene.until("alpha", &["large/a.md"]).await;
}

#[tokio::test]
async fn words_are_found_however_their_letters_are_written() {
    let scene = Scene::of(&[
        ("apart.md", "# Cafe\u{301}s\n".as_bytes()),
        ("soft.md", "# pass\u{ad}word\u{200f}\n".as_bytes()),
    ])
    .await;

    for query in ["café", "cafe\u{301}", "cafe", "\u{202b}Café\u{202c}"] {
        scene.until(query, &["apart.md"]).await;
    }
    scene.until("password", &["soft.md"]).await;
}

#[tokio::test]
async fn an_update_keeps_front_matter_behind_a_byte_order_mark() {
    let scene = Scene::of(&[("a.md", "\u{feff}---\ntags: [kept]\n---\n# One\n".as_bytes())]).await;

    let version = scene.version("a.md").await;
    let arguments = json!({ "id": "a.md", "text": "# Two\n", "expected_version": version });
    scene.works("update_article", arguments).await;

    let after = fs::read_to_string(scene.path("a.md")).unwrap();
    assert_eq!(after, "---\ntags: [kept]\n---\n# Two\n");
}

#[tokio::test]
async fn a_file_that_may_be_read_again_is_read_though_it_has_not_changed() {
    use std::os::unix::fs::PermissionsExt as _;
    let scene = Scene::of(&[("a.md", b"# Alpha")]).await;
    let may = |mode| fs::set_permissions(scene.path("b.md"), fs::Permissions::from_mode(mode));
    fs::write(scene.path("b.md"), "# Beta").unwrap();
    may(0).unwrap();
    if fs::File::open(scene.path("b.md")).is_ok() {
        return; // Whoever is root may read all.
    }
    let waiting = async {
        while scene.works("list_categories", json!({})).await["unreadable"]["count"] != 1 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.unwrap();

    may(0o644).unwrap();

    scene.until("beta", &["b.md"]).await;
}

#[tokio::test]
async fn a_folder_that_goes_and_comes_back_is_served_again() {
    let scene = Scene::of(&[("a.md", b"# Alpha")]).await;
    scene.until("alpha", &["a.md"]).await;

    fs::remove_dir_all(scene.path("")).unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    scene.until("alpha", &["a.md"]).await;
    fs::create_dir(scene.path("")).unwrap();
    fs::write(scene.path("b.md"), "# Beta").unwrap();

    scene.until("beta", &["b.md"]).await;
    scene.until("alpha", &[]).await;
    scene.works("create_article", json!({ "id": "c.md", "text": "# Gamma" })).await;
    assert!(scene.path("c.md").exists());
}

#[tokio::test]
async fn nothing_is_written_where_it_would_not_be_served() {
    let scene = Scene::of(&[("docs/a.md", b"# Alpha"), ("b.md", b"# Beta")]).await;
    std::os::unix::fs::symlink("docs", scene.path("link")).unwrap();
    fs::create_dir(scene.path("folder.md")).unwrap();
    let deep = "d/".repeat(32);
    for (id, why) in [
        (".hidden.md", "hidden files are not served"),
        (".git/a.md", "hidden files are not served"),
        (".toolgate-0000000000000000.tmp.md", "hidden files are not served"),
        ("../a.md", "cannot lead upwards"),
        ("a\0.md", "control characters"),
        ("a\u{202e}/../../b.md", "cannot lead upwards"),
        ("new.html", "only Markdown and text"),
        ("link/new.md", "called docs/new.md in truth"),
        ("b.md/new.md", "is no folder"),
        ("folder.md", "exists already"),
        (&format!("{deep}a.md"), "fewer"),
        (&format!("{}.md", "n".repeat(300)), "too long"),
    ] {
        let told = scene.refused("create_article", json!({ "id": id, "text": "x" })).await;
        assert!(told.contains(why), "{id}: {told}");
    }
    let escaped = json!({ "id": "%2e%2e/new.md", "text": "# Percent" });
    scene.works("create_article", escaped).await;

    assert!(scene.path("%2e%2e/new.md").exists(), "an id is no URI");
    let linked = json!({ "id": "link/a.md", "text": "x", "expected_version": "0000000000000000" });
    assert!(scene.refused("update_article", linked).await.contains("docs/a.md in truth"));
    assert_eq!(fs::read(scene.path("docs/a.md")).unwrap(), b"# Alpha");
}

#[tokio::test]
async fn of_writers_at_the_same_time_each_sees_what_the_others_wrote() {
    const WRITERS: usize = 32;
    let scene = Arc::new(Scene::of(&[("a.md", b"# Log\n")]).await);
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..WRITERS {
        let scene = scene.clone();
        writers.spawn(async move {
            loop {
                let article = scene.works("get_article", json!({ "id": "a.md" })).await;
                let text = format!("{}line {number}.\n", article["text"].as_str().unwrap());
                let arguments =
                    json!({ "id": "a.md", "text": text, "expected_version": article["version"] });
                let result = scene.call("update_article", arguments).await;
                if result["isError"] != true {
                    return;
                }
                assert!(self::text(&result).contains("conflict"), "{result}");
            }
        });
    }
    let all = async { while writers.join_next().await.transpose().unwrap().is_some() {} };
    tokio::time::timeout(Duration::from_secs(240), all).await.unwrap();

    let after = fs::read_to_string(scene.path("a.md")).unwrap();
    for number in 0..WRITERS {
        assert!(after.contains(&format!("line {number}.\n")), "{number} is lost: {after}");
    }
    assert_eq!(after.lines().count(), 1 + WRITERS);
}
