//! `toolgate policy`: what people read who try their rules out.

use std::path::Path;
use std::process::{Command, Output};

const CONFIG: &str = r#"servers:
  - name: github
    upstream: https://github.example.com/mcp
    tools: [get_issue, push]
    tool_scopes: { push: ["repo:write"] }
roles:
  viewer: { allow: ["github/get_*"] }
  editor: { allow: ["github/push"], inherits: [viewer] }
toolsets: { work: { tools: [push] } }
policy:
  tools: { github/push: { arguments: { branch: text } } }
  policies:
    - |
      @id("main is protected")
      forbid (principal, action, resource == Tool::"github/push")
      when { context.arguments has branch && context.arguments.branch == "main" };
"#;

const CASES: &str = r#"config: gateway.yaml
cases:
  - name: viewers read
    caller: { subject: ann, roles: [viewer] }
    tool: github/get_issue
    expect: allow
    listed: true
  - caller: { subject: bob, roles: [editor] }
    tool: github/push
    arguments: { branch: work }
    expect: deny
    missing: ["repo:write"]
  - name: nobody pushes to main
    caller: { subject: cat, roles: [editor], scopes: ["repo:write"] }
    tool: github/push
    arguments: { branch: main }
    expect: deny
"#;

fn folder(cases: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("gateway.yaml"), CONFIG).unwrap();
    std::fs::write(folder.path().join("cases.yaml"), cases).unwrap();
    folder
}

fn policy(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_toolgate"))
        .current_dir(folder)
        .arg("policy")
        .args(arguments)
        .output()
        .unwrap()
}

/// The output, without the version of the rules.
fn text(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let plain = |line: &str| match line.split_once("; rules ") {
        Some((before, _)) => before.to_owned(),
        None => line.to_owned(),
    };
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_table_of_cases_passes_or_says_what_differs_and_why() {
    let folder = folder(CASES);
    let passed = policy(folder.path(), &["test", "cases.yaml"]);
    assert_eq!(
        text(&passed),
        "ok     viewers read
ok     case 1: bob, github/push
ok     nobody pushes to main
3 of 3 cases as expected"
    );
    assert_eq!(passed.status.code(), Some(0));

    let wrong = CASES.replace("roles: [viewer] }", "roles: [editer] }");
    std::fs::write(folder.path().join("cases.yaml"), wrong).unwrap();
    let failed = policy(folder.path(), &["test", "cases.yaml"]);
    assert_eq!(
        text(&failed),
        "FAILED viewers read
       expected allow, found deny
       expected listed: true, found false
       ann may not use github/get_issue
         none of the 1 rules for it decided: what nothing permits is denied
         one of these roles would permit it: viewer
         hidden: to the caller it does not exist
ok     case 1: bob, github/push
ok     nobody pushes to main
2 of 3 cases as expected"
    );
    assert_eq!(failed.status.code(), Some(1));
}

#[test]
fn an_explanation_names_the_rule_that_decided() {
    let folder = folder(CASES);
    let caller = "{ subject: cat, roles: [editor], scopes: ['repo:write'] }";
    let arguments = ["explain", "gateway.yaml", caller, "github/push", "--arg", "branch=main"];

    let explained = policy(folder.path(), &arguments);

    assert_eq!(
        text(&explained),
        r#"cat may not use github/push
  decided by main is protected (/policies/0)
    @id("main is protected")
    forbid (principal, action, resource == Tool::"github/push")
    when { context.arguments has branch && context.arguments.branch == "main" };
  in the caller's lists"#
    );
    let through = |toolset| [&arguments[..], &["--toolset", toolset]].concat();
    assert_eq!(text(&policy(folder.path(), &through("work"))), text(&explained));
    let missing = policy(folder.path(), &["explain", "gateway.yaml", "bob:editor", "github/push"]);
    assert!(text(&missing).contains("missing scopes: repo:write"), "{}", text(&missing));
    let stranger = policy(folder.path(), &["explain", "gateway.yaml", "-", "github/get_issue"]);
    assert!(text(&stranger).contains("hidden"), "{}", text(&stranger));
}

#[test]
fn what_cannot_be_read_is_told_and_is_no_verdict() {
    let folder = folder("cases: [{ tool: github/push, expekt: deny }]");
    let path = folder.path();

    for (arguments, expected) in [
        (vec!["test", "cases.yaml", "--config", "gateway.yaml"], "expekt"),
        (vec!["test", "absent.yaml"], "cannot read"),
        (vec!["explain", "gateway.yaml", "ann", "push"], "names no server"),
        (vec!["explain", "gateway.yaml", "ann", "github/push", "--arg", "branch"], "NAME=VALUE"),
        (
            vec!["explain", "gateway.yaml", "ann", "github/get_issue", "--toolset", "work"],
            "is not in the toolset work",
        ),
        (
            vec!["explain", "gateway.yaml", "ann", "github/push", "--toolset", "wrk"],
            "did you mean \"work\"?",
        ),
    ] {
        let refused = policy(path, &arguments);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}");
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(said.contains(expected), "{said}");
    }
}
