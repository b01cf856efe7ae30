//! A caller's own access to a service: asked for by a link, allowed by that caller alone, kept, and
//! refreshed.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::{Answer, Ask, Call, Gateway, Modern, Reply, Server};

const KEY: &str = "kq3v9Z0eTn1bXw7RyP5sLd2HfJ8mCa4G";
const DISCOVERED: &str = r#"{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"ttlMs":60000,"cacheScope":"private"}"#;

fn key(name: &str, file: &Path) -> String {
    let made = Command::new(env!("CARGO_BIN_EXE_toolgate"))
        .args(["key", "new", name, "--file"])
        .arg(file)
        .output()
        .unwrap();
    String::from_utf8(made.stdout).unwrap().trim().to_owned()
}

struct Scene {
    service: Server,
    gateway: Gateway,
    folder: tempfile::TempDir,
    ada: String,
    bob: String,
}

impl Scene {
    /// A service that takes the tokens `t1`, `t2`, ... that it gave out, each good for `life`
    /// seconds.
    async fn open(life: u64) -> Scene {
        let given = Arc::<AtomicUsize>::default();
        let service = Server::start(move |call: Call| {
            let origin = format!("http://{}", call.header("host").unwrap());
            let newest = || format!("Bearer t{}", given.load(Ordering::SeqCst));
            let reply = match call.path.split('?').next().unwrap() {
                "/.well-known/oauth-protected-resource/mcp" => Reply::json(
                    200,
                    json!({ "resource": format!("{origin}/mcp"), "authorization_servers": [origin] })
                        .to_string(),
                ),
                "/.well-known/oauth-authorization-server" => Reply::json(
                    200,
                    json!({
                        "issuer": origin,
                        "authorization_endpoint": format!("{origin}/authorize"),
                        "token_endpoint": format!("{origin}/token"),
                        "code_challenge_methods_supported": ["S256"],
                        "authorization_response_iss_parameter_supported": true,
                    })
                    .to_string(),
                ),
                "/token" => {
                    let number = given.fetch_add(1, Ordering::SeqCst) + 1;
                    let token = json!({ "access_token": format!("t{number}"), "token_type": "Bearer", "expires_in": life, "refresh_token": format!("r{number}") });
                    Reply::json(200, token.to_string())
                }
                _ if call.header("authorization") == Some(newest().as_str()) => {
                    match call.method() {
                        "server/discover" => call.result(DISCOVERED),
                        _ => call.result(r#"{"resultType":"complete","content":[]}"#),
                    }
                }
                _ => Reply::json(401, "{}").header("www-authenticate", "Bearer"),
            };
            async move { reply }
        })
        .await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys.yaml");
        let (ada, bob) = (key("ada", &file), key("bob", &file));
        let entry = service
            .entry("crm", ", upstream_auth: { type: vault, client_id: gw, client_secret: s3cret }");
        let gateway = Gateway::serve(format!(
            "authentication: {{ api_keys: {{ file: '{}' }} }}\npublic_url: http://127.0.0.1:1\nvault: {{ folder: '{}', keys: ['{KEY}'] }}\nservers: [{entry}]",
            file.display(),
            folder.path().join("vault").display(),
        ))
        .await;
        Scene { service, gateway, folder, ada, bob }
    }

    async fn call(&self, key: &str, abilities: &str) -> Answer {
        let client = Modern::of(&self.gateway).able(abilities);
        let ask = client.ask("1", "tools/call", r#"{"name":"t","arguments":{}}"#);
        self.gateway.ask(&ask.header("Authorization", &format!("Bearer {key}"))).await
    }

    /// The path of the link that a caller is sent.
    async fn link(&self, key: &str) -> String {
        let asked = self.call(key, r#"{"elicitation":{"url":{}}}"#).await.result();
        assert_eq!(asked["resultType"], "input_required", "{asked}");
        let questions = asked["inputRequests"].as_object().unwrap();
        let params = &questions.values().next().unwrap()["params"];
        assert_eq!(params["mode"], "url");
        let url = params["url"].as_str().unwrap();
        url.strip_prefix("http://127.0.0.1:1").expect("a page of the gateway").to_owned()
    }

    async fn prove(&self, link: &str, credential: &str) -> Answer {
        let ask = Ask::new("POST", link).body(format!("credential={credential}"));
        self.gateway.ask(&ask.header("Content-Type", "application/x-www-form-urlencoded")).await
    }

    /// The answer of the service, brought by a browser with this cookie.
    async fn back(&self, query: &str, cookie: Option<&str>) -> Answer {
        let ask = Ask::new("GET", &format!("/connect/callback?{query}"));
        let ask = match cookie {
            Some(cookie) => ask.header("Cookie", cookie),
            None => ask,
        };
        self.gateway.ask(&ask).await
    }

    fn issuer(&self) -> &str {
        self.service.url.strip_suffix("/mcp").unwrap()
    }

    /// The query and the cookie with which an allowed question comes back.
    async fn allowed(&self, key: &str) -> (String, String) {
        let sent = self.prove(&self.link(key).await, key).await;
        assert_eq!(sent.status, 303, "{}", sent.body);
        let location = sent.header("location").unwrap();
        let state = location.split("&state=").nth(1).unwrap().split('&').next().unwrap();
        assert!(location.starts_with(&format!("{}/authorize?", self.issuer())), "{location}");
        assert!(location.contains("code_challenge_method=S256"));
        let cookie = sent.header("set-cookie").unwrap();
        assert!(cookie.starts_with("__Host-") && cookie.contains("; Secure; HttpOnly"), "{cookie}");
        let cookie = cookie.split(';').next().unwrap().to_owned();
        (format!("code=c&state={state}&iss={}", self.issuer()), cookie)
    }

    fn granted(&self) -> usize {
        self.service.count("response")
    }
}

#[tokio::test]
async fn a_caller_allows_it_once_and_is_served_by_its_own_token_from_then_on() {
    let scene = Scene::open(3600).await;
    let (query, cookie) = scene.allowed(&scene.ada).await;

    let done = scene.back(&query, Some(&cookie)).await;
    assert_eq!(done.status, 200, "{}", done.body);
    for _ in 0..3 {
        let answer = scene.call(&scene.ada, "{}").await.result();
        assert_eq!(answer["isError"], Value::Null, "{answer}");
    }

    let call = scene.service.seen("tools/call").await;
    assert_eq!(call.header("authorization"), Some("Bearer t1"));
    let folder = scene.folder.path().join("vault");
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!text.contains("t1") || !text.contains("access_token"), "{text}");
    }
    // Another caller has not allowed anything.
    let other = scene.call(&scene.bob, "{}").await.result();
    assert_eq!(other["isError"], true);
    assert!(other["content"][0]["text"].as_str().unwrap().contains("/connect/"), "{other}");
}

/// Case A11: a link, and a browser that has been here before, connect nobody without a page on
/// which the caller itself agrees.
#[tokio::test]
async fn a_link_is_of_no_use_to_anybody_but_the_caller_it_was_made_for() {
    let scene = Scene::open(3600).await;
    let link = scene.link(&scene.ada).await;
    let (_, cookie) = scene.allowed(&scene.ada).await;

    let page = scene.gateway.ask(&Ask::new("GET", &link).header("Cookie", &cookie)).await;
    assert_eq!((page.status, page.header("location")), (200, None));
    assert_eq!(page.header("x-frame-options"), Some("DENY"));
    for credential in [scene.bob.as_str(), "", "tg_made_up"] {
        let refused = scene.prove(&link, credential).await;
        assert_eq!((refused.status, refused.header("location")), (403, None));
    }
    let broken = format!("{}A", &link[..link.len() - 1]);
    assert_eq!(scene.prove(&broken, &scene.ada).await.status, 404);
    assert_eq!(scene.granted(), 0);
}

/// Case A13: an answer counts once, in the browser that asked, from who was asked.
#[tokio::test]
async fn an_answer_is_taken_once_from_the_right_one_in_the_browser_that_asked() {
    let scene = Scene::open(3600).await;
    let (query, cookie) = scene.allowed(&scene.ada).await;
    let (_, other) = scene.allowed(&scene.bob).await;

    assert_eq!(scene.back(&query, None).await.status, 400);
    assert_eq!(scene.back(&query, Some(&other)).await.status, 400);
    assert_eq!(scene.granted(), 0);
    assert_eq!(scene.back(&query, Some(&cookie)).await.status, 200);
    assert_eq!(scene.back(&query, Some(&cookie)).await.status, 400, "taken twice");
    assert_eq!(scene.granted(), 1);

    let (query, cookie) = scene.allowed(&scene.bob).await;
    let wrong = query.replace(&format!("iss={}", scene.issuer()), "iss=https://evil.example");
    let refused = scene.back(&wrong, Some(&cookie)).await;
    assert_eq!(refused.status, 400);
    assert_eq!(scene.granted(), 1);
}

#[tokio::test]
async fn what_is_over_is_refreshed_once_however_many_call() {
    let scene = Scene::open(20).await;
    let (query, cookie) = scene.allowed(&scene.ada).await;
    assert_eq!(scene.back(&query, Some(&cookie)).await.status, 200);
    assert_eq!(scene.granted(), 1);

    // 20 seconds are less than the time before its end at which a token is refreshed.
    let calls = futures_util::future::join_all((0..20).map(|_| scene.call(&scene.ada, "{}"))).await;

    assert!(calls.iter().all(|answer| answer.result()["isError"] == Value::Null));
    assert_eq!(scene.granted(), 2);
    let refreshed = scene.service.nth("response", 1).await;
    assert!(
        refreshed.body.contains("grant_type=refresh_token&refresh_token=r1"),
        "{}",
        refreshed.body
    );
}

/// A file of the vault that is copied for another caller opens nothing for that one.
#[tokio::test]
async fn a_stolen_file_of_the_vault_serves_nobody_else() {
    let scene = Scene::open(3600).await;
    let folder = scene.folder.path().join("vault");
    let grants = || {
        let all = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        all.filter(|path| path.extension().is_some_and(|it| it == "grant")).collect::<Vec<_>>()
    };
    for key in [&scene.ada, &scene.bob] {
        let (query, cookie) = scene.allowed(key).await;
        assert_eq!(scene.back(&query, Some(&cookie)).await.status, 200);
    }
    let [first, second] = &grants()[..] else { panic!("two grants") };
    let (one, two) = (std::fs::read(first).unwrap(), std::fs::read(second).unwrap());
    std::fs::write(first, two).unwrap();
    std::fs::write(second, one).unwrap();

    for key in [&scene.ada, &scene.bob] {
        assert_eq!(scene.call(key, "{}").await.result()["isError"], true);
    }
    assert_eq!(scene.service.count("tools/call"), 0);
}
