//! Documents ranked by meaning as well, with vectors of an endpoint that may fail, be slow, or change
//! its mind.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Call, Gateway, Modern, Reply, Server, soon};

const KEY: &str = "sk-never-printed";

/// Words that mean the same.
const MEANINGS: [&[&str]; 3] = [
    &["car", "automobile", "vehicle"],
    &["crash", "collision", "accident"],
    &["frost", "ice", "rime"],
];

/// How an endpoint behaves.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Well,
    Failing,
    /// It never answers.
    Silent,
    /// Like one whose texts must be short: it takes no input with this word.
    Refusing(&'static str),
}

/// An endpoint for vectors, and documents beside their index.
struct Scene {
    endpoint: Server,
    mood: Arc<Mutex<Mood>>,
    length: Arc<AtomicUsize>,
    folder: TempDir,
}

impl Scene {
    async fn of(documents: &[(&str, &str)]) -> Scene {
        let mood = Arc::new(Mutex::new(Mood::Well));
        let length = Arc::new(AtomicUsize::new(16));
        let endpoint = Server::start({
            let (mood, length) = (mood.clone(), length.clone());
            move |call| {
                let mood = *mood.lock().unwrap();
                let length = length.load(Ordering::Relaxed);
                async move { answer(&call, mood, length).await }
            }
        });
        let (endpoint, folder) = (endpoint.await, tempfile::tempdir().unwrap());
        let scene = Scene { endpoint, mood, length, folder };
        documents.iter().for_each(|(path, text)| scene.write(path, text));
        scene
    }

