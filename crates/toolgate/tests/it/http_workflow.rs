//! Workflows through the real binary: chains of calls that go on, fail, are undone and ask, for
//! clients of both eras. The tools that they call are endpoints of an API that the test stands in for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::peer::toolgate;
use crate::support::{Answer, Call, Gateway, Legacy, Modern, Reply, Server, Trail, soon};

const API: &str = r#"
  - name: api
    http:
      base: ORIGIN
      tools:
        quota: { description: Reads the quota., get: /quota }
        network:
          description: Makes a network.
          post: /networks
          parameters: { name: { required: true, description: A name } }
        machine:
          description: Makes a machine.
          post: /machines
          parameters: { network: { required: true, description: An id }, size: { type: integer } }
        tag:
          description: Tags a machine.
          put: /tags/{tag}
          parameters: { tag: {} }
        drop_network: { description: Drops a network., delete: "/networks/{id}", parameters: { id: {} } }
        drop_machine: { description: Drops a machine., delete: "/machines/{id}", parameters: { id: {} } }
        drop_tag: { description: Drops a tag., delete: "/tags/{tag}", parameters: { tag: {} } }
"#;

const FLOW: &str = r#"
  - name: flow
    workflow:
      tools:
        provision:
          description: Makes a machine in a network of its own.
          parameters:
            name: { description: What it is called. }
            tags: { type: array, items: { type: string }, default: [], description: Its tags. }
          steps:
            - { id: quota, call: api.quota, reads: true }
            - id: enough
              require: steps.quota.output.free > `0`
              message: "there is room for {{ steps.quota.output.free }} machines"
            - id: network
              call: api.network
              arguments: { name: { $: "join('-', [arguments.name, 'net'])" } }
              compensate: { call: api.drop_network, arguments: { id: { $: output.id } } }
            - id: machine
              call: api.machine
              arguments: { network: { $: steps.network.output.id }, size: { $: "`2`" } }
              compensate: { call: api.drop_machine, arguments: { id: { $: output.id } } }
            - id: tags
              call: api.tag
              for_each: arguments.tags
              parallel: 3
              arguments: { tag: { $: item } }
              compensate: { call: api.drop_tag, arguments: { tag: { $: item } } }
          output: { machine: { $: steps.machine.output.id }, tags: { $: "steps.tags.output[].tag" } }
"#;

