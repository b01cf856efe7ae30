//! What a server learns of who calls, and what it never gets to see.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::{Value, json};

use crate::support::{
    Answer, Ask, Call, Gateway, Issuer, Modern, Script, Trail, legacy, modern, post,
};

const RESOURCE: &str = "https://gateway.example.com/mcp";

/// What every server here answers to a call.
fn done(call: &Call) -> crate::support::Reply {
    call.result(r#"{"resultType":"complete","content":[]}"#)
}

fn config(issuer: &Issuer, servers: &str) -> String {
    let issuer = issuer.name();
    format!(
        "authentication: {{ resource: '{RESOURCE}', jwt: [{{ issuer: '{issuer}', claims: {{ tenant: org }} }}] }}\nservers: [{servers}]"
    )
}

fn token(issuer: &Issuer, subject: &str) -> String {
    issuer.token(&json!({ "aud": RESOURCE, "sub": subject, "org": "acme", "scope": "a b" }))
}

fn authorized(ask: &Ask, token: &str) -> Ask {
    ask.clone().header("Authorization", &format!("Bearer {token}"))
}

async fn call(gateway: &Gateway, token: &str) -> Answer {
    let ask = Modern::of(gateway).ask("1", "tools/call", r#"{"name":"t","arguments":{}}"#);
    gateway.ask(&authorized(&ask, token)).await
}

/// The claims of a token, checked by the keys that the gateway publishes.
async fn checked(gateway: &Gateway, token: &str) -> (Value, Value) {
    let keys = gateway.ask(&Ask::new("GET", "/.well-known/jwks.json")).await;
    assert_eq!(keys.status, 200);
    let part = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let header: Value = serde_json::from_slice(&part(header)).unwrap();
    let keys = keys.json();
    let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]);
    let key = key.expect("the key is published");
    assert_eq!(header["alg"], "ES256");
    let mut point = vec![4];
    point.extend(part(key["x"].as_str().unwrap()));
    point.extend(part(key["y"].as_str().unwrap()));
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
        .verify(signed.as_bytes(), &part(signature))
        .expect("the signature is ours");
    (header, serde_json::from_slice(&part(claims)).unwrap())
}

fn shown(call: &Call) -> &str {
    call.header("authorization").unwrap().strip_prefix("Bearer ").unwrap()
}

/// Case A6: the token of a client is for the gateway alone.
#[tokio::test]
async fn a_signed_token_names_the_caller_and_the_clients_own_goes_no_further() {
    let issuer = Issuer::start().await;
    let server = modern(|call: Call| async move { done(&call) }).await;
    let entry = server.entry("crm", ", upstream_auth: { type: signed, lifetime: 60s }");
    let gateway = Gateway::serve(config(&issuer, &entry)).await;
    let (ada, bob) = (token(&issuer, "ada"), token(&issuer, "bob"));

    for token in [&ada, &bob, &ada] {
        assert_eq!(call(&gateway, token).await.status, 200);
    }

    let mut seen = Vec::new();
    for at in 0..3 {
        let call = server.nth("tools/call", at).await;
        let text = format!("{:?}{}", call.headers, call.body);
        assert!(!text.contains(&ada) && !text.contains(&bob), "the client's token went on");
        seen.push(shown(&call).to_owned());
    }
    assert_ne!(seen[0], seen[1], "two callers shared a token");
    let (header, claims) = checked(&gateway, &seen[0]).await;
    assert_eq!(header["typ"], "JWT");
    assert_eq!(claims["sub"], format!("jwt|{}|=acme|ada", issuer.name()));
    assert_eq!((&claims["subject"], &claims["tenant"]), (&json!("ada"), &json!("acme")));
    assert_eq!(claims["aud"], server.url);
    assert_eq!(claims["iss"], "https://gateway.example.com");
    let life = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
    assert!(life <= 60, "{life}");
    assert_eq!(checked(&gateway, &seen[1]).await.1["subject"], "bob");
}

#[tokio::test]
async fn a_legacy_server_is_shown_each_caller_on_all_that_belongs_to_its_session() {
    let issuer = Issuer::start().await;
    let server = legacy(|call: Call| async move { done(&call) }).await;
    let entry = server.entry("crm", ", upstream_auth: { type: signed }");
    let gateway = Gateway::serve(config(&issuer, &entry)).await;

    for subject in ["ada", "bob"] {
        assert_eq!(call(&gateway, &token(&issuer, subject)).await.status, 200);
    }

    for (at, subject) in ["ada", "bob"].into_iter().enumerate() {
        for method in ["initialize", "notifications/initialized", "tools/call"] {
            let call = server.nth(method, at).await;
            let (_, claims) = checked(&gateway, shown(&call)).await;
            assert_eq!(claims["subject"], subject, "{method}");
        }
    }
}