    fn write(&self, document: &str, text: &str) {
        let path = self.folder.path().join("articles").join(document);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn feels(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// With these further keys of `semantic`.
    async fn serve(&self, more: &str) -> Gateway {
        let at = |name: &str| format!("{:?}", self.folder.path().join(name));
        let (root, index, origin) = (at("articles"), at("index"), self.endpoint.origin());
        Gateway::serve(format!(
            "servers:\n  - name: kb\n    knowledge:\n      root: {root}\n      index: {index}\n      semantic: {{ url: \"{origin}/v1/embeddings\", headers: {{ authorization: \"Bearer {KEY}\" }}{more} }}"
        ))
        .await
    }

    /// All texts that the endpoint was sent, in their order.
    fn sent(&self) -> Vec<String> {
        let calls = self.endpoint.every();
        let inputs = calls.iter().flat_map(|call| call.json["input"].as_array().unwrap().clone());
        inputs.map(|text| text.as_str().unwrap().to_owned()).collect()
    }

    /// The file with the vectors.
    fn log(&self) -> PathBuf {
        let entries = fs::read_dir(self.folder.path().join("index")).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let is_ours =
            |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().contains("vectors");
        let found: Vec<_> = paths.filter(is_ours).collect();
        assert_eq!(found.len(), 1, "one model at a time: {found:?}");
        found[0].join("log")
    }
}

async fn answer(call: &Call, mood: Mood, length: usize) -> Reply {
    let texts: Vec<&str> =
        call.json["input"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    match mood {
        Mood::Well => {}
        Mood::Failing => return Reply::json(500, format!(r#"{{"error":"{KEY} is ill"}}"#)),
        Mood::Silent => std::future::pending().await,
        Mood::Refusing(word) if texts.iter().any(|text| text.contains(word)) => {
            return Reply::json(400, format!(r#"{{"error":"{KEY}: too long: {texts:?}"}}"#));
        }
        Mood::Refusing(_) => {}
    }
    let vectors = texts.iter().enumerate().map(
        |(index, text)| json!({ "object": "embedding", "index": index, "embedding": vector(text, length) }),
    );
    // In any order: each says which it is of.
    let data: Vec<_> = vectors.rev().collect();
    Reply::json(200, json!({ "object": "list", "data": data, "model": "m" }).to_string())
}

/// How often each meaning is in a text; other words share the other numbers.
fn vector(text: &str, length: usize) -> Vec<f32> {
    let mut vector = vec![0.0; length];
    let text = text.to_lowercase();
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let meaning = MEANINGS.iter().position(|words| words.contains(&word));
        let others = MEANINGS.len();
        let other = || others + word.bytes().map(usize::from).sum::<usize>() % (length - others);
        vector[meaning.unwrap_or_else(other)] += 1.0;
    }
    vector
}

fn sample() -> [(&'static str, &'static str); 3] {
    [
        ("motor/cover.md", "# Automobile cover\n\nWe pay after a collision.\n"),
        ("garden/winter.md", "# Roses\n\nCover them before ice comes.\n"),
        ("garden/pond.md", "# Ponds\n\nKeep fish fed.\n"),
    ]
}

async fn search(gateway: &Gateway, arguments: Value) -> Value {
    let answer = Modern::of(gateway).call("search_articles", &arguments.to_string()).await;
    let result = answer.result();
    assert!(!result["isError"].as_bool().unwrap_or_default(), "{result}");
    result["structuredContent"].clone()
}

fn ids(found: &Value) -> Vec<&str> {
    found["articles"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect()
}

/// Waits until what a query finds first is this, by its meaning.
async fn until_first(gateway: &Gateway, query: &str, expected: &str) {
    let waiting = async {
        loop {
            let found = search(gateway, json!({ "query": query })).await;
            if found["ranking"] == "hybrid" && ids(&found).first() == Some(&expected) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    soon(&format!("{query} finds {expected}"), waiting).await;
}

#[tokio::test]
async fn documents_are_found_that_mean_the_same_in_other_words() {
    let scene = Scene::of(&sample()).await;
    let gateway = scene.serve(", model: m, prefixes: { query: 'q: ', passage: 'p: ' }").await;
    until_first(&gateway, "car crash", "motor/cover.md").await;

    let by_both = search(&gateway, json!({ "query": "car cover" })).await;
    let within = search(&gateway, json!({ "query": "car crash", "category": "garden" })).await;
    let without = search(&gateway, json!({ "query": "car crash -collision" })).await;
    let with = search(&gateway, json!({ "query": "car crash +ice" })).await;
    let listed = Modern::of(&gateway).request("1", "tools/list", "{}").await;

    assert_eq!(ids(&by_both)[..2], ["motor/cover.md", "garden/winter.md"], "both have the word");
    assert_eq!(by_both["articles"][0]["score"], 1.0);
    let snippet = by_both["articles"][2]["snippet"].as_str().unwrap();
    assert!(snippet.contains("Keep fish fed"), "{by_both}");
    assert_eq!(within["ranking"], "hybrid");
    assert_eq!(within["articles"].as_array().unwrap().len(), 2);
    assert!(ids(&within).iter().all(|id| id.starts_with("garden/")), "{within}");
    assert!(!ids(&without).contains(&"motor/cover.md"), "{without}");
    assert_eq!(ids(&with), ["garden/winter.md"]);
    let call = &scene.endpoint.every()[0];
    assert_eq!((call.verb.as_str(), call.path.as_str()), ("POST", "/v1/embeddings"));
    assert_eq!(call.header("authorization"), Some(format!("Bearer {KEY}").as_str()));
    assert_eq!(call.json["model"], "m");
    assert_eq!(call.json["dimensions"], Value::Null);
    let sent = scene.sent();
    assert!(sent.contains(&"p: Ponds\nKeep fish fed.".to_owned()), "{sent:?}");
    assert_eq!(sent.iter().filter(|text| *text == "q: car crash").count(), 1, "{sent:?}");
    assert!(sent.contains(&"q: car crash ice".to_owned()), "{sent:?}");
    assert!(!listed.body.contains(KEY) && !gateway.whole_log().await.contains(KEY));
}

#[tokio::test]
async fn only_what_is_new_is_sent_whatever_happens_in_between() {
    let scene = Scene::of(&sample()).await;
    let mut gateway = scene.serve(", model: m").await;
    until_first(&gateway, "car crash", "motor/cover.md").await;
    let documents = || scene.sent().into_iter().filter(|text| text.contains('\n')).count();
    assert_eq!(documents(), 3);

    scene.write("motor/snow.md", "# Tyres\n\nFor a vehicle on frost.\n");
    until_first(&gateway, "car rime", "motor/snow.md").await;
    assert_eq!(documents(), 4);

    gateway.kill().await;
    let log = fs::read(scene.log()).unwrap();
    fs::write(scene.log(), &log[..log.len() - 5]).unwrap();
    let mut gateway = scene.serve(", model: m").await;
    until_first(&gateway, "car rime", "motor/snow.md").await;
    assert_eq!(documents(), 5, "the one that was cut off");

    gateway.kill().await;
    let gateway = scene.serve(", model: other").await;
    until_first(&gateway, "car rime", "motor/snow.md").await;
    assert_eq!(documents(), 9, "all of them by the other model");
    gateway.logged("documents have their vectors").await;
    soon("the vectors of the first model to go", async {
        while fs::read_dir(scene.folder.path().join("index")).unwrap().count() > 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    scene.log();
}

#[tokio::test]
async fn an_endpoint_that_fails_or_is_silent_leaves_searches_by_words() {
    let scene = Scene::of(&sample()).await;
    scene.feels(Mood::Failing);
    let gateway = scene.serve(", model: m, patience: 300ms").await;

    gateway.logged("status 500").await;
    let failing = search(&gateway, json!({ "query": "collision" })).await;
    scene.feels(Mood::Refusing("fish"));
    until_first(&gateway, "car crash", "motor/cover.md").await;
    gateway.logged("does not take some documents").await;
    let refused = search(&gateway, json!({ "query": "pond" })).await;
    scene.feels(Mood::Silent);
    let begun = Instant::now();
    let silent = search(&gateway, json!({ "query": "another accident" })).await;
    let waited = begun.elapsed();
    let known = search(&gateway, json!({ "query": "car crash" })).await;
    let asked = scene.endpoint.every().len();
    search(&gateway, json!({ "query": "yet another accident" })).await;

    assert_eq!(
        (failing["ranking"].as_str(), ids(&failing)),
        (Some("lexical"), vec!["motor/cover.md"])
    );
    assert_eq!((refused["ranking"].as_str(), ids(&refused)[0]), (Some("hybrid"), "garden/pond.md"));
    assert_eq!((silent["ranking"].as_str(), ids(&silent)), (Some("lexical"), vec![]));
    assert!(waited >= Duration::from_millis(300) && waited < Duration::from_secs(20), "{waited:?}");
    assert_eq!(known["ranking"], "hybrid", "its vector is remembered");
    assert_eq!(scene.endpoint.every().len(), asked, "it is left alone for a while");
    assert!(!gateway.whole_log().await.contains(KEY));
    gateway.is_well().await;
}

#[tokio::test]
async fn vectors_of_another_length_are_not_taken() {
    let scene = Scene::of(&sample()).await;
    let mut gateway = scene.serve(", model: m, dimensions: 8").await;

    gateway.logged("vectors of 16 numbers instead of 8").await;
    let found = search(&gateway, json!({ "query": "collision" })).await;
    assert_eq!(found["ranking"], "lexical");
    assert_eq!(scene.endpoint.every()[0].json["dimensions"], 8);

    gateway.kill().await;
    let gateway = scene.serve(", model: m").await;
    until_first(&gateway, "car crash", "motor/cover.md").await;
    scene.length.store(32, Ordering::Relaxed);
    scene.write("motor/new.md", "# Vehicles\n");
    gateway.logged("vectors of 32 numbers, and those of before have 16").await;
    let found = search(&gateway, json!({ "query": "collision accident" })).await;
    assert_eq!(found["ranking"], "lexical");
    gateway.logged("the vector of a query has 32 numbers").await;
}

#[tokio::test]
async fn pages_are_of_one_order_whatever_can_be_had_meanwhile() {
    let text = |number: usize| format!("# Note\n\nAbout a vehicle. {}", "ice ".repeat(number));
    let texts: Vec<_> = (0..7).map(|number| (format!("{number}.md"), text(number))).collect();
    let documents: Vec<_> =
        texts.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let scene = Scene::of(&documents).await;
    let gateway = scene.serve(", model: m, candidates: 5").await;
    until_first(&gateway, "car", "0.md").await;
    let whole = search(&gateway, json!({ "query": "car note", "limit": 50 })).await;

    let mut paged = Vec::new();
    let mut arguments = json!({ "query": "car note", "limit": 2 });
    loop {
        let page = search(&gateway, arguments.clone()).await;
        assert_eq!(page["ranking"], "hybrid");
        paged.extend(ids(&page).iter().map(|id| (*id).to_owned()));
        // Its vector is remembered.
        scene.feels(Mood::Failing);
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        arguments["cursor"] = cursor.into();
    }

    assert_eq!(paged, ids(&whole));
    assert_eq!(paged.len(), 7);
}
