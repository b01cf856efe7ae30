//! Rules in a configuration, from their text to their problems, as an operator meets them.

use std::path::{Path, PathBuf};

use toolgate_gateway::config::{self, Checked, Fixed};
use toolgate_policy::{Context, Effect, Thing};
use toolgate_protocol::caller::{Caller, Identity, Proof};

const SERVERS: &str = "servers:
  - name: github
    upstream: https://github.example.com/mcp
    tools: [get_issue, push, delete_repo]
  - { name: wiki, upstream: 'https://wiki.example.com/mcp' }";

fn parse(rules: &str, files: &[(&str, &str)]) -> Result<Checked, String> {
    let files = files
        .iter()
        .map(|(name, text)| (PathBuf::from(format!("/etc/gate/{name}")), (*text).to_owned()));
    let world = Fixed { files: files.collect(), ..Fixed::default() };
    let text = format!("{rules}\n{SERVERS}");
    match config::parse(&text, Path::new("/etc/gate/gateway.yaml"), &world) {
        Ok((checked, _)) => Ok(checked),
        Err(problems) => Err(problems.to_string().replace("/etc/gate/", "")),
    }
}

fn caller(roles: &[&str], scopes: &[&str]) -> Caller {
    let many = |names: &[&str]| names.iter().map(|name| (*name).into()).collect();
    Caller::from(Identity {
        principal: "ann".into(),
        subject: "ann".into(),
        roles: many(roles),
        scopes: many(scopes),
        proof: Proof::Jwt,
        ..Identity::default()
    })
}

fn effect(checked: &Checked, caller: &Caller, tool: &str) -> Effect {
    let policy = checked.policy().expect("the file has rules");
    policy.decide(caller, &Thing::tool("github", tool), &Context::default()).effect
}

#[test]
fn without_rules_there_is_no_policy() {
    assert!(parse("", &[]).unwrap().policy().is_none());
    assert!(parse("policy: { default: allow }", &[]).unwrap().policy().is_some());
}

#[test]
fn roles_scopes_and_files_come_together() {
    let checked = parse(
        "roles: { editor: { allow: ['github/*'] } }\npolicy: { files: [more.cedar], tools: { github/push: { required_scopes: [write] } } }",
        &[("more.cedar", "forbid (principal, action, resource == Tool::\"github/delete_repo\");")],
    )
    .unwrap();

    let editor = caller(&["editor"], &["write"]);
    assert_eq!(effect(&checked, &editor, "push"), Effect::Allow);
    assert_eq!(effect(&checked, &editor, "delete_repo"), Effect::Deny);
    assert_eq!(effect(&checked, &caller(&["editor"], &[]), "push"), Effect::Deny);
    assert_eq!(effect(&checked, &caller(&[], &["write"]), "push"), Effect::Deny);
}

#[test]
fn what_is_misspelt_is_told_with_its_line_and_a_way_out() {
    let rules = "roles:
  viewer: { allow: ['github/get_isue', 'github/*'] }
  editor:
    allow:
      - githib/*
    inherits: [veiwer]
policy:
  files: [more.cedar, absent.cedar]
  policies:
    - permit (principal, action, resource) when { principal.rolls.contains(\"x\") };
    - |
      @id(\"one\") permit (principal, action, resource);
      forbid (principal, action, resource == Tool::\"github/pusch\");
  tools:
    github/psh: { required_scopes: [write] }";
    let more = "permit (principal, action, resource);\n\nforbid (principal in Role::\"x\", action,\n  resource == Tool::\"wiki/drop\")\nwhen { context.argments.x == 1 };\n";

    insta::assert_snapshot!(parse(rules, &[("more.cedar", more)]).unwrap_err());
}

#[test]
fn what_was_approved_gives_names_and_types() {
    let lock = toolgate_catalog_lock();
    let files = [("toolgate.lock", lock.as_str())];
    let forbid = |test: &str| {
        let policy = format!(
            "forbid (principal, action, resource == Tool::\"wiki/send\") when {{ {test} }};"
        );
        format!("policy: {{ default: allow, policies: ['{policy}'] }}")
    };

    parse(&forbid("context.arguments.amount > 5"), &files).unwrap();
    let typo = parse(&forbid("context.arguments.amont > 5"), &files).unwrap_err();
    assert!(typo.contains("did you mean \"amount\"?"), "{typo}");
    let wrong = parse(&forbid("context.arguments.amount == \"5\""), &files).unwrap_err();
    assert!(wrong.contains("gateway.yaml:1: policy.policies[0]:"), "{wrong}");
    let unknown = parse("roles: { a: { allow: ['wiki/sned'] } }", &files).unwrap_err();
    assert!(unknown.contains("did you mean \"send\"?"), "{unknown}");
}

/// A lock file in which the server `wiki` has one tool.
fn toolgate_catalog_lock() -> String {
    use toolgate_catalog::definition::{Definition, Kind};
    let raw = r#"{"name":"send","inputSchema":{"type":"object","properties":{"amount":{"type":"integer"}},"required":["amount"]}}"#;
    let mut lock = toolgate_catalog::lock::Lock::default();
    lock.approve("wiki", Definition::read(Kind::Tool, raw.into()).expect("a definition"));
    lock.to_text()
}
