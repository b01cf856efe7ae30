//! What becomes of runs when steps fail, take their time, or nobody wants them any more.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use toolgate_gateway::call::Reply;
use toolgate_gateway::calls::Home;
use toolgate_gateway::fault::Fault;
use toolgate_gateway::gateway::Gateway;
use toolgate_gateway::testing::{Fake, Said, client, gateway, request, result_frame};
use toolgate_gateway::upstream::Upstream;
use toolgate_hosted::Hosted;
use toolgate_protocol::version::{Era, Version};
use toolgate_workflow::{Engine, Workflow};

/// A workflow in front of an API.
struct Scene {
    api: Arc<Fake>,
    flow: Arc<Hosted>,
    _gateway: Arc<Gateway>,
}

impl Scene {
    fn new(api: Fake, steps: &Value) -> Scene {
        Scene::within("limits: { reply: 4KiB }", api, steps)
    }

    fn within(limits: &str, api: Fake, steps: &Value) -> Scene {
        let api = Arc::new(api);
        let gateway = gateway(&[("api", api.clone())], limits);
        let home = Home::default();
        home.lead_to(&gateway);
        let rules = json!({ "tools": { "go": { "description": "Goes on.", "steps": steps } } });
        let engine = Engine { name: "flow".into(), home, time: Duration::from_secs(10) };
        let flow = Workflow::new(&serde_json::from_value(rules).unwrap(), engine).unwrap();
        Scene { api, flow: Arc::new(Hosted::new("flow", Arc::new(flow))), _gateway: gateway }
    }

    async fn begin(&self) -> Result<Reply, Fault> {
        let client = client(Version::V2025_11_25, &json!({}));
        let params = json!({ "name": "go", "arguments": {} });
        self.flow.call(&request(&client, "tools/call", params)).await
    }

    async fn run(&self) -> Value {
        let end = self.begin().await.unwrap().end().await.unwrap();
        serde_json::from_slice::<Value>(end.message.bytes()).unwrap()["result"].clone()
    }

    /// The tools that were called so far.
    fn called(&self) -> Vec<String> {
        let heard = self.api.heard();
        let calls = heard.iter().filter(|it| it["method"] == "tools/call");
        calls.map(|it| it["params"]["name"].as_str().unwrap().to_owned()).collect()
    }

    async fn until_called(&self, tool: &str) {
        while !self.called().iter().any(|called| called == tool) {
            sleep(Duration::from_millis(1)).await;
        }
    }
}

/// An API whose tools do what they are called: `fail` says that nothing happened, `break` says
/// nothing of the kind, `slow` takes two seconds.
fn api() -> Fake {
    let capabilities = json!({ "tools": {} });
    Fake::new(Version::NEWEST_LEGACY, &capabilities).on("tools/call", |params| {
        let done = json!({ "content": [] });
        match params["name"].as_str().unwrap() {
            "fail" => {
                let error = json!({ "category": "limit", "sideEffect": "none" });
                let meta = json!({ "dev.toolgate/error": error });
                Said::Result(json!({ "content": [], "isError": true, "_meta": meta }))
            }
            "break" => Said::Result(json!({ "content": [], "isError": true })),
            "gone" => Said::Error(-32602, "Unknown tool: gone"),
            "picky" => {
                let text = json!({ "type": "text", "text": "Input validation error: size" });
                Said::Result(json!({ "content": [text], "isError": true }))
            }
            "large" => Said::Result(
                json!({ "content": [], "structuredContent": { "text": "x".repeat(3000) } }),
            ),
            "slow" => after(Duration::from_secs(2), Era::Legacy, done),
            _ => Said::Result(done),
        }
    })
}

fn after(time: Duration, era: Era, result: Value) -> Said {
    let (frames, received) = mpsc::channel(1);
    tokio::spawn(async move {
        sleep(time).await;
        let _ = frames.send(result_frame(era, &result)).await;
    });
    Said::Frames(received)
}

/// A step that calls a tool of the API.
fn step(id: &str, tool: &str, more: Value) -> Value {
    let mut step = json!({ "id": id, "call": format!("api.{tool}") });
    step.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
    step
}

