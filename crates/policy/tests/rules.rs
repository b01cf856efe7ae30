//! Rules as people write them, and what they decide.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod scene;

use scene::{caller, catalog, compile, problems, rules};
use serde_json::json;
use toolgate_policy::{Context, Effect, Table, Thing};

const NOW: Context<'_> = Context {
    arguments: None,
    session: None,
    toolset: None,
    time: 1_785_240_000,
    ip: None,
    revision: None,
    touched: &[],
};

fn with(arguments: &str) -> Context<'_> {
    Context { arguments: Some(arguments.as_bytes()), ..NOW }
}

#[test]
fn without_rules_whoever_is_let_in_may_use_everything() {
    let policy = compile(json!({}));

    let decision = policy.decide(&caller(&[], &[]), &Thing::tool("github", "push"), &NOW);

    assert_eq!(decision.effect, Effect::Allow);
    assert_eq!(*decision.rules, ["default".into()]);
}

#[test]
fn a_role_may_use_what_its_patterns_match_and_nothing_else_exists_for_it() {
    let policy = compile(json!({ "roles": {
        "viewer": { "allow": ["github/get_*", "wiki/*"], "deny": ["wiki/drop"] },
        "editor": { "allow": ["github/push"], "inherits": ["viewer"] },
    } }));

    for (role, server, tool, effect) in [
        ("viewer", "github", "get_issue", Effect::Allow),
        ("viewer", "github", "push", Effect::Deny),
        ("viewer", "wiki", "drop", Effect::Deny),
        ("editor", "github", "get_issue", Effect::Allow),
        ("editor", "github", "push", Effect::Allow),
        ("editor", "wiki", "drop", Effect::Deny),
        ("nobody", "github", "get_issue", Effect::Deny),
    ] {
        let (caller, thing) = (caller(&[role], &[]), Thing::tool(server, tool));
        let decision = policy.decide(&caller, &thing, &NOW);
        assert_eq!(decision.effect, effect, "{role} {thing}");
        assert_eq!(decision.visible, effect == Effect::Allow, "{role} {thing}");
        assert_eq!(policy.may_see(&caller, &thing), effect == Effect::Allow, "{role} {thing}");
        assert_eq!(decision.missing(), None);
    }
}

#[test]
fn missing_scopes_are_named_and_roles_only_where_the_rules_disclose_them() {
    let text = json!({
        "roles": { "editor": { "allow": ["github/*"] } },
        "servers": { "github": { "required_scopes": ["repo"] } },
        "tools": { "github/push": { "required_scopes": ["repo:write"] } },
    });
    let push = Thing::tool("github", "push");
    let policy = compile(text.clone());

    let lacking = policy.decide(&caller(&["editor"], &["repo"]), &push, &NOW);
    let stranger = policy.decide(&caller(&[], &["repo"]), &push, &NOW);
    let granted = policy.decide(&caller(&["editor"], &["repo", "repo:write"]), &push, &NOW);

    assert_eq!(lacking.effect, Effect::Deny);
    assert_eq!(lacking.missing().unwrap().scopes, ["repo:write"]);
    assert_eq!((stranger.visible, stranger.missing()), (false, None));
    assert_eq!(granted.effect, Effect::Allow);

    let mut open = text;
    open["disclose"] = json!("roles");
    let told = compile(open).decide(&caller(&[], &["repo"]), &push, &NOW);
    assert_eq!(told.missing().unwrap().roles, ["editor"]);
    assert_eq!(told.missing().unwrap().scopes, ["repo:write"]);
}

