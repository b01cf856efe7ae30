//! A server in this process, as the gateway sees it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use toolgate_gateway::call::{Answer as Said, Boxed, Frame, Reply, Request};
use toolgate_gateway::fault::{Fault, Reason, SideEffect};
use toolgate_gateway::testing::{caller, client, request};
use toolgate_gateway::upstream::{Interest, Upstream};
use toolgate_hosted::{
    About, Answer, Asked, Called, Change, Changes, Failed, Hosted, Paged, Server, ToolResult, Tools,
};
use toolgate_protocol::version::Version;

use support::{Flag, tool};

/// A server with a tool for each thing that may happen.
struct Sample {
    tools: Tools,
    changes: Changes,
    dropped: Arc<AtomicBool>,
}

impl Sample {
    fn new() -> Sample {
        let names = ["who", "steps", "question", "stuck", "panic", "busy"];
        let tools = Tools::new(names.map(tool).into());
        Sample { tools, changes: Changes::default(), dropped: Arc::default() }
    }

    async fn call(&self, asked: &Asked) -> Result<Answer, Failed> {
        let Called { name, arguments } = asked.params()?;
        self.tools.find(&name)?;
        match name.as_str() {
            "who" => {
                let who = json!({ "principal": &*asked.caller().principal, "got": arguments });
                Ok(ToolResult::structured(who).into())
            }
            "steps" => {
                asked.progress(1.0, Some(2.0), Some("half \"way\"")).await;
                asked.progress(2.0, Some(2.0), None).await;
                Ok(ToolResult::text("done").into())
            }
            "question" => {
                let said = asked.ask("elicitation/create", &json!({ "message": "Sure?" })).await?;
                Ok(ToolResult::text(said["action"].to_string()).into())
            }
            "stuck" => {
                let _flag = Flag(self.dropped.clone());
                std::future::pending().await
            }
            "panic" => panic!("a mistake of the author"),
            _ => Err(Fault::new(Reason::Overloaded, "too many at once").into()),
        }
    }
}

impl Server for Sample {
    fn about(&self) -> About {
        About {
            name: "sample".to_owned(),
            title: "Sample".to_owned(),
            capabilities: json!({ "tools": { "listChanged": true }, "resources": {} }),
            instructions: None,
        }
    }

    fn answer(self: Arc<Self>, asked: Asked) -> Boxed<'static, Result<Answer, Failed>> {
        Box::pin(async move {
            match asked.method() {
                "tools/list" => self.tools.list(&asked.params::<Paged>()?),
                "tools/call" => self.call(&asked).await,
                other => Err(toolgate_hosted::Refusal::no_method(other).into()),
            }
        })
    }

    fn changes(&self) -> Option<&Changes> {
        Some(&self.changes)
    }
}

fn asking(method: &str, params: Value) -> Box<Request> {
    let client = client(Version::V2025_11_25, &json!({}));
    let mut request = request(&client, method, params);
    request.who.caller = caller("ada");
    request
}

fn call(tool: &str, arguments: Value) -> Box<Request> {
    let meta = json!({ "progressToken": "p" });
    asking("tools/call", json!({ "name": tool, "arguments": arguments, "_meta": meta }))
}

async fn answered(hosted: &Hosted, request: &Request) -> Value {
    match hosted.call(request).await.unwrap() {
        Reply::Whole(end) => serde_json::from_slice(end.message.bytes()).unwrap(),
        Reply::Stream(_) => panic!("the answer came in frames"),
    }
}

#[tokio::test]
async fn a_call_is_answered_with_data_and_the_same_as_text() {
    let hosted = Hosted::new("sample", Arc::new(Sample::new()));
    let long = answered(&hosted, &call("who", json!({ "n": ",".repeat(2 << 20) }))).await;
    assert_eq!(long.get("error"), None);

    let answer = answered(&hosted, &call("who", json!({ "n": 1 }))).await;

    let who = json!({ "principal": &*caller("ada").principal, "got": { "n": 1 } });
    assert_eq!(answer["result"]["structuredContent"], who);
    assert_eq!(answer["result"]["content"][0]["text"], who.to_string());
    assert_eq!(answer["result"].get("isError"), None);
}

#[tokio::test]
async fn what_is_not_there_is_an_error_of_the_protocol() {
    let hosted = Hosted::new("sample", Arc::new(Sample::new()));
    for (request, message) in [
        (asking("tools/call", json!({ "name": 1 })), "invalid params: "),
        (asking("tools/list", json!({ "cursor": "x" })), "invalid cursor"),
        (call("who", json!({ "n": vec![0; 1 << 20] })), "invalid params: more than 1048576 values"),
    ] {
        let error = answered(&hosted, &request).await["error"].clone();
        assert_eq!(error["code"], -32602, "{error}");
        assert!(error["message"].as_str().unwrap().starts_with(message), "{error}");
    }
}

