//! Calls that run as tasks in this process.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Notify;
use toolgate_gateway::call::{Answer as Said, Boxed, Frame, Reply, Request};
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_gateway::testing::{caller, client, request};
use toolgate_gateway::upstream::Upstream;
use toolgate_hosted::{
    About, Answer, Asked, Called, Failed, Hosted, Server, TaskSupport, ToolResult, Tools,
};
use toolgate_protocol::version::Version;

use support::{Flag, tool};

struct Slow {
    tools: Tools,
    begun: Arc<Notify>,
    go: Arc<Notify>,
    dropped: Arc<AtomicBool>,
}

fn tools() -> Tools {
    let names = ["wait", "never", "ask", "chat", "fail", "gone", "panic", "large"];
    Tools::new(names.map(tool).into()).as_tasks(|name| match name {
        "wait" => Some(TaskSupport::Required),
        "never" => None,
        _ => Some(TaskSupport::Optional),
    })
}

impl Server for Slow {
    fn about(&self) -> About {
        About {
            name: "slow".to_owned(),
            title: "Slow".to_owned(),
            capabilities: json!({ "tools": {} }),
            instructions: None,
        }
    }

    fn tasks(&self) -> Option<&Tools> {
        Some(&self.tools)
    }

    fn answer(self: Arc<Self>, asked: Asked) -> Boxed<'static, Result<Answer, Failed>> {
        Box::pin(async move {
            let _flag = Flag(self.dropped.clone());
            if asked.method() == "tools/list" {
                return self.tools.list(&asked.params()?);
            }
            let Called { name, .. } = asked.params()?;
            match name.as_str() {
                "wait" => {
                    self.begun.notify_one();
                    self.go.notified().await;
                    Ok(ToolResult::structured(json!({ "done": true })).into())
                }
                "ask" => {
                    let said = asked.ask("elicitation/create", &json!({ "message": "?" })).await?;
                    Ok(ToolResult::structured(said).into())
                }
                "chat" => {
                    for done in 1..40 {
                        asked.progress(f64::from(done), None, None).await;
                    }
                    let said = asked.ask("elicitation/create", &json!({ "message": "?" })).await?;
                    Ok(ToolResult::structured(said).into())
                }
                "large" => Ok(ToolResult::text("x".repeat(22 << 20)).into()),
                "panic" => panic!("a mistake of the author"),
                "fail" => Ok(ToolResult::failed("it cannot be done").into()),
                _ => Err(Fault::new(Reason::Unreachable, "nobody is there").into()),
            }
        })
    }
}

struct Scene {
    hosted: Hosted,
    begun: Arc<Notify>,
    go: Arc<Notify>,
    dropped: Arc<AtomicBool>,
}

impl Scene {
    fn new() -> Scene {
        Scene::within(Duration::from_secs(300))
    }

    /// One run may take so long.
    fn within(total: Duration) -> Scene {
        let (begun, go) = (Arc::<Notify>::default(), Arc::<Notify>::default());
        let dropped = Arc::<AtomicBool>::default();
        let slow =
            Slow { tools: tools(), begun: begun.clone(), go: go.clone(), dropped: dropped.clone() };
        let hosted = Hosted::new("slow", Arc::new(slow)).within(total);
        Scene { hosted, begun, go, dropped }
    }

    async fn ask(&self, who: &str, method: &str, params: Value) -> Result<Reply, Fault> {
        let client = client(Version::V2025_11_25, &json!({ "elicitation": {} }));
        let mut request: Box<Request> = request(&client, method, params);
        request.who.caller = caller(who);
        self.hosted.call(&request).await
    }

    async fn told(&self, who: &str, method: &str, params: Value) -> Value {
        message(self.ask(who, method, params).await.unwrap().end().await.unwrap().message.bytes())
    }

    async fn begin(&self, tool: &str) -> Value {
        let params = json!({
            "name": tool, "arguments": {}, "task": { "ttl": 60_000 }, "_meta": { "progressToken": 1 },
        });
        self.told("ada", "tools/call", params).await["result"]["task"].clone()
    }

