//! The example of an organisation's gateway, as its README says: three servers, three people.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::support::{Answer, Ask, DevIssuer, Gateway, Modern, at_a_terminal, free_port};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/organisation")
}

/// The example with its two addresses moved, so that tests may run side by side.
struct Scene {
    issuer: DevIssuer,
    gateway: Gateway,
    resource: String,
}

impl Scene {
    async fn open() -> Scene {
        let listen = format!("127.0.0.1:{}", free_port());
        let resource = format!("http://{listen}/mcp");
        let scratch = tempfile::tempdir().unwrap();
        let settings = scratch.path().join("issuer.yaml");
        let people = std::fs::read_to_string(folder().join("issuer.yaml")).unwrap();
        std::fs::write(&settings, people.replace("127.0.0.1:8080", &listen)).unwrap();
        let issuer = DevIssuer::start(&[settings.to_str().unwrap()]).await;
        let yaml = std::fs::read_to_string(folder().join("gateway.yaml")).unwrap();
        let moved = yaml
            .replace("listen: 127.0.0.1:8080\n", "")
            .replace("http://127.0.0.1:9000", &issuer.name())
            .replace("cwd: .", &format!("cwd: {:?}", folder()));
        let gateway = Gateway::listen(&listen, moved).await;
        Scene { issuer, gateway, resource }
    }

    async fn token(&self, user: &str, scope: &str) -> String {
        format!("Bearer {}", self.issuer.token(user, scope, &self.resource).await)
    }

    async fn ask(&self, token: &str, method: &str, params: Value) -> Answer {
        let ask = Modern::of(&self.gateway).ask("1", method, &params.to_string());
        self.gateway.ask(&ask.header("Authorization", token)).await
    }

    async fn call(&self, token: &str, tool: &str, arguments: Value) -> Answer {
        self.ask(token, "tools/call", json!({ "name": tool, "arguments": arguments })).await
    }

    async fn tools(&self, token: &str) -> Vec<String> {
        let list = self.ask(token, "tools/list", json!({})).await.result();
        let tools = list["tools"].as_array().unwrap();
        tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    }

    /// Runs `toolgate call` for the sales, as a person would who signs in as `user`.
    async fn call_from_a_terminal(&self, state: &Path, user: &str, more: &[&str]) -> Output {
        let mut arguments =
            vec!["call", &self.resource, "database_sales_by_region", "month=2026-10"];
        arguments.extend(more);
        at_a_terminal(&arguments, state, async |url| self.sign_in(&url, user).await).await
    }

    /// What a browser does with the address, and with the one that it is sent on to.
    async fn sign_in(&self, url: &str, user: &str) {
        let page = url.strip_prefix(&self.issuer.name()).unwrap();
        let back = self.issuer.agree(page, user, "mcp:tools mcp:database:read").await;
        let (authority, path) =
            back.strip_prefix("http://").and_then(|rest| rest.split_once('/')).unwrap();
        let address = authority.parse().unwrap();
        let came = Ask::new("GET", &format!("/{path}")).send(address).await.answer().await;
        assert_eq!(came.status, 200);
    }

    async fn sales(&self, token: &str) -> Answer {
        self.call(token, "database_sales_by_region", json!({ "month": "2026-10" })).await
    }
}

const OPEN: [&str; 4] =
    ["github_search_repos", "github_get_file", "github_create_pr", "jira_search_issues"];

