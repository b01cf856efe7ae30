//! The example `examples/github`, as its README says.

use serde_json::{Value, json};

use crate::support::{Call, Gateway, Legacy, Modern, Reply, Server};

const EXAMPLE: &str = include_str!("../../../../examples/github/gateway.yaml");
const FIRST: &str = include_str!("../../../../examples/github/recorded/search.json");
const SECOND: &str = include_str!("../../../../examples/github/recorded/search-2.json");
const FILE: &str = include_str!("../../../../examples/github/recorded/README.md");
const README: &str = include_str!("../../../../examples/github/recorded/readme.json");

fn answer(call: &Call) -> Reply {
    match call.path.as_str() {
        "/search/repositories?per_page=10&q=shop" => {
            let link = r#"<https://api.github.com/search/repositories?q=shop&page=2>; rel="next""#;
            Reply::json(200, FIRST).header("link", link)
        }
        "/search/repositories?per_page=10&q=shop&page=2" => Reply::json(200, SECOND),
        "/repos/acme/shop/contents/README.md" => {
            Reply::text(200, "application/vnd.github.raw+json; charset=utf-8", FILE)
        }
        "/repos/acme/shop/readme" => Reply::json(200, README),
        _ => Reply::json(404, r#"{"message":"Not Found"}"#),
    }
}

async fn scene() -> (Server, Gateway) {
    let api = Server::start(|call| async move { answer(&call) }).await;
    let yaml = EXAMPLE
        .replace("http://127.0.0.1:8099", api.origin())
        .replace("listen: 127.0.0.1:8080\n", "");
    let gateway = Gateway::serve(yaml).await;
    (api, gateway)
}

#[tokio::test]
async fn the_example_searches_pages_and_reads() {
    let (api, gateway) = scene().await;
    let client = Modern::of(&gateway);
    let call = async |tool: &str, arguments: Value| {
        client.call(tool, &arguments.to_string()).await.result()
    };

    let first = call("search_repos", json!({ "query": "shop" })).await;
    let second = call("search_repos", json!({ "query": "shop", "cursor": "2" })).await;
    let file = json!({ "owner": "acme", "repo": "shop", "path": "README.md" });
    let file = call("get_file", file).await;
    let outside = json!({ "owner": "acme", "repo": "shop", "path": "../../user" });
    let outside = call("get_file", outside).await;

    assert_eq!(
        first["structuredContent"],
        json!({
            "items": [{ "name": "acme/shop", "description": "The shop of the examples", "stars": 80, "language": "Rust" }],
            "has_more": true,
            "next_cursor": "2",
        })
    );
    assert_eq!(second["structuredContent"]["items"][0]["name"], "acme/site");
    assert_eq!(second["structuredContent"]["has_more"], false);
    assert_eq!(file["content"][0]["text"], FILE);
    assert_eq!(outside["isError"], true);
    assert_eq!(api.every().len(), 3);
}

#[tokio::test]
async fn a_client_of_either_era_reads_a_readme_by_its_template() {
    let (api, gateway) = scene().await;
    let modern = Modern::of(&gateway);
    let legacy = Legacy::open(&gateway, "2025-11-25", "{}").await;
    let list = modern.request("1", "resources/templates/list", "{}").await.result();
    let template = json!({
        "uriTemplate": "readme://{owner}/{repo}", "name": "readme", "title": "Readme of a repository",
        "description": "What a repository says of itself, on its default branch.", "mimeType": "text/markdown",
    });
    assert_eq!(list["resourceTemplates"], json!([template]));
    let list = legacy.request("1", "resources/templates/list", "{}").await.result();
    assert_eq!(list["resourceTemplates"], json!([template]));

    let uri = r#"{"uri":"readme://acme/shop"}"#;
    let contents =
        json!([{ "uri": "readme://acme/shop", "mimeType": "text/markdown", "text": FILE }]);
    let read = modern.request("2", "resources/read", uri).await.result();
    assert_eq!((&read["contents"], &read["resultType"]), (&contents, &json!("complete")));
    let read = legacy.request("2", "resources/read", uri).await.result();
    assert_eq!(read["contents"], contents);
    assert_eq!(api.every().len(), 2);

    // What GitHub has not, what is no name of a repository, and what is no readme at all.
    for (uri, told) in [
        ("readme://acme/none", "resource not found: no such repository, or it has no readme (404)"),
        ("readme://..%2F..%2Fuser/shop", "owner cannot stand in a path"),
        ("readme://acme", "resource not found"),
        ("readme://acme/shop/main", "resource not found"),
    ] {
        let params = json!({ "uri": uri }).to_string();
        let new = modern.request("3", "resources/read", &params).await;
        let old = legacy.request("3", "resources/read", &params).await;

        assert_eq!((new.code(), old.code()), (-32602, -32002), "{uri}");
        for error in [&new.json()["error"], &old.last()["error"]] {
            assert_eq!(error["data"]["uri"], uri, "{error}");
            assert!(error["message"].as_str().unwrap().contains(told), "{error}");
        }
    }
    assert_eq!(api.every().len(), 4);
}
