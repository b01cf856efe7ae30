//! Child processes that nobody uses: they end, and start again with the next call.

use std::time::Duration;

use serde_json::Value;

use crate::support::{Ask, Gateway, Modern, Script, soon};

/// A child whose tool tells its process id, or takes its time.
const CHILD: &str = r#"
def on(m):
    if m.get("method") == "tools/list": result(m, {"tools": [{"name": "pid", "inputSchema": {"type": "object"}}]})
    elif m.get("params", {}).get("name") == "slow": time.sleep(4); text(m, str(os.getpid()))
    elif "id" in m: text(m, str(os.getpid()))
"#;

fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap()
}

async fn pid(client: &Modern, tool: &str) -> String {
    text(&client.call(tool, "{}").await.result()).to_owned()
}

/// Waits until a process is no more.
async fn ended(pid: &str) {
    let gone = async {
        while std::fs::exists(format!("/proc/{pid}")).unwrap() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    soon(&format!("the end of process {pid}"), gone).await;
}

#[tokio::test]
async fn an_idle_child_ends_and_the_next_call_starts_another() {
    let script = Script::legacy(CHILD);
    let entry = script.entry("child", ", idle: 1s, required: true");
    let gateway = Gateway::serve(format!("servers: [{entry}]")).await;
    let client = Modern::of(&gateway);

    let first = pid(&client, "pid").await;
    ended(&first).await;
    let ready = gateway.ask(&Ask::new("GET", "/ready")).await;
    let metrics = gateway.ask(&Ask::new("GET", "/metrics")).await.body;
    let second = pid(&client, "pid").await;

    assert_eq!((ready.status, &*ready.body), (200, r#"{"status":"ready"}"#));
    let running = metrics.lines().find(|line| line.starts_with("toolgate_processes{"));
    assert!(running.is_some_and(|line| line.ends_with(" 0")), "{metrics}");
    assert_ne!(second, first);
    let tools = client.request("2", "tools/list", "{}").await.result();
    assert_eq!(tools["tools"][0]["name"], "pid");
    assert!(!gateway.log().contains("WARN"), "{}", gateway.log());
}

#[tokio::test]
async fn a_child_with_a_call_at_work_is_not_idle() {
    let script = Script::legacy(CHILD);
    let gateway =
        Gateway::serve(format!("servers: [{}]", script.entry("child", ", idle: 500ms"))).await;
    let client = Modern::of(&gateway);

    let first = pid(&client, "pid").await;
    let slow = pid(&client, "slow").await;
    let after = pid(&client, "pid").await;

    assert_eq!((&slow, &after), (&first, &first));
}

#[tokio::test]
async fn a_process_over_the_cap_is_refused_until_an_idle_one_has_ended() {
    let (one, two) = (Script::legacy(CHILD), Script::legacy(CHILD));
    let entries = [one.entry("one", ", idle: 1s"), two.entry("two", ", required: true")].join(",");
    let gateway = Gateway::serve(format!("processes: {{max: 1}}\nservers: [{entries}]")).await;
    let client = Modern::of(&gateway);

    let first = pid(&client, "one_pid").await;
    for _ in 0..5 {
        let refused = client.call("two_pid", "{}").await.result();
        let error = &refused["_meta"]["dev.toolgate/error"];
        assert_eq!(
            (&error["category"], &error["sideEffect"]),
            (&"overloaded".into(), &"none".into())
        );
        assert!(text(&refused).contains("too many run already"), "{refused}");
    }
    gateway.logged("raise processes.max or lower idle").await;
    assert_eq!(pid(&client, "one_pid").await, first);
    // What was never started has not failed.
    assert_eq!(gateway.ask(&Ask::new("GET", "/ready")).await.status, 200);

    ended(&first).await;
    let second = async {
        loop {
            let answer = client.call("two_pid", "{}").await.result();
            if answer["isError"] != true {
                return text(&answer).to_owned();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert_ne!(soon("the other server", second).await, first);
}
