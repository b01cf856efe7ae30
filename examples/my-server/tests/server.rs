//! The server as a client sees it: in this process, without a network, behind the whole gateway.

use rmcp::model::{CallToolRequestParams, GetPromptRequestParams, ReadResourceRequestParams};
use rmcp::service::RunningService;
use rmcp::{RoleClient, ServiceExt as _};
use serde_json::{Value, json};

async fn client() -> RunningService<RoleClient, ()> {
    let stream = my_server::gateway().connect().await.expect("the gateway serves");
    ().serve(stream).await.expect("the client is welcome")
}

#[tokio::test]
async fn clients_are_told_the_version_of_this_package() {
    let client = client().await;

    let welcome = client.peer_info().expect("a welcome");

    let server = welcome.server_info.as_ref().expect("a name");
    assert_eq!(server.name, env!("CARGO_PKG_NAME"));
    assert_eq!(server.version, env!("CARGO_PKG_VERSION"));
}

async fn define(term: &str) -> Value {
    let arguments = json!({ "term": term }).as_object().cloned().unwrap_or_default();
    let call = CallToolRequestParams::new("define_term").with_arguments(arguments);
    let result = client().await.call_tool(call).await.expect("an answer");
    serde_json::to_value(result).expect("a result is JSON")
}

#[tokio::test]
async fn a_term_is_defined_whatever_its_case() {
    let result = define("Upstream").await;

    assert_eq!(result["structuredContent"]["term"], "upstream");
}

#[tokio::test]
async fn what_is_not_known_is_said_with_what_is() {
    let result = define("downstream").await;

    assert_eq!(result["isError"], true);
    assert!(result["content"][0]["text"].as_str().is_some_and(|text| text.contains("gateway")));
}

#[tokio::test]
async fn arguments_that_do_not_fit_never_reach_the_tool() {
    let result = define("").await;

    assert_eq!(result["_meta"]["dev.toolgate/error"]["category"], "invalid_arguments");
}

#[tokio::test]
async fn the_terms_are_a_resource() {
    let client = client().await;

    let read = client.read_resource(ReadResourceRequestParams::new("glossary://terms")).await;

    let terms = serde_json::to_value(read.expect("a resource")).expect("JSON");
    assert_eq!(terms["contents"][0]["text"], "gateway\ntool\nupstream");
}

#[tokio::test]
async fn the_prompt_names_the_term() {
    let arguments = json!({ "term": "tool" }).as_object().cloned().unwrap_or_default();
    let prompt = GetPromptRequestParams::new("explain_term").with_arguments(arguments);

    let prompt = client().await.get_prompt(prompt).await.expect("a prompt");

    assert!(serde_json::to_string(&prompt).is_ok_and(|text| text.contains("\\\"tool\\\"")));
}

/// What clients see is part of the interface: a change of it is made on purpose. `UPDATE=1 cargo
/// test` writes it anew; look at the difference before you commit it.
#[tokio::test]
async fn the_manifest_is_the_reviewed_one() {
    let client = client().await;
    let manifest = json!({
        "prompts": client.list_all_prompts().await.expect("prompts"),
        "resources": client.list_all_resources().await.expect("resources"),
        "tools": client.list_all_tools().await.expect("tools"),
    });
    let mut manifest = serde_json::to_string_pretty(&manifest).expect("JSON");
    manifest.push('\n');
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/manifest.json");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &manifest).expect("the file can be written");
    }
    let reviewed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(reviewed == manifest, "{path} differs: UPDATE=1 cargo test, then look at it");
}
