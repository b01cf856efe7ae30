//! Who may use what, through the real binary: lists, calls and the words of a refusal.

use serde_json::{Value, json};

use crate::support::{
    Answer, Ask, Call, Gateway, Issuer, Legacy, Modern, Reply, Server, modern, post,
};

const RESOURCE: &str = "https://gateway.example.com/mcp";

/// A code host: three tools, a prompt, two resources and a template.
fn host(call: Call) -> impl Future<Output = Reply> {
    let result = match call.method() {
        "tools/list" => {
            r#"{"resultType":"complete","tools":[{"name":"get_issue","inputSchema":{"type":"object"}},{"name":"push","inputSchema":{"type":"object"}},{"name":"delete_repo","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":true}}],"ttlMs":86400000,"cacheScope":"public"}"#
        }
        "prompts/list" => {
            r#"{"resultType":"complete","prompts":[{"name":"review"}],"ttlMs":0,"cacheScope":"public"}"#
        }
        "resources/list" => {
            r#"{"resultType":"complete","resources":[{"uri":"doc://open","name":"o"},{"uri":"doc://secret","name":"s"}],"ttlMs":0,"cacheScope":"public"}"#
        }
        "resources/templates/list" => {
            r#"{"resultType":"complete","resourceTemplates":[{"uriTemplate":"doc://{name}","name":"d"}],"ttlMs":0,"cacheScope":"public"}"#
        }
        "resources/read" => {
            r#"{"resultType":"complete","contents":[],"ttlMs":60000,"cacheScope":"public"}"#
        }
        "prompts/get" => r#"{"resultType":"complete","messages":[]}"#,
        "completion/complete" => r#"{"resultType":"complete","completion":{"values":["x"]}}"#,
        _ => r#"{"resultType":"complete","content":[{"type":"text","text":"done"}]}"#,
    };
    let reply = call.result(result);
    async move { reply }
}

struct Scene {
    issuer: Issuer,
    server: Server,
    gateway: Gateway,
}

impl Scene {
    /// A gateway with these rules, in front of one server called `github`, which has these keys.
    async fn with(rules: &str, keys: &str) -> Scene {
        let (issuer, server) = (Issuer::start().await, modern(host).await);
        let gateway = Gateway::serve(Scene::yaml(&issuer, &server, rules, keys)).await;
        Scene { issuer, server, gateway }
    }

    fn yaml(issuer: &Issuer, server: &Server, rules: &str, keys: &str) -> String {
        format!(
            "authentication:\n  resource: {RESOURCE}\n  jwt: [{{ issuer: '{}' }}]\n{rules}\nservers: [{}]",
            issuer.name(),
            server.entry("github", keys)
        )
    }

    fn bearer(&self, claims: Value) -> String {
        let mut all = json!({ "aud": RESOURCE });
        for (name, value) in claims.as_object().unwrap() {
            all[name] = value.clone();
        }
        format!("Bearer {}", self.issuer.token(&all))
    }

    async fn ask(&self, claims: Value, method: &str, params: &str) -> Answer {
        let ask = Modern::of(&self.gateway).ask("1", method, params);
        self.gateway.ask(&ask.header("Authorization", &self.bearer(claims))).await
    }