/// Case E15: what a client says of itself in our name, or in a proxy's, is no server's business.
#[tokio::test]
async fn the_context_is_ours_alone_in_the_body_and_signed_in_the_head() {
    let issuer = Issuer::start().await;
    let server = modern(|call: Call| async move { done(&call) }).await;
    let entry = server.entry("crm", ", context: true, timeout_total: 20s");
    let gateway = Gateway::serve(config(&issuer, &entry)).await;
    let client = Modern::of(&gateway).meta(r#""dev.toolgate/context":{"caller":"admin"}"#);
    let ask = client
        .ask("1", "tools/call", r#"{"name":"t","arguments":{}}"#)
        .header("Toolgate-Context", "forged")
        .header("X-Forwarded-User", "admin")
        .header("mcp-init-host", "x")
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");

    let answer = gateway.ask(&authorized(&ask, &token(&issuer, "ada"))).await;

    assert_eq!(answer.status, 200);
    let call = server.seen("tools/call").await;
    for name in ["x-forwarded-user", "mcp-init-host", "authorization"] {
        assert_eq!(call.header(name), None, "{name}");
    }
    assert_eq!(call.body.matches("dev.toolgate/context").count(), 1, "{}", call.body);
    let told = &call.json["params"]["_meta"]["dev.toolgate/context"];
    assert_eq!(told["caller"]["subject"], "ada");
    assert_eq!(told["caller"]["tenant"], "acme");
    assert_eq!(told["caller"]["scopes"], json!(["a", "b"]));
    assert!(told["traceparent"].as_str().unwrap().contains("0af7651916cd43dd8448eb211c80319c"));
    let (header, claims) = checked(&gateway, call.header("toolgate-context").unwrap()).await;
    assert_eq!(header["typ"], "toolgate-context+jwt");
    assert_eq!(claims["aud"], server.url);
    for name in ["caller", "deadline", "traceparent"] {
        assert_eq!(claims[name], told[name], "{name}");
    }
}

#[tokio::test]
async fn a_legacy_client_and_server_are_told_of_with_their_session() {
    let issuer = Issuer::start().await;
    let server = legacy(|call: Call| async move { done(&call) }).await;
    let entry = server.entry("crm", ", context: true");
    let gateway = Gateway::serve(config(&issuer, &entry)).await;
    let token = token(&issuer, "ada");
    let hello = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"it","version":"1"}}}"#;
    let welcome = gateway.ask(&authorized(&post(hello), &token)).await;
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}"#;
    let ask = authorized(&post(body), &token)
        .header("Mcp-Session-Id", welcome.header("mcp-session-id").unwrap())
        .header("MCP-Protocol-Version", "2025-11-25");

    gateway.ask(&ask).await;

    let call = server.seen("tools/call").await;
    let told = &call.json["params"]["_meta"]["dev.toolgate/context"];
    assert_eq!(told["caller"]["subject"], "ada");
    assert!(told["session"].is_string(), "{told}");
    let (_, claims) = checked(&gateway, call.header("toolgate-context").unwrap()).await;
    assert_eq!(claims["session"], told["session"]);
}

