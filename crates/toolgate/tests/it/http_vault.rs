//! A caller's own access to a service: asked for by a link, allowed by that caller alone, kept, and
//! refreshed.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::{
    Answer, Ask, Bound, Call, DevIssuer, Gateway, Modern, Reply, Server, metadata, post,
};

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

/// A service that takes the tokens `t1`, `t2`, ... that it gave out, each good for `life` seconds.
/// Its tool `write` needs a scope that the first token does not have.
async fn service(life: u64) -> Server {
    let given = Arc::<AtomicUsize>::default();
    let known = |call: &Call| {
        let server = json!({
            "authorization_response_iss_parameter_supported": true,
            "client_id_metadata_document_supported": true,
        });
        metadata(call, json!({ "scopes_supported": ["read"] }), server)
    };
    Server::knowing(known, move |call: Call| {
        let newest = given.load(Ordering::SeqCst);
        let reply = match call.path.split('?').next().unwrap() {
            "/token" => {
                let number = given.fetch_add(1, Ordering::SeqCst) + 1;
                let token = json!({ "access_token": format!("t{number}"), "token_type": "Bearer", "expires_in": life, "refresh_token": format!("r{number}") });
                Reply::json(200, token.to_string())
            }
            _ if call.header("authorization") == Some(format!("Bearer t{newest}").as_str()) => {
                match call.method() {
                    "server/discover" => call.result(DISCOVERED),
                    "tools/call" if call.name() == "write" && newest < 2 => Reply::json(403, "{}")
                        .header(
                            "www-authenticate",
                            r#"Bearer error="insufficient_scope", scope="write""#,
                        ),
                    _ => call.result(r#"{"resultType":"complete","content":[]}"#),
                }
            }
            _ => Reply::json(401, "{}").header("www-authenticate", "Bearer"),
        };
        async move { reply }
    })
    .await
}

const REGISTERED: &str = ", client_id: gw, client_secret: s3cret";

impl Scene {
    /// Callers with keys, in front of [`service`], where the gateway is registered.
    async fn open(life: u64) -> Scene {
        Scene::at(service(life).await, "http://127.0.0.1:1", REGISTERED).await
    }

    /// The same in front of another service, where browsers reach the gateway at `base`.
    async fn at(service: Server, base: &str, client: &str) -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys.yaml");
        let (ada, bob) = (key("ada", &file), key("bob", &file));
        let entry = service.entry("crm", &format!(", upstream_auth: {{ type: vault{client} }}"));
        let gateway = Gateway::serve(format!(
            "authentication: {{ api_keys: {{ file: '{}' }} }}\npublic_url: {base}\nvault: {{ folder: '{}', keys: ['{KEY}'] }}\nservers: [{entry}]",
            file.display(),
            folder.path().join("vault").display(),
        ))
        .await;
        Scene { service, gateway, folder, ada, bob }
    }

    /// Ada allows it, and is served from then on.
    async fn serves_ada(&self) {
        let (query, cookie) = self.allowed(&self.ada).await;
        let done = self.back(&query, Some(&cookie)).await;
        assert_eq!(done.status, 200, "{}", done.body);
        for _ in 0..3 {
            let answer = self.call(&self.ada, "{}").await.result();
            assert_eq!(answer["isError"], Value::Null, "{answer}");
        }
    }

    async fn call(&self, key: &str, abilities: &str) -> Answer {
        self.call_tool("t", key, abilities).await
    }

    async fn call_tool(&self, tool: &str, key: &str, abilities: &str) -> Answer {
        let client = Modern::of(&self.gateway).able(abilities);
        let params = format!(r#"{{"name":"{tool}","arguments":{{}}}}"#);
        let ask = client.ask("1", "tools/call", &params);
        self.gateway.ask(&ask.header("Authorization", &format!("Bearer {key}"))).await
    }

    /// The path of the link that a caller is sent.
    async fn link(&self, key: &str) -> String {
        link_in(&self.call(key, r#"{"elicitation":{"url":{}}}"#).await.result())
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
        let (location, cookie) = sent(&self.prove(&self.link(key).await, key).await);
        (self.answer(&location), cookie)
    }

    /// The answer of the service to the question at an address.
    fn answer(&self, location: &str) -> String {
        assert!(location.starts_with(&format!("{}/authorize?", self.issuer())), "{location}");
        assert!(location.contains("code_challenge_method=S256"));
        format!("code=c&state={}&iss={}", field(location, "state"), self.issuer())
    }

    fn granted(&self) -> usize {
        self.service.count("response")
    }
}

/// The path of the page that an answer asks for.
fn link_in(asked: &Value) -> String {
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    let questions = asked["inputRequests"].as_object().unwrap();
    let params = &questions.values().next().unwrap()["params"];
    assert_eq!(params["mode"], "url");
    path_of(params["url"].as_str().unwrap())
}

/// The path of a page of the gateway.
fn path_of(url: &str) -> String {
    let known = ["http://127.0.0.1:1", "https://gateway.example.com"];
    let path = known.iter().find_map(|base| url.strip_prefix(base));
    path.unwrap_or_else(|| panic!("no page of the gateway: {url}")).to_owned()
}

/// Where a browser is sent, and the cookie that it has to bring back.
fn sent(answer: &Answer) -> (String, String) {
    assert_eq!(answer.status, 303, "{}", answer.body);
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-") && cookie.contains("; Secure; HttpOnly"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap().to_owned();
    (answer.header("location").unwrap().to_owned(), cookie)
}

/// The value of a field in the query of an address, as it stands there.
fn field<'a>(url: &'a str, name: &str) -> &'a str {
    let query = url.split_once('?').unwrap().1;
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).unwrap_or("")
}

