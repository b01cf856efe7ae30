//! The gateway as a resource server of OAuth 2.1, rule by rule (MCP 2026-07-28, authorization), with
//! a client that finds its way by what it is told.

use serde_json::{Value, json};

use crate::support::{Answer, Ask, Call, DevIssuer, Gateway, Modern, Reply, Server, modern, post};

const RESOURCE: &str = "https://gateway.example.com/mcp";
const METADATA: &str = "https://gateway.example.com/.well-known/oauth-protected-resource/mcp";

struct Scene {
    issuer: DevIssuer,
    server: Server,
    gateway: Gateway,
}

impl Scene {
    async fn open() -> Scene {
        Scene::before(|call: Call| async move {
            call.result(r#"{"resultType":"complete","content":[]}"#)
        })
        .await
    }

    async fn before<F>(script: impl Fn(Call) -> F + Send + Sync + 'static) -> Scene
    where
        F: Future<Output = Reply> + Send + 'static,
    {
        let issuer = DevIssuer::start(&["--user", "ada:scopes=tools:read,tools:write"]).await;
        let server = modern(script).await;
        let gateway = Gateway::serve(format!(
            "authentication:\n  resource: {RESOURCE}\n  scopes: ['tools:read', offline_access]\n  jwt: [{{ issuer: '{}' }}]\nservers: [{}]",
            issuer.name(),
            server.entry("crm", "")
        ))
        .await;
        Scene { issuer, server, gateway }
    }

    fn call(&self) -> Ask {
        Modern::of(&self.gateway).ask("1", "tools/call", r#"{"name":"t","arguments":{}}"#)
    }

    async fn call_with(&self, authorization: &str) -> Answer {
        self.gateway.ask(&self.call().header("Authorization", authorization)).await
    }
}

fn challenge(answer: &Answer) -> &str {
    answer.header("www-authenticate").expect("a challenge")
}

/// A parameter of a challenge.
fn parameter(challenge: &str, name: &str) -> Option<String> {
    let rest = challenge.split(&format!("{name}=\"")).nth(1)?;
    Some(rest.split('"').next()?.to_owned())
}

/// The path of a URL of the gateway's public name, which no test can resolve.
fn path_of(url: &str) -> String {
    url.strip_prefix("https://gateway.example.com").unwrap().to_owned()
}

#[tokio::test]
async fn a_client_finds_its_way_from_the_first_refusal_to_the_first_result() {
    let scene = Scene::open().await;

    let refused = scene.gateway.ask(&scene.call()).await;
    assert_eq!(refused.status, 401);
    let told = challenge(&refused);
    let place = parameter(told, "resource_metadata").unwrap();
    let metadata = scene.gateway.ask(&Ask::new("GET", &path_of(&place))).await.json();
    let issuer = metadata["authorization_servers"][0].as_str().unwrap();
    assert_eq!(issuer, scene.issuer.name());
    let about = scene.issuer.get("/.well-known/oauth-authorization-server").await.json();
    assert_eq!(about["issuer"], issuer);
    let scope = parameter(told, "scope").unwrap();
    let resource = metadata["resource"].as_str().unwrap();
    let token = scene.issuer.token("ada", &scope, resource).await;

    let served = scene.call_with(&format!("Bearer {token}")).await;

    assert_eq!(served.result()["isError"], Value::Null);
    assert_eq!(scene.server.count("tools/call"), 1);
}

#[tokio::test]
async fn metadata_is_at_the_path_of_the_resource_and_at_the_root_for_everybody() {
    let scene = Scene::open().await;
    for path in
        ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"]
    {
        let answer = scene.gateway.ask(&Ask::new("GET", path)).await;

        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, Some("*")));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(
            answer.json(),
            json!({
                "resource": RESOURCE,
                "authorization_servers": [scene.issuer.name()],
                "scopes_supported": ["tools:read"],
                "bearer_methods_supported": ["header"],
                "resource_name": "toolgate",
            })
        );
    }
    for path in
        ["/.well-known/oauth-protected-resource/mcp/x", "/.well-known/oauth-protected-resourcex"]
    {
        assert_eq!(scene.gateway.ask(&Ask::new("GET", path)).await.status, 404, "{path}");
    }
}

/// RFC 9728: what clients of HTTP+SSE connect to is a resource of its own. A token for one opens no
/// other.
#[tokio::test]
async fn each_endpoint_has_its_own_document_and_its_own_audience() {
    let scene = Scene::open().await;
    let sse = "https://gateway.example.com/sse";
    let asked = |path: &str, token: &str| {
        let verb = if path == "/sse" { "GET" } else { "POST" };
        let ask = if verb == "GET" { Ask::new("GET", path) } else { scene.call() };
        ask.header("Accept", "application/json, text/event-stream")
            .header("Authorization", &format!("Bearer {token}"))
    };

    for (verb, path) in [("GET", "/sse"), ("POST", "/messages?session=x")] {
        let refused = scene.gateway.ask(&Ask::new(verb, path)).await;
        assert_eq!(refused.status, 401, "{path}");
        let place = parameter(challenge(&refused), "resource_metadata").unwrap();
        let metadata = scene.gateway.ask(&Ask::new("GET", &path_of(&place))).await.json();
        assert_eq!(metadata["resource"], sse, "{path}");
        assert_eq!(metadata["authorization_servers"], json!([scene.issuer.name()]));
    }
    for (path, resource, other) in [("/mcp", RESOURCE, sse), ("/sse", sse, RESOURCE)] {
        let token = scene.issuer.token("ada", "tools:read", resource).await;
        let mut wire = scene.gateway.send(&asked(path, &token)).await;
        assert_eq!(wire.head().await.unwrap().status, 200, "{path}");
        let foreign = scene.issuer.token("ada", "tools:read", other).await;
        let refused = scene.gateway.ask(&asked(path, &foreign)).await;
        assert_eq!(refused.status, 401, "{path}");
        assert!(challenge(&refused).contains(r#"error="invalid_token""#));
    }
    assert_eq!(scene.server.count("tools/call"), 1);
}

#[tokio::test]
async fn nothing_sent_and_nothing_good_are_refused_in_different_words() {
    let scene = Scene::open().await;
    let other = DevIssuer::start(&[]).await;
    let stranger = other.token("dev", "tools:read", RESOURCE).await;

    for method in ["initialize", "tools/list", "ping"] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{}}}}"#);
        let missing = scene.gateway.ask(&post(body)).await;
        assert_eq!(missing.status, 401);
        let expected = format!(r#"Bearer resource_metadata="{METADATA}", scope="tools:read""#);
        assert_eq!(challenge(&missing), expected, "{method}");
    }
    let invalid = scene.call_with(&format!("Bearer {stranger}")).await;
    assert_eq!(invalid.status, 401);
    assert_eq!(
        challenge(&invalid),
        format!(
            r#"Bearer error="invalid_token", scope="tools:read", resource_metadata="{METADATA}", error_description="the issuer of the token is not accepted""#
        )
    );
    // Another scheme is no credential that we take: told as if nothing had been sent.
    assert!(!challenge(&scene.call_with("Basic YWRhOng=").await).contains("error"));
    for malformed in ["Bearer", "Bearer a b", "Bearer =", "Bearer a,b"] {
        let refused = scene.call_with(malformed).await;
        assert_eq!(refused.status, 400, "{malformed}");
        assert!(challenge(&refused).starts_with(r#"Bearer error="invalid_request""#));
    }
    assert_eq!(scene.server.count("tools/call"), 0);
}

#[tokio::test]
async fn a_token_is_taken_from_one_header_alone_and_looked_at_each_time() {
    let scene = Scene::open().await;
    let token = scene.issuer.token("ada", "tools:read", RESOURCE).await;
    let bearer = format!("Bearer {token}");
    assert_eq!(scene.call_with(&bearer).await.status, 200);

    assert_eq!(scene.gateway.ask(&scene.call()).await.status, 401, "each request proves itself");
    let mut in_query =
        Ask::new("POST", &format!("/mcp?access_token={token}")).body(scene.call().text());
    for (name, value) in
        [("Content-Type", "application/json"), ("Accept", "application/json, text/event-stream")]
    {
        in_query = in_query.header(name, value);
    }
    assert_eq!(scene.gateway.ask(&in_query).await.status, 401);
    let form = Ask::new("POST", "/mcp")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(format!("access_token={token}"));
    assert_eq!(scene.gateway.ask(&form).await.status, 401);
    let twice = scene.call().also("Authorization", &bearer).also("Authorization", &bearer);
    assert_eq!(scene.gateway.ask(&twice).await.status, 400);
    let cookie = scene.call().header("Cookie", &format!("access_token={token}"));
    assert_eq!(scene.gateway.ask(&cookie).await.status, 401);
    assert!(!scene.gateway.whole_log().await.contains(&token), "a token was logged");
}

/// Case A5: a token of our own issuer, for a sibling of this resource.
#[tokio::test]
async fn a_token_for_a_sibling_of_this_resource_is_refused() {
    let scene = Scene::open().await;
    for sibling in [
        "https://gateway.example.com",
        "https://gateway.example.com/mcp/billing",
        "https://sibling.example.com/mcp",
        "http://gateway.example.com/mcp",
    ] {
        let token = scene.issuer.token("ada", "tools:read", sibling).await;

        let refused = scene.call_with(&format!("Bearer {token}")).await;

        assert_eq!(refused.status, 401, "{sibling}");
        assert!(challenge(&refused).contains("for another resource"), "{}", challenge(&refused));
    }
    assert_eq!(scene.server.count("tools/call"), 0);
}

/// Case A6: nothing of what a client proves itself with reaches the server behind.
#[tokio::test]
async fn no_credential_of_a_client_goes_further() {
    let scene = Scene::open().await;
    let token = scene.issuer.token("ada", "tools:read", RESOURCE).await;
    let ask = scene
        .call()
        .header("Authorization", &format!("Bearer {token}"))
        .header("DPoP", "a.b.c")
        .header("Cookie", "session=secret")
        .header("Proxy-Authorization", "Basic YWRhOng=")
        .header("Client-Cert", ":AAAA:");

    assert_eq!(scene.gateway.ask(&ask).await.status, 200);

    let seen = scene.server.nth("tools/call", 0).await;
    for name in ["authorization", "dpop", "cookie", "proxy-authorization", "client-cert"] {
        assert_eq!(seen.header(name), None, "{name}");
    }
    assert!(!seen.body.contains(&token));
}

#[tokio::test]
async fn the_challenge_of_a_server_behind_is_not_passed_on() {
    let scene = Scene::before(|_: Call| async {
        let challenge = r#"Bearer resource_metadata="https://evil.example/prm""#;
        Reply::json(401, r#"{"error":"invalid_token"}"#).header("www-authenticate", challenge)
    })
    .await;
    let token = scene.issuer.token("ada", "tools:read", RESOURCE).await;

    let answer = scene.call_with(&format!("Bearer {token}")).await;

    assert_ne!(answer.status, 401, "the client would throw its own good token away");
    assert_eq!(answer.header("www-authenticate"), None);
    assert!(!answer.body.contains("evil.example"), "{}", answer.body);
}

#[tokio::test]
async fn an_answer_to_a_known_caller_is_no_answer_for_a_shared_cache() {
    let scene = Scene::open().await;
    let token = scene.issuer.token("ada", "tools:read", RESOURCE).await;

    let answer = scene.call_with(&format!("Bearer {token}")).await;
    let refused = scene.gateway.ask(&scene.call()).await;

    for answer in [answer, refused] {
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{}", answer.status);
    }
}