/// Case E15: which decision let a request through is said by us alone, over either transport, and
/// found again in the records.
#[tokio::test]
async fn a_server_is_told_of_the_decision_and_a_client_cannot_make_one_up() {
    let (issuer, trail) = (Issuer::start().await, Trail::new());
    let remote = modern(|call: Call| async move {
        match call.method() {
            "tools/list" => call.result(
                r#"{"resultType":"complete","tools":[{"name":"t","inputSchema":{"type":"object"}}],"ttlMs":60000,"cacheScope":"public"}"#,
            ),
            _ => done(&call),
        }
    })
    .await;
    let child = Script::legacy(
        r#"
def on(m):
    if m["method"] == "tools/list": result(m, {"tools": [{"name": "t", "inputSchema": {"type": "object"}}]})
    elif m["method"] == "tools/call": text(m, json.dumps(m["params"]))
"#,
    );
    let servers = format!(
        "{}, {}",
        remote.entry("crm", ", context: true"),
        child.entry("local", ", context: true")
    );
    let audit = format!("audit: {{ file: {{ path: '{}' }} }}", trail.path().display());
    let roles = "roles: { editor: { allow: ['crm/*', 'local/*'] } }";
    let gateway = Gateway::serve(format!("{audit}\n{roles}\n{}", config(&issuer, &servers))).await;
    let claims = json!({ "aud": RESOURCE, "sub": "ada", "org": "acme", "roles": ["editor"] });
    let token = issuer.token(&claims);
    let forged = r#""dev.toolgate/context":{"decision":{"id":"0","policy":"mine"}},"dev.toolgate/decision":"0","DEV.TOOLGATE/Policy":"mine""#;
    let client = Modern::of(&gateway).meta(forged);
    let ask = |tool: &str| {
        let params = format!(r#"{{"name":"{tool}","arguments":{{}}}}"#);
        let ask = client.ask("1", "tools/call", &params).header("Toolgate-Context", "forged");
        authorized(&ask, &token)
    };

    gateway.ask(&ask("crm_t")).await.result();
    let local = gateway.ask(&ask("local_t")).await.result();

    let call = remote.seen("tools/call").await;
    let params = call.json["params"].clone();
    let (_, claims) = checked(&gateway, call.header("toolgate-context").unwrap()).await;
    let told = &params["_meta"]["dev.toolgate/context"]["decision"];
    assert_eq!(&claims["decision"], told);
    let heard: Value = serde_json::from_str(local["content"][0]["text"].as_str().unwrap()).unwrap();
    let records = trail.records(2).await;
    for (params, record) in [params, heard].iter().zip(&records) {
        let meta = params["_meta"].as_object().unwrap();
        let ours = meta.keys().filter(|key| key.to_lowercase().starts_with("dev.toolgate/"));
        assert_eq!(ours.collect::<Vec<_>>(), ["dev.toolgate/context"]);
        let decision = &meta["dev.toolgate/context"]["decision"];
        assert_eq!(decision["id"], record["decision_id"], "{record}");
        assert_eq!(decision["policy"], record["policy"]);
        assert!(decision["id"].as_str().is_some_and(|id| id.len() == 16), "{decision}");
    }
    assert_ne!(records[0]["decision_id"], records[1]["decision_id"]);
}

#[tokio::test]
async fn a_server_that_is_not_to_be_told_is_told_nothing() {
    let issuer = Issuer::start().await;
    let server = modern(|call: Call| async move { done(&call) }).await;
    let gateway = Gateway::serve(config(&issuer, &server.entry("crm", ""))).await;

    assert_eq!(call(&gateway, &token(&issuer, "ada")).await.status, 200);

    let call = server.seen("tools/call").await;
    assert!(!call.body.contains("dev.toolgate"), "{}", call.body);
    assert_eq!((call.header("authorization"), call.header("toolgate-context")), (None, None));
    assert_eq!(gateway.ask(&Ask::new("GET", "/.well-known/jwks.json")).await.status, 404);
}

#[tokio::test]
async fn a_static_credential_is_a_header_of_every_request() {
    let server = modern(|call: Call| async move { done(&call) }).await;
    let entry =
        server.entry("crm", ", upstream_auth: { type: static, header: X-Api-Key, value: hunter2 }");
    let gateway = Gateway::serve(format!("servers: [{entry}]")).await;

    let ask = Modern::of(&gateway).ask("1", "tools/call", r#"{"name":"t","arguments":{}}"#);
    gateway.ask(&ask).await;

    assert_eq!(server.seen("server/discover").await.header("x-api-key"), Some("hunter2"));
    assert_eq!(server.seen("tools/call").await.header("x-api-key"), Some("hunter2"));
    assert!(!gateway.whole_log().await.contains("hunter2"));
}

#[tokio::test]
async fn a_callers_token_is_passed_on_only_to_a_server_of_ones_own() {
    let issuer = Issuer::start().await;
    let server = modern(|call: Call| async move { done(&call) }).await;
    let other = modern(|call: Call| async move { done(&call) }).await;
    let own =
        server.entry("own", ", upstream_auth: { type: passthrough, i_own_this_upstream: true }");
    let entries = format!("{own}, {}", other.entry("other", ""));
    let gateway = Gateway::serve(config(&issuer, &entries)).await;
    let (ada, bob) = (token(&issuer, "ada"), token(&issuer, "bob"));

    for (token, tool) in [(&ada, "own_t"), (&bob, "own_t"), (&ada, "other_t")] {
        let params = format!(r#"{{"name":"{tool}","arguments":{{}}}}"#);
        let ask = Modern::of(&gateway).ask("1", "tools/call", &params);
        gateway.ask(&authorized(&ask, token)).await;
    }

    assert_eq!(shown(&server.nth("tools/call", 0).await), ada);
    assert_eq!(shown(&server.nth("tools/call", 1).await), bob);
    assert_eq!(other.seen("tools/call").await.header("authorization"), None);
}

#[tokio::test]
async fn a_servers_challenge_is_never_the_clients_to_answer() {
    let issuer = Issuer::start().await;
    let server = modern(|call: Call| async move {
        call.error(401, r#"{"code":-32001,"message":"no"}"#).header(
            "www-authenticate",
            r#"Bearer resource_metadata="https://evil.example/.well-known/x""#,
        )
    })
    .await;
    let entry = server.entry("crm", ", upstream_auth: { type: signed }");
    let gateway = Gateway::serve(config(&issuer, &entry)).await;

    let answer = call(&gateway, &token(&issuer, "ada")).await;

    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("www-authenticate"), None);
    assert_eq!(answer.result()["isError"], true);
    let text = answer.result().to_string();
    assert!(text.contains("refuses the gateway's credentials"), "{text}");
    assert!(!text.contains("evil.example"), "{text}");
    // Once with the token it held, once with a new one.
    assert_eq!(server.count("tools/call"), 2);
    let (first, second) = (server.nth("tools/call", 0).await, server.nth("tools/call", 1).await);
    assert_ne!(shown(&first), shown(&second));
}
