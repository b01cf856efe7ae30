//! Servers of every kind that is made from configuration get another one while they serve.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http_listening::listen;
use crate::support::{Gateway, Modern, Reply, Server, soon};

/// Folders with a file, a database, an index and a document.
fn scene() -> TempDir {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    for word in ["one", "two"] {
        fs::create_dir(at(word)).unwrap();
        fs::write(at(word).join("word.txt"), word).unwrap();
    }
    fs::create_dir(at("articles")).unwrap();
    fs::write(at("articles/password.md"), "# Resetting passwords\n").unwrap();
    // An empty file is a database without tables.
    fs::write(at("a.sqlite"), "").unwrap();
    let say = json!({ "get": { "operationId": "say", "responses": {} } });
    let info = json!({ "title": "T", "version": "1" });
    let document = json!({ "openapi": "3.1.0", "info": info, "paths": { "/say": say } });
    fs::write(at("document.json"), document.to_string()).unwrap();
    folder
}

/// A server of each kind, which says this word.
fn yaml(folder: &TempDir, api: &Server, word: &str) -> String {
    let (folder, origin) = (folder.path().display(), api.origin());
    let (language, input) = if word == "one" { ("en", "4MiB") } else { ("none", "1KiB") };
    format!(
        r#"
servers:
  - {{ name: db, sql: {{ url: 'sqlite:{folder}/a.sqlite', tools: {{ say: {{ description: Says., statement: "SELECT '{word}' AS word" }} }} }} }}
  - {{ name: api, http: {{ base: '{origin}', tools: {{ say: {{ description: Says., get: /{word} }} }} }} }}
  - {{ name: doc, openapi: {{ document: '{folder}/document.json', base: '{origin}/{word}' }} }}
  - {{ name: disk, files: {{ root: '{folder}/{word}' }} }}
  - {{ name: flow, workflow: {{ tools: {{ say: {{ description: Says., steps: [{{ id: s, call: api.say }}], output: {{ word: {word} }} }} }} }} }}
  - {{ name: keep, state: {{ noun: {word} }} }}
  - {{ name: desk, content: {{ prompts: {{ say: {{ messages: [{{ text: {word} }}] }} }} }} }}
  - {{ name: convert, transform: {{ limits: {{ input: {input} }} }} }}
  - {{ name: kb, knowledge: {{ root: '{folder}/articles', index: '{folder}/index', language: {language} }} }}
"#
    )
}

#[tokio::test]
async fn a_server_of_any_kind_does_what_its_new_configuration_says() {
    let folder = scene();
    let api =
        Server::start(
            |call| async move { Reply::json(200, json!({ "path": call.path }).to_string()) },
        )
        .await;
    let gateway = Gateway::serve(yaml(&folder, &api, "one")).await;
    let client = Modern::of(&gateway);
    let call = async |tool: &str, arguments: Value| {
        client.call(tool, &arguments.to_string()).await.result()
    };
    let says = async |word: &str| {
        for (tool, arguments) in [
            ("db_say", json!({})),
            ("api_say", json!({})),
            ("doc_say", json!({})),
            ("disk_read_file", json!({ "path": "word.txt" })),
            ("flow_say", json!({})),
        ] {
            let result = call(tool, arguments).await;
            assert!(result["content"][0]["text"].as_str().unwrap().contains(word), "{result}");
        }
        let made = call(&format!("keep_create_{word}"), json!({ "value": 1 })).await;
        assert_ne!(made["isError"], true, "{made}");
        let prompt = client.request("1", "prompts/get", r#"{"name":"desk_say"}"#).await.result();
        assert_eq!(prompt["messages"][0]["content"]["text"], word);
    };
    let converted = async || {
        let text = "a\n".repeat(1000);
        let result =
            call("convert_convert_text", json!({ "from": "csv", "to": "json", "text": text }));
        result.await["isError"] != true
    };
    let found = async || {
        let found = call("kb_search_articles", json!({ "query": "resets" })).await;
        found["structuredContent"]["articles"].as_array().map(Vec::len)
    };
    says("one").await;
    assert!(converted().await);
    assert_eq!(found().await, Some(1));
    let (mut wire, _) = listen(&client, r#"{"notifications":{"toolsListChanged":true}}"#).await;

    gateway.rewrite(yaml(&folder, &api, "two"));
    gateway.logged("the new configuration is in use").await;

    // Whoever listens begins anew, with what there is now.
    let end = soon("the end of the stream", wire.message()).await;
    assert_eq!(end["result"]["resultType"], "complete", "{end}");
    says("two").await;
    assert!(!converted().await);
    // In no language a word has one form.
    soon("another index", async { while found().await != Some(0) {} }).await;
}