fn undone() -> Value {
    json!({ "compensate": { "call": "api.undo" } })
}

/// Whoever reads the failure finds the step, and the tool that it calls: tools that servers take away,
/// and arguments that these no longer take.
#[tokio::test]
async fn a_failed_step_names_its_workflow_and_the_tool_that_it_calls() {
    for (tool, why) in [
        ("gone", "Unknown tool: gone"),
        ("picky", "Input validation error: size"),
        ("fail", "the tool failed"),
    ] {
        let scene = Scene::new(api(), &json!([step("s", tool, json!({}))]));

        let result = scene.run().await;

        let text = result["content"][0]["text"].as_str().unwrap();
        let expected = format!("step s of flow.go failed at api.{tool}: {why}");
        assert!(text.starts_with(&expected), "{text}");
    }
    let condition = json!([{ "id": "c", "require": "`false`", "message": "not now" }]);
    let result = Scene::new(api(), &condition).run().await;
    let text = result["content"][0]["text"].as_str().unwrap();
    assert!(text.starts_with("step c of flow.go failed: not now"), "{text}");
}

#[tokio::test]
async fn what_may_have_taken_effect_is_said_though_the_run_went_on_after_it() {
    let broken = step("first", "break", json!({ "on_error": "continue" }));
    let list = json!({ "for_each": "['break', 'x']", "on_error": "continue" });
    for (steps, may_have) in [
        (json!([broken, step("last", "fail", json!({}))]), true),
        (json!([step("list", "break", list), step("last", "fail", json!({}))]), true),
        // What ran for no entry of a list did nothing, and neither did what says so.
        (
            json!([
                step("list", "x", json!({ "for_each": "`[]`" })),
                step("last", "fail", json!({}))
            ]),
            false,
        ),
        (
            json!([
                step("first", "fail", json!({ "on_error": "continue" })),
                step("last", "fail", json!({}))
            ]),
            false,
        ),
    ] {
        let result = Scene::new(api(), &steps).run().await;

        let told = &result["_meta"]["dev.toolgate/error"]["sideEffect"];
        assert_eq!(*told, if may_have { "unknown" } else { "none" }, "{steps}: {result}");
        let text = result["content"][0]["text"].as_str().unwrap();
        assert_eq!(text.contains("may have taken effect"), may_have, "{text}");
        assert!(!text.contains("standing"), "{text}");
    }
}

#[tokio::test]
async fn a_result_that_lacks_a_step_says_so_where_caches_look() {
    let failing = step("first", "fail", json!({ "on_error": "continue" }));
    let last = step("last", "x", json!({}));

    let partial = Scene::new(api(), &json!([failing, last])).run().await;
    let whole = Scene::new(api(), &json!([last])).run().await;

    assert_eq!(partial["structuredContent"]["status"], "partial", "{partial}");
    assert_eq!(partial["isError"], Value::Null);
    assert!(partial["_meta"]["dev.toolgate/error"]["category"].is_string(), "{partial}");
    assert_eq!(whole["_meta"], Value::Null, "{whole}");
}

