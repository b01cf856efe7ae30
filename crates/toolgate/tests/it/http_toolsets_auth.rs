//! Each toolset is a resource of its own: its document, its tokens, its scopes, its part in rules
//! and records.

use serde_json::json;

use crate::support::{
    Answer, Ask, Call, DevIssuer, Gateway, Legacy, Modern, Server, Trail, modern, post,
};

const WHOLE: &str = "https://gateway.example.com/mcp";

struct Scene {
    issuer: DevIssuer,
    server: Server,
    gateway: Gateway,
}

impl Scene {
    async fn open(more: &str) -> Scene {
        let issuer = DevIssuer::start(&["--user", "ada:scopes=crm:read,crm:write"]).await;
        let server = modern(|call: Call| async move {
            match call.method() {
                "tools/list" => call.result(
                    r#"{"resultType":"complete","tools":[{"name":"find","inputSchema":{"type":"object"}},{"name":"drop","inputSchema":{"type":"object"}}],"ttlMs":0,"cacheScope":"private"}"#,
                ),
                _ => call.result(r#"{"resultType":"complete","content":[]}"#),
            }
        })
        .await;
        let gateway = Gateway::serve(format!(
            "authentication:\n  resource: {WHOLE}\n  jwt: [{{ issuer: '{}' }}]\n{more}\nservers: [{}]",
            issuer.name(),
            server.entry("crm", "")
        ))
        .await;
        Scene { issuer, server, gateway }
    }

    async fn bearer(&self, scope: &str, resource: &str) -> String {
        format!("Bearer {}", self.issuer.token("ada", scope, resource).await)
    }

    async fn call(&self, toolset: &str, tool: &str, authorization: &str) -> Answer {
        let params = json!({ "name": tool, "arguments": {} }).to_string();
        let ask = Modern::within(&self.gateway, toolset).ask("1", "tools/call", &params);
        self.gateway.ask(&ask.header("Authorization", authorization)).await
    }
}

const TOOLSETS: &str = "toolsets:
  reading: { title: Reading, tools: [find], required_scopes: ['crm:read'] }
  writing: { tools: [drop], required_scopes: ['crm:write'] }";

fn challenge(answer: &Answer) -> &str {
    answer.header("www-authenticate").expect("a challenge")
}

fn parameter(challenge: &str, name: &str) -> Option<String> {
    let rest = challenge.split(&format!("{name}=\"")).nth(1)?;
    Some(rest.split('"').next()?.to_owned())
}

/// RFC 9728, for Streamable HTTP and for HTTP+SSE.
#[tokio::test]
async fn each_toolset_has_its_own_document_which_its_challenge_names() {
    let scene = Scene::open(TOOLSETS).await;

    for (verb, path, title, scope) in [
        ("POST", "/mcp/reading", "Reading", "crm:read"),
        ("POST", "/mcp/writing", "toolgate", "crm:write"),
        ("GET", "/sse/reading", "Reading", "crm:read"),
    ] {
        let refused = scene.gateway.ask(&Ask::new(verb, path)).await;
        assert_eq!(refused.status, 401, "{path}");
        let place = parameter(challenge(&refused), "resource_metadata").unwrap();
        let expected = format!("/.well-known/oauth-protected-resource{path}");
        assert_eq!(place, format!("https://gateway.example.com{expected}"));
        assert_eq!(parameter(challenge(&refused), "scope").as_deref(), Some(scope));
        let document = scene.gateway.ask(&Ask::new("GET", &expected)).await;
        assert_eq!(
            document.json(),
            json!({
                "resource": format!("https://gateway.example.com{path}"),
                "authorization_servers": [scene.issuer.name()],
                "scopes_supported": [scope],
                "bearer_methods_supported": ["header"],
                "resource_name": title,
            })
        );
    }
    let none = Ask::new("GET", "/.well-known/oauth-protected-resource/mcp/none");
    assert_eq!(scene.gateway.ask(&none).await.status, 404);
}

#[tokio::test]
async fn a_token_is_good_for_the_endpoint_that_it_is_for_and_for_no_other() {
    let scene = Scene::open(TOOLSETS).await;
    let all = "crm:read crm:write";
    let reading = scene.bearer(all, &format!("{WHOLE}/reading")).await;
    let writing = scene.bearer(all, &format!("{WHOLE}/writing")).await;
    let whole = scene.bearer(all, WHOLE).await;

    assert_eq!(scene.call("reading", "find", &reading).await.result()["content"], json!([]));
    for (toolset, token) in
        [("writing", &reading), ("reading", &writing), ("reading", &whole), ("writing", &whole)]
    {
        let refused = scene.call(toolset, "find", token).await;
        assert_eq!(refused.status, 401);
        assert_eq!(parameter(challenge(&refused), "error").as_deref(), Some("invalid_token"));
    }
    let ask = Modern::of(&scene.gateway).ask("1", "tools/call", r#"{"name":"find"}"#);
    let at_whole = scene.gateway.ask(&ask.header("Authorization", &reading)).await;
    assert_eq!(at_whole.status, 401);
    assert_eq!(scene.server.count("tools/call"), 1);
}

#[tokio::test]
async fn an_audience_that_the_configuration_names_is_good_everywhere() {
    let issuer = DevIssuer::start(&["--user", "ada:scopes=crm:read"]).await;
    let server = modern(|call: Call| async move {
        match call.method() {
            "tools/list" => call.result(r#"{"resultType":"complete","tools":[{"name":"find","inputSchema":{}}],"ttlMs":0,"cacheScope":"private"}"#),
            _ => call.result(r#"{"resultType":"complete","content":[]}"#),
        }
    })
    .await;
    let gateway = Gateway::serve(format!(
        "authentication:\n  resource: {WHOLE}\n  jwt: [{{ issuer: '{}', audience: ['{WHOLE}'] }}]\n{TOOLSETS}\nservers: [{}]",
        issuer.name(),
        server.entry("crm", "")
    ))
    .await;
    let token = format!("Bearer {}", issuer.token("ada", "crm:read", WHOLE).await);

    for ask in [
        Modern::within(&gateway, "reading").ask("1", "tools/call", r#"{"name":"find"}"#),
        Modern::of(&gateway).ask("1", "tools/call", r#"{"name":"find"}"#),
    ] {
        assert_eq!(gateway.ask(&ask.header("Authorization", &token)).await.status, 200);
    }
}

#[tokio::test]
async fn whoever_lacks_a_scope_of_the_toolset_is_told_which() {
    let scene = Scene::open(TOOLSETS).await;
    let token = scene.bearer("crm:read", &format!("{WHOLE}/writing")).await;

    let refused = scene.call("writing", "drop", &token).await;

    assert_eq!(refused.status, 403);
    let told = challenge(&refused);
    assert_eq!(parameter(told, "error").as_deref(), Some("insufficient_scope"));
    assert_eq!(parameter(told, "scope").as_deref(), Some("crm:write"));
    let place = parameter(told, "resource_metadata").unwrap();
    assert!(place.ends_with("/.well-known/oauth-protected-resource/mcp/writing"), "{place}");
    assert_eq!(scene.server.count("tools/call"), 0);
}

/// A scope that a rule asks for is challenged at the endpoint of the toolset, with those that the
/// toolset itself needs.
#[tokio::test]
async fn a_challenge_within_a_toolset_names_all_scopes_and_its_document() {
    let rules =
        "policy: { default: allow, tools: { crm/find: { required_scopes: ['crm:find'] } } }";
    let scene = Scene::open(&format!("{rules}\n{TOOLSETS}")).await;
    let resource = format!("{WHOLE}/reading");
    let token = scene.bearer("crm:read", &resource).await;

    let new = scene.call("reading", "find", &token).await;
    let body = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"it","version":"1"}}}"#;
    let ask = post(body).within("reading").header("Authorization", &token);
    let session = scene.gateway.ask(&ask).await.header("mcp-session-id").unwrap().to_owned();
    let ask = post(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"find"}}"#)
        .within("reading")
        .header("Mcp-Session-Id", &session)
        .header("Authorization", &token);
    let old = scene.gateway.ask(&ask).await;

    for refused in [new, old] {
        assert_eq!(refused.status, 403);
        let told = challenge(&refused);
        assert_eq!(parameter(told, "scope").as_deref(), Some("crm:find crm:read"));
        let place = parameter(told, "resource_metadata").unwrap();
        assert!(place.ends_with("/oauth-protected-resource/mcp/reading"), "{place}");
    }
    assert_eq!(scene.server.count("tools/call"), 0);
}

#[tokio::test]
async fn rules_and_records_know_the_toolset_that_was_called_through() {
    let trail = Trail::new();
    let server = modern(|call: Call| async move {
        match call.method() {
            "tools/list" => call.result(r#"{"resultType":"complete","tools":[{"name":"find","inputSchema":{}},{"name":"drop","inputSchema":{}}],"ttlMs":0,"cacheScope":"private"}"#),
            _ => call.result(r#"{"resultType":"complete","content":[]}"#),
        }
    })
    .await;
    let more = "toolsets: { all: { servers: [up] }, reading: { tools: [find] } }
policy:
  default: allow
  policies:
    - '@id(\"only in all\") forbid (principal, action == Action::\"call\", resource == Tool::\"up/find\") unless { context has toolset && context.toolset == \"all\" };'";
    let gateway = Gateway::serve(trail.before(&server, more)).await;

    Modern::within(&gateway, "all").call("find", "{}").await.result();
    for elsewhere in [Modern::within(&gateway, "reading"), Modern::of(&gateway)] {
        assert_eq!(elsewhere.call("find", "{}").await.result()["isError"], true);
    }
    let outside = Modern::within(&gateway, "reading").call("drop", "{}").await;
    assert_eq!(outside.json()["error"]["message"], "unknown tool: drop");
    let old = Legacy::within(&gateway, "all", "2025-11-25").await;
    old.call("find", "{}").await.result();

    let records = trail.records(6).await;
    let told: Vec<_> = records
        .iter()
        .filter(|record| record["method"] == "tools/call" && record["outcome"].is_string())
        .map(|record| json!([record["toolset"], record["tool"], record["outcome"]]))
        .collect();
    assert_eq!(
        told,
        [
            json!(["all", "find", "ok"]),
            json!(["reading", "find", "refused"]),
            json!([null, "find", "refused"]),
            json!(["reading", "drop", "refused"]),
            json!(["all", "find", "ok"]),
        ]
    );
    assert_eq!(server.count("tools/call"), 2);
}
