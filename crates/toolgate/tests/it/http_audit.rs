//! Records: each request has exactly one, whatever became of it, and none goes on without.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::peer::toolgate;
use crate::support::{
    Ask, Call, Gateway, Legacy, Modern, Oldest, Reply, Server, Trail, modern, post, soon,
};

const DONE: &str = r#"{"resultType":"complete","content":[{"type":"text","text":"done"}]}"#;

async fn quick() -> Server {
    modern(|call: Call| async move {
        match call.method() {
            "tools/list" => call
                .result(r#"{"resultType":"complete","tools":[],"ttlMs":0,"cacheScope":"private"}"#),
            _ if call.name() == "fails" => {
                call.result(r#"{"resultType":"complete","content":[],"isError":true}"#)
            }
            _ if call.name() == "breaks" => call.error(200, r#"{"code":-32603,"message":"no"}"#),
            _ if call.name() == "hangs" => std::future::pending().await,
            _ => call.result(DONE),
        }
    })
    .await
}

#[tokio::test]
async fn each_request_of_either_era_has_one_record_that_says_what_became_of_it() {
    let (server, trail) = (quick().await, Trail::new());
    let gateway = Gateway::serve(trail.before(&server, "")).await;
    let client = Modern::of(&gateway);
    client.call("t", r#"{"a":1}"#).await.result();
    client.call("fails", "{}").await.result();
    client.call("breaks", "{}").await;
    client.request("7", "tools/list", "{}").await.result();
    client.request("8", "server/discover", "{}").await.result();
    client.request("9", "no/such", "{}").await;
    let old = Legacy::open(&gateway, "2025-11-25", "{}").await;
    old.request("1", "ping", "{}").await.result();
    old.call("t", "{}").await.result();
    old.request("3", "resources/subscribe", r#"{"uri":"x://y"}"#).await.result();
    old.request("4", "server/discover", "{}").await;
    old.end().await;

    let records = trail.records(12).await;

    let found: Vec<_> = records.iter().map(|it| trail.told(it)).collect();
    insta::assert_snapshot!(found.join("\n"));
    trail.verify(0).await;
}

/// Case L6: what never becomes a request is recorded as well.
#[tokio::test]
async fn what_is_refused_at_the_door_has_a_record_with_its_reason() {
    let (server, trail) = (quick().await, Trail::new());
    let gateway = Gateway::serve(trail.before(&server, "limits: { body: 2KiB }")).await;
    let big = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{}"}}"#, "x".repeat(4096));
    let asks = [
        (post("{"), "invalid"),
        (post("[1,2"), "invalid"),
        (post("{}").header("Host", "evil.example.com"), "foreign"),
        (post("{}").header("Origin", "https://evil.example.com"), "foreign"),
        (post(big), "too_large"),
        (post("{}").header("Content-Type", "text/plain"), "invalid"),
        (Ask::new("GET", "/nothing"), "unknown"),
        (Ask::new("PUT", "/mcp"), "no_method"),
        (Ask::new("DELETE", "/mcp"), "no_method"),
        (post(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#), "invalid"),
    ];
    for (ask, _) in &asks {
        assert!(gateway.ask(ask).await.status >= 400);
    }

    let records = trail.records(asks.len()).await;

    for (record, (_, reason)) in records.iter().zip(&asks) {
        assert_eq!((&record["outcome"], &record["reason"]), (&"refused".into(), &(*reason).into()));
        assert_eq!(record["address"], "127.0.0.1");
    }
    assert_eq!(server.count("tools/call"), 0);
    trail.verify(0).await;
}

/// Case L6: who proves nothing, who proves something wrong, and who may not. Case Z3: with the rule.
#[tokio::test]
async fn who_is_refused_has_a_record_that_says_by_what() {
    let (server, trail) = (quick().await, Trail::new());
    let keys = trail.folder.path().join("keys.yaml");
    let file = keys.to_str().unwrap().to_owned();
    let made = move || toolgate(&["key", "new", "ada", "--file", &file]);
    let key = tokio::task::spawn_blocking(made).await.unwrap().out.trim().to_owned();
    let rules = r#"policy:
  default: allow
  tools: { up/push: { arguments: { branch: text } } }
  policies:
    - |
      @id("main is protected")
      forbid (principal, action, resource == Tool::"up/push")
      when { context.arguments has branch && context.arguments.branch == "main" };"#;
    let more = format!("authentication: {{ api_keys: {{ file: '{}' }} }}\n{rules}", keys.display());
    let gateway = Gateway::serve(trail.before(&server, &more)).await;
    let call = |bearer: &str| {
        let params = r#"{"name":"push","arguments":{"branch":"main"}}"#;
        let ask = Modern::of(&gateway).ask("1", "tools/call", params);
        if bearer.is_empty() { ask } else { ask.header("Authorization", bearer) }
    };

    for bearer in [String::new(), "Bearer nonsense".to_owned(), format!("Bearer {key}")] {
        gateway.ask(&call(&bearer)).await;
    }

    let records = trail.records(3).await;
    let told: Vec<_> = records
        .iter()
        .map(|it| ["subject", "reason", "decision", "rule"].map(|name| it[name].clone()))
        .collect();
    let refused = |reason: &str| json!(["anonymous", reason, "none", null]);
    assert_eq!(
        json!(told),
        json!([
            refused("unauthenticated"),
            refused("unauthenticated"),
            ["ada", "forbidden", "deny", "main is protected"],
        ])
    );
    assert!(records.iter().all(|it| it["outcome"] == "refused"));
    assert!(!trail.text().contains("nonsense") && !trail.text().contains(&key));
    assert_eq!(server.count("tools/call"), 0);
}

/// Case L1: what a client calls a tool is one line of the log at most, and no line of its own.
#[tokio::test]
async fn a_name_that_looks_like_a_line_of_the_log_stays_within_its_own() {
    let server = modern(|_| async { Reply::text(503, "text/plain", "busy\nINFO forged=2") }).await;
    let gateway = Gateway::before(&server).await;
    let name = r"x\n2026-01-01T00:00:00Z INFO forged=1\u2028y\u202e\u001b[2J";
    let params = format!(r#"{{"name":"{name}","arguments":{{}}}}"#);
    Legacy::open(&gateway, "2025-11-25", "{}").await.request("1", "tools/call", &params).await;

    let line = gateway.logged("a call failed").await;

    assert!(line.contains("forged=1") && line.contains("server=up"), "{line}");
    let log = gateway.whole_log().await;
    assert!(!log.contains(['\u{1b}', '\u{202e}', '\u{2028}']), "{log:?}");
    assert!(log.lines().all(|line| !line.starts_with("2026-01-01") && !line.starts_with("INFO")));
}

/// Case L2: a disk that is full.
#[tokio::test]
async fn nothing_goes_on_while_records_cannot_be_written() {
    let server = quick().await;
    let gateway = Gateway::serve(format!(
        "audit: {{ file: {{ path: /dev/full }} }}\nservers: [{}]",
        server.entry("up", ", audit_reads: best_effort")
    ))
    .await;

    let refused = Modern::of(&gateway).call("t", "{}").await.result();

    assert_eq!(refused["isError"], true);
    let error = &refused["_meta"]["dev.toolgate/error"];
    assert_eq!((&error["category"], &error["sideEffect"]), (&"unrecorded".into(), &"none".into()));
    assert_eq!(server.count("tools/call"), 0);
    let ready = gateway.ask(&Ask::new("GET", "/ready")).await;
    assert_eq!((ready.status, &ready.json()["audit"]), (503, &"failing".into()));
    let metrics = gateway.ask(&Ask::new("GET", "/metrics")).await.body;
    assert!(metrics.contains("toolgate_audit_healthy 0"), "{metrics}");
    assert!(metrics.contains("toolgate_audit_unrecorded_total 1"), "{metrics}");
    // Its operator said that reads may go on.
    Modern::of(&gateway).request("2", "tools/list", "{}").await.result();
    let metrics = gateway.ask(&Ask::new("GET", "/metrics")).await.body;
    assert!(metrics.contains("toolgate_audit_waived_total 1"), "{metrics}");
}

/// Case L5: killed in the middle of a call.
#[tokio::test]
async fn a_call_that_a_crash_cut_off_is_unknown_after_the_next_start() {
    let (server, trail) = (quick().await, Trail::new());
    let mut gateway = Gateway::serve(trail.before(&server, "")).await;
    let wire = Modern::of(&gateway).begin("hangs", "{}").await;
    server.seen("tools/call").await;

    gateway.kill().await;
    drop(wire);
    let _next = Gateway::serve(trail.before(&server, "")).await;

    let records = trail.records(1).await;
    assert_eq!(records[0]["outcome"], "unknown");
    assert_eq!(records[0]["reason"], "crash");
    trail.verify(0).await;
}

#[tokio::test]
async fn a_client_that_leaves_is_recorded_as_cancelled() {
    let (server, trail) = (quick().await, Trail::new());
    let gateway = Gateway::serve(trail.before(&server, "")).await;
    let wire = Modern::of(&gateway).begin("hangs", "{}").await;
    server.seen("tools/call").await;

    drop(wire);

    let records = soon("the record closes", async {
        loop {
            let records = trail.records(1).await;
            if records[0]["outcome"] != Value::Null {
                return records;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    assert_eq!(records[0]["outcome"], "cancelled");
    assert_eq!(records[0]["upstream"], "up");
    assert_eq!(records[0]["attempts"], 1);
}

#[tokio::test]
async fn a_second_process_is_told_that_the_files_are_in_use() {
    let (server, trail) = (quick().await, Trail::new());
    let _first = Gateway::serve(trail.before(&server, "")).await;

    let second = trail.refused_start(&server).await;

    assert!(second.contains("is in use by another process"), "{second}");
}

#[tokio::test]
async fn an_old_client_on_sse_is_recorded_too() {
    let (server, trail) = (quick().await, Trail::new());
    let gateway = Gateway::serve(trail.before(&server, "")).await;

    let _client = Oldest::open(&gateway).await;

    let records = trail.records(2).await;
    let methods: Vec<_> = records.iter().map(|it| it["method"].as_str().unwrap()).collect();
    assert_eq!(methods, ["GET", "initialize"]);
}

#[tokio::test]
async fn a_reload_goes_on_with_the_same_files() {
    let (server, trail) = (quick().await, Trail::new());
    let gateway = Gateway::serve(trail.before(&server, "")).await;
    Modern::of(&gateway).call("t", "{}").await.result();

    gateway.rewrite(trail.before(&server, "title: another"));
    gateway.logged("the new configuration is in use").await;
    Modern::of(&gateway).call("t", "{}").await.result();

    assert_eq!(trail.records(2).await.len(), 2);
    trail.verify(0).await;
}

/// Case L1, and secrets: what a peer sends stays within its own field.
#[tokio::test]
async fn names_are_escaped_and_secrets_are_taken_out() {
    let (server, trail) = (quick().await, Trail::new());
    let gateway = Gateway::serve(trail.before(&server, "")).await;
    let name = r#"x\n{\"decision\":\"allow\"}\u001b[2J\u202e"#;
    let arguments = r#"{"password":"hT8!kq2$Lm9zQw","note":"plain"}"#;
    let params = format!(r#"{{"name":"{name}","arguments":{arguments}}}"#);
    let ask = Modern::of(&gateway).ask("1", "tools/call", &params).without("Mcp-Name");
    gateway.ask(&ask).await;
    Legacy::open(&gateway, "2025-06-18", "{}").await.call(name, arguments).await;

    let records = trail.records(3).await;

    assert!(
        records
            .iter()
            .filter(|it| it["tool"].as_str().is_some_and(|it| it.starts_with("x\n")))
            .count()
            >= 1
    );
    let text = trail.text();
    assert!(text.lines().all(|line| line.starts_with("{\"seq\":")), "{text}");
    assert!(!text.contains(['\u{1b}', '\u{202e}']));
    assert!(!text.contains("hT8!kq2"), "{text}");
    assert!(text.contains("plain"));
    let table = trail.run(&["query"], 0).await;
    assert!(!table.contains(['\u{1b}', '\u{202e}']), "{table:?}");
    trail.verify(0).await;
}

/// Case L4, through the command.
#[tokio::test]
async fn whatever_is_changed_in_the_files_is_named_with_its_place() {
    let (server, trail) = (quick().await, Trail::new());
    let mut gateway = Gateway::serve(trail.before(&server, "")).await;
    for _ in 0..3 {
        Modern::of(&gateway).call("t", "{}").await.result();
    }
    gateway.terminate();
    gateway.ends_well().await;
    trail.verify(0).await;
    let path = trail.files().pop().unwrap();
    let lines: Vec<String> =
        std::fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();

    for (change, found) in [
        (edited as fn(&[String]) -> Vec<String>, ":4: the line was changed"),
        (deleted, "are missing before it"),
        (swapped, "are missing before it"),
        (cut, "are missing at the end"),
    ] {
        write(&path, &change(&lines));
        let told = trail.verify(1).await;
        assert!(told.contains(found) && told.contains("TAMPERED WITH"), "{told}");
    }
    write(&path, &lines);
    trail.verify(0).await;
}

fn edited(lines: &[String]) -> Vec<String> {
    let mut lines = lines.to_vec();
    lines[3] = lines[3].replace("\"outcome\":\"ok\"", "\"outcome\":\"no\"");
    lines[3] = lines[3].replace("anonymous", "anonymouz");
    lines
}

fn deleted(lines: &[String]) -> Vec<String> {
    let mut lines = lines.to_vec();
    lines.remove(3);
    lines
}

fn swapped(lines: &[String]) -> Vec<String> {
    let mut lines = lines.to_vec();
    lines.swap(3, 4);
    lines
}

fn cut(lines: &[String]) -> Vec<String> {
    lines[..lines.len() - 1].to_vec()
}

fn write(path: &PathBuf, lines: &[String]) {
    std::fs::write(path, lines.join("\n") + "\n").unwrap();
}
