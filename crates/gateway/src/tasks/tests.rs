use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use toolgate_protocol::client::{Client, key};
use toolgate_protocol::jsonrpc::codes;

use super::*;
use crate::call::{Answer, Frame};
use crate::fault::Reason;
use crate::testing::{Fake, Said, caller, client, gateway, question, request, result_frame, told};

fn extension() -> Value {
    json!({ "extensions": { "io.modelcontextprotocol/tasks": {} } })
}

fn modern() -> Client {
    client(Version::V2026_07_28, &json!({}))
}

fn modern_with_tasks() -> Client {
    let mut all = extension();
    all["elicitation"] = json!({});
    client(Version::V2026_07_28, &all)
}

fn older(version: Version) -> Client {
    client(version, &json!({}))
}

fn task_capabilities() -> Value {
    json!({ "tools": {}, "tasks": {
        "list": {}, "cancel": {}, "requests": { "tools": { "call": {} } }
    } })
}

fn task(status: &str) -> Value {
    json!({ "taskId": "t-1", "status": status, "createdAt": "A", "lastUpdatedAt": "B",
        "ttl": 60000, "pollInterval": 100 })
}

fn related() -> Value {
    json!({ key::RELATED_TASK: { "taskId": "t-1" } })
}

/// A 2025-11-25 server whose tool `job` runs only as a task, which is in `states` one after
/// another; the last one stays.
fn server(states: &'static [&'static str]) -> Fake {
    let tools = json!({ "tools": [
        { "name": "job", "inputSchema": {}, "execution": { "taskSupport": "required" } },
        { "name": "plain", "inputSchema": {} },
    ] });
    let mut at = 0;
    Fake::new(Version::V2025_11_25, &task_capabilities())
        .on("tools/list", move |_| Said::Result(tools.clone()))
        .on("tools/call", |params| match &params["task"] {
            Value::Null if params["name"] == "job" => {
                Said::Error(codes::METHOD_NOT_FOUND, "only as a task")
            }
            Value::Null => Said::Result(json!({ "content": [] })),
            _ => Said::Result(json!({ "task": task("working") })),
        })
        .on("tasks/get", move |_| {
            let state = states[at.min(states.len() - 1)];
            at += 1;
            Said::Result(task(state))
        })
        .on("tasks/result", |_| {
            Said::Result(json!({ "content": [], "isError": true, "_meta": related() }))
        })
        .on("tasks/cancel", |_| Said::Result(task("cancelled")))
}

async fn call(gateway: &Arc<Gateway>, client: &Client, method: &str, params: Value) -> Value {
    told(gateway.call_modern(request(client, method, params)).await).await.unwrap()
}

async fn fault(gateway: &Arc<Gateway>, client: &Client, method: &str, params: Value) -> Reason {
    let reply = gateway.call_modern(request(client, method, params)).await;
    told(reply).await.unwrap_err().reason
}