#[tokio::test]
async fn a_caller_allows_it_once_and_is_served_by_its_own_token_from_then_on() {
    let scene = Scene::open(3600).await;
    scene.serves_ada().await;

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
    let last = if link.ends_with('A') { 'E' } else { 'A' };
    let broken = format!("{}{last}", &link[..link.len() - 1]);
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

/// MCP, step-up: what was allowed before is asked for again, and the new besides.
#[tokio::test]
async fn a_call_that_needs_more_sends_its_caller_to_allow_that_too() {
    let scene = Scene::open(3600).await;
    let (query, cookie) = scene.allowed(&scene.ada).await;
    assert_eq!(scene.back(&query, Some(&cookie)).await.status, 200);
    let able = r#"{"elicitation":{"url":{}}}"#;

    let asked = scene.call_tool("write", &scene.ada, able).await.result();
    let (location, cookie) = sent(&scene.prove(&link_in(&asked), &scene.ada).await);
    assert_eq!(field(&location, "scope"), "read%20write");
    // Until that is done, what was allowed before still is.
    assert_eq!(scene.call(&scene.ada, able).await.result()["isError"], Value::Null);
    assert_eq!(scene.back(&scene.answer(&location), Some(&cookie)).await.status, 200);
    let done = scene.call_tool("write", &scene.ada, able).await.result();

    assert_eq!(done["isError"], Value::Null, "{done}");
    assert_eq!(done["resultType"], "complete");
}

/// MCP, client ID metadata documents: known by its address, the gateway registers nowhere.
#[tokio::test]
async fn the_gateway_is_known_to_a_service_by_its_document() {
    let service = service(3600).await;
    let scene = Scene::at(service, "https://gateway.example.com", "").await;
    let place = "/.well-known/toolgate-client.json";
    let document = scene.gateway.ask(&Ask::new("GET", place)).await;

    let (location, cookie) = sent(&scene.prove(&scene.link(&scene.ada).await, &scene.ada).await);
    assert_eq!(scene.back(&scene.answer(&location), Some(&cookie)).await.status, 200);

    let document = document.json();
    assert_eq!(document["client_id"], format!("https://gateway.example.com{place}"));
    let known = document["client_id"].as_str().unwrap().replace(':', "%3A").replace('/', "%2F");
    assert_eq!(field(&location, "client_id"), known);
    let back = document["redirect_uris"][0].as_str().unwrap();
    assert_eq!(field(&location, "redirect_uri"), back.replace(':', "%3A").replace('/', "%2F"));
    let redeemed = scene.service.nth("response", 0).await;
    assert_eq!((&*redeemed.path, redeemed.header("authorization")), ("/token", None));
    assert!(redeemed.body.contains(&format!("client_id={known}")), "{}", redeemed.body);
}

/// Older clients are told of the page as their revision says: an error that asks for it, or where
/// they cannot show it, a failed call with the link in it.
#[tokio::test]
async fn clients_of_older_revisions_are_sent_to_the_page_too() {
    let scene = Scene::open(3600).await;
    let authorization = format!("Bearer {}", scene.ada);
    let call = async |version: &str, abilities: &str| {
        let hello = format!(
            r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{{"protocolVersion":"{version}","capabilities":{abilities},"clientInfo":{{"name":"it","version":"1"}}}}}}"#
        );
        let hello = post(hello).header("Authorization", &authorization);
        let welcome = scene.gateway.ask(&hello).await;
        assert!(welcome.result()["capabilities"]["tools"].is_object(), "{}", welcome.body);
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}"#;
        let ask = post(body)
            .header("Authorization", &authorization)
            .header("Mcp-Session-Id", welcome.header("mcp-session-id").unwrap())
            .header("MCP-Protocol-Version", version);
        scene.gateway.ask(&ask).await
    };

    let asked = call("2025-11-25", r#"{"elicitation":{"form":{},"url":{}}}"#).await;
    assert_eq!(asked.code(), -32042);
    let wanted = asked.last()["error"]["data"]["elicitations"][0].clone();
    assert_eq!(wanted["mode"], "url");
    assert!(wanted["elicitationId"].is_string() && wanted["message"].is_string(), "{wanted}");
    for (version, abilities) in [
        ("2025-11-25", r#"{"elicitation":{}}"#),
        ("2025-06-18", r#"{"elicitation":{}}"#),
        ("2025-03-26", "{}"),
    ] {
        let told = call(version, abilities).await.result();
        assert_eq!(told["isError"], true);
        let text = told["content"][0]["text"].as_str().unwrap();
        assert!(text.contains("http://127.0.0.1:1/connect/"), "{version}: {text}");
    }

    let link = path_of(wanted["url"].as_str().unwrap());
    let (location, cookie) = sent(&scene.prove(&link, &scene.ada).await);
    assert_eq!(scene.back(&scene.answer(&location), Some(&cookie)).await.status, 200);
    assert_eq!(call("2025-11-25", "{}").await.result()["isError"], Value::Null);
}

/// RFC 9449: what was allowed is bound to a key that is kept with it.
#[tokio::test]
async fn a_service_that_wants_proofs_gets_them() {
    let bound = Arc::new(Bound::new());
    let known = |call: &Call| {
        metadata(call, json!({ "dpop_bound_access_tokens_required": true }), json!({}))
    };
    let service = Server::knowing(known, move |call: Call| {
        let reply = match call.path.split('?').next().unwrap() {
            "/token" => bound.grant(&call, "t1"),
            _ => match bound.admit(&call, "t1") {
                Ok(()) if call.method() == "server/discover" => call.result(DISCOVERED),
                Ok(()) => call.result(r#"{"resultType":"complete","content":[]}"#),
                Err(refused) => refused,
            },
        };
        async move { reply }
    })
    .await;
    let scene = Scene::at(service, "http://127.0.0.1:1", REGISTERED).await;
    scene.serves_ada().await;
}

/// Callers who come with tokens of an issuer.
struct Signing {
    issuer: DevIssuer,
    service: Server,
    gateway: Gateway,
    _folder: tempfile::TempDir,
}

const RESOURCE: &str = "https://gateway.example.com/mcp";

impl Signing {
    async fn open() -> Signing {
        let issuer = DevIssuer::start(&["--user", "ada", "--user", "bob"]).await;
        let (service, folder) = (service(3600).await, tempfile::tempdir().unwrap());
        let entry =
            service.entry("crm", &format!(", upstream_auth: {{ type: vault{REGISTERED} }}"));
        let gateway = Gateway::serve(format!(
            "authentication: {{ resource: '{RESOURCE}', jwt: [{{ issuer: '{}' }}] }}\npublic_url: http://127.0.0.1:1\nvault: {{ folder: '{}', keys: ['{KEY}'] }}\nservers: [{entry}]",
            issuer.name(),
            folder.path().display(),
        ))
        .await;
        Signing { issuer, service, gateway, _folder: folder }
    }

    async fn call(&self, user: &str) -> Value {
        let token = self.issuer.token(user, "tools:read", RESOURCE).await;
        let client = Modern::of(&self.gateway).able(r#"{"elicitation":{"url":{}}}"#);
        let ask = client.ask("1", "tools/call", r#"{"name":"t","arguments":{}}"#);
        self.gateway.ask(&ask.header("Authorization", &format!("Bearer {token}"))).await.result()
    }

    /// Where the issuer is to be asked about the caller of a link, and the cookie for that.
    async fn begin(&self, user: &str) -> (String, String) {
        let link = link_in(&self.call(user).await);
        let page = self.gateway.ask(&Ask::new("GET", &link)).await;
        assert_eq!((page.status, page.header("location")), (200, None));
        assert!(!page.body.contains("credential"), "{}", page.body);
        let (location, cookie) = sent(&self.gateway.ask(&Ask::new("POST", &link)).await);
        let path = location.strip_prefix(&self.issuer.name()).expect("the caller's issuer");
        for part in ["scope=openid", "nonce=", "code_challenge_method=S256", "resource=https"] {
            assert!(path.contains(part), "{path}");
        }
        (path.to_owned(), cookie)
    }

    /// The answer of the issuer, which `user` gives it.
    async fn signs_in(&self, path: &str, user: &str) -> String {
        path_of(&self.issuer.agree(path, user, "openid").await)
    }

    async fn visit(&self, path: &str, cookie: Option<&str>) -> Answer {
        let ask = Ask::new("GET", path);
        let ask = match cookie {
            Some(cookie) => ask.header("Cookie", cookie),
            None => ask,
        };
        self.gateway.ask(&ask).await
    }
}

#[tokio::test]
async fn a_caller_signs_in_at_its_issuer_and_goes_on_to_the_service() {
    let scene = Signing::open().await;
    let (path, cookie) = scene.begin("ada").await;
    let back = scene.signs_in(&path, "ada").await;

    let (location, cookie) = sent(&scene.visit(&back, Some(&cookie)).await);
    let origin = scene.service.url.strip_suffix("/mcp").unwrap();
    assert!(location.starts_with(&format!("{origin}/authorize?")), "{location}");
    let state = field(&location, "state");
    let allowed = format!("/connect/callback?code=c&state={state}&iss={origin}");
    assert_eq!(scene.visit(&allowed, Some(&cookie)).await.status, 200);

    assert_eq!(scene.call("ada").await["resultType"], "complete");
    assert_eq!(scene.call("bob").await["resultType"], "input_required", "bob allowed nothing");
}

/// Case A11: whoever finishes is who began. Nobody connects an account of its own for somebody
/// else, nor somebody else's for itself.
#[tokio::test]
async fn somebody_else_who_signs_in_connects_nothing() {
    let scene = Signing::open().await;
    let (path, cookie) = scene.begin("ada").await;
    let back = scene.signs_in(&path, "bob").await;

    let refused = scene.visit(&back, Some(&cookie)).await;

    assert_eq!((refused.status, refused.header("location")), (403, None));
    assert!(refused.body.contains("somebody else"), "{}", refused.body);
    assert_eq!(scene.service.count("response"), 0);
}

/// Case A13: an answer counts once, in the browser that asked, from who was asked, to what was
/// asked.
#[tokio::test]
async fn an_answer_of_the_issuer_is_taken_once_in_the_browser_that_asked() {
    let scene = Signing::open().await;
    let (path, cookie) = scene.begin("ada").await;
    let (of_bob, other) = scene.begin("bob").await;
    let back = scene.signs_in(&path, "ada").await;
    let state = field(&back, "state");

    // Carried into another browser, by a link or a form of somebody else's page.
    for foreign in [None, Some(other.as_str()), Some("__Host-toolgate-connect=")] {
        assert_eq!(scene.visit(&back, foreign).await.status, 400, "{foreign:?}");
    }
    // At the page for another kind of answer.
    let moved = back.replace("signed-in", "callback");
    assert_eq!(scene.visit(&moved, Some(&cookie)).await.status, 400);
    assert_eq!(scene.visit(&back, Some(&cookie)).await.status, 303);
    assert_eq!(scene.visit(&back, Some(&cookie)).await.status, 400, "taken twice");

    // The code of one put into the answer to another: its verifier does not fit.
    let bobs = scene.signs_in(&of_bob, "ada").await;
    let (path, cookie) = scene.begin("ada").await;
    let injected = bobs.replace(field(&bobs, "state"), field(&path, "state"));
    assert_eq!(scene.visit(&injected, Some(&cookie)).await.status, 400);
    // RFC 9207: an answer of another issuer.
    let (path, cookie) = scene.begin("ada").await;
    let mixed = scene.signs_in(&path, "ada").await;
    let mixed = mixed.replace(field(&mixed, "iss"), "https%3A%2F%2Fevil.example");
    assert_eq!(scene.visit(&mixed, Some(&cookie)).await.status, 400);
    assert!(!state.is_empty());
    assert_eq!(scene.service.count("response"), 0);
}