    async fn call(&self, claims: Value, tool: &str, arguments: &str) -> Answer {
        let params = format!(r#"{{"name":"{tool}","arguments":{arguments}}}"#);
        self.ask(claims, "tools/call", &params).await
    }

    /// The names in a list.
    async fn list(&self, claims: Value, method: &str) -> Vec<String> {
        let result = self.ask(claims, method, "{}").await.result();
        assert_eq!(result["cacheScope"], "private", "{result}");
        names(&result)
    }
}

fn names(result: &Value) -> Vec<String> {
    let members = ["tools", "prompts", "resources", "resourceTemplates"];
    let list = members.iter().find_map(|member| result[*member].as_array()).unwrap();
    let name = |entry: &Value| {
        let name = [&entry["uri"], &entry["uriTemplate"], &entry["name"]];
        name.iter().find_map(|name| name.as_str()).unwrap().to_owned()
    };
    list.iter().map(name).collect()
}

const ROLES: &str = "roles:
  viewer: { allow: ['github/get_*', 'github/doc://open'] }
  editor: { allow: ['github/push', 'github/review'], inherits: [viewer] }
  admin: { allow: ['github/*'] }";

fn role(name: &str) -> Value {
    json!({ "sub": name, "roles": [name] })
}

#[tokio::test]
async fn each_caller_sees_what_its_roles_allow_and_nothing_else() {
    let scene = Scene::with(ROLES, "").await;

    for (caller, method, expected) in [
        ("viewer", "tools/list", vec!["get_issue"]),
        ("editor", "tools/list", vec!["get_issue", "push"]),
        ("admin", "tools/list", vec!["get_issue", "push", "delete_repo"]),
        ("nobody", "tools/list", vec![]),
        ("viewer", "prompts/list", vec![]),
        ("editor", "prompts/list", vec!["review"]),
        ("viewer", "resources/list", vec!["doc://open"]),
        ("admin", "resources/list", vec!["doc://open", "doc://secret"]),
        ("viewer", "resources/templates/list", vec![]),
        ("admin", "resources/templates/list", vec!["doc://{name}"]),
    ] {
        assert_eq!(scene.list(role(caller), method).await, expected, "{caller} {method}");
    }
}

/// Case C1: what one caller's list holds is not what the next one gets. Case Z5: a tool that calls
/// itself read-only is as hidden as before.
#[tokio::test]
async fn lists_are_never_shared_between_callers() {
    let scene = Scene::with(ROLES, ", cache_scope: public, cache_ttl: 1h").await;

    for _ in 0..3 {
        assert_eq!(scene.list(role("admin"), "tools/list").await.len(), 3);
        assert_eq!(scene.list(role("viewer"), "tools/list").await, ["get_issue"]);
    }
}

/// Case C1: a list that stands in for a server that is away is that of who asks, where the server may
/// list something else for each.
#[tokio::test]
async fn a_list_that_is_remembered_is_its_own_callers() {
    let issuer = Issuer::start().await;
    let away = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let state = away.clone();
    let server = modern(move |call: Call| {
        let away = state.load(std::sync::atomic::Ordering::SeqCst);
        async move { if away { Reply::text(502, "text/plain", "") } else { host(call).await } }
    })
    .await;
    let entry = server.entry("github", ", upstream_auth: { type: signed }");
    let yaml = Scene::yaml(&issuer, &server, "policy: { default: allow }", "");
    let (head, _) = yaml.split_once("\nservers:").unwrap();
    let gateway = Gateway::serve(format!("{head}\nservers: [{entry}]")).await;
    let scene = Scene { issuer, server, gateway };
    let (ada, bob) = (json!({ "sub": "ada" }), json!({ "sub": "bob" }));
    assert_eq!(scene.list(ada.clone(), "tools/list").await.len(), 3);

    away.store(true, std::sync::atomic::Ordering::SeqCst);

    assert_eq!(scene.list(ada, "tools/list").await.len(), 3, "her own stands in");
    let refused = scene.ask(bob, "tools/list", "{}").await.json();
    assert!(refused["error"].is_object() && refused.get("result").is_none(), "{refused}");
}

/// Case Z1: what is hidden is answered exactly as what does not exist, and nothing leaves.
#[tokio::test]
async fn a_hidden_thing_is_answered_as_one_that_does_not_exist() {
    let scene = Scene::with(ROLES, "").await;

    for (method, member, hidden, unknown, rest) in [
        ("tools/call", "name", "delete_repo", "nonsenses_", r#","arguments":{}"#),
        ("prompts/get", "name", "review", "revoew", ""),
        ("resources/read", "uri", "doc://secret", "doc://nobody", ""),
    ] {
        let params = |name: &str| format!(r#"{{"{member}":"{name}"{rest}}}"#);
        let one = scene.ask(role("viewer"), method, &params(hidden)).await;
        let other = scene.ask(role("viewer"), method, &params(unknown)).await;
        assert_eq!((one.status, other.status), (200, 200));
        let one = one.body.replace(hidden, "X");
        assert_eq!(one, other.body.replace(unknown, "X"), "{method}");
        assert!(one.contains("-32602"), "{one}");
        assert_eq!(scene.server.count(method), 0, "{method}");
    }
    // Where all is permitted but for a few things, the gateway answers for its server.
    let rules = "policy: { default: allow, policies: ['forbid (principal, action, resource == Tool::\"github/push\");'] }";
    let open = Scene::with(rules, "").await;
    let hidden = open.call(role("viewer"), "push", "{}").await;
    let unknown = open.call(role("viewer"), "posh", "{}").await;
    assert_eq!(hidden.body, unknown.body.replace("posh", "push"));
    assert!(hidden.body.contains("-32602") && open.server.count("tools/call") == 0);
    let complete = |name: &str| {
        format!(
            r#"{{"ref":{{"type":"ref/prompt","name":"{name}"}},"argument":{{"name":"a","value":""}}}}"#
        )
    };
    let hidden = scene.ask(role("viewer"), "completion/complete", &complete("review")).await;
    assert_eq!(hidden.json()["error"]["message"], "unknown prompt: review");
    assert_eq!(scene.server.count("completion/complete"), 0);
    let seen = scene.ask(role("editor"), "completion/complete", &complete("review")).await;
    assert_eq!(seen.result()["completion"]["values"], json!(["x"]));
}

#[tokio::test]
async fn what_is_permitted_goes_through_and_is_kept_for_its_caller_alone() {
    let scene = Scene::with(ROLES, "").await;

    assert_eq!(
        scene.call(role("editor"), "push", "{}").await.result()["content"][0]["text"],
        "done"
    );
    let read = scene.ask(role("viewer"), "resources/read", r#"{"uri":"doc://open"}"#).await;

    assert_eq!(read.result()["cacheScope"], "private");
    assert_eq!(scene.server.count("tools/call"), 1);
}

/// A method that MCP does not define is for whom a policy names it for, whatever else is allowed.
#[tokio::test]
async fn a_method_that_mcp_does_not_define_needs_a_permit_that_names_it() {
    let named = r#"
policy:
  policies: ['permit (principal in Role::"admin", action == Action::"send", resource == Method::"github/vendor/reindex");']"#;
    let scene = Scene::with(&format!("{ROLES}{named}"), "").await;

    for (who, method, permitted) in [
        ("admin", "vendor/delete_all", false),
        ("viewer", "vendor/reindex", false),
        ("admin", "vendor/reindex", true),
    ] {
        let answer = scene.ask(role(who), method, "{}").await;
        assert_eq!(scene.server.count(method), usize::from(permitted), "{who} {method}");
        if permitted {
            assert_eq!(answer.result()["content"][0]["text"], "done");
            continue;
        }
        let error = &answer.json()["error"];
        assert_eq!((answer.status, &error["code"]), (404, &json!(-32601)));
        let text = format!("no rule permits the method \"{method}\", which is none of MCP");
        assert_eq!(error["message"], text);
    }
}

#[tokio::test]
async fn missing_scopes_are_a_challenge_to_both_eras() {
    let keys = ", required_scopes: ['mcp:tools'], tool_scopes: { push: ['repo:write'] }";
    let scene = Scene::with("", keys).await;
    let held = json!({ "sub": "ada", "scope": "mcp:tools" });
    let metadata = "https://gateway.example.com/.well-known/oauth-protected-resource/mcp";

    let refused = scene.call(held.clone(), "push", "{}").await;
    assert_eq!(refused.status, 403);
    assert_eq!(
        refused.header("www-authenticate").unwrap(),
        format!(
            r#"Bearer error="insufficient_scope", scope="mcp:tools repo:write", resource_metadata="{metadata}", error_description="the scope mcp:tools repo:write is needed""#
        )
    );
    let error = &refused.json()["error"];
    assert_eq!(error["message"], r#""push" needs the scope repo:write (held: mcp:tools)"#);
    assert_eq!(error["data"]["category"], "forbidden");
    assert_eq!(scene.server.count("tools/call"), 0);

    // The session began with one token; the next request brings another.
    let hello = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#;
    let opened =
        scene.gateway.ask(&post(hello).header("Authorization", &scene.bearer(held.clone()))).await;
    let session = opened.header("mcp-session-id").unwrap().to_owned();
    let push =
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"push","arguments":{}}}"#;
    let ask = |claims: Value| {
        post(push).header("Mcp-Session-Id", &session).header("Authorization", &scene.bearer(claims))
    };
    let refused = scene.gateway.ask(&ask(held)).await;
    assert_eq!(refused.status, 403);
    assert!(refused.header("www-authenticate").unwrap().contains("insufficient_scope"));
    let stepped_up = json!({ "sub": "ada", "scope": "mcp:tools repo:write" });
    let done = scene.gateway.ask(&ask(stepped_up.clone())).await;
    assert_eq!(done.result()["content"][0]["text"], "done");
    let stepped_down = json!({ "sub": "ada", "scope": "mcp:tools" });
    assert_eq!(scene.gateway.ask(&ask(stepped_down)).await.status, 403);

    assert_eq!(scene.list(stepped_up, "tools/list").await.len(), 3);
    let lacking = json!({ "sub": "bob", "scope": "mcp:tools" });
    assert_eq!(scene.list(lacking, "tools/list").await, ["get_issue", "delete_repo"]);
}

#[tokio::test]
async fn a_refusal_names_the_roles_where_the_rules_disclose_them() {
    let scene = Scene::with(&format!("{ROLES}\npolicy: {{ disclose: roles }}"), "").await;

    let refused = scene.call(role("viewer"), "push", "{}").await.result();
    assert_eq!(refused["isError"], true);
    let text = refused["content"][0]["text"].as_str().unwrap();
    assert!(text.starts_with(r#""push" needs one of the roles admin, editor"#), "{text}");
    let refused = scene.call(role("editor"), "delete_repo", "{}").await.result();
    let text = refused["content"][0]["text"].as_str().unwrap();
    assert!(text.starts_with(r#""delete_repo" needs the role admin"#), "{text}");
    assert_eq!(scene.server.count("tools/call"), 0);
}

/// Case Z3: an argument decides, however it is written, and a forbid that cannot be evaluated
/// denies.
#[tokio::test]
async fn a_call_is_refused_for_its_arguments() {
    let rules = r#"policy:
  default: allow
  tools: { github/push: { arguments: { branch: text } } }
  policies:
    - |
      @id("main is protected") @description("open a pull request instead")
      forbid (principal, action, resource == Tool::"github/push")
      unless { context.arguments has branch && context.arguments.branch != "main" };"#;
    let scene = Scene::with(rules, "").await;

    for (arguments, permitted) in [
        (r#"{"branch":"work"}"#, true),
        (r#"{"branch":"main"}"#, false),
        (r#"{"branch":"m\u0061in"}"#, false),
        (r#"{"branch":["main"]}"#, false),
        // A server that does not tell cases apart would take the other one.
        (r#"{"branch":"work","Branch":"main"}"#, false),
        (r#"{"branch":"work","BRAN\u0043H":"main"}"#, false),
        ("{}", false),
    ] {
        let result = scene.call(json!({ "sub": "ada" }), "push", arguments).await.result();
        assert_eq!(result["isError"] != true, permitted, "{arguments}: {result}");
    }
    let main = scene.call(json!({ "sub": "ada" }), "push", r#"{"branch":"main"}"#).await.result();
    let text = main["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("not permitted like this: open a pull request instead"), "{text}");
    assert_eq!(scene.server.count("tools/call"), 1);
    assert_eq!(scene.list(json!({ "sub": "ada" }), "tools/list").await.len(), 3);
}

/// Case C4: what a list said stays at the client for a day; the call after a change is refused.
#[tokio::test]
async fn a_changed_policy_holds_for_the_next_call() {
    let scene = Scene::with(ROLES, "").await;
    assert!(scene.list(role("editor"), "tools/list").await.contains(&"push".to_owned()));
    assert_eq!(scene.call(role("editor"), "push", "{}").await.status, 200);

    let less = ROLES.replace("'github/push', ", "");
    scene.gateway.rewrite(Scene::yaml(&scene.issuer, &scene.server, &less, ""));
    scene.gateway.logged("the new configuration is in use").await;

    let refused = scene.call(role("editor"), "push", "{}").await;
    assert_eq!(refused.json()["error"]["message"], "unknown tool: push");
    assert_eq!(scene.server.count("tools/call"), 1);
}

/// Case Z7: what came in by one tool does not go out by another, in one session of an older client
/// and for one modern caller.
#[tokio::test]
async fn a_session_that_has_read_both_may_not_send() {
    let rules = "policy:
  default: allow
  tools:
    github/get_issue: { labels: [untrusted] }
    github/delete_repo: { labels: [private] }
    github/push: { labels: [sink] }
  flows: [{ after: [untrusted, private], to: [sink] }]";
    let scene = Scene::with(rules, "").await;
    let ada = json!({ "sub": "ada" });
    let is_error = |answer: Answer| answer.result()["isError"] == true;

    assert!(!is_error(scene.call(ada.clone(), "get_issue", "{}").await));
    assert!(!is_error(scene.call(ada.clone(), "push", "{}").await));
    assert!(!is_error(scene.call(ada.clone(), "delete_repo", "{}").await));
    let refused = scene.call(ada.clone(), "push", "{}").await.result();
    let text = refused["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("what is untrusted and private was used before"), "{text}");
    assert!(!is_error(scene.call(json!({ "sub": "bob" }), "push", "{}").await));
    assert_eq!(scene.server.count("tools/call"), 4);
}

#[tokio::test]
async fn what_needs_a_person_is_refused_where_nobody_can_be_asked() {
    let rules = r#"roles: { editor: { allow: ['github/*'] } }
policy:
  policies: ['@approve("delete it for good?") permit (principal, action, resource == Tool::"github/delete_repo");']"#;
    let scene = Scene::with(rules, "").await;

    let refused = scene.call(role("editor"), "delete_repo", "{}").await.result();

    let text = refused["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("needs the consent of a person: delete it for good?"), "{text}");
    assert_eq!(scene.server.count("tools/call"), 0);
}

/// Case J12, variant: each request of a batch is decided on by itself.
#[tokio::test]
async fn a_batch_is_no_way_around() {
    let server = crate::support::legacy_with("2025-03-26", r#"{"tools":{}}"#, host).await;
    let gateway = Gateway::serve(format!(
        "policy: {{ default: allow, policies: ['forbid (principal, action, resource == Tool::\"github/push\");'] }}\nservers: [{}]",
        server.entry("github", "")
    ))
    .await;
    let client = Legacy::open(&gateway, "2025-03-26", "{}").await;
    let call = |id: u32, tool: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}","arguments":{{}}}}}}"#
        )
    };

    let body = format!("[{},{}]", call(1, "push"), call(2, "get_issue"));
    let answers = client.send(&client.sign(post(body))).await.answer().await.json();

    let answers = answers.as_array().unwrap();
    let of = |id: u32| answers.iter().find(|answer| answer["id"] == id).unwrap();
    assert_eq!(of(1)["error"]["message"], "unknown tool: push");
    assert_eq!(of(2)["result"]["content"][0]["text"], "done");
    assert_eq!(server.count("tools/call"), 1);
    let tools = client.request("3", "tools/list", "{}").await.result();
    assert_eq!(names(&tools), ["get_issue", "delete_repo"]);
}

#[tokio::test]
async fn several_servers_are_filtered_each_by_its_own_names() {
    let (one, two) = (modern(host).await, modern(host).await);
    let gateway = Gateway::serve(format!(
        "policy: {{ default: deny, policies: ['permit (principal, action, resource == Tool::\"one/push\");'] }}\nservers: [{}, {}]",
        one.entry("one", ""),
        two.entry("two", "")
    ))
    .await;
    let client = Modern::of(&gateway);

    let tools = client.request("1", "tools/list", "{}").await.result();
    assert_eq!(names(&tools), ["one_push"]);
    assert_eq!(client.call("one_push", "{}").await.result()["content"][0]["text"], "done");
    let refused = client.call("two_push", "{}").await.json();
    assert_eq!(refused["error"]["message"], "unknown tool: two_push");
    assert_eq!((one.count("tools/call"), two.count("tools/call")), (1, 0));
}

#[tokio::test]
async fn pages_hold_what_the_caller_may_know_of_and_lead_to_the_end() {
    let server = modern(|call: Call| async move {
        let from: usize =
            call.json["params"]["cursor"].as_str().map_or(0, |at| at.parse().unwrap());
        let tools: Vec<String> = (from..from + 10)
            .map(|n| {
                let kind = if n % 7 == 0 { "get" } else { "set" };
                format!(r#"{{"name":"{kind}_{n}","inputSchema":{{"type":"object"}}}}"#)
            })
            .collect();
        let next =
            if from < 90 { format!(r#","nextCursor":"{}""#, from + 10) } else { String::new() };
        call.result(&format!(
            r#"{{"resultType":"complete","tools":[{}],"ttlMs":0,"cacheScope":"public"{next}}}"#,
            tools.join(",")
        ))
    })
    .await;
    let gateway = Gateway::serve(format!(
        "limits: {{ page: 4 }}\npolicy: {{ default: deny, policies: ['permit (principal, action, resource) when {{ resource.name like \"get_*\" }};'] }}\nservers: [{}]",
        server.entry("up", "")
    ))
    .await;
    let client = Modern::of(&gateway);

    let (mut all, mut pages, mut params) = (Vec::new(), 0, "{}".to_owned());
    loop {
        let page = client.request("1", "tools/list", &params).await.result();
        all.extend(names(&page));
        pages += 1;
        match page["nextCursor"].as_str() {
            Some(next) => params = json!({ "cursor": next }).to_string(),
            None => break,
        }
    }

    let expected: Vec<String> = (0..100).step_by(7).map(|n| format!("get_{n}")).collect();
    assert_eq!(all, expected);
    assert!(pages <= 5, "{pages} pages for {} tools", all.len());
}

#[tokio::test]
async fn nobody_hears_of_changes_of_what_it_may_not_read() {
    let scene = Scene::with(ROLES, "").await;
    let ask = Modern::of(&scene.gateway).ask(
        "7",
        "subscriptions/listen",
        r#"{"notifications":{"resourceSubscriptions":["doc://open","doc://secret"]}}"#,
    );
    let bearer = scene.bearer(role("viewer"));
    let _listening = scene.gateway.send(&ask.header("Authorization", &bearer)).await;

    let asked = scene.server.seen("subscriptions/listen").await;

    let text = asked.json["params"]["notifications"]["resourceSubscriptions"].to_string();
    assert_eq!(text, r#"["doc://open"]"#);
}

#[tokio::test]
async fn no_rules_leave_every_byte_as_it_was() {
    let server = modern(host).await;
    let gateway = Gateway::before(&server).await;

    let tools = Modern::of(&gateway).request("1", "tools/list", "{}").await;

    assert!(tools.body.contains(r#""ttlMs":86400000,"cacheScope":"public""#), "{}", tools.body);
    assert_eq!(gateway.ask(&Ask::new("GET", "/health")).await.status, 200);
}
