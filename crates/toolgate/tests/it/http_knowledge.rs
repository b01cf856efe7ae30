//! A folder of documents behind the gateway: searched and read by clients of both eras, kept up to
//! date, and still there after a crash.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use toolgate_pdf::testing::page;

use crate::support::{Gateway, Legacy, Modern, soon};

/// Documents beside their index.
struct Scene {
    folder: TempDir,
}

impl Scene {
    fn of(documents: &[(&str, &str)]) -> Scene {
        let scene = Scene { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(scene.folder.path().join("articles")).unwrap();
        documents.iter().for_each(|(path, text)| scene.write(path, text));
        scene
    }

    fn path(&self, document: &str) -> std::path::PathBuf {
        self.folder.path().join("articles").join(document)
    }

    fn write(&self, document: &str, text: impl AsRef<[u8]>) {
        let path = self.path(document);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn yaml(&self, more: &str) -> String {
        let at = |name: &str| format!("{:?}", self.folder.path().join(name));
        let (root, index) = (at("articles"), at("index"));
        format!("servers: [{{ name: kb, knowledge: {{ root: {root}, index: {index}{more} }} }}]")
    }

    async fn serve(&self) -> Gateway {
        Gateway::serve(self.yaml("")).await
    }
}

fn sample() -> Scene {
    Scene::of(&[
        (
            "accounts/password.md",
            "---\ntags: [login]\n---\n# Reset a password\n\nOpen the page.\n\n## By mail\n\nA link is sent to you.\n\n## By phone\n\nCall us.\n",
        ),
        ("accounts/delete.md", "# Delete an account\n\nEverything is removed, the password too.\n"),
        ("billing/invoice.txt", "Invoices are sent on the first of each month.\n"),
        (".private.md", "# Secret password\n"),
    ])
}

async fn search(gateway: &Gateway, arguments: Value) -> Value {
    let answer = Modern::of(gateway).call("search_articles", &arguments.to_string()).await;
    let result = answer.result();
    assert!(!result["isError"].as_bool().unwrap_or_default(), "{result}");
    result["structuredContent"].clone()
}

async fn ids(gateway: &Gateway, query: &str) -> Vec<String> {
    let found = search(gateway, json!({ "query": query })).await;
    let articles = found["articles"].as_array().unwrap();
    articles.iter().map(|article| article["id"].as_str().unwrap().to_owned()).collect()
}

/// Waits until a search finds these.
async fn until(gateway: &Gateway, query: &str, expected: &[&str]) {
    let waiting = async {
        while ids(gateway, query).await != expected {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    soon(&format!("{query} finds {expected:?}"), waiting).await;
}

#[tokio::test]
async fn articles_are_found_and_read_by_clients_of_both_eras() {
    let scene = sample();
    let gateway = scene.serve().await;
    let legacy = Legacy::open(&gateway, "2025-06-18", "{}").await;

    let found = search(&gateway, json!({ "query": "resetting passwords" })).await;
    let older = legacy.call("search_articles", r#"{"query":"resetting passwords"}"#).await.result();
    let read = legacy.call("get_article", r#"{"id":"accounts/password.md","section":"by-mail"}"#);
    let read = read.await.result();

    assert_eq!(older["structuredContent"], found);
    let first = &found["articles"][0];
    assert_eq!(first["id"], "accounts/password.md");
    assert_eq!(first["title"], "Reset a password");
    assert_eq!(first["category"], "accounts");
    assert!(first["snippet"].as_str().unwrap().contains("**Reset** a **password**"), "{first}");
    assert_eq!(found["articles"].as_array().unwrap().len(), 2, "what is hidden is not found");
    assert_eq!(found["has_more"], false);
    assert_eq!(read["content"][0]["text"], "## By mail\n\nA link is sent to you.\n\n");
    let sections: Vec<_> = read["structuredContent"]["sections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["id"])
        .collect();
    assert_eq!(sections, ["reset-a-password", "by-mail", "by-phone"]);
}

#[tokio::test]
async fn categories_pages_and_relations_lead_through_a_collection() {
    let scene = sample();
    let gateway = scene.serve().await;
    let client = Modern::of(&gateway);

    let within = search(&gateway, json!({ "query": "sent", "category": "billing" })).await;
    let first =
        search(&gateway, json!({ "query": "password sent", "limit": 1, "facets": true })).await;
    let cursor = &first["next_cursor"];
    let second =
        search(&gateway, json!({ "query": "password sent", "limit": 1, "cursor": cursor })).await;
    let foreign = json!({ "query": "other", "cursor": cursor }).to_string();
    let foreign = client.call("search_articles", &foreign).await.result();
    let categories = client.call("list_categories", "{}").await.result();
    let related = client.call("related_articles", r#"{"id":"accounts/delete.md"}"#).await.result();

    assert_eq!(within["articles"][0]["id"], "billing/invoice.txt");
    assert_eq!(within["articles"].as_array().unwrap().len(), 1);
    assert_eq!(first["has_more"], true);
    assert_ne!(first["articles"][0]["id"], second["articles"][0]["id"]);
    assert_eq!(
        first["facets"],
        json!([{ "category": "accounts", "articles": 2 }, { "category": "billing", "articles": 1 }])
    );
    assert_eq!(foreign["isError"], true);
    assert!(foreign["content"][0]["text"].as_str().unwrap().contains("another query"));
    assert_eq!(categories["structuredContent"]["articles"], 3);
    assert_eq!(
        categories["structuredContent"]["categories"],
        json!([{ "category": "accounts", "articles": 2 }, { "category": "billing", "articles": 1 }])
    );
    assert_eq!(related["structuredContent"]["articles"][0]["id"], "accounts/password.md");
}

#[tokio::test]
async fn words_in_quotes_stand_together_and_fields_weigh_what_they_are_said_to() {
    let scene = Scene::of(&[
        ("body.md", "# Maintenance\n\nThe turbine: blades of a turbine, oil of a turbine.\n"),
        ("title.md", "# Turbine\n\nThe blades are cleaned each spring, and then oil is changed.\n"),
    ]);
    for (boosts, first) in [("title: 9, body: 1", "title.md"), ("title: 1, body: 9", "body.md")] {
        let gateway = Gateway::serve(scene.yaml(&format!(", boosts: {{ {boosts} }}"))).await;

        let found = ids(&gateway, "turbine").await;

        assert_eq!((found.len(), found[0].as_str()), (2, first), "{boosts}");
        assert_eq!(ids(&gateway, r#""blades of a turbine""#).await, ["body.md"]);
        assert_eq!(ids(&gateway, r#""blades turbine""#).await, [""; 0]);
    }
}

#[tokio::test]
async fn resources_are_the_same_articles() {
    let scene = sample();
    let gateway = scene.serve().await;
    let client = Modern::of(&gateway);

    let list = client.request("1", "resources/list", "{}").await.result();
    let uris: Vec<&str> = list["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["uri"].as_str().unwrap())
        .collect();
    let article = client
        .request("2", "resources/read", r#"{"uri":"kb://articles/billing/invoice.txt"}"#)
        .await
        .result();
    let category = client
        .request("3", "resources/read", r#"{"uri":"kb://categories/accounts"}"#)
        .await
        .result();
    let hidden =
        client.request("4", "resources/read", r#"{"uri":"kb://articles/.private.md"}"#).await;

    assert_eq!(
        uris,
        [
            "kb://categories",
            "kb://articles/accounts/delete.md",
            "kb://articles/accounts/password.md",
            "kb://articles/billing/invoice.txt"
        ]
    );
    assert!(article["contents"][0]["text"].as_str().unwrap().starts_with("Invoices"));
    let listed = category["contents"][0]["text"].as_str().unwrap();
    assert!(listed.contains("accounts/delete.md") && !listed.contains("invoice"), "{listed}");
    assert_eq!(hidden.json()["error"]["code"], -32602, "{}", hidden.body);
}

#[tokio::test]
async fn what_changes_in_the_folder_is_found_as_it_is_now() {
    let scene = sample();
    let gateway = scene.serve().await;
    until(&gateway, "invoices", &["billing/invoice.txt"]).await;

    scene.write("billing/new.md", "# Refunds of invoices\n");
    until(&gateway, "refund", &["billing/new.md"]).await;
    scene.write("billing/new.md", "# Credit notes\n");
    until(&gateway, "refund", &[]).await;
    until(&gateway, "credit", &["billing/new.md"]).await;
    fs::rename(scene.path("billing"), scene.path("money")).unwrap();
    until(&gateway, "invoices", &["money/invoice.txt"]).await;
    fs::remove_file(scene.path("money/new.md")).unwrap();
    until(&gateway, "credit", &[]).await;
}

#[tokio::test]
async fn a_long_article_is_cut_with_a_way_to_the_rest() {
    let scene = Scene::of(&[("long.md", &format!("# Long\n\n{}", "wörter und ".repeat(300)))]);
    let gateway = Gateway::serve(scene.yaml(", limits: { article: 1000 }")).await;
    let client = Modern::of(&gateway);
    let mut text = String::new();
    let mut offset = 0;

    loop {
        let arguments = json!({ "id": "long.md", "offset": offset }).to_string();
        let part = client.call("get_article", &arguments).await.result();
        let part = &part["structuredContent"];
        text.push_str(part["text"].as_str().unwrap());
        assert!(part["text"].as_str().unwrap().chars().count() <= 1000);
        let Some(next) = part["next_offset"].as_u64() else {
            assert_eq!(part["has_more"], false);
            break;
        };
        offset = next;
    }

    assert_eq!(text, fs::read_to_string(scene.path("long.md")).unwrap());
}

#[tokio::test]
async fn nothing_that_is_typed_as_a_query_makes_an_error() {
    let scene = sample();
    let gateway = scene.serve().await;
    let client = Modern::of(&gateway);

    for query in [
        "title:reset AND (mail OR",
        "\"",
        "\"reset a\" -mail +password",
        "[* TO *] ^^ ~ {x} \\",
        "*:*",
        "/.*/",
        "-password",
        "the of and",
        "😀 \u{0} é",
        &"password ".repeat(110),
    ] {
        let arguments = json!({ "query": query }).to_string();
        let answer = client.call("search_articles", &arguments).await;
        let result = answer.result();
        let told = result["content"][0]["text"].as_str().unwrap_or_default();
        let is_fine = result["isError"] != true || told.contains("no word to look for");
        assert!(is_fine, "{query}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_crash_while_the_index_is_written_leaves_an_index() {
    let text = |number: usize| format!("# Article {number}\n\n{}", "lorem ipsum dolor ".repeat(50));
    let scene = Scene::of(&[("first.md", "# The first one\n")]);
    let mut gateway = scene.serve().await;
    until(&gateway, "first", &["first.md"]).await;

    // Each time it dies somewhere else: while it looks, reads, or commits.
    for (round, milliseconds) in [300, 1000, 1400, 1900].into_iter().enumerate() {
        for number in 0..300 {
            scene.write(&format!("r{round}/{number}.md"), text(number));
        }
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        gateway.kill().await;
        gateway = scene.serve().await;
        assert_eq!(ids(&gateway, "first").await, ["first.md"], "the last commit is served at once");
    }

    let all = async {
        loop {
            let said = Modern::of(&gateway).call("list_categories", "{}").await.result();
            if said["structuredContent"]["articles"] == 1201 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    soon("all articles", all).await;
    assert_eq!(index_folders(scene.folder.path()), 1);
}

fn index_folders(folder: &Path) -> usize {
    fs::read_dir(folder.join("index")).unwrap().count()
}

#[tokio::test]
async fn an_index_that_is_damaged_or_of_other_settings_is_made_anew() {
    let scene = sample();
    let mut gateway = scene.serve().await;
    until(&gateway, "resets", &["accounts/password.md"]).await;
    gateway.kill().await;
    for entry in fs::read_dir(scene.folder.path().join("index")).unwrap() {
        fs::write(entry.unwrap().path().join("meta.json"), "{").unwrap();
    }

    let mut gateway = scene.serve().await;
    until(&gateway, "resets", &["accounts/password.md"]).await;
    gateway.kill().await;
    for entry in fs::read_dir(scene.folder.path().join("index")).unwrap() {
        for file in fs::read_dir(entry.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|it| it == "fast" || it == "idx") {
                let mut bytes = fs::read(&path).unwrap();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 0x55;
                fs::write(&path, bytes).unwrap();
            }
        }
    }

    let mut gateway = scene.serve().await;
    gateway.logged("is not as it was written").await;
    until(&gateway, "resets", &["accounts/password.md"]).await;
    gateway.kill().await;
    let gateway = Gateway::serve(scene.yaml(", language: none")).await;

    until(&gateway, "reset", &["accounts/password.md"]).await;
    assert_eq!(ids(&gateway, "resets").await, [""; 0], "no forms of words in no language");
    assert_eq!(index_folders(scene.folder.path()), 1);
}

#[tokio::test]
async fn a_reload_that_fails_takes_no_index_from_the_server_that_goes_on() {
    let scene = sample();
    let gateway = scene.serve().await;
    until(&gateway, "resets", &["accounts/password.md"]).await;
    let other = scene.yaml(", language: none");

    // Servers are made in their order: this one fails when the other index is open already.
    let document = scene.folder.path().join("broken.json");
    fs::write(&document, "{ broken").unwrap();
    let broken = format!("{{ name: api, openapi: {{ document: {document:?} }} }}");
    gateway.rewrite(format!("{}, {broken}]", other.trim_end_matches(']')));
    let line = gateway.logged("the new configuration is not used").await;
    assert!(line.contains("server api: "), "{line}");

    scene.write("billing/new.md", "# Refunds of invoices\n");
    until(&gateway, "refund", &["billing/new.md"]).await;
    until(&gateway, "resets", &["accounts/password.md"]).await;
    one_index(&scene).await;

    gateway.rewrite(other);
    gateway.logged("the new configuration is in use").await;
    until(&gateway, "refunds", &["billing/new.md"]).await;
    until(&gateway, "refund", &[]).await;
    one_index(&scene).await;
}

/// Waits until what nobody uses any more is gone.
async fn one_index(scene: &Scene) {
    let waiting = async {
        while index_folders(scene.folder.path()) != 1 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    soon("one index", waiting).await;
}

/// A PDF of one page.
fn pdf(text: &str) -> Vec<u8> {
    toolgate_pdf::testing::pdf(&[page(&[("F1", 24, 72, 720, text)])])
}

#[tokio::test]
async fn pdfs_are_read_and_what_is_broken_is_named_and_stops_nothing() {
    let scene = Scene::of(&[("a.md", "# Alpha\n"), ("page.html", "<h1>Beta</h1><p>gamma")]);
    scene.write("manual.pdf", pdf("The quarterly turbine inspection"));
    scene.write("cut.pdf", &pdf("Never shown")[..200]);
    scene.write("deep.pdf", format!("%PDF-1.4\n1 0 obj\n{}", "[".repeat(3_000_000)));
    scene.write("noise.pdf", [0xff; 5000]);
    scene.write("binary.txt", [0; 100]);
    scene.write("empty.csv", "");
    let gateway = scene.serve().await;

    until(&gateway, "turbines", &["manual.pdf"]).await;
    until(&gateway, "gamma", &["page.html"]).await;
    until(&gateway, "alpha", &["a.md"]).await;
    let listed = Modern::of(&gateway).call("list_categories", "{}").await.result();
    let read = Modern::of(&gateway).call("get_article", r#"{"id":"manual.pdf"}"#).await.result();
    let broken = Modern::of(&gateway).call("get_article", r#"{"id":"noise.pdf"}"#).await.result();

    let unreadable = &listed["structuredContent"]["unreadable"];
    assert_eq!(
        unreadable["ids"],
        json!(["binary.txt", "cut.pdf", "deep.pdf", "empty.csv", "noise.pdf"])
    );
    assert_eq!(read["structuredContent"]["sections"][0]["title"], "Page 1");
    assert_eq!(broken["isError"], true);
    assert!(broken["content"][0]["text"].as_str().unwrap().contains("cannot be read"), "{broken}");
    gateway.is_well().await;
}
