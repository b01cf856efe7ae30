//! How well and how fast it searches. Asked for by name, as they need data, time, or an optimised
//! build: `benches/README.md` says how.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a measurement")]

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use toolgate_gateway::call::Reply;
use toolgate_gateway::config::{self, Fixed, Kind};
use toolgate_gateway::testing::{client, request};
use toolgate_gateway::upstream::Upstream;
use toolgate_hosted::Hosted;
use toolgate_knowledge::{Knowledge, PdfReader};
use toolgate_protocol::version::Version;

/// How many results count.
const DEPTH: usize = 10;

/// The server over the documents of a folder, once they are indexed.
async fn serve(folder: &Path) -> (Hosted, Duration) {
    let (root, index) = (folder.join("articles"), folder.join("index"));
    let yaml =
        format!("servers: [{{ name: kb, knowledge: {{ root: {root:?}, index: {index:?} }} }}]");
    let files = HashMap::from([(root.join("any.md"), String::new())]);
    let world =
        Fixed { env: Default::default(), files: files.into_iter().collect(), ..Fixed::default() };
    let (checked, _) = config::parse(&yaml, Path::new("/gateway.yaml"), &world).unwrap();
    let Kind::Knowledge(rules) = &checked.servers()[0].kind else { panic!() };
    let begun = Instant::now();
    let knowledge = Knowledge::open(rules, PdfReader::none(), None).unwrap();
    let hosted = Hosted::new("kb", Arc::new(knowledge));
    while hosted.probe().await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    (hosted, begun.elapsed())
}

async fn search(hosted: &Hosted, query: &str) -> Vec<String> {
    let client = client(Version::V2025_11_25, &json!({}));
    let arguments = json!({ "query": query, "limit": DEPTH });
    let params = json!({ "name": "search_articles", "arguments": arguments });
    let Reply::Whole(end) = hosted.call(&request(&client, "tools/call", params)).await.unwrap()
    else {
        panic!("the answer came in frames")
    };
    let answer: Value = serde_json::from_slice(end.message.bytes()).unwrap();
    let articles = answer["result"]["structuredContent"]["articles"].as_array();
    let articles = articles.unwrap_or_else(|| panic!("{query}: {answer}"));
    articles.iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
}

/// All that stands between the tags of this name.
fn between<'a>(text: &'a str, tag: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    text.split(&open).skip(1).filter_map(|rest| Some(rest.split_once(&close)?.0.trim())).collect()
}

/// The gain of a ranking, each relevance by its place.
fn gain(ranked: impl Iterator<Item = u32>) -> f64 {
    (0..).zip(ranked.take(DEPTH)).map(|(at, it)| f64::from(it) / f64::from(at + 2).log2()).sum()
}

#[tokio::test]
#[ignore = "needs the Cranfield collection: CRANFIELD=FOLDER"]
async fn cranfield() {
    let data = PathBuf::from(std::env::var_os("CRANFIELD").unwrap());
    let read = |name: &str| fs::read_to_string(data.join(name)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("articles")).unwrap();
    for document in between(&read("cran.all.1400.xml"), "doc") {
        let part = |tag| between(document, tag).first().copied().unwrap_or_default();
        let title = part("title").split_whitespace().collect::<Vec<_>>().join(" ");
        let text = format!("---\ntitle: {}\n---\n{}\n", json!(title), part("text"));
        let path = folder.path().join(format!("articles/{}.md", part("docno")));
        fs::write(path, text).unwrap();
    }
    let mut judged = HashMap::<usize, HashMap<String, u32>>::new();
    for line in read("cranqrel.trec.txt").lines() {
        let [query, _, document, relevance] = *line.split_whitespace().collect::<Vec<_>>() else {
            panic!("{line}")
        };
        let relevance = relevance.parse::<i32>().unwrap().max(0).unsigned_abs();
        judged.entry(query.parse().unwrap()).or_default().insert(document.to_owned(), relevance);
    }

    let (hosted, took) = serve(folder.path()).await;
    let queries = read("cran.qry.xml");
    let queries = between(&queries, "title");
    let (mut ndcg, mut recall) = (0.0, 0.0);
    for (number, query) in (1..).zip(&queries) {
        let mut relevant = judged[&number].clone();
        relevant.retain(|_, relevance| *relevance > 0);
        let found = search(&hosted, query).await;
        let found: Vec<u32> = found
            .iter()
            .map(|id| relevant.get(id.trim_end_matches(".md")).copied().unwrap_or_default())
            .collect();
        let mut best: Vec<u32> = relevant.values().copied().collect();
        best.sort_unstable_by(|a, b| b.cmp(a));
        ndcg += gain(found.iter().copied()) / gain(best.into_iter());
        let hits = found.iter().filter(|relevance| **relevance > 0).count();
        recall += hits as f64 / relevant.len() as f64;
    }
    let count = queries.len() as f64;
    println!(
        "toolgate: {count} queries, nDCG@10 {:.4}, recall@10 {:.4}; indexed in {took:.1?}",
        ndcg / count,
        recall / count
    );
}

/// Numbers that look drawn, the same each time.
struct Draw(u64);

impl Draw {
    fn below(&mut self, most: u64) -> u64 {
        // Knuth's MMIX generator; the high bits are the good ones.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }

    /// A word, the rarer the later it is in the vocabulary, as in any language.
    fn word(&mut self) -> String {
        const VOCABULARY: f64 = 50_000.0;
        let at = VOCABULARY.powf(self.below(1 << 20) as f64 / f64::from(1 << 20)) as u64;
        let letters = |mut rest: u64| {
            let mut word = String::new();
            while rest > 0 {
                word.push(char::from(b"bdfgklmnprst"[(rest % 12) as usize]));
                word.push(char::from(b"aeiou"[(rest / 12 % 5) as usize]));
                rest /= 60;
            }
            word
        };
        letters(at + 60)
    }

    fn words(&mut self, count: u64) -> String {
        (0..count).map(|_| self.word()).collect::<Vec<_>>().join(" ")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "writes a hundred thousand files"]
async fn hundred_thousand() {
    const DOCUMENTS: usize = 100_000;
    const QUERIES: usize = 5_000;
    let folder = tempfile::tempdir().unwrap();
    let mut draw = Draw(1);
    let mut bytes = 0;
    for number in 0..DOCUMENTS {
        let parent = folder.path().join(format!("articles/{}", number / 1000));
        fs::create_dir_all(&parent).unwrap();
        let (title, length) = (draw.words(6), 50 + draw.below(300));
        let text = format!(
            "# {title}\n\n{}\n\n## {}\n\n{}\n",
            draw.words(length),
            draw.words(3),
            draw.words(40)
        );
        bytes += text.len();
        fs::write(parent.join(format!("{number}.md")), text).unwrap();
    }

    let (hosted, took) = serve(folder.path()).await;
    let mut times = Vec::new();
    for _ in 0..QUERIES {
        let count = 1 + draw.below(5);
        let query = draw.words(count);
        let begun = Instant::now();
        search(&hosted, &query).await;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let kept = |name: &str| {
        status.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned()
    };
    println!(
        "{DOCUMENTS} documents, {} MB: indexed in {took:.1?}, {:.0} a second",
        bytes / 1_000_000,
        DOCUMENTS as f64 / took.as_secs_f64()
    );
    println!(
        "{QUERIES} searches: p50 {:.2?}, p99 {:.2?}, slowest {:.2?}",
        times[QUERIES / 2],
        times[QUERIES * 99 / 100],
        times[QUERIES - 1]
    );
    println!("{}, {}, {}", kept("VmRSS"), kept("RssAnon"), kept("VmHWM"));
}