/// Calls `job` and gives the id of the task.
async fn begin(gateway: &Arc<Gateway>) -> String {
    let created = call(gateway, &modern_with_tasks(), "tools/call", json!({ "name": "job" })).await;
    created["result"]["taskId"].as_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_client_with_the_extension_is_handed_the_task_of_an_older_server() {
    let server = Arc::new(server(&["working", "failed"]));
    let gateway = gateway(&[("a", server.clone())], "");
    let client = modern_with_tasks();

    let created = call(&gateway, &client, "tools/call", json!({ "name": "job" })).await;
    let id = created["result"]["taskId"].clone();
    let working = call(&gateway, &client, "tasks/get", json!({ "taskId": id })).await;
    let ended = call(&gateway, &client, "tasks/get", json!({ "taskId": id })).await;

    let state = |kind, status| {
        json!({ "resultType": kind, "taskId": id, "status": status, "createdAt": "A",
            "lastUpdatedAt": "B", "ttlMs": 60000, "pollIntervalMs": 100 })
    };
    assert_ne!(id, "t-1");
    assert_eq!(created["result"], state("task", "working"));
    assert_eq!(working["result"], state("complete", "working"));
    // A tool that failed has completed, in the words of the extension.
    let mut completed = state("complete", "completed");
    completed["result"] = json!({ "content": [], "isError": true, "_meta": {} });
    assert_eq!(ended["result"], completed);
    let heard = server.heard();
    assert_eq!(heard[1]["params"]["task"], json!({}));
    assert_eq!(heard[2]["params"]["taskId"], "t-1");
}

#[tokio::test(start_paused = true)]
async fn a_client_without_tasks_gets_the_result_and_progress_meanwhile() {
    for client in [modern(), older(Version::V2025_03_26), older(Version::V2025_11_25)] {
        let server = Arc::new(server(&["working", "working", "completed"]));
        let gateway = gateway(&[("a", server.clone())], "");
        let params = json!({ "name": "job", "_meta": { "progressToken": "p" } });

        let mut reply = gateway.call(request(&client, "tools/call", params)).await.unwrap();

        let mut progress = Vec::new();
        let end = loop {
            match reply.next().await.unwrap() {
                Frame::Notification(message) => {
                    let params = message.params().unwrap();
                    assert_eq!(params.get("progressToken").unwrap().raw(), "\"p\"");
                    progress.push(params.get("progress").unwrap().as_u64().unwrap());
                }
                Frame::End(end) => break end,
                _ => panic!("neither progress nor an end"),
            }
        };
        assert_eq!(progress, [1, 2]);
        let result = end.message.result_object().unwrap().raw().to_owned();
        assert_eq!(result, r#"{"content":[],"isError":true,"_meta":{}}"#);
        let methods = server.methods();
        assert_eq!(methods[2..], ["tasks/get", "tasks/get", "tasks/get", "tasks/result"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_cancels_the_task_that_the_gateway_follows() {
    let server = Arc::new(server(&["working"]));
    let gateway = gateway(&[("a", server.clone())], "");

    let reply = gateway.call(request(&modern(), "tools/call", json!({ "name": "job" }))).await;
    drop(reply);
    tokio::time::sleep(Duration::from_secs(1)).await;

    assert_eq!(server.methods().last().unwrap(), "tasks/cancel");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_takes_too_long_is_cancelled_and_told_as_late() {
    let server = Arc::new(server(&["working"]));
    let gateway = gateway(&[("a", server.clone())], "");

    let reason = fault(&gateway, &modern(), "tools/call", json!({ "name": "job" })).await;
    tokio::time::sleep(Duration::from_secs(1)).await;

    assert_eq!(reason, Reason::Timeout);
    assert_eq!(server.methods().last().unwrap(), "tasks/cancel");
}

#[tokio::test(start_paused = true)]
async fn an_ordinary_tool_is_called_as_ever_and_the_tools_are_looked_at_once() {
    let server = Arc::new(server(&["working"]));
    let gateway = gateway(&[("a", server.clone())], "");

    for _ in 0..2 {
        call(&gateway, &modern_with_tasks(), "tools/call", json!({ "name": "plain" })).await;
    }

    assert_eq!(server.methods(), ["tools/list", "tools/call", "tools/call"]);
    assert!(server.heard()[1]["params"].get("task").is_none());
}

/// A server whose task asks for a name on the stream of its result.
fn asking() -> (Fake, Arc<Mutex<Option<Answer>>>) {
    let given = Arc::new(Mutex::new(None));
    let (states, answered) = (given.clone(), given.clone());
    let server = server(&["working"])
        .on("tasks/get", move |_| {
            let done = states.lock().unwrap().is_some();
            Said::Result(task(if done { "completed" } else { "input_required" }))
        })
        .on("tasks/result", move |_| {
            let (frames, received) = mpsc::channel(4);
            let params = json!({ "message": "Name?", "requestedSchema": {}, "_meta": related() });
            let (ask, answer) = question("elicitation/create", &params);
            let answered = answered.clone();
            tokio::spawn(async move {
                if answered.lock().unwrap().is_none() {
                    frames.send(ask).await.ok();
                    let Ok(answer) = answer.await else { return };
                    *answered.lock().unwrap() = Some(answer);
                }
                let result = json!({ "content": [], "_meta": related() });
                frames.send(result_frame(Era::Legacy, &result)).await.ok();
            });
            Said::Frames(received)
        });
    (server, given)
}

#[tokio::test(start_paused = true)]
async fn what_a_task_asks_is_answered_by_an_update() {
    let (server, given) = asking();
    let gateway = gateway(&[("a", Arc::new(server))], "");
    let client = modern_with_tasks();
    let id = begin(&gateway).await;

    let first = call(&gateway, &client, "tasks/get", json!({ "taskId": id })).await;
    let again = call(&gateway, &client, "tasks/get", json!({ "taskId": id })).await;

    let asked = first["result"]["inputRequests"].as_object().unwrap();
    let (key, question) = asked.iter().next().unwrap();
    assert_eq!(first["result"]["status"], "input_required");
    assert_eq!(question["method"], "elicitation/create");
    let params = json!({ "message": "Name?", "requestedSchema": {}, "_meta": {} });
    assert_eq!(question["params"], params);
    // The same question under the same key, so that nobody is asked twice.
    assert_eq!(again["result"]["inputRequests"], first["result"]["inputRequests"]);

    let answer = json!({ "action": "accept", "content": { "n": "Ada" } });
    let responses = json!({ key: answer, "unknown": {} });
    let update = json!({ "taskId": id, "inputResponses": responses });
    let acknowledged = call(&gateway, &client, "tasks/update", update).await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    let ended = call(&gateway, &client, "tasks/get", json!({ "taskId": id })).await;

    assert_eq!(acknowledged["result"], json!({ "resultType": "complete" }));
    let Some(Answer::Result(given)) = given.lock().unwrap().take() else { panic!("no answer") };
    assert_eq!(serde_json::from_slice::<Value>(&given).unwrap(), answer);
    assert_eq!(ended["result"]["status"], "completed");
    assert_eq!(gateway.lasting.parking.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_without_the_extension_is_asked_in_rounds_of_the_call_itself() {
    let (server, given) = asking();
    let gateway = gateway(&[("a", Arc::new(server))], "");
    let client = client(Version::V2026_07_28, &json!({ "elicitation": {} }));

    let round = call(&gateway, &client, "tools/call", json!({ "name": "job" })).await;
    assert_eq!(round["result"]["resultType"], "input_required");
    let retry = json!({ "name": "job", "requestState": round["result"]["requestState"],
        "inputResponses": { "q1": { "action": "decline" } } });
    let ended = call(&gateway, &client, "tools/call", retry).await;

    assert!(given.lock().unwrap().is_some());
    assert_eq!(ended["result"]["content"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_no_longer_looks_in_gives_its_questions_up() {
    let (server, _given) = asking();
    let gateway = gateway(&[("a", Arc::new(server))], "parking: { ttl: 60s }");
    let id = begin(&gateway).await;

    call(&gateway, &modern_with_tasks(), "tasks/get", json!({ "taskId": id })).await;
    assert_eq!(gateway.lasting.parking.count(), 1);
    tokio::time::sleep(Duration::from_secs(61)).await;

    assert_eq!(gateway.lasting.parking.count(), 0);
}

#[tokio::test]
async fn cancelling_is_a_wish_even_when_the_task_has_ended() {
    let ended = server(&["completed"])
        .on("tasks/cancel", |_| Said::Error(codes::INVALID_PARAMS, "it has ended"));
    let gone = server(&["completed"])
        .on("tasks/cancel", |_| Said::Error(codes::INVALID_PARAMS, "unknown"))
        .on("tasks/get", |_| Said::Error(codes::INVALID_PARAMS, "unknown"));
    for (server, acknowledged) in [(server(&["working"]), true), (ended, true), (gone, false)] {
        let gateway = gateway(&[("a", Arc::new(server))], "");
        let id = begin(&gateway).await;

        let told =
            call(&gateway, &modern_with_tasks(), "tasks/cancel", json!({ "taskId": id })).await;

        assert_eq!(told.get("result").is_some(), acknowledged);
    }
}

#[tokio::test]
async fn a_task_is_of_no_use_to_others_nor_without_the_extension() {
    let gateway = gateway(&[("a", Arc::new(server(&["working"])))], "");
    let id = begin(&gateway).await;
    let params = json!({ "taskId": id });

    assert_eq!(
        fault(&gateway, &modern(), "tasks/get", params.clone()).await,
        Reason::MissingCapability
    );
    let raw = json!({ "taskId": "t-1" });
    assert_eq!(fault(&gateway, &modern_with_tasks(), "tasks/get", raw).await, Reason::Unknown);
    let mut stolen = request(&modern_with_tasks(), "tasks/get", params);
    stolen.who.caller = caller("eve");
    assert_eq!(gateway.call(stolen).await.err().unwrap().reason, Reason::Unknown);
}

#[tokio::test]
async fn an_older_client_follows_its_tasks_itself() {
    let server = Arc::new(server(&["working"]));
    let gateway = gateway(&[("a", server.clone())], "");
    let client = older(Version::V2025_11_25);
    let params = json!({ "name": "job", "task": { "ttl": 5 } });

    let created = told(gateway.call(request(&client, "tools/call", params)).await).await.unwrap();
    for method in ["tasks/get", "tasks/result", "tasks/cancel"] {
        let params = json!({ "taskId": "t-1" });
        told(gateway.call(request(&client, method, params)).await).await.unwrap();
    }
    let refused = gateway
        .call(request(&older(Version::V2025_06_18), "tasks/get", json!({ "taskId": "t-1" })))
        .await;

    assert_eq!(created["result"], json!({ "task": task("working") }));
    assert_eq!(server.methods(), ["tools/call", "tasks/get", "tasks/result", "tasks/cancel"]);
    assert_eq!(refused.err().unwrap().reason, Reason::NoMethod);
}

#[tokio::test(start_paused = true)]
async fn the_result_of_a_task_may_be_waited_for_as_long_as_the_whole_call_may_take() {
    let slow = server(&["working"]).on("tasks/result", |_| Said::Silence);
    let gateway = gateway(&[("a", Arc::new(slow))], "");
    let bounds = gateway.routes[0].bounds;
    let client = older(Version::V2025_11_25);
    let start = tokio::time::Instant::now();

    let params = json!({ "taskId": "t-1" });
    let outcome = gateway.call(request(&client, "tasks/result", params)).await;

    assert_eq!(outcome.err().unwrap().reason, Reason::Timeout);
    assert!(bounds.total > bounds.silence);
    assert_eq!(start.elapsed(), bounds.total);
}

#[tokio::test]
async fn an_older_client_in_front_of_a_modern_server_has_no_tasks_and_declares_none() {
    let server = Fake::new(Version::V2026_07_28, &extension())
        .on("tools/call", |_| Said::Result(json!({ "resultType": "complete", "content": [] })));
    let server = Arc::new(server);
    let gateway = gateway(&[("a", server.clone())], "");
    // Even if it claims the extension, which its revision does not know.
    let client = client(Version::V2025_11_25, &extension());

    let params = json!({ "name": "job" });
    told(gateway.call(request(&client, "tools/call", params)).await).await.unwrap();
    let refused = gateway.call(request(&client, "tasks/get", json!({ "taskId": "t" }))).await;
    let who = request(&client, "ping", json!({})).who;
    let welcome = gateway.welcome(&who, client.abilities(), client.version).await.unwrap();

    let declared = &server.heard()[0]["params"]["_meta"][key::CAPABILITIES];
    assert_eq!(*declared, json!({}));
    assert_eq!(refused.err().unwrap().reason, Reason::NoMethod);
    assert!(!welcome.contains("tasks"), "{welcome}");
}

#[tokio::test]
async fn modern_tasks_are_relayed_byte_for_byte_by_one_server() {
    let state = json!({ "resultType": "complete", "taskId": "t-1", "status": "completed",
        "result": { "content": [{ "type": "resource_link", "uri": "file:///a" }] } });
    let told_by_server = state.clone();
    let server = Fake::new(Version::V2026_07_28, &extension())
        .on("tasks/get", move |_| Said::Result(told_by_server.clone()));
    let gateway = gateway(&[("a", Arc::new(server))], "");

    let found = call(&gateway, &modern_with_tasks(), "tasks/get", json!({ "taskId": "t-1" })).await;

    assert_eq!(found["result"].to_string(), state.to_string());
}

#[tokio::test]
async fn with_several_servers_ids_lead_back_and_inlined_results_are_translated() {
    let modern_server = Fake::new(Version::V2026_07_28, &extension())
        .on("tools/call", |_| {
            Said::Result(json!({ "resultType": "task", "taskId": "t-1", "status": "working" }))
        })
        .on("tasks/get", |_| {
            Said::Result(json!({ "resultType": "complete", "taskId": "t-1",
                "status": "completed",
                "result": { "content": [{ "type": "resource_link", "uri": "file:///a" }] } }))
        });
    let modern_server = Arc::new(modern_server);
    let other = Arc::new(server(&["working", "completed"]));
    let gateway = gateway(&[("one", modern_server.clone()), ("two", other.clone())], "");
    let client = modern_with_tasks();

    let created = call(&gateway, &client, "tools/call", json!({ "name": "one_job" })).await;
    let id = created["result"]["taskId"].clone();
    let found = call(&gateway, &client, "tasks/get", json!({ "taskId": id })).await;
    assert_ne!(id, "t-1");
    assert_eq!(found["result"]["taskId"], id);
    assert_eq!(found["result"]["result"]["content"][0]["uri"], "one+file:///a");
    assert_eq!(modern_server.heard()[1]["params"]["taskId"], "t-1");

    let bridged = call(&gateway, &client, "tools/call", json!({ "name": "two_job" })).await;
    let id = bridged["result"]["taskId"].clone();
    let working = call(&gateway, &client, "tasks/get", json!({ "taskId": id })).await;
    assert_eq!(working["result"]["taskId"], id);
    assert_eq!(other.heard()[2]["params"]["taskId"], "t-1");
}

#[tokio::test]
async fn with_several_servers_an_older_client_gets_sealed_ids_and_no_list() {
    let (asking, given) = asking();
    let other = Fake::new(Version::V2025_11_25, &json!({}));
    let gateway = gateway(&[("one", Arc::new(asking)), ("two", Arc::new(other))], "");
    let client = older(Version::V2025_11_25);
    let params = json!({ "name": "one_job", "task": {} });

    let created = told(gateway.call(request(&client, "tools/call", params)).await).await.unwrap();
    let id = created["result"]["task"]["taskId"].clone();
    let fetch = request(&client, "tasks/result", json!({ "taskId": id }));
    let mut reply = gateway.call(fetch).await.unwrap();
    let Some(Frame::Ask(ask)) = reply.next().await else { panic!("no question") };
    let params: Value = serde_json::from_slice(ask.params.as_ref().unwrap()).unwrap();
    let answer = json!({ "action": "decline", "_meta": params["_meta"] });
    ask.answer.send(Answer::Result(answer.to_string().into())).unwrap();
    let end = reply.end().await.unwrap();
    let list = gateway.call(request(&client, "tasks/list", json!({}))).await;

    let named = |meta: &Value| meta[key::RELATED_TASK]["taskId"].clone();
    assert_eq!(named(&params["_meta"]), id);
    let Some(Answer::Result(given)) = given.lock().unwrap().take() else { panic!("no answer") };
    let given: Value = serde_json::from_slice(&given).unwrap();
    assert_eq!(named(&given["_meta"]), "t-1");
    let end: Value = serde_json::from_slice(end.message.bytes()).unwrap();
    assert_eq!(named(&end["result"]["_meta"]), id);
    assert_eq!(list.err().unwrap().reason, Reason::NoMethod);
}

#[tokio::test]
async fn each_client_is_offered_tasks_in_the_form_that_it_knows() {
    let capable = || Arc::new(server(&["working"]));
    let plain = || Arc::new(Fake::new(Version::V2025_06_18, &json!({ "tools": {} })));
    let all = task_capabilities()["tasks"].clone();
    let mut no_list = all.clone();
    no_list.as_object_mut().unwrap().remove("list");
    let alone = gateway(&[("a", capable())], "");
    let among = gateway(&[("a", capable()), ("b", plain())], "");
    let without = gateway(&[("b", plain())], "");
    for (gateway, version, expected) in [
        (&alone, Version::V2025_11_25, all),
        (&among, Version::V2025_11_25, no_list),
        (&alone, Version::V2025_06_18, Value::Null),
        (&among, Version::V2025_06_18, Value::Null),
        (&without, Version::V2025_11_25, Value::Null),
    ] {
        let client = older(version);
        let who = request(&client, "ping", json!({})).who;
        let welcome = gateway.welcome(&who, client.abilities(), version).await.unwrap();
        let welcome: Value = serde_json::from_str(&welcome).unwrap();
        assert_eq!(welcome["capabilities"]["tasks"], expected, "{version}");
    }
    for (gateway, expected) in [(&alone, true), (&among, true), (&without, false)] {
        let found = call(gateway, &modern(), "server/discover", json!({})).await;
        let offered = &found["result"]["capabilities"];
        assert_eq!(offered["extensions"].get(key::TASKS).is_some(), expected);
        assert!(offered.get("tasks").is_none());
    }
}

#[tokio::test]
async fn only_clients_that_know_tasks_see_that_a_tool_needs_one() {
    let gateway = gateway(&[("a", Arc::new(server(&["working"])))], "");
    for (client, shown) in [
        (modern_with_tasks(), false),
        (older(Version::V2025_06_18), false),
        (older(Version::V2025_11_25), true),
    ] {
        let list = call(&gateway, &client, "tools/list", json!({})).await;
        assert_eq!(list["result"]["tools"][0].get("execution").is_some(), shown);
    }
}

#[tokio::test]
async fn a_server_of_the_first_revision_completes_without_having_said_so() {
    let server = Fake::new(Version::V2024_11_05, &json!({ "prompts": {} }))
        .on("completion/complete", |_| Said::Result(json!({ "completion": { "values": [] } })));
    let gateway = gateway(&[("a", Arc::new(server))], "");
    let params = json!({ "ref": { "type": "ref/prompt", "name": "p" },
        "argument": { "name": "x", "value": "" } });

    for client in [modern(), older(Version::V2024_11_05)] {
        let told = call(&gateway, &client, "completion/complete", params.clone()).await;
        assert!(told.get("result").is_some());
    }
}

/// A server that lists whatever tasks there are, also those of others.
fn listing() -> Fake {
    let mut begun = 0;
    let state = |id: &str| json!({ "taskId": id, "status": "working", "createdAt": "A" });
    server(&["working"])
        .on("tools/call", move |_| {
            begun += 1;
            Said::Result(json!({ "task": state(&format!("t-{begun}")) }))
        })
        .on("tasks/list", move |_| {
            let tasks: Vec<_> = (1..=4).map(|n| state(&format!("t-{n}"))).collect();
            Said::Result(json!({ "tasks": tasks, "nextCursor": "more" }))
        })
}

#[tokio::test]
async fn a_list_of_tasks_shows_what_its_caller_began_and_may_still_use() {
    let rules = |more: &str| {
        format!("roles: {{ worker: {{ allow: ['a/job'{more}] }} }}\npolicy: {{ default: deny }}")
    };
    let server = Arc::new(listing());
    let gateway = gateway(&[("a", server.clone())], &rules(", 'a/plain'"));
    let client = older(Version::V2025_11_25);
    let ask = |who: &str, method: &str, params: Value| {
        let mut request = request(&client, method, params);
        request.who.caller = worker(who);
        gateway.call(request)
    };
    let mut ids = Vec::new();
    for (who, tool) in [("ada", "job"), ("eve", "job"), ("ada", "plain")] {
        let params = json!({ "name": tool, "task": {} });
        let created = told(ask(who, "tools/call", params).await).await.unwrap();
        ids.push(created["result"]["task"]["taskId"].clone());
    }

    let list = told(ask("ada", "tasks/list", json!({})).await).await.unwrap();

    let named = |list: &Value| -> Vec<Value> {
        let tasks = list["result"]["tasks"].as_array().unwrap();
        tasks.iter().map(|task| task["taskId"].clone()).collect()
    };
    // Those ids lead back; "t-4", of which nobody here knows what began it, is not shown.
    assert_eq!(named(&list), [ids[0].clone(), ids[2].clone()]);
    assert_eq!(list["result"]["nextCursor"], "more");
    let got = ask("ada", "tasks/get", json!({ "taskId": ids[0] })).await;
    assert_eq!(told(got).await.unwrap()["result"]["taskId"], ids[0]);
    let stolen = ask("eve", "tasks/get", json!({ "taskId": ids[0] })).await;
    assert_eq!(stolen.err().unwrap().reason, Reason::Unknown);
    // A caller that lost a tool loses its tasks.
    let less = crate::testing::gateway(&[("a", server)], &rules(""));
    less.lasting.origins.note("a", &worker("ada"), "t-1", "job".into());
    less.lasting.origins.note("a", &worker("ada"), "t-3", "plain".into());
    let mut again = request(&client, "tasks/list", json!({}));
    again.who.caller = worker("ada");
    assert_eq!(named(&told(less.call(again).await).await.unwrap()).len(), 1);
}

/// A caller with the role that may begin tasks.
fn worker(who: &str) -> crate::call::Caller {
    let identity = toolgate_protocol::caller::Identity::clone(&caller(who));
    let roles = vec!["worker".into()];
    toolgate_protocol::caller::Identity { roles, ..identity }.into()
}