    async fn until(&self, id: &Value, status: &str) -> Value {
        for _ in 0..200 {
            let state = self.told("ada", "tasks/get", json!({ "taskId": id })).await;
            if state["result"]["status"] == status {
                return state["result"].clone();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("never {status}");
    }
}

fn message(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

#[tokio::test]
async fn a_call_goes_on_while_its_client_does_something_else() {
    let scene = Scene::new();

    let task = scene.begin("wait").await;
    assert_eq!(task["status"], "working");
    let id = &task["taskId"];
    let waiting = scene.ask("ada", "tasks/result", json!({ "taskId": id })).await.unwrap();
    scene.go.notify_one();
    let result = message(waiting.end().await.unwrap().message.bytes());

    assert_eq!(result["result"]["structuredContent"], json!({ "done": true }));
    let related = &result["result"]["_meta"]["io.modelcontextprotocol/related-task"];
    assert_eq!(&related["taskId"], id);
    scene.until(id, "completed").await;
    // The result stays, for whoever asks again.
    let again = scene.told("ada", "tasks/result", json!({ "taskId": id })).await;
    assert_eq!(again["result"]["structuredContent"], json!({ "done": true }));
}

#[tokio::test]
async fn a_task_is_its_callers_alone() {
    let scene = Scene::new();
    let id = scene.begin("wait").await["taskId"].clone();

    for method in ["tasks/get", "tasks/result", "tasks/cancel"] {
        let refused = scene.told("bob", method, json!({ "taskId": id })).await;
        assert_eq!(refused["error"]["code"], -32602, "{method}: {refused}");
        let unknown = scene.told("bob", method, json!({ "taskId": "none" })).await;
        assert_eq!(refused["error"], unknown["error"]);
    }
    scene.until(&id, "working").await;
}

#[tokio::test]
async fn a_cancelled_task_works_no_more() {
    let scene = Scene::new();
    let id = scene.begin("wait").await["taskId"].clone();
    let waiting = scene.ask("ada", "tasks/result", json!({ "taskId": id })).await.unwrap();
    scene.begun.notified().await;

    let cancelled = scene.told("ada", "tasks/cancel", json!({ "taskId": id })).await;

    assert_eq!(cancelled["result"]["status"], "cancelled");
    let result = message(waiting.end().await.unwrap().message.bytes());
    assert_eq!(result["error"]["code"], -32602, "{result}");
    let gone = async {
        while !scene.dropped.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), gone).await.expect("the work goes on");
    let again = scene.told("ada", "tasks/cancel", json!({ "taskId": id })).await;
    assert_eq!(again["error"]["code"], -32602, "{again}");
}

#[tokio::test]
async fn a_question_waits_for_whoever_waits_for_the_result() {
    let scene = Scene::new();
    let id = scene.begin("ask").await["taskId"].clone();
    scene.until(&id, "input_required").await;
    // The first to wait has gone before it was asked: the next one is.
    drop(scene.ask("ada", "tasks/result", json!({ "taskId": id })).await.unwrap());

    let mut waiting = scene.ask("ada", "tasks/result", json!({ "taskId": id })).await.unwrap();
    let Some(Frame::Ask(ask)) = waiting.next().await else { panic!("no question") };
    ask.answer.send(Said::Result(r#"{"action":"accept"}"#.into())).unwrap();

    let result = message(waiting.end().await.unwrap().message.bytes());
    assert_eq!(result["result"]["structuredContent"], json!({ "action": "accept" }));
}

#[tokio::test]
async fn what_goes_wrong_is_a_failed_task_with_the_reason() {
    let scene = Scene::new();
    let all = [
        ("fail", "it cannot be done"),
        ("gone", "nobody is there"),
        ("panic", "the server failed"),
    ];
    for (tool, text) in all {
        let id = scene.begin(tool).await["taskId"].clone();
        scene.until(&id, "failed").await;
        let result = scene.told("ada", "tasks/result", json!({ "taskId": id })).await;
        assert_eq!(result["result"]["isError"], true);
        assert!(result["result"]["content"][0]["text"].as_str().unwrap().contains(text));
    }
}

#[tokio::test(start_paused = true)]
async fn no_time_passes_while_the_client_has_the_word_but_not_for_ever() {
    let scene = Scene::within(Duration::from_secs(10));
    let id = scene.begin("ask").await["taskId"].clone();
    let mut waiting = scene.ask("ada", "tasks/result", json!({ "taskId": id })).await.unwrap();
    let Some(Frame::Ask(ask)) = waiting.next().await else { panic!("no question") };

    tokio::time::sleep(Duration::from_secs(40)).await;
    ask.answer.send(Said::Result(r#"{"action":"accept"}"#.into())).unwrap();

    let result = message(waiting.end().await.unwrap().message.bytes());
    assert_eq!(result["result"]["structuredContent"], json!({ "action": "accept" }), "{result}");

    // Nobody answers this one: it ends with the time that the client gave it.
    let id = scene.begin("ask").await["taskId"].clone();
    tokio::time::sleep(Duration::from_secs(55)).await;
    scene.until(&id, "input_required").await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    scene.until(&id, "failed").await;
    // A run that never asks has its own time and no more.
    let id = scene.begin("wait").await["taskId"].clone();
    tokio::time::sleep(Duration::from_secs(11)).await;
    scene.until(&id, "failed").await;
}

#[tokio::test]
async fn a_question_waits_for_a_client_that_reads_slowly() {
    let scene = Scene::new();
    let id = scene.begin("chat").await["taskId"].clone();
    let mut waiting = scene.ask("ada", "tasks/result", json!({ "taskId": id })).await.unwrap();
    scene.until(&id, "input_required").await;

    let asked = async {
        loop {
            match waiting.next().await.unwrap() {
                Frame::Ask(ask) => break ask,
                Frame::Notification(_) => {}
                _ => panic!("another frame"),
            }
        }
    };
    let ask = tokio::time::timeout(Duration::from_secs(60), asked).await.expect("a question");
    ask.answer.send(Said::Result("{}".into())).unwrap();

    let result = message(waiting.end().await.unwrap().message.bytes());
    assert_eq!(result["result"]["structuredContent"], json!({}));
}

#[tokio::test(start_paused = true)]
async fn whoever_stays_and_does_not_answer_has_refused() {
    let scene = Scene::new();
    let id = scene.begin("ask").await["taskId"].clone();
    let mut waiting = scene.ask("ada", "tasks/result", json!({ "taskId": id })).await.unwrap();

    let Some(Frame::Ask(ask)) = waiting.next().await else { panic!("no question") };
    drop(ask);

    let result = message(waiting.end().await.unwrap().message.bytes());
    assert_eq!(result["error"]["message"], "the client did not answer elicitation/create");
}

#[tokio::test]
async fn whoever_waits_is_told_that_the_server_is_closed() {
    let scene = Scene::new();
    let id = scene.begin("wait").await["taskId"].clone();
    let waiting = scene.ask("ada", "tasks/result", json!({ "taskId": id })).await.unwrap();

    scene.hosted.close().await;

    let told = tokio::time::timeout(Duration::from_secs(60), waiting.end()).await.expect("an end");
    let result = message(told.unwrap().message.bytes());
    assert_eq!(result["result"]["isError"], true, "{result}");
    assert_eq!(result["result"]["_meta"]["dev.toolgate/error"]["sideEffect"], "unknown");
}

#[tokio::test]
async fn tools_say_whether_they_are_tasks_and_the_server_that_it_has_some() {
    let scene = Scene::new();

    let list = scene.told("ada", "tools/list", json!({})).await;

    assert_eq!(list["result"]["tools"][0]["execution"], json!({ "taskSupport": "required" }));
    assert_eq!(list["result"]["tools"][1].get("execution"), None);
    let never = json!({ "name": "never", "arguments": {}, "task": {} });
    assert_eq!(scene.told("ada", "tools/call", never).await["error"]["code"], -32601);
    let plain = json!({ "name": "fail", "arguments": {} });
    assert_eq!(scene.told("ada", "tools/call", plain).await["result"]["isError"], true);
}

#[tokio::test]
async fn the_results_of_a_caller_take_no_more_memory_than_there_is_for_one() {
    let scene = Scene::new();
    let begun = async |who: &str| {
        let params = json!({ "name": "large", "arguments": {}, "task": {} });
        let begun = scene.told(who, "tools/call", params).await;
        let id = &begun["result"]["task"]["taskId"];
        let result = scene.told(who, "tasks/result", json!({ "taskId": id })).await;
        result["result"]["_meta"]["dev.toolgate/error"]["category"].clone()
    };

    assert_eq!([begun("ada").await, begun("ada").await], [Value::Null, Value::Null]);
    assert_eq!(begun("ada").await, "too_large");
    assert_eq!(begun("bob").await, Value::Null);
}
