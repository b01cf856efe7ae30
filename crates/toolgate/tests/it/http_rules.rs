//! Rules hold whatever carries a request: HTTP+SSE, stdio, tasks of either form. What a list shows is
//! what may be called, a refusal sends nothing, each request has one record, results are cleaned, and
//! limits count.

use serde_json::{Value, json};

use crate::stdio::{self, Session};
use crate::support::{
    Call, Gateway, Legacy, Modern, Oldest, Reply, Server, Trail, legacy, legacy_with, modern,
    modern_with,
};

/// Two calls an hour; `hidden` for nobody; tokens for nobody's eyes.
const RULES: &str = r#"rate_limits: { caller: 2/h }
screening: { redaction: [{ detect: [token] }, { paths: [/structuredContent/salary], action: drop }], validate: { results: warn } }
policy:
  default: allow
  policies: ['forbid (principal, action, resource == Tool::"up/hidden");']"#;

const TOKEN: &str = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";

/// The tools of a server: `shown` and `hidden`, both with an output schema.
fn tools(execution: &str) -> String {
    let tool = |name: &str| {
        format!(
            r#"{{"name":"{name}","inputSchema":{{"type":"object"}},"outputSchema":{{"type":"object","properties":{{"n":{{"type":"integer"}}}}}}{execution}}}"#
        )
    };
    format!(r#""tools":[{},{}]"#, tool("shown"), tool("hidden"))
}

/// What a tool found: a token, a salary, and what its schema does not promise.
fn found() -> String {
    format!(
        r#""content":[{{"type":"text","text":"key {TOKEN}"}}],"structuredContent":{{"n":"many","salary":9}}"#
    )
}

async fn offers(call: Call) -> Reply {
    let cache = r#""resultType":"complete","ttlMs":0,"cacheScope":"private""#;
    match call.method() {
        "tools/list" => call.result(&format!("{{{cache},{}}}", tools(""))),
        _ => call.result(&format!(r#"{{"resultType":"complete",{}}}"#, found())),
    }
}

/// What a caller gets of [`found`].
fn is_clean(result: &Value) {
    let text = result["content"][0]["text"].as_str().unwrap();
    assert_eq!(text, "key [redacted:token]");
    assert_eq!(result["structuredContent"], json!({ "n": "many" }));
    let misfit = result["_meta"]["dev.toolgate/outputSchema"].as_str().unwrap();
    assert!(misfit.contains("/n"), "{misfit}");
}

fn is_limited(result: &Value) {
    assert_eq!(result["isError"], true, "{result}");
    assert_eq!(result["_meta"]["dev.toolgate/error"]["category"], "rate_limited", "{result}");
}

fn names(list: &Value) -> Vec<&str> {
    let tools = list["tools"].as_array().unwrap();
    tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect()
}

/// What the records say of each request of these methods, in order.
async fn records(trail: &Trail, count: usize, methods: &[&str]) -> Vec<String> {
    let told = trail.records(count).await;
    let about = told.iter().filter(|record| methods.contains(&record["method"].as_str().unwrap()));
    about
        .map(|record| {
            let text = |name: &str| record[name].as_str().unwrap_or("-");
            format!("{} {} {}", text("method"), text("tool"), text("decision"))
        })
        .collect()
}

/// One list, one call that is refused, two that are permitted, one over the limit.
const EACH: [&str; 5] = [
    "tools/list - allow",
    "tools/call hidden deny",
    "tools/call shown allow",
    "tools/call shown allow",
    "tools/call shown allow",
];

fn only_what_is_permitted_reached(server: &Server) {
    let calls = server.all("tools/call");
    assert_eq!(calls.iter().map(Call::name).collect::<Vec<_>>(), ["shown", "shown"]);
}

#[tokio::test]
async fn rules_hold_for_the_oldest_clients() {
    for server in [legacy(offers).await, modern(offers).await] {
        let trail = Trail::new();
        let gateway = Gateway::serve(trail.before(&server, RULES)).await;
        let mut client = Oldest::open(&gateway).await;

        client.request(1, "tools/list", "{}").await;
        assert_eq!(names(&client.hear().await["result"]), ["shown"]);
        client.request(2, "tools/call", r#"{"name":"hidden"}"#).await;
        let refused = client.hear().await;
        assert_eq!(refused["error"]["message"], "unknown tool: hidden", "{refused}");
        for id in 3..=4 {
            client.request(id, "tools/call", r#"{"name":"shown"}"#).await;
            is_clean(&client.hear().await["result"]);
        }
        client.request(5, "tools/call", r#"{"name":"shown"}"#).await;
        is_limited(&client.hear().await["result"]);

        only_what_is_permitted_reached(&server);
        // The stream, the handshake and the five requests.
        assert_eq!(records(&trail, 7, &["tools/list", "tools/call"]).await, EACH);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_hold_on_stdio_for_clients_of_both_eras() {
    for is_modern in [true, false] {
        for server in [legacy(offers).await, modern(offers).await] {
            let trail = Trail::new();
            let (url, yaml) = (server.url.clone(), trail.before(&server, RULES));
            let asking = tokio::task::spawn_blocking(move || {
                let mut session = match is_modern {
                    true => Session::of(&yaml),
                    false => Session::of(&yaml).shaken("2025-11-25"),
                };
                let mut ask = |id: u32, method: &str, params: Value| {
                    session.say(&match is_modern {
                        true => stdio::modern(id, method, params),
                        false => stdio::request(id, method, params),
                    });
                    session.next()
                };
                let list = ask(1, "tools/list", json!({}));
                assert_eq!(names(&list["result"]), ["shown"], "{url}");
                let refused = ask(2, "tools/call", json!({ "name": "hidden" }));
                assert_eq!(refused["error"]["message"], "unknown tool: hidden");
                for id in 3..=4 {
                    is_clean(&ask(id, "tools/call", json!({ "name": "shown" }))["result"]);
                }
                is_limited(&ask(5, "tools/call", json!({ "name": "shown" }))["result"]);
                assert_eq!(session.end().1, Some(0));
            });
            asking.await.unwrap();

            only_what_is_permitted_reached(&server);
            let handshake = usize::from(!is_modern);
            let recorded = records(&trail, 5 + handshake, &["tools/list", "tools/call"]).await;
            assert_eq!(recorded, EACH);
        }
    }
}

const OLD: &str =
    r#"{"tools":{},"tasks":{"list":{},"cancel":{},"requests":{"tools":{"call":{}}}}}"#;
const NEW: &str = r#"{"tools":{},"extensions":{"io.modelcontextprotocol/tasks":{}}}"#;
const ABLE: &str = r#"{"extensions":{"io.modelcontextprotocol/tasks":{}}}"#;

/// The methods that a task is followed by.
const ABOUT: [&str; 5] = ["tools/list", "tools/call", "tasks/get", "tasks/result", "tasks/list"];

fn state(status: &str) -> String {
    format!(r#""taskId":"t-1","status":"{status}","createdAt":"A","lastUpdatedAt":"B","ttl":60000"#)
}

/// A 2025-11-25 server that runs its tools as tasks.
async fn older_tasks(call: Call) -> Reply {
    match call.method() {
        "tools/list" => {
            let list = tools(r#","execution":{"taskSupport":"optional"}"#);
            call.result(&format!("{{{list}}}"))
        }
        "tools/call" => call.result(&format!(r#"{{"task":{{{}}}}}"#, state("working"))),
        "tasks/list" => {
            let foreign = r#"{"taskId":"t-2","status":"working","createdAt":"A"}"#;
            call.result(&format!(r#"{{"tasks":[{{{}}},{foreign}]}}"#, state("completed")))
        }
        "tasks/get" => call.result(&format!("{{{}}}", state("completed"))),
        _ => call.result(&format!("{{{}}}", found())),
    }
}

#[tokio::test]
async fn rules_hold_for_the_tasks_of_older_clients() {
    let server = legacy_with("2025-11-25", OLD, older_tasks).await;
    let trail = Trail::new();
    let gateway = Gateway::serve(trail.before(&server, RULES)).await;
    let client = Legacy::open(&gateway, "2025-11-25", "{}").await;
    let call = |tool: &str| format!(r#"{{"name":"{tool}","task":{{}}}}"#);

    let list = client.request("1", "tools/list", "{}").await.result();
    let refused = client.request("2", "tools/call", &call("hidden")).await;
    let created = client.request("3", "tools/call", &call("shown")).await.result();
    let id = created["task"]["taskId"].clone();
    let about = json!({ "taskId": id }).to_string();
    let got = client.request("4", "tasks/get", &about).await.result();
    let result = client.request("5", "tasks/result", &about).await.result();
    let tasks = client.request("6", "tasks/list", "{}").await.result();
    client.request("7", "tools/call", &call("shown")).await.result();
    let limited = client.request("8", "tools/call", &call("shown")).await.result();

    assert_eq!(names(&list), ["shown"]);
    assert_eq!(refused.json()["error"]["message"], "unknown tool: hidden");
    assert_eq!((&got["taskId"], &got["status"]), (&id, &json!("completed")));
    is_clean(&result);
    let own: Vec<&Value> = tasks["tasks"].as_array().unwrap().iter().collect();
    assert_eq!(own.iter().map(|task| &task["taskId"]).collect::<Vec<_>>(), [&id]);
    is_limited(&limited);
    only_what_is_permitted_reached(&server);
    // The handshake and the eight requests.
    let expected = [
        "tools/list - allow",
        "tools/call hidden deny",
        "tools/call shown allow",
        "tasks/get ID allow",
        "tasks/result ID allow",
        "tasks/list - allow",
        "tools/call shown allow",
        "tools/call shown allow",
    ];
    let id = id.as_str().unwrap();
    let cut = &id[..id.len().min(512)];
    let recorded = records(&trail, 9, &ABOUT).await;
    let recorded: Vec<_> = recorded.iter().map(|line| line.replace(cut, "ID")).collect();
    assert_eq!(recorded, expected);
}

/// A 2026-07-28 server that makes a task of each call.
async fn newer_tasks(call: Call) -> Reply {
    let cache = r#""resultType":"complete","ttlMs":0,"cacheScope":"private""#;
    let state = |status: &str| state(status).replace("ttl", "ttlMs");
    match call.method() {
        "tools/list" => call.result(&format!("{{{cache},{}}}", tools(""))),
        "tools/call" => call.result(&format!(r#"{{"resultType":"task",{}}}"#, state("working"))),
        _ => call.result(&format!(
            r#"{{"resultType":"complete",{},"result":{{{}}}}}"#,
            state("completed"),
            found()
        )),
    }
}

#[tokio::test]
async fn rules_hold_for_the_tasks_of_modern_clients_and_of_either_server() {
    for server in [
        modern_with(NEW, newer_tasks).await,
        legacy_with("2025-11-25", OLD, |call: Call| async move {
            // Its tools run only as tasks, so the gateway makes one of a modern client's call.
            match call.method() {
                "tools/list" => {
                    let list = tools(r#","execution":{"taskSupport":"required"}"#);
                    call.result(&format!("{{{list}}}"))
                }
                _ => older_tasks(call).await,
            }
        })
        .await,
    ] {
        let trail = Trail::new();
        let gateway = Gateway::serve(trail.before(&server, RULES)).await;
        let client = Modern::of(&gateway).able(ABLE);

        let list = client.request("1", "tools/list", "{}").await.result();
        let refused = client.call("hidden", "{}").await;
        let created = client.call("shown", "{}").await.result();
        let about = json!({ "taskId": created["taskId"] }).to_string();
        let got = client.request("4", "tasks/get", &about).await.result();
        client.call("shown", "{}").await.result();
        let limited = client.call("shown", "{}").await.result();

        assert_eq!(names(&list), ["shown"]);
        assert_eq!(refused.json()["error"]["message"], "unknown tool: hidden");
        assert_eq!(created["resultType"], "task");
        assert_eq!((&got["taskId"], &got["status"]), (&created["taskId"], &json!("completed")));
        is_clean(&got["result"]);
        is_limited(&limited);
        only_what_is_permitted_reached(&server);
        let recorded = records(&trail, 6, &["tools/list", "tools/call", "tasks/get"]).await;
        let decided: Vec<_> = recorded.iter().map(|line| line.rsplit(' ').next()).collect();
        assert_eq!(decided, ["allow", "deny", "allow", "allow", "allow", "allow"].map(Some));
    }
}

/// The rest of a result is as forbidden as the tool that it came from.
#[tokio::test]
async fn what_was_kept_of_a_result_is_not_read_once_its_tool_is_forbidden() {
    let long = "word ".repeat(1000);
    let server = modern(move |call: Call| {
        let long = long.clone();
        async move {
            match call.method() {
                "tools/list" => offers(call).await,
                _ => call.result(&format!(
                    r#"{{"resultType":"complete","content":[{{"type":"text","text":"{long}"}}]}}"#
                )),
            }
        }
    })
    .await;
    let rules = |forbidden: &str| {
        format!(
            r#"screening: {{ size: {{ max: 1KiB, over: link }} }}
policy:
  default: allow
  policies: ['forbid (principal, action, resource == Tool::"up/{forbidden}");']"#
        )
    };
    let trail = Trail::new();
    let gateway = Gateway::serve(trail.before(&server, &rules("hidden"))).await;
    let client = Modern::of(&gateway);
    let cut = client.call("shown", "{}").await.result();
    let uri = cut["content"][1]["uri"].as_str().unwrap().to_owned();
    let read = format!(r#"{{"uri":"{uri}"}}"#);
    let rest = client.request("2", "resources/read", &read).await.result();
    assert!(rest["contents"][0]["text"].as_str().unwrap().contains("word"));

    gateway.rewrite(trail.before(&server, &rules("shown")));
    gateway.logged("the new configuration is in use").await;
    let refused = client.request("3", "resources/read", &read).await;

    assert_eq!(refused.json()["error"]["message"], "this result is not kept, or not any more");
    let recorded = trail.records(3).await;
    let decided: Vec<_> = recorded.iter().map(|record| record["decision"].as_str()).collect();
    assert_eq!(decided, ["allow", "allow", "deny"].map(Some));
}
