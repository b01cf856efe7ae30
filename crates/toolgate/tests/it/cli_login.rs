//! Commands that sign in to a server: a person in a browser, and servers that would misuse one.

use std::os::unix::fs::PermissionsExt;
use std::process::Output;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::support::{Bound, Call, Reply, Server, at_a_terminal, metadata};

/// What a server and its authorization server, which are one here, say of themselves. `ORIGIN` is
/// where they are.
struct Scene {
    server: Server,
    state: tempfile::TempDir,
}

const DISCOVERED: &str = r#"{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"ttlMs":60000,"cacheScope":"public"}"#;

impl Scene {
    /// One whose documents are changed by `spoil`.
    async fn open(spoil: impl Fn(&str, &mut Value) + Send + Sync + 'static) -> Scene {
        let server = Server::start(move |call: Call| {
            let origin = format!("http://{}", call.header("host").unwrap());
            let document = |name: &str, mut value: Value| {
                spoil(name, &mut value);
                let text = value.to_string().replace("ORIGIN", &origin);
                Reply::json(200, text)
            };
            let path = call.path.split('?').next().unwrap();
            let reply = match path {
                "/.well-known/oauth-protected-resource/mcp" => document(
                    "resource",
                    json!({ "resource": "ORIGIN/mcp", "authorization_servers": ["ORIGIN"] }),
                ),
                "/.well-known/oauth-authorization-server" => document(
                    "authority",
                    json!({
                        "issuer": "ORIGIN",
                        "authorization_endpoint": "ORIGIN/authorize",
                        "token_endpoint": "ORIGIN/token",
                        "registration_endpoint": "ORIGIN/register",
                        "code_challenge_methods_supported": ["S256"],
                        "authorization_response_iss_parameter_supported": true,
                    }),
                ),
                "/register" => Reply::json(201, r#"{"client_id":"made"}"#),
                "/token" => document(
                    "token",
                    json!({ "access_token": "granted", "token_type": "Bearer", "expires_in": 300, "refresh_token": "next" }),
                ),
                _ if call.header("authorization") == Some("Bearer granted") => match call.method() {
                    "server/discover" => call.result(DISCOVERED),
                    "tools/list" => call.result(r#"{"resultType":"complete","tools":[],"ttlMs":0,"cacheScope":"private"}"#),
                    _ => call.result(r#"{"resultType":"complete","content":[]}"#),
                },
                _ => {
                    let mut challenge = json!({ "text": "Bearer scope=\"read\"" });
                    spoil("challenge", &mut challenge);
                    Reply::json(401, "{}")
                        .header("www-authenticate", challenge["text"].as_str().unwrap())
                }
            };
            async move { reply }
        })
        .await;
        Scene { server, state: tempfile::tempdir().unwrap() }
    }

    /// One that takes tokens bound to keys alone. Its authorization server gives out what it has
    /// to, or else a token of this kind.
    async fn bound(kind: Option<&'static str>) -> Scene {
        let bound = Arc::new(Bound::new());
        let known = |call: &Call| {
            metadata(call, json!({}), json!({ "registration_endpoint": "ORIGIN/register" }))
        };
        let server = Server::knowing(known, move |call: Call| {
            let reply = match call.path.split('?').next().unwrap() {
                "/register" => Reply::json(201, r#"{"client_id":"made"}"#),
                "/token" => match kind {
                    Some(kind) => Reply::json(
                        200,
                        json!({ "access_token": "granted", "token_type": kind }).to_string(),
                    ),
                    None => bound.grant(&call, "granted"),
                },
                _ => match bound.admit(&call, "granted") {
                    Ok(()) if call.method() == "server/discover" => call.result(DISCOVERED),
                    Ok(()) => call.result(
                        r#"{"resultType":"complete","tools":[],"ttlMs":0,"cacheScope":"private"}"#,
                    ),
                    Err(refused) => refused,
                },
            };
            async move { reply }
        })
        .await;
        Scene { server, state: tempfile::tempdir().unwrap() }
    }

    fn origin(&self) -> &str {
        self.server.url.strip_suffix("/mcp").unwrap()
    }

    /// Runs `toolgate inspect`, as a person would with a browser that goes by `visit`.
    async fn inspect(&self, visit: impl AsyncFn(String)) -> Output {
        at_a_terminal(&["inspect", "--json", &self.server.url], self.state.path(), visit).await
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The value of a field in the query of an address, as it stands there.
fn field<'a>(url: &'a str, name: &str) -> &'a str {
    let query = url.split_once('?').unwrap().1;
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).unwrap_or("")
}

/// Sends the browser to where an address says that it is to go back to.
async fn back(url: &str, answer: &str) -> u16 {
    let redirect = field(url, "redirect_uri").replace("%3A", ":").replace("%2F", "/");
    let rest = redirect.strip_prefix("http://").unwrap();
    let (authority, path) = rest.split_once('/').unwrap();
    let mut stream = TcpStream::connect(authority).await.unwrap();
    let ask = format!("GET /{path}?{answer} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

fn allowed(url: &str, issuer: &str) -> String {
    format!("code=c&state={}&iss={issuer}", field(url, "state"))
}

#[tokio::test]
async fn a_person_signs_in_once_and_the_grant_is_kept_for_this_user_alone() {
    let scene = Scene::open(|_, _| {}).await;
    let issuer = scene.origin().to_owned();

    let first = scene
        .inspect(async |url| {
            assert!(url.starts_with(&format!("{issuer}/authorize?response_type=code&")), "{url}");
            assert_eq!(field(&url, "code_challenge_method"), "S256");
            assert_eq!(field(&url, "scope"), "read");
            // Case A13: what is not an answer to this very question is not taken for one.
            assert_eq!(back(&url, &format!("code=c&state=other&iss={issuer}")).await, 400);
            assert_eq!(back(&url, &allowed(&url, &issuer)).await, 200);
        })
        .await;
    let second = scene.inspect(async |_| panic!("signed in twice")).await;

    assert!(first.status.success() && second.status.success(), "{}", text(&first));
    let mut posts = Vec::new();
    for at in 0..2 {
        posts.push(scene.server.nth("response", at).await);
    }
    assert!(posts.iter().all(|call| !call.body.contains("state=other")));
    let token = posts.iter().find(|call| call.path == "/token").expect("a code was redeemed");
    for part in ["grant_type=authorization_code", "code=c", "code_verifier=", "resource=http%3A"] {
        assert!(token.body.contains(part), "{}", token.body);
    }
    let file = scene.state.path().join("toolgate/grants.json");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(!text(&first).contains("granted") && !text(&first).contains("next"));
}

/// Case A13: an answer that another authorization server gave ends the attempt, unseen.
#[tokio::test]
async fn an_answer_of_another_authorization_server_is_not_redeemed() {
    for iss in ["https://evil.example", ""] {
        let scene = Scene::open(|_, _| {}).await;
        let output = scene
            .inspect(async |url| {
                let state = field(&url, "state");
                let iss = if iss.is_empty() { String::new() } else { format!("&iss={iss}") };
                back(&url, &format!("error=phish&state={state}{iss}")).await;
            })
            .await;

        assert!(!output.status.success());
        let said = text(&output);
        assert!(said.contains("another authorization server") && !said.contains("phish"), "{said}");
        assert_eq!(scene.server.count("response"), 1, "only the registration");
    }
}

/// Cases G1, G3 and G7, and their like: what a server says of itself sends nobody anywhere.
#[tokio::test]
async fn a_server_cannot_have_us_fetch_or_open_what_it_likes() {
    for (document, member, value, expected) in [
        (
            "challenge",
            "text",
            "Bearer resource_metadata=\"http://169.254.169.254/latest\"",
            "not https",
        ),
        (
            "challenge",
            "text",
            "Bearer resource_metadata=\"https://169.254.169.254/latest\"",
            "cannot be read",
        ),
        ("challenge", "text", "Bearer resource_metadata=\"file:///etc/passwd\"", "not https"),
        ("resource", "resource", "https://other.example/mcp", "another resource"),
        ("authority", "issuer", "https://other.example", "cannot be used"),
        ("authority", "authorization_endpoint", "file:$(touch /tmp/x)", "not https"),
        ("authority", "authorization_endpoint", "javascript:alert(1)", "not https"),
        ("authority", "token_endpoint", "http://169.254.169.254/token", "not https"),
        ("authority", "code_challenge_methods_supported", "", "PKCE"),
    ] {
        let scene = Scene::open(move |name, value_of| {
            if name == document {
                match value {
                    "" => value_of.as_object_mut().unwrap().remove(member),
                    _ => value_of.as_object_mut().unwrap().insert(member.into(), json!(value)),
                };
            }
        })
        .await;

        let output = scene.inspect(async |url| panic!("sent to {url}")).await;

        assert!(!output.status.success(), "{value}");
        assert!(text(&output).contains(expected), "{value}: {}", text(&output));
    }
}

#[tokio::test]
async fn a_token_that_is_given_is_sent_and_never_kept() {
    let scene = Scene::open(|_, _| {}).await;
    let output = Command::new(env!("CARGO_BIN_EXE_toolgate"))
        .args(["inspect", "--json", "--token", "granted", &scene.server.url])
        .env("XDG_STATE_HOME", scene.state.path())
        .output()
        .await
        .unwrap();

    assert!(output.status.success(), "{}", text(&output));
    assert!(!scene.state.path().join("toolgate").exists());
}

#[tokio::test]
async fn a_server_with_huge_documents_is_left() {
    let scene = Scene::open(|name, value| {
        if name == "authority" {
            value["padding"] = json!("x".repeat(2 << 20));
        }
    })
    .await;

    let output = scene.inspect(async |url| panic!("sent to {url}")).await;

    assert!(!output.status.success());
    assert!(text(&output).contains("cannot be used"), "{}", text(&output));
}

/// RFC 9449: each request has a proof of its own, with the nonce of whoever reads it; the key is
/// remembered with the token.
#[tokio::test]
async fn a_server_that_wants_proofs_gets_one_with_each_request() {
    let scene = Scene::bound(None).await;
    let issuer = scene.origin().to_owned();

    let first =
        scene.inspect(async |url| assert_eq!(back(&url, &allowed(&url, &issuer)).await, 200)).await;
    let second = scene.inspect(async |_| panic!("signed in twice")).await;

    assert!(first.status.success(), "{}", text(&first));
    assert!(second.status.success(), "{}", text(&second));
    let grants = std::fs::read_to_string(scene.state.path().join("toolgate/grants.json")).unwrap();
    assert!(grants.contains("PRIVATE KEY"));
    for said in [text(&first), text(&second)] {
        assert!(!said.contains("PRIVATE KEY"));
    }
    for call in scene.server.all("server/discover") {
        assert!(!call.body.contains("PRIVATE KEY"));
    }
}

/// A token that anybody could use is not sent to a server that takes only bound ones.
#[tokio::test]
async fn an_authorization_server_cannot_talk_us_out_of_proofs() {
    for kind in ["Bearer", "mac"] {
        let scene = Scene::bound(Some(kind)).await;
        let issuer = scene.origin().to_owned();

        let output = scene
            .inspect(async |url| assert_eq!(back(&url, &allowed(&url, &issuer)).await, 200))
            .await;

        assert!(!output.status.success());
        let calls = scene.server.all("server/discover");
        assert!(calls.iter().all(|call| call.header("authorization").is_none()), "{kind}");
    }
}
