//! Callers with signed tokens of an issuer: the gateway as a resource server of OAuth 2.1.

use serde_json::{Value, json};

use crate::support::{Answer, Ask, Gateway, Issuer, Modern, Server, quick};

const RESOURCE: &str = "https://gateway.example.com/mcp";

struct Scene {
    issuer: Issuer,
    server: Server,
    gateway: Gateway,
}

impl Scene {
    async fn open() -> Scene {
        let issuer = Issuer::start().await;
        let server = quick().await;
        let gateway = Gateway::serve(format!(
            "authentication:\n  resource: {RESOURCE}\n  scopes: ['tools:read']\n  jwt: [{{ issuer: '{}' }}]\nservers: [{}]",
            issuer.name(),
            server.entry("crm", "")
        ))
        .await;
        Scene { issuer, server, gateway }
    }

    async fn call_with(&self, token: &str) -> Answer {
        let ask =
            Modern::of(&self.gateway).ask("1", "tools/call", r#"{"name":"t","arguments":{}}"#);
        self.gateway.ask(&ask.header("Authorization", &format!("Bearer {token}"))).await
    }
}

#[tokio::test]
async fn a_client_without_a_token_is_led_to_the_issuer() {
    let scene = Scene::open().await;

    let refused = scene.gateway.ask(&Ask::new("GET", "/mcp")).await;
    assert_eq!(refused.status, 401);
    assert_eq!(
        refused.header("www-authenticate").unwrap(),
        r#"Bearer resource_metadata="https://gateway.example.com/.well-known/oauth-protected-resource/mcp", scope="tools:read""#
    );

    for path in
        ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"]
    {
        let metadata = scene.gateway.ask(&Ask::new("GET", path)).await;
        assert_eq!(metadata.status, 200, "{path}");
        assert_eq!(metadata.header("access-control-allow-origin"), Some("*"));
        let metadata = metadata.json();
        assert_eq!(metadata["resource"], RESOURCE);
        assert_eq!(metadata["authorization_servers"], json!([scene.issuer.name()]));
    }
    let other = "/.well-known/oauth-protected-resource/other";
    assert_eq!(scene.gateway.ask(&Ask::new("GET", other)).await.status, 404);
}

#[tokio::test]
async fn a_token_for_this_resource_opens_and_goes_no_further() {
    let scene = Scene::open().await;
    let token = scene.issuer.token(&json!({ "aud": RESOURCE }));

    for _ in 0..3 {
        assert_eq!(scene.call_with(&token).await.result()["isError"], Value::Null);
    }

    assert_eq!(scene.server.nth("tools/call", 0).await.header("authorization"), None);
    assert_eq!(scene.issuer.asked(), 2, "the metadata once, the keys once");
}

#[tokio::test]
async fn a_token_that_is_not_for_us_or_not_good_opens_nothing() {
    let scene = Scene::open().await;
    let header = |alg: &str| json!({ "alg": alg, "typ": "at+jwt", "kid": "k1" });
    let ours = json!({ "aud": RESOURCE });
    let good = scene.issuer.token(&ours);
    let (signed, _) = good.rsplit_once('.').unwrap();
    let other = Issuer::start().await;
    for (what, token) in [
        (
            "another audience",
            scene.issuer.token(&json!({ "aud": "https://sibling.example.com/mcp" })),
        ),
        ("no audience", scene.issuer.token(&json!({}))),
        ("expired", scene.issuer.token(&json!({ "aud": RESOURCE, "exp": 1 }))),
        ("not yet", scene.issuer.token(&json!({ "aud": RESOURCE, "nbf": 9_999_999_999_u64 }))),
        ("no signature", format!("{signed}.")),
        ("none", scene.issuer.token_as(&header("none"), &ours)),
        ("symmetric", scene.issuer.token_as(&header("HS256"), &ours)),
        (
            "an id token",
            scene.issuer.token_as(&json!({ "alg": "ES256", "typ": "id+jwt", "kid": "k1" }), &ours),
        ),
        ("another issuer", other.token(&ours)),
        (
            "our issuer's name, another's key",
            other.token(&json!({ "aud": RESOURCE, "iss": scene.issuer.name() })),
        ),
    ] {
        let refused = scene.call_with(&token).await;
        assert_eq!(refused.status, 401, "{what}");
        let challenge = refused.header("www-authenticate").unwrap();
        assert!(challenge.contains(r#"error="invalid_token""#), "{what}: {challenge}");
        assert!(!scene.gateway.whole_log().await.contains(&token), "{what}: logged");
    }
    assert_eq!(scene.server.count("tools/call"), 0);
    assert_eq!(other.asked(), 0, "a stranger's issuer was asked");
}