#[tokio::test]
async fn three_people_see_and_may_do_what_their_scopes_say() {
    let scene = Scene::open().await;
    let ada = scene.token("ada", "mcp:tools mcp:database:read").await;
    let bob = scene.token("bob", "mcp:tools").await;
    let eve = scene.token("eve", "mcp:other").await;

    assert_eq!(scene.tools(&bob).await, OPEN);
    let mut all = OPEN.to_vec();
    all.push("database_sales_by_region");
    assert_eq!(scene.tools(&ada).await, all);

    let sales = scene.sales(&ada).await.result();
    assert_eq!(sales["content"][0]["text"], "north 1200\nsouth 900");
    let refused = scene.sales(&bob).await;
    assert_eq!(refused.status, 403);
    let challenge = refused.header("www-authenticate").unwrap();
    assert!(challenge.contains("insufficient_scope"), "{challenge}");
    assert!(challenge.contains("mcp:database:read"), "{challenge}");

    let outside = scene.ask(&eve, "tools/list", json!({})).await;
    assert_eq!(outside.status, 403);
    assert!(outside.header("www-authenticate").unwrap().contains(r#"scope="mcp:tools""#));
    let unknown = scene.gateway.ask(&Modern::of(&scene.gateway).ask("1", "tools/list", "{}")).await;
    assert_eq!(unknown.status, 401);
    assert!(unknown.header("www-authenticate").unwrap().contains("resource_metadata="));
}

#[tokio::test]
async fn what_is_not_listed_in_the_file_is_offered_to_nobody() {
    let scene = Scene::open().await;
    let ada = scene.token("ada", "mcp:tools mcp:database:read").await;

    let hidden = scene.call(&ada, "github_delete_repo", json!({ "repo": "acme/shop" })).await;
    let missing = scene.call(&ada, "github_no_such_tool", json!({ "repo": "acme/shop" })).await;

    let same = |answer: Answer| answer.body.replace("no_such_tool", "delete_repo");
    assert_eq!(same(hidden), same(missing));
}

#[tokio::test]
async fn an_agent_for_reviews_finds_what_it_needs_and_its_token_opens_nothing_else() {
    let scene = Scene::open().await;
    let review = format!("{}/review", scene.resource);
    let token = scene.issuer.token("ada", "mcp:tools mcp:database:read", &review).await;
    let token = format!("Bearer {token}");
    let at_review = async |method: &str, params: Value| {
        let ask = Modern::within(&scene.gateway, "review").ask("1", method, &params.to_string());
        scene.gateway.ask(&ask.header("Authorization", &token)).await
    };

    let list = at_review("tools/list", json!({})).await.result();
    let tools = list["tools"].as_array().unwrap();
    let names: Vec<&str> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["github_search_repos", "github_get_file", "jira_search_issues"]);
    let outside = at_review("tools/call", json!({ "name": "github_create_pr" })).await;
    assert_eq!(outside.json()["error"]["message"], "unknown tool: github_create_pr");
    assert_eq!(scene.ask(&token, "tools/list", json!({})).await.status, 401);
}

#[tokio::test]
async fn each_server_has_its_limit_and_the_meter_shows_what_was_used() {
    let scene = Scene::open().await;
    let ada = scene.token("ada", "mcp:tools mcp:database:read").await;

    for _ in 0..10 {
        assert_eq!(scene.sales(&ada).await.result()["isError"], false);
    }
    let refused = scene.sales(&ada).await;

    assert_eq!(refused.result()["isError"], true);
    let error = &refused.result()["_meta"]["dev.toolgate/error"];
    assert_eq!(error["category"], "rate_limited", "{}", refused.body);
    assert!(refused.header("retry-after").is_some());
    let file = json!({ "repo": "acme/shop", "path": "README.md" });
    let other = scene.call(&ada, "github_get_file", file).await.result();
    assert_eq!(other["isError"], false, "another server has a limit of its own");
    let shown = scene.gateway.ask(&Ask::new("GET", "/metrics")).await.body;
    let calls = |server: &str, tool: &str| {
        let labels = format!("server=\"{server}\",method=\"tools/call\",tool=\"{tool}\"");
        let line = shown
            .lines()
            .find(|line| line.starts_with("toolgate_calls_total{") && line.contains(&labels));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
    };
    assert_eq!(calls("github", "get_file"), Some(1), "{shown}");
    assert_eq!(calls("database", "sales_by_region"), Some(11), "{shown}");
    assert!(shown.contains("toolgate_call_duration_seconds_bucket"));
    assert!(shown.contains("category=\"rate_limited\""));
    assert!(!shown.contains("toolgate_reply_size"), "not among the metrics that are wanted");
}

#[tokio::test]
async fn whoever_signed_in_without_a_scope_is_told_which_and_another_can_take_over() {
    let scene = Scene::open().await;
    let state = tempfile::tempdir().unwrap();

    let bob = scene.call_from_a_terminal(state.path(), "bob", &[]).await;
    let ada = scene.call_from_a_terminal(state.path(), "ada", &["--sign-in"]).await;

    let said = String::from_utf8_lossy(&bob.stderr);
    assert!(!bob.status.success());
    assert!(said.contains("this needs mcp:database:read"), "{said}");
    assert!(said.contains("was not given") && said.contains("--sign-in"), "{said}");
    let shown = String::from_utf8_lossy(&ada.stdout);
    assert!(shown.contains("north 1200"), "{shown}{}", String::from_utf8_lossy(&ada.stderr));
}

#[test]
fn its_table_of_cases_holds_and_a_scan_finds_nothing_grave() {
    for arguments in [&["policy", "test", "cases.yaml"][..], &["scan", "gateway.yaml"]] {
        let ran = Command::new(env!("CARGO_BIN_EXE_toolgate"))
            .args(arguments)
            .current_dir(folder())
            .output()
            .unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
    }
}
