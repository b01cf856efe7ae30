//! The example `examples/github`, as its README says.

use serde_json::{Value, json};

use crate::support::{Call, Gateway, Modern, Reply, Server};

const EXAMPLE: &str = include_str!("../../../../examples/github/gateway.yaml");
const FIRST: &str = include_str!("../../../../examples/github/recorded/search.json");
const SECOND: &str = include_str!("../../../../examples/github/recorded/search-2.json");
const FILE: &str = include_str!("../../../../examples/github/recorded/README.md");

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
        _ => Reply::json(404, r#"{"message":"Not Found"}"#),
    }
}

#[tokio::test]
async fn the_example_searches_pages_and_reads() {
    let api = Server::start(|call| async move { answer(&call) }).await;
    let yaml = EXAMPLE
        .replace("http://127.0.0.1:8099", api.origin())
        .replace("listen: 127.0.0.1:8080\n", "");
    let gateway = Gateway::serve(yaml).await;
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