/// What the stand-in knows to answer; everything else is a 404.
fn cloud(call: &Call) -> Reply {
    let path = call.path.as_str();
    match (call.verb.as_str(), path) {
        ("GET", "/quota") => Reply::json(200, r#"{"free":3}"#),
        ("POST", "/networks") => Reply::json(201, r#"{"id":"n1"}"#),
        ("POST", "/machines") => Reply::json(201, r#"{"id":"m1"}"#),
        ("PUT", tag) => {
            let tag = tag.trim_start_matches("/tags/");
            Reply::json(200, format!(r#"{{"tag":"{tag}"}}"#))
        }
        ("DELETE", _) => Reply::json(200, "{}"),
        _ => Reply::json(404, "{}"),
    }
}

fn configuration(api: &Server) -> String {
    format!("servers:{}{FLOW}", API.replace("ORIGIN", api.origin()))
}

/// The requests so far, as `VERB /path`.
fn requests(api: &Server) -> Vec<String> {
    api.every().iter().map(|call| format!("{} {}", call.verb, call.path)).collect()
}

fn error(answer: &Answer) -> Value {
    answer.result()["_meta"]["dev.toolgate/error"].clone()
}

/// The status of each step, with what became of its compensation.
fn steps_of(answer: &Answer) -> Vec<String> {
    let result = answer.result();
    let steps = result["structuredContent"]["steps"].as_array().unwrap();
    let told = |step: &Value| {
        let undone = step["compensation"].as_str().map(|it| format!(" undone:{it}"));
        let (id, status) = (step["id"].as_str().unwrap(), step["status"].as_str().unwrap());
        format!("{id} {status}{}", undone.unwrap_or_default())
    };
    steps.iter().map(told).collect()
}

#[tokio::test]
async fn each_step_gets_what_the_ones_before_gave_in_both_eras() {
    let api = Server::start(|call| async move { cloud(&call) }).await;
    let gateway = Gateway::serve(configuration(&api)).await;
    let arguments = r#"{"name":"web","tags":["a","b"]}"#;

    let modern = Modern::of(&gateway).call("flow_provision", arguments).await;
    let client = Legacy::open(&gateway, "2025-06-18", "{}").await;
    let legacy = client.call("flow_provision", arguments).await;

    for answer in [&modern, &legacy] {
        let result = answer.result();
        assert_ne!(result["isError"], true, "{result}");
        let structured = &result["structuredContent"];
        assert_eq!(structured["status"], "done");
        assert_eq!(structured["result"], json!({ "machine": "m1", "tags": ["a", "b"] }));
        let all = ["quota done", "enough done", "network done", "machine done", "tags done"];
        assert_eq!(steps_of(answer), all);
        let text = result["content"][0]["text"].as_str().unwrap();
        assert_eq!(serde_json::from_str::<Value>(text).unwrap(), *structured);
    }
    let bodies: Vec<_> = api.every().iter().take(3).map(|call| call.json.clone()).collect();
    assert_eq!(bodies[1], json!({ "name": "web-net" }));
    assert_eq!(bodies[2], json!({ "network": "n1", "size": 2 }));
}

#[tokio::test]
async fn what_was_done_is_undone_last_first_when_a_step_fails() {
    let api = Server::start(|call| async move {
        match call.verb.as_str() {
            "PUT" => Reply::json(422, r#"{"message":"no such tag"}"#),
            _ => cloud(&call),
        }
    })
    .await;
    let gateway = Gateway::serve(configuration(&api)).await;

    let arguments = r#"{"name":"web","tags":["a"]}"#;
    let answer = Modern::of(&gateway).call("flow_provision", arguments).await;

    let result = answer.result();
    assert_eq!(result["isError"], true);
    assert_eq!(result["structuredContent"]["status"], "failed");
    let expected = [
        "quota done",
        "enough done",
        "network done undone:done",
        "machine done undone:done",
        "tags failed",
    ];
    assert_eq!(steps_of(&answer), expected);
    let text = result["content"][0]["text"].as_str().unwrap();
    assert!(text.starts_with("step tags of flow.provision failed at api.tag: "), "{text}");
    assert!(text.contains("undone: network, machine"), "{text}");
    let requests = requests(&api);
    assert_eq!(requests[requests.len() - 2..], ["DELETE /machines/m1", "DELETE /networks/n1"]);
}

#[tokio::test]
async fn a_condition_that_is_not_met_ends_it_before_anything_is_done() {
    let api = Server::start(|call| async move {
        match call.path.as_str() {
            "/quota" => Reply::json(200, r#"{"free":0}"#),
            _ => cloud(&call),
        }
    })
    .await;
    let gateway = Gateway::serve(configuration(&api)).await;

    let answer = Modern::of(&gateway).call("flow_provision", r#"{"name":"web"}"#).await;

    let told = error(&answer);
    assert_eq!(
        (&told["category"], &told["sideEffect"]),
        (&json!("invalid_arguments"), &json!("none"))
    );
    let text = answer.result()["content"][0]["text"].as_str().unwrap().to_owned();
    assert!(text.contains("there is room for 0 machines"), "{text}");
    assert_eq!(requests(&api), ["GET /quota"]);
}

/// A workflow of these steps in front of the API. `more` are further keys of the server.
fn flow(api: &Server, more: &str, steps: &str) -> String {
    let servers = API.replace("ORIGIN", api.origin());
    format!(
        r#"servers:{servers}
  - name: flow
{more}
    workflow:
      tools:
        go:
          description: Goes on.
          parameters: {{ list: {{ type: array, items: {{}}, default: [1], description: Numbers. }} }}
          steps:
{steps}
"#
    )
}

const NETWORK: &str = r#"
            - id: network
              call: api.network
              arguments: { name: net }
              retry: { attempts: 3, after: 10ms }
              compensate: { call: api.drop_network, arguments: { id: { $: output.id } } }"#;

#[tokio::test]
async fn only_what_is_safe_to_repeat_is_made_again() {
    let seen = Arc::new(AtomicUsize::new(0));
    let api = Server::start(move |call| {
        let earlier = seen.fetch_add(1, Ordering::Relaxed);
        async move {
            match (call.verb.as_str(), call.path.as_str(), earlier) {
                // Nothing was done: to be made again.
                ("POST", "/machines", 0) => Reply::json(429, "{}").header("retry-after", "0"),
                // It may have been done: not to be made again, however often it may be.
                ("POST", "/networks", _) => Reply::json(500, "{}"),
                // The same, and twice is no more than once.
                ("PUT", _, 2) => Reply::json(500, "{}"),
                _ => cloud(&call),
            }
        }
    })
    .await;
    let steps = r#"
            - { id: machine, call: api.machine, arguments: { network: n }, retry: { attempts: 3, after: 10ms } }
            - { id: tag, call: api.tag, arguments: { tag: a }, idempotent: true, retry: { attempts: 3, after: 10ms } }
            - { id: network, call: api.network, arguments: { name: x }, retry: { attempts: 3, after: 10ms } }"#;
    let gateway = Gateway::serve(flow(&api, "", steps)).await;

    let answer = Modern::of(&gateway).call("flow_go", "{}").await;

    let expected =
        ["POST /machines", "POST /machines", "PUT /tags/a", "PUT /tags/a", "POST /networks"];
    assert_eq!(requests(&api), expected);
    assert_eq!(steps_of(&answer), ["machine done", "tag done", "network failed"]);
    let told = error(&answer);
    assert_eq!((&told["category"], &told["sideEffect"]), (&json!("unfinished"), &json!("unknown")));
    let text = answer.result()["content"][0]["text"].as_str().unwrap().to_owned();
    assert!(text.contains("done and standing: machine, tag"), "{text}");
}

#[tokio::test]
async fn all_steps_share_one_budget_and_what_was_done_is_undone_within_it() {
    let api = Server::start(|call| async move {
        match call.path.as_str() {
            "/machines" => std::future::pending().await,
            _ => cloud(&call),
        }
    })
    .await;
    let steps = format!(
        "{NETWORK}\n            - {{ id: machine, call: api.machine, arguments: {{ network: n }} }}"
    );
    let gateway = Gateway::serve(flow(&api, "    timeout_total: 4s", &steps)).await;

    let start = std::time::Instant::now();
    let answer = Modern::of(&gateway).call("flow_go", "{}").await;

    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    assert_eq!(steps_of(&answer), ["network done undone:done", "machine failed"]);
    let result = answer.result();
    let told = &result["structuredContent"]["steps"][1]["error"];
    assert_eq!((&told["category"], &told["side_effect"]), (&json!("timeout"), &json!("unknown")));
    assert_eq!(requests(&api).last().unwrap(), "DELETE /networks/n1");
}

#[tokio::test]
async fn a_list_runs_so_many_at_once_and_none_more_after_a_failure() {
    let (now, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let measured = peak.clone();
    let api = Server::start(move |call| {
        let (now, peak) = (now.clone(), peak.clone());
        async move {
            peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(30)).await;
            now.fetch_sub(1, Ordering::SeqCst);
            match call.path.as_str() {
                "/tags/7" => Reply::json(422, "{}"),
                _ => cloud(&call),
            }
        }
    })
    .await;
    let steps = r#"
            - id: tags
              call: api.tag
              for_each: arguments.list
              parallel: 4
              arguments: { tag: { $: to_string(item) } }
              compensate: { call: api.drop_tag, arguments: { tag: { $: to_string(item) } } }"#;
    let gateway = Gateway::serve(flow(&api, "", steps)).await;
    let client = Modern::of(&gateway).meta(r#""progressToken":"p""#);

    let sound = client.call("flow_go", r#"{"list":[20,21,22,23,24,25,26,27,28,29]}"#).await;
    let made = requests(&api).len();
    let failed =
        client.call("flow_go", r#"{"list":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]}"#).await;

    assert_eq!((made, measured.load(Ordering::SeqCst)), (10, 4));
    assert_eq!(steps_of(&sound), ["tags done"]);
    let progress: Vec<f64> = sound
        .messages()
        .iter()
        .filter(|message| message["method"] == "notifications/progress")
        .map(|message| message["params"]["progress"].as_f64().unwrap())
        .collect();
    assert!(progress.len() == 10 && progress.is_sorted_by(|a, b| a < b), "{progress:?}");
    assert_eq!(steps_of(&failed), ["tags failed undone:done"]);
    let result = failed.result();
    let items = &result["structuredContent"]["steps"][0]["items"];
    let count = |name: &str| usize::try_from(items[name].as_u64().unwrap()).unwrap();
    assert_eq!((count("failed"), count("done") + count("not_run")), (1, 15));
    assert!(count("not_run") >= 4, "{items}");
    let undone = api.every().iter().filter(|call| call.verb == "DELETE").count();
    assert_eq!(undone, count("done"));
}

#[tokio::test]
async fn what_may_fail_is_told_and_the_rest_goes_on() {
    let api = Server::start(|call| async move {
        match call.path.as_str() {
            "/tags/2" => Reply::json(422, "{}"),
            _ => cloud(&call),
        }
    })
    .await;
    let steps = r#"
            - id: tags
              call: api.tag
              for_each: arguments.list
              on_error: continue
              arguments: { tag: { $: to_string(item) } }
            - { id: never, when: "steps.tags.status == 'done'", call: api.machine, arguments: { network: n } }"#;
    let gateway = Gateway::serve(flow(&api, "", steps)).await;

    let answer = Modern::of(&gateway).call("flow_go", r#"{"list":[1,2,3]}"#).await;

    let result = answer.result();
    assert_ne!(result["isError"], true);
    assert_eq!(result["structuredContent"]["status"], "partial");
    assert_eq!(steps_of(&answer), ["tags partial", "never skipped"]);
    let items = &result["structuredContent"]["steps"][0]["items"];
    assert_eq!(*items, json!({ "done": 2, "failed": 1, "not_run": 0 }));
}

const TWO: &str = r#"
            - id: network
              call: api.network
              arguments: { name: net }
              compensate: { call: api.drop_network, arguments: { id: { $: output.id } } }
            - { id: machine, call: api.machine, arguments: { network: { $: steps.network.output.id } } }
            - { id: tag, call: api.tag, arguments: { tag: a } }"#;

/// An API whose machines never come, until the test says so.
async fn slow(go: Arc<tokio::sync::Notify>) -> Server {
    Server::start(move |call| {
        let go = go.clone();
        async move {
            if call.path == "/machines" {
                go.notified().await;
            }
            cloud(&call)
        }
    })
    .await
}

#[tokio::test]
async fn a_caller_that_leaves_or_cancels_stops_the_steps_and_what_was_done_is_undone() {
    let go = Arc::new(tokio::sync::Notify::new());
    let api = slow(go.clone()).await;
    let gateway = Gateway::serve(flow(&api, "", TWO)).await;
    let machines = |api: &Server| requests(api).iter().filter(|it| *it == "POST /machines").count();
    let reached = async |count: usize, what: &str, find: &dyn Fn() -> usize| {
        soon(what, async {
            while find() < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    };
    let dropped = || requests(&api).iter().filter(|it| *it == "DELETE /networks/n1").count();

    // A modern client leaves; the write that is under way is waited for.
    let wire = Modern::of(&gateway).begin("flow_go", "{}").await;
    reached(1, "the machine", &|| machines(&api)).await;
    drop(wire);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(dropped(), 0);
    go.notify_one();
    reached(1, "the network to be dropped", &dropped).await;

    // An older one cancels.
    let client = Legacy::open(&gateway, "2025-11-25", "{}").await;
    let _wire = client.begin("flow_go", "{}").await;
    reached(2, "the machine", &|| machines(&api)).await;
    client.say("notifications/cancelled", r#"{"requestId":1}"#).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    go.notify_one();
    reached(2, "the network to be dropped", &dropped).await;

    assert!(!requests(&api).iter().any(|it| it.starts_with("PUT")), "{:?}", requests(&api));
    gateway.logged("the caller of a workflow left").await;
}

const ASKS: &str = r#"
            - { id: quota, call: api.quota, reads: true }
            - { id: sure, approve: "Use one of {{ steps.quota.output.free }}?" }
            - { id: network, call: api.network, arguments: { name: net } }"#;

#[tokio::test]
async fn the_user_is_asked_in_both_eras_and_nothing_is_done_without_a_yes() {
    let api = Server::start(|call| async move { cloud(&call) }).await;
    let gateway = Gateway::serve(flow(&api, "", ASKS)).await;
    let made = || requests(&api).iter().filter(|it| *it == "POST /networks").count();
    let modern = Modern::of(&gateway).able(r#"{"elicitation":{"form":{}}}"#);
    let answers = [
        (r#"{"action":"accept","content":{"approve":true}}"#, false),
        (r#"{"action":"accept","content":{"approve":false}}"#, true),
        (r#"{"action":"decline"}"#, true),
    ];

    for (answer, refused) in answers {
        let asked = modern.call("flow_go", "{}").await.result();
        let question = &asked["inputRequests"]["q1"]["params"];
        assert_eq!(question["message"], "Use one of 3?", "{asked}");
        let said = format!(r#"{{"q1":{answer}}}"#);
        let last = modern.retry("flow_go", "{}", &asked["requestState"], &said).await;
        assert_eq!(last.result()["isError"] == true, refused, "{answer}");
        if refused {
            assert_eq!(error(&last)["category"], "declined");
        }

        let client = Legacy::open(&gateway, "2025-06-18", r#"{"elicitation":{}}"#).await;
        let mut wire = client.begin("flow_go", "{}").await;
        wire.head().await.unwrap();
        let question = wire.message().await;
        assert_eq!(question["params"]["message"], "Use one of 3?");
        client.reply(&question, &format!(r#""result":{answer}"#)).await;
        let last = wire.message().await;
        assert_eq!(last["result"]["isError"] == true, refused, "{last}");
    }

    assert_eq!(made(), 2);
    // Who cannot be asked is told before anything is done.
    let before = requests(&api).len();
    let unable = Modern::of(&gateway).call("flow_go", "{}").await;
    let older = Legacy::open(&gateway, "2025-03-26", "{}").await.call("flow_go", "{}").await;
    assert_eq!(unable.code(), -32021);
    assert!(older.last().to_string().contains("elicitation"), "{older:?}");
    assert_eq!(requests(&api).len(), before);
}

#[tokio::test]
async fn what_a_step_may_do_is_decided_by_who_called_the_workflow() {
    let api = Server::start(|call| async move { cloud(&call) }).await;
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys.yaml");
    let key = |name: &str, role: &str| {
        let keys = keys.to_str().unwrap();
        toolgate(&["key", "new", name, "--role", role, "--file", keys]).out.trim().to_owned()
    };
    let (ada, bob) = (key("ada", "builder"), key("bob", "viewer"));
    let trail = Trail::new();
    let rules = format!(
        "audit: {{ file: {{ path: '{}' }} }}\nauthentication: {{ api_keys: {{ file: '{}' }} }}\nroles:\n  viewer: {{ allow: ['flow/*', api/network, api/drop_network] }}\n  builder: {{ allow: ['*'] }}\n",
        trail.path().display(),
        keys.display()
    );
    let gateway = Gateway::serve(format!("{rules}{}", flow(&api, "", TWO))).await;
    let call = async |key: &str| {
        let params = r#"{"name":"flow_go","arguments":{}}"#;
        let ask = Modern::of(&gateway).ask("7", "tools/call", params);
        gateway.ask(&ask.header("Authorization", &format!("Bearer {key}"))).await
    };

    let may = call(&ada).await;
    let may_not = call(&bob).await;

    assert_eq!(steps_of(&may), ["network done", "machine done", "tag done"]);
    let expected = ["network done undone:done", "machine failed", "tag not_run"];
    assert_eq!(steps_of(&may_not), expected);
    let result = may_not.result();
    let told = &result["structuredContent"]["steps"][1]["error"];
    assert_eq!(told["category"], "unknown", "{told}");
    assert_eq!(requests(&api).last().unwrap(), "DELETE /networks/n1");
    // Each call has a record of its own, as the caller's, which names the outer one.
    let records = trail.records(8).await;
    let told = |record: &Value| {
        let text = |name: &str| record[name].as_str().unwrap_or("-").to_owned();
        let caller = text("caller").rsplit('|').next().unwrap_or_default().to_owned();
        format!("{caller} {} {} {}", text("request"), text("tool"), text("outcome"))
    };
    let told: Vec<_> = records.iter().map(told).collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[tokio::test]
async fn a_workflow_calls_the_tools_of_the_configuration_that_serves_now() {
    let (first, second) = (
        Server::start(|call| async move { cloud(&call) }).await,
        Server::start(|call| async move { cloud(&call) }).await,
    );
    let gateway = Gateway::serve(flow(&first, "", TWO)).await;
    let client = Modern::of(&gateway);

    client.call("flow_go", "{}").await.result();
    gateway.rewrite(flow(&second, "", TWO));
    gateway.logged("the new configuration is in use").await;
    let answer = client.call("flow_go", "{}").await;

    assert_eq!(steps_of(&answer), ["network done", "machine done", "tag done"]);
    assert_eq!((first.every().len(), second.every().len()), (3, 3));
}

#[tokio::test]
async fn a_slow_run_is_a_task_for_whoever_knows_tasks() {
    let api = Server::start(|call| async move {
        tokio::time::sleep(Duration::from_millis(50)).await;
        cloud(&call)
    })
    .await;
    let slow = configuration(&api)
        .replace("        provision:\n", "        provision:\n          task: required\n");
    let gateway = Gateway::serve(slow).await;
    let name = r#"{"name":"a","tags":["x"]}"#;

    let client =
        Modern::of(&gateway).able(r#"{"extensions":{"io.modelcontextprotocol/tasks":{}}}"#);
    let begun = client.call("flow_provision", name).await.result();
    assert_eq!(begun["resultType"], "task", "{begun}");
    let id = json!({ "taskId": begun["taskId"] }).to_string();
    let state = soon("the task ends", async {
        loop {
            let state = client.request("2", "tasks/get", &id).await.result();
            if state["status"] == "completed" {
                return state;
            }
            assert_eq!(state["status"], "working", "{state}");
        }
    })
    .await;
    assert_eq!(state["result"]["structuredContent"]["result"]["machine"], "m1", "{state}");

    // For a client that knows no tasks the gateway waits.
    let waited = Modern::of(&gateway).call("flow_provision", name).await.result();
    assert_eq!(waited["structuredContent"]["status"], "done", "{waited}");

    let legacy = Legacy::open(&gateway, "2025-11-25", "{}").await;
    let params = format!(r#"{{"name":"flow_provision","arguments":{name},"task":{{}}}}"#);
    let begun = legacy.request("1", "tools/call", &params).await.result();
    let id = json!({ "taskId": begun["task"]["taskId"] }).to_string();
    let result = legacy.request("2", "tasks/result", &id).await.result();
    assert_eq!(result["structuredContent"]["status"], "done", "{result}");
}

#[tokio::test]
async fn a_cancelled_task_undoes_what_it_did() {
    let api = Server::start(|call| async move {
        if call.path == "/machines" {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        cloud(&call)
    })
    .await;
    let slow = configuration(&api)
        .replace("        provision:\n", "        provision:\n          task: required\n");
    let gateway = Gateway::serve(slow).await;
    let client =
        Modern::of(&gateway).able(r#"{"extensions":{"io.modelcontextprotocol/tasks":{}}}"#);
    let begun = client.call("flow_provision", r#"{"name":"a"}"#).await.result();
    let id = json!({ "taskId": begun["taskId"] }).to_string();
    soon("the machine is asked for", async {
        while !requests(&api).contains(&"POST /machines".to_owned()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;

    client.request("2", "tasks/cancel", &id).await.result();

    soon("all is undone", async {
        while !requests(&api).contains(&"DELETE /networks/n1".to_owned()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert!(requests(&api).contains(&"DELETE /machines/m1".to_owned()), "{:?}", requests(&api));
}