#[tokio::test]
async fn a_tool_that_is_not_there_is_refused_in_the_words_of_the_gateway() {
    let hosted = Hosted::new("sample", Arc::new(Sample::new()));

    let fault = hosted.call(&call("what", json!({}))).await.err().unwrap();

    assert_eq!((fault.reason, &*fault.message), (Reason::Unknown, "unknown tool: what"));
    assert_eq!(fault.upstream, None);
}

#[tokio::test]
async fn progress_comes_before_the_answer_under_the_clients_token() {
    let hosted = Hosted::new("sample", Arc::new(Sample::new()));

    let mut reply = hosted.call(&call("steps", json!({}))).await.unwrap();

    let mut heard = Vec::new();
    let end = loop {
        match reply.next().await.unwrap() {
            Frame::Notification(message) => {
                let said: Value = serde_json::from_slice(message.bytes()).unwrap();
                heard.push(said["params"].clone());
            }
            Frame::End(end) => break end,
            _ => panic!("another frame"),
        }
    };
    assert_eq!(
        heard,
        [
            json!({ "progressToken": "p", "progress": 1, "total": 2, "message": "half \"way\"" }),
            json!({ "progressToken": "p", "progress": 2, "total": 2 }),
        ]
    );
    assert!(end.message.result().is_some());
    assert!(reply.next().await.is_none(), "the reply goes on after its end");
}

#[tokio::test]
async fn nobody_who_did_not_ask_for_progress_hears_of_it() {
    let hosted = Hosted::new("sample", Arc::new(Sample::new()));

    let request = asking("tools/call", json!({ "name": "steps", "arguments": {} }));

    assert_eq!(answered(&hosted, &request).await["result"]["content"][0]["text"], "done");
}

#[tokio::test]
async fn a_question_to_the_client_waits_for_its_answer() {
    let hosted = Hosted::new("sample", Arc::new(Sample::new()));
    let mut reply = hosted.call(&call("question", json!({}))).await.unwrap();

    let Some(Frame::Ask(ask)) = reply.next().await else { panic!("no question") };
    assert_eq!(&*ask.method, "elicitation/create");
    ask.answer.send(Said::Result(json!({ "action": "accept" }).to_string().into())).unwrap();

    let end = reply.end().await.unwrap();
    let answer: Value = serde_json::from_slice(end.message.bytes()).unwrap();
    assert_eq!(answer["result"]["content"][0]["text"], "\"accept\"");
}

#[tokio::test]
async fn a_client_that_leaves_a_question_unanswered_fails_the_call() {
    let hosted = Hosted::new("sample", Arc::new(Sample::new()));
    let mut reply = hosted.call(&call("question", json!({}))).await.unwrap();

    let Some(Frame::Ask(ask)) = reply.next().await else { panic!("no question") };
    drop(ask);

    let end = reply.end().await.unwrap();
    let answer: Value = serde_json::from_slice(end.message.bytes()).unwrap();
    assert_eq!(answer["error"]["code"], -32603, "{answer}");
}

#[tokio::test]
async fn work_ends_with_the_reply_that_nobody_reads() {
    let sample = Sample::new();
    let dropped = sample.dropped.clone();
    let hosted = Hosted::new("sample", Arc::new(sample));

    let request = call("stuck", json!({}));

    let waiting = tokio::time::timeout(Duration::from_millis(20), hosted.call(&request)).await;

    assert!(waiting.is_err());
    assert!(dropped.load(Ordering::SeqCst), "the work goes on");
}

#[tokio::test]
async fn a_fault_names_its_server() {
    let hosted = Hosted::new("sample", Arc::new(Sample::new()));

    let fault = hosted.call(&call("busy", json!({}))).await.err().unwrap();

    assert_eq!((fault.reason, fault.upstream.as_deref()), (Reason::Overloaded, Some("sample")));
}

#[tokio::test]
async fn a_panic_is_the_failure_of_one_call() {
    let hosted = Hosted::new("sample", Arc::new(Sample::new()));

    let fault = hosted.call(&call("panic", json!({}))).await.err().unwrap();

    assert_eq!((fault.reason, fault.side_effect), (Reason::Internal, SideEffect::Unknown));
    assert_eq!(answered(&hosted, &call("who", json!({}))).await["result"].get("isError"), None);
}

#[tokio::test]
async fn changes_reach_those_who_want_to_hear_of_them() {
    let sample = Sample::new();
    let changes = sample.changes.clone();
    let hosted = Hosted::new("sample", Arc::new(sample));
    let who = asking("ping", json!({})).who;
    let interest = Interest { tools: true, resources: true, ..Interest::default() };

    let mut watch = hosted.watch(&who, Default::default(), interest).await.unwrap();

    assert!(watch.accepted.tools && !watch.accepted.resources, "{:?}", watch.accepted);
    changes.announce(Change::Resources);
    changes.announce(Change::Tools);
    let event = watch.events.recv().await.unwrap();
    assert_eq!(event.method(), Some("notifications/tools/list_changed"));
}