#[test]
fn an_argument_can_forbid_a_call_whatever_tricks_it_is_written_with() {
    let policy = compile(json!({
        "default": "allow",
        "policies": [r#"@id("not to main") forbid (principal, action, resource == Tool::"github/push")
            when { context.arguments.branch == "main" };"#],
    }));
    let (caller, push) = (caller(&[], &[]), Thing::tool("github", "push"));

    assert!(policy.reads_arguments(&push));
    assert!(!policy.reads_arguments(&Thing::tool("github", "get_issue")));
    for (arguments, effect) in [
        (r#"{"branch":"work"}"#, Effect::Allow),
        (r#"{"branch":"main"}"#, Effect::Deny),
        (r#"{"branch":"m\u0061in"}"#, Effect::Deny),
        (r#"{"branch":"work","branch":"main"}"#, Effect::Deny),
        (r#"{"branch":"main","branch":"work"}"#, Effect::Deny),
        (r#"{"branch":["main"]}"#, Effect::Deny),
        (r#"{"branch":null}"#, Effect::Deny),
        (r#"{"branch":1.5}"#, Effect::Deny),
        ("{}", Effect::Deny),
        ("[", Effect::Deny),
    ] {
        let decision = policy.decide(&caller, &push, &with(arguments));
        assert_eq!(decision.effect, effect, "{arguments}");
        assert!(decision.visible);
    }
    let main = policy.decide(&caller, &push, &with(r#"{"branch":"main"}"#));
    assert_eq!((*main.rules).to_vec(), ["not to main".into()]);
}

#[test]
fn a_server_that_praises_its_tool_relaxes_nothing() {
    let policy = compile(json!({ "roles": { "viewer": { "allow": ["github/get_*"] } } }));
    let delete = Thing::tool("github", "delete");
    assert_eq!(policy.decide(&caller(&["viewer"], &[]), &delete, &NOW).effect, Effect::Deny);

    let text = "permit (principal, action == Action::\"call\", resource) when { resource.declared has readOnlyHint && resource.declared.readOnlyHint };";
    let found = problems(json!({ "policies": [text] }));
    assert_eq!(found.len(), 1);
    assert!(found[0].text.contains("a permit may not rest on `declared`"), "{found:?}");

    let strict = compile(json!({ "default": "allow", "policies": [
        "forbid (principal, action, resource) unless { resource.declared has readOnlyHint && resource.declared.readOnlyHint };"
    ] }));
    assert!(strict.may_see(&caller(&[], &[]), &delete));
    assert!(!strict.may_see(&caller(&[], &[]), &Thing::tool("github", "push")));
}

#[test]
fn a_rule_that_fails_denies() {
    let policy = compile(json!({
        "default": "allow",
        "claims": { "level": "whole" },
        "policies": [r#"@id("overflow") forbid (principal, action, resource)
            when { principal.claims has level && principal.claims.level * 4 > 100 };"#],
    }));
    let push = Thing::tool("github", "push");
    let ask = |level| policy.decide(&scene::claiming(json!({ "level": level })), &push, &NOW);

    assert_eq!(ask(json!(1)).effect, Effect::Allow);
    assert_eq!(ask(json!(26)).effect, Effect::Deny);
    for unfit in [json!(i64::MAX), json!("1"), json!(1.5)] {
        let decision = ask(unfit);
        assert_eq!(decision.effect, Effect::Deny);
        assert!(decision.error.is_some());
        assert!(!decision.visible);
    }
}

#[test]
fn a_permit_may_ask_for_a_person() {
    let policy = compile(json!({
        "roles": { "editor": { "allow": ["github/*"] } },
        "policies": [r#"@approve("really delete?") permit (principal in Role::"editor", action, resource == Tool::"github/delete");"#],
    }));

    let delete = policy.decide(&caller(&["editor"], &[]), &Thing::tool("github", "delete"), &NOW);
    let push = policy.decide(&caller(&["editor"], &[]), &Thing::tool("github", "push"), &NOW);

    assert_eq!(delete.effect, Effect::Approve);
    assert_eq!(*delete.approve, ["really delete?".into()]);
    assert_eq!(push.effect, Effect::Allow);
}

#[test]
fn two_tokens_of_one_principal_are_not_taken_for_each_other() {
    let policy = compile(json!({ "tools": { "github/push": { "required_scopes": ["w"] } } }));
    let push = Thing::tool("github", "push");

    for _ in 0..3 {
        assert_eq!(policy.decide(&caller(&[], &["w"]), &push, &NOW).effect, Effect::Allow);
        assert_eq!(policy.decide(&caller(&[], &[]), &push, &NOW).effect, Effect::Deny);
    }
}

#[test]
fn what_is_misspelt_is_a_problem_with_a_way_out() {
    let policy = |text: &str| json!({ "policies": [text] });
    for (written, path, expected) in [
        (
            json!({ "roles": { "a": { "allow": ["githib/push"] } } }),
            "/roles/a/allow/0",
            "did you mean \"github\"?",
        ),
        (
            json!({ "roles": { "a": { "allow": ["github/pusch"] } } }),
            "/roles/a/allow/0",
            "did you mean \"push\"?",
        ),
        (json!({ "roles": { "a": { "allow": ["push"] } } }), "/roles/a/allow/0", "SERVER/push"),
        (
            json!({ "roles": { "a": { "inherits": ["b"] } } }),
            "/roles/a/inherits/0",
            "add it to roles",
        ),
        (
            json!({ "tools": { "github/pusch": { "required_scopes": ["w"] } } }),
            "/tools/github~1pusch/required_scopes",
            "did you mean \"push\"?",
        ),
        (
            policy(r#"permit (principal, action, resource == Tool::"github/pusch");"#),
            "/policies/0",
            "did you mean \"push\"?",
        ),
        (
            policy(r#"permit (principal, action, resource in Server::"githib");"#),
            "/policies/0",
            "did you mean \"github\"?",
        ),
        (
            policy(r#"permit (principal, action == Action::"cal", resource);"#),
            "/policies/0",
            "did you mean \"call\"?",
        ),
        (
            policy(r#"permit (principal in Rolle::"x", action, resource);"#),
            "/policies/0",
            "did you mean \"Role\"?",
        ),
        (
            policy(
                "permit (principal, action, resource) when { principal.scope.contains(\"a\") };",
            ),
            "/policies/0",
            "did you mean `scopes`?",
        ),
        (
            policy("permit (principal, action, resource) when { principal.tenant == \"a\" };"),
            "/policies/0",
            "has",
        ),
        (
            policy(
                r#"permit (principal, action, resource == Tool::"github/push") when { context.arguments.brunch == "x" };"#,
            ),
            "/policies/0",
            "did you mean \"branch\"?",
        ),
        (
            policy(r#"@aprove("x") permit (principal, action, resource);"#),
            "/policies/0",
            "did you mean \"approve\"?",
        ),
        (
            policy("permit (principal, action, resource)\nwhen { a b };"),
            "/policies/0",
            "unexpected",
        ),
        (policy("forbid (principal, action, resource);"), "/default", "default: allow"),
        (
            policy(
                r#"permit (principal, action, resource) unless { context.touched.contains("secrt") };"#,
            ),
            "/policies/0",
            "nothing has the label",
        ),
        (policy("permit (principal == ?principal, action, resource);"), "/policies/0", "slots"),
    ] {
        let found = problems(written.clone());
        assert!(
            found.iter().any(|one| one.path == path && one.text.contains(expected)),
            "{written}\n{found:#?}"
        );
    }
}

#[test]
fn an_unknown_schema_is_no_obstacle_if_the_rules_tell_the_types() {
    let text = json!({
        "default": "allow",
        "policies": [r#"forbid (principal, action, resource == Tool::"late/send")
            when { context.arguments has to && context.arguments.to like "*@rival.example" };"#],
        "tools": { "late/send": { "arguments": { "to": "text" } } },
    });
    let policy = compile(text.clone());
    let send = Thing::tool("late", "send");
    let denied = policy.decide(&caller(&[], &[]), &send, &with(r#"{"to":"x@rival.example"}"#));
    assert_eq!(denied.effect, Effect::Deny);

    let mut without = text;
    without["tools"] = json!({});
    assert!(problems(without)[0].text.contains("add it to tools"));
}

#[test]
fn a_table_of_cases_says_which_differ_and_why() {
    let policy = compile(json!({ "roles": { "viewer": { "allow": ["github/get_*"] } } }));
    let table = json!([
        { "caller": { "subject": "ann", "roles": ["viewer"] }, "tool": "github/get_issue", "expect": "allow", "missing": [] },
        { "caller": { "subject": "bob" }, "tool": "github/get_issue", "expect": "allow" },
        { "tool": "nonsense", "expect": "deny" },
    ]);

    let outcomes = Table::from_json(table.to_string().as_bytes()).unwrap().run(&policy);

    assert!(outcomes[0].passed(), "{}", outcomes[0]);
    assert_eq!(outcomes[1].differences, ["expected allow, found deny"]);
    assert!(outcomes[1].to_string().contains("bob may not use github/get_issue"));
    assert!(!outcomes[2].passed());
}

#[test]
fn an_explanation_names_the_rule_that_decided_and_where_it_stands() {
    let policy = compile(json!({ "roles": { "viewer": { "allow": ["github/get_*"] } } }));
    let said = policy.explain(&caller(&["viewer"], &[]), &Thing::tool("github", "get_issue"), &NOW);

    assert_eq!(said.rules[0].path, "/roles/viewer/allow/0");
    assert!(
        said.to_string()
            .starts_with("ann may use github/get_issue\n  decided by roles.viewer.allow[0]"),
        "{said}"
    );
    assert_eq!(serde_json::to_value(&said).unwrap()["effect"], "allow");
}

#[test]
fn the_version_changes_with_the_rules_and_only_with_them() {
    let one = json!({ "roles": { "a": { "allow": ["*"] } } });
    let other = json!({ "roles": { "b": { "allow": ["*"] } } });

    assert_eq!(compile(one.clone()).version(), compile(one.clone()).version());
    assert_ne!(compile(one).version(), compile(other).version());
    assert_eq!(rules(json!({})), toolgate_policy::Rules::default());
    assert!(catalog().servers.contains_key("late"));
}

/// Figures for people: `cargo test --release -- --ignored --nocapture`.
#[test]
#[ignore = "measures, and proves nothing"]
fn a_decision_costs() {
    use std::time::Instant;

    let roles: serde_json::Map<_, _> = (0..100)
        .map(|n| (format!("role{n}"), json!({ "allow": [format!("github/get_{n}*"), "wiki/*"] })))
        .collect();
    let policy = compile(json!({
        "roles": roles,
        "servers": { "github": { "required_scopes": ["repo"] } },
        "policies": [r#"permit (principal, action, resource == Tool::"github/push") when { context.arguments.branch != "main" };"#],
    }));
    let caller = caller(&["role1", "role2"], &["repo", "user"]);
    let context = with(r#"{"branch":"work","force":true}"#);
    for (what, thing) in [
        ("remembered", Thing::tool("github", "get_1")),
        ("by arguments", Thing::tool("github", "push")),
    ] {
        policy.decide(&caller, &thing, &context);
        let begin = Instant::now();
        for _ in 0..100_000 {
            std::hint::black_box(policy.decide(&caller, &thing, &context));
        }
        println!("{what}: {:?}", begin.elapsed() / 100_000);
    }
    let begin = Instant::now();
    for n in 0..1000 {
        let name = format!("get_1_{n}");
        std::hint::black_box(policy.may_see(&caller, &Thing::tool("github", &name)));
    }
    println!("seen for the first time: {:?}", begin.elapsed() / 1000);
}

/// Methods that MCP does not define: whoever writes "everything" does not think of them.
#[test]
fn a_method_that_mcp_does_not_define_needs_a_permit_that_names_it() {
    let named = r#"permit (principal in Role::"admin", action == Action::"send", resource == Method::"github/acme/reindex");"#;
    let of_kind =
        r#"permit (principal in Role::"admin", action, resource is Method in Server::"github");"#;
    let whole = "permit (principal, action, resource);";
    let asks = r#"@approve("sure?") permit (principal, action, resource);"#;
    let forbids = r#"forbid (principal, action, resource in Server::"github");"#;
    let everything = json!({ "admin": { "allow": ["*"] } });
    let reindex = Thing::method("github", "acme/reindex");
    for (policies, default, effect) in [
        (vec![], "allow", Effect::Deny),
        (vec![whole], "allow", Effect::Deny),
        (vec![whole, named], "deny", Effect::Allow),
        (vec![of_kind], "deny", Effect::Allow),
        (vec![asks], "deny", Effect::Deny),
        (vec![asks, named], "deny", Effect::Approve),
        (vec![named, forbids], "deny", Effect::Deny),
    ] {
        let policy = compile(json!({
            "roles": everything, "policies": policies, "default": default,
        }));
        let admin = caller(&["admin"], &[]);
        let decision = policy.decide(&admin, &reindex, &NOW);
        assert_eq!(decision.effect, effect, "{policies:?} {default}");
        assert_eq!(policy.may_see(&admin, &reindex), effect != Effect::Deny, "{policies:?}");
        let other = policy.decide(&caller(&[], &[]), &reindex, &NOW);
        assert_eq!(other.effect, Effect::Deny, "{policies:?} {default}");
    }
    let elsewhere = compile(json!({ "policies": [named] }));
    let drop = Thing::method("github", "acme/drop");
    assert_eq!(elsewhere.decide(&caller(&["admin"], &[]), &drop, &NOW).effect, Effect::Deny);
    let scoped = compile(json!({
        "policies": [named], "servers": { "github": { "required_scopes": ["repo"] } },
    }));
    let lacking = scoped.decide(&caller(&["admin"], &[]), &reindex, &NOW);
    assert_eq!(lacking.missing().unwrap().scopes, ["repo"]);
    let misspelt = named.replace("send", "sent");
    let problems = problems(json!({ "policies": [misspelt] }));
    assert!(problems[0].text.contains("Action::\"sent\" does not exist"), "{problems:?}");
}

#[test]
fn toolsets_are_entities_attributes_and_circumstances() {
    let policy = compile(json!({ "policies": [
        r#"permit (principal, action, resource in Toolset::"reading");"#,
        r#"forbid (principal, action == Action::"call", resource)
           when { resource.toolsets.contains("reading") && resource.name == "drop" };"#,
        r#"permit (principal, action == Action::"call", resource == Tool::"github/push")
           when { context has toolset && context.toolset == "reading" };"#,
    ] }));
    let ann = caller(&[], &[]);
    let effect = |server: &str, tool: &str, toolset: Option<&str>| {
        policy.decide(&ann, &Thing::tool(server, tool), &Context { toolset, ..NOW }).effect
    };

    assert_eq!(effect("wiki", "read", None), Effect::Allow);
    // Also what no list has shown yet.
    assert_eq!(effect("late", "read_this", None), Effect::Allow);
    assert_eq!(effect("late", "other", None), Effect::Deny);
    assert_eq!(effect("wiki", "drop", None), Effect::Deny);
    assert_eq!(effect("github", "push", None), Effect::Deny);
    assert_eq!(effect("github", "push", Some("reading")), Effect::Allow);
    assert_eq!(effect("github", "push", Some("other")), Effect::Deny);
}

#[test]
fn a_misspelt_toolset_is_a_problem_wherever_it_stands() {
    for text in [
        r#"permit (principal, action, resource in Toolset::"readng");"#,
        r#"permit (principal, action, resource) when { resource.toolsets.contains("readng") };"#,
        r#"permit (principal, action, resource) when { context has toolset && context.toolset == "readng" };"#,
        r#"permit (principal, action, resource) when { context has toolset && "readng" != context.toolset };"#,
        r#"permit (principal, action, resource) when { context has toolset && ["reading", "readng"].contains(context.toolset) };"#,
    ] {
        let problems = problems(json!({ "policies": [text] }));
        let [problem] = &problems[..] else { panic!("{text}: {problems:?}") };
        let problem = problem.to_string();
        assert!(
            problem.contains("readng") && problem.contains("did you mean \"reading\"?"),
            "{problem}"
        );
    }
}

#[test]
fn a_case_names_the_toolset_that_is_called_through() {
    let policy = compile(json!({}));
    let table = json!([
        { "tool": "wiki/read", "toolset": "reading", "expect": "allow" },
        { "tool": "github/push", "toolset": "reading", "expect": "deny" },
        { "tool": "github/push", "toolset": "reading", "expect": "allow" },
        { "tool": "wiki/read", "toolset": "readng", "expect": "allow" },
    ]);
    let outcomes = Table::from_json(table.to_string().as_bytes()).unwrap().run(&policy);

    let differences: Vec<_> = outcomes.iter().map(|outcome| outcome.differences.join("")).collect();
    assert_eq!(
        differences,
        [
            "",
            "",
            "github/push is not in the toolset reading: it does not exist there",
            "no toolset is called \"readng\" (did you mean \"reading\"?)",
        ]
    );
}