#[tokio::test]
async fn a_list_of_which_nothing_was_done_has_failed() {
    let list = json!({ "for_each": "['a', 'b']", "on_error": "continue" });
    let skipped = step("next", "x", json!({ "when": "steps.list.status == 'partial'" }));

    let result = Scene::new(api(), &json!([step("list", "fail", list), skipped])).run().await;

    let steps = &result["structuredContent"]["steps"];
    assert_eq!((&steps[0]["status"], &steps[1]["status"]), (&json!("failed"), &json!("skipped")));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_for_time_again_and_again_gets_no_more_than_the_run_has() {
    let capabilities = json!({ "tools": {} });
    let api = Fake::new(Version::NEWEST, &capabilities).on("tools/call", |_| {
        let wait = json!({ "resultType": "input_required", "requestState": "later" });
        after(Duration::from_secs(4), Era::Modern, wait)
    });
    let scene = Scene::new(api, &json!([step("first", "x", json!({}))]));

    let begun = Instant::now();
    let result = scene.run().await;

    let error = &result["structuredContent"]["steps"][0]["error"];
    assert_eq!(error["category"], "timeout", "{result}");
    assert_eq!(begun.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn whoever_leaves_during_the_last_step_has_it_undone_too() {
    let scene = Arc::new(Scene::new(api(), &json!([step("only", "slow", undone())])));

    let running = tokio::spawn({
        let scene = scene.clone();
        async move { scene.begin().await.map(|_| ()) }
    });
    scene.until_called("slow").await;
    running.abort();

    tokio::time::timeout(Duration::from_secs(60), scene.until_called("undo")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_closed_begins_no_step_more_and_undoes_what_was_done() {
    let steps = json!([
        step("first", "make", undone()),
        step("second", "slow", json!({})),
        step("third", "more", json!({})),
    ]);
    let scene = Arc::new(Scene::new(api(), &steps));

    let running = tokio::spawn({
        let scene = scene.clone();
        async move { scene.run().await }
    });
    scene.until_called("slow").await;
    scene.flow.close().await;

    assert_eq!(scene.called(), ["make", "slow", "undo"]);
    let result = running.await.unwrap();
    let told: Vec<_> =
        (0..3).map(|at| &result["structuredContent"]["steps"][at]["status"]).collect();
    assert_eq!(told, ["done", "done", "not_run"]);
}

#[tokio::test]
async fn no_call_is_made_once_those_before_it_gave_as_much_as_a_reply_may_have() {
    let undo = json!({ "for_each": "[`1`, `2`, `3`, `4`]", "compensate": { "call": "api.undo" } });
    let scene = Scene::new(api(), &json!([step("all", "large", undo)]));

    let result = scene.run().await;

    assert_eq!(scene.called(), ["large", "large", "undo", "undo"]);
    let step = &result["structuredContent"]["steps"][0];
    assert_eq!(step["items"], json!({ "done": 2, "failed": 1, "not_run": 1 }));
    assert_eq!(
        (&step["compensation"], &step["error"]["category"]),
        (&json!("done"), &json!("too_large"))
    );
    assert_eq!(result["_meta"]["dev.toolgate/error"]["sideEffect"], "none");
}

/// Two million values are a few megabytes of text, and hundreds in memory.
#[tokio::test]
async fn no_call_is_made_once_those_before_it_gave_too_many_values() {
    let many = || Said::Result(json!({ "content": [], "structuredContent": vec![0; 600_000] }));
    let api = Fake::new(Version::NEWEST_LEGACY, &json!({ "tools": {} }));
    let list = json!({ "for_each": "[`1`, `2`, `3`, `4`]" });
    let steps = json!([step("all", "many", list)]);
    let scene = Scene::within("", api.on("tools/call", move |_| many()), &steps);

    let result = scene.run().await;

    assert_eq!(scene.called(), ["many", "many"]);
    let step = &result["structuredContent"]["steps"][0];
    assert_eq!(step["items"], json!({ "done": 2, "failed": 1, "not_run": 1 }));
    assert_eq!(step["error"]["category"], "too_large");
}

#[tokio::test]
async fn a_condition_says_no_more_of_what_steps_gave_than_a_person_reads() {
    let message = "it gave {{ steps.first.output.text }}";
    let condition = json!({ "id": "c", "require": "`false`", "message": message });
    let scene = Scene::new(api(), &json!([step("first", "large", json!({})), condition]));

    let result = scene.run().await;

    let said = result["structuredContent"]["steps"][1]["error"]["message"].as_str().unwrap();
    assert!(said.starts_with("it gave xxx") && said.len() == 2000, "{}", said.len());
}

#[tokio::test]
async fn an_id_of_64_bits_is_no_other_one() {
    let require =
        json!([{ "id": "same", "require": "`1790000000000000001` == `1790000000000000300`" }]);

    let result = Scene::new(api(), &require).run().await;

    assert_eq!(result["isError"], true, "{result}");
}
