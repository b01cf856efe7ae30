//! The gateway for a client that launches a process: `toolgate stdio`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::peer::{self, Reply, said};

/// Beyond this nothing comes any more.
const SOON: Duration = Duration::from_secs(60);

/// A running gateway and its client's ends of the pipes.
pub struct Session {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<Value>,
    _folder: TempDir,
}

impl Session {
    /// A gateway in front of the server at `url`.
    fn before(url: &str, more: &str) -> Session {
        Session::of(&format!("{more}\nservers:\n  - name: peer\n    upstream: {url}\n"))
    }

    /// A gateway with this configuration.
    pub fn of(yaml: &str) -> Session {
        Session::with(yaml, &[])
    }

    /// The same, started with further arguments.
    fn with(yaml: &str, arguments: &[&str]) -> Session {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("gateway.yaml");
        std::fs::write(&file, yaml).unwrap();
        let mut child = peer::command(&["stdio", file.to_str().unwrap()])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines() {
                // Whatever is no JSON on stdout fails the test that waits for it.
                let value = serde_json::from_str(&line.unwrap()).unwrap_or(json!("no JSON"));
                if sender.send(value).is_err() {
                    return;
                }
            }
        });
        Session { input: child.stdin.take(), child, lines, _folder: folder }
    }

    /// One that has shaken hands.
    fn legacy(url: &str, version: &str) -> Session {
        Session::before(url, "").shaken(version)
    }

    /// The same, after shaking hands.
    pub fn shaken(self, version: &str) -> Session {
        let mut session = self;
        session.say(&request(
            0,
            "initialize",
            json!({
                "protocolVersion": version,
                "capabilities": { "elicitation": {} },
                "clientInfo": { "name": "it", "version": "1" },
            }),
        ));
        assert_eq!(session.next()["result"]["protocolVersion"], version);
        session.say(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        session
    }

    pub fn say(&mut self, message: &Value) {
        self.write(&message.to_string());
    }

    fn write(&mut self, line: &str) {
        self.input.as_mut().unwrap().write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    pub fn next(&self) -> Value {
        self.lines.recv_timeout(SOON).unwrap()
    }

    /// Closes stdin and waits for the end: what was still said, and the exit code.
    pub fn end(mut self) -> (Vec<Value>, Option<i32>) {
        self.input = None;
        let rest = self.lines.iter().collect();
        (rest, self.child.wait().unwrap().code())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(clippy::needless_pass_by_value, reason = "so that it reads well where it is called")]
pub fn request(id: impl Into<Value>, method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id.into(), "method": method, "params": params })
}

pub fn modern(id: impl Into<Value>, method: &str, mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    request(id, method, params)
}

fn tool(name: &str) -> Value {
    json!({ "name": name, "arguments": {} })
}

/// A server whose tool `slow` waits until `fast` has been called.
fn two_speeds() -> String {
    let (go, wait) = channel();
    let wait = Mutex::new(wait);
    peer::modern(json!([]), move |seen| match seen.param("name").as_str() {
        Some("slow") => {
            let waited = wait.lock().unwrap().recv_timeout(SOON);
            seen.result(said(if waited.is_ok() { "slow" } else { "held up" }))
        }
        _ => {
            let _ = go.send(());
            seen.result(said("fast"))
        }
    })
}

fn text(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_default()
}

#[test]
fn both_eras_are_served_on_the_one_channel() {
    let url = peer::modern(json!([{ "name": "t" }]), |seen| seen.result(said("hello")));
    let mut session = Session::legacy(&url, "2025-06-18");

    session.say(&request(1, "tools/call", tool("t")));
    let answer = session.next();
    assert_eq!((&answer["id"], text(&answer)), (&json!(1), "hello"));
    assert_eq!(answer["result"]["resultType"], Value::Null);

    session.say(&modern(1, "tools/call", tool("t")));
    assert_eq!(session.next()["result"]["resultType"], "complete");

    session.say(&modern("d", "server/discover", json!({})));
    assert_eq!(session.next()["result"]["supportedVersions"], json!(["2026-07-28"]));
    assert_eq!(session.end(), (vec![], Some(0)));
}

#[test]
fn a_toolset_is_served_to_both_eras_and_nothing_else() {
    let url = peer::modern(json!([{ "name": "find" }, { "name": "drop" }]), |seen| {
        assert_ne!(seen.param("name"), "drop", "what is outside was called");
        seen.result(said("found"))
    });
    let yaml = format!(
        "servers: [{{ name: peer, upstream: '{url}' }}]\ntoolsets: {{ a: {{ tools: [find] }}, b: {{ tools: [drop], required_scopes: [x] }} }}\nauthentication: {{ issuer: 'https://login.example.com', resource: 'https://gateway.example.com/mcp' }}"
    );
    let mut session = Session::with(&yaml, &["--toolset", "a"]).shaken("2025-06-18");

    session.say(&request(1, "tools/list", json!({})));
    session.say(&modern(2, "tools/list", json!({})));
    for _ in 0..2 {
        let tools = session.next()["result"]["tools"].clone();
        assert_eq!((&tools[0]["name"], &tools[1]), (&json!("find"), &Value::Null));
    }
    session.say(&modern(3, "tools/call", tool("find")));
    assert_eq!(text(&session.next()), "found");
    session.say(&modern(4, "tools/call", tool("drop")));
    assert_eq!(session.next()["error"]["message"], "unknown tool: drop");
    session.say(&request(5, "tools/call", tool("drop")));
    assert_eq!(session.next()["error"]["message"], "unknown tool: drop");
    assert_eq!(session.end(), (vec![], Some(0)));
    // Neither one that is not there, nor one whose scopes nobody could have.
    for name in ["c", "b"] {
        assert_eq!(Session::with(&yaml, &["--toolset", name]).end(), (vec![], Some(1)));
    }
}

#[test]
fn what_is_no_message_is_answered_to_nobody_and_the_stream_goes_on() {
    let url = peer::modern(json!([]), |seen| seen.result(said("hello")));
    let mut session = Session::before(&url, "limits: { line: 1KiB }");

    for (line, code) in [
        ("garbage", -32700),
        ("[1]", -32600),
        (&*format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{}"}}"#, "x".repeat(2000)), -32600),
    ] {
        session.write(line);
        let answer = session.next();
        assert_eq!(
            (&answer["id"], &answer["error"]["code"]),
            (&Value::Null, &json!(code)),
            "{line}"
        );
    }
    session.write("");
    session.say(&request(2, "tools/list", json!({})));
    let answer = session.next();
    assert!(answer["error"]["message"].as_str().unwrap().contains("initialize"), "{answer}");

    session.say(&modern(3, "tools/call", tool("t")));
    assert_eq!(text(&session.next()), "hello");
}

#[test]
fn a_slow_call_holds_nothing_up() {
    let mut session = Session::before(&two_speeds(), "");

    session.say(&modern("s", "tools/call", tool("slow")));
    session.say(&modern("f", "tools/call", tool("fast")));

    let mut answers = [session.next(), session.next()];
    answers.sort_by_key(|answer| answer["id"].to_string());
    assert_eq!(answers.each_ref().map(text), ["fast", "slow"]);
}

#[test]
fn a_cancelled_call_is_never_answered() {
    for is_modern in [true, false] {
        let url = two_speeds();
        let mut session =
            if is_modern { Session::before(&url, "") } else { Session::legacy(&url, "2025-11-25") };
        let call = |id: &str, name: &str| match is_modern {
            true => modern(id, "tools/call", tool(name)),
            false => request(id, "tools/call", tool(name)),
        };

        session.say(&call("s", "slow"));
        session.say(&json!({
            "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": "s" },
        }));
        session.say(&call("f", "fast"));

        assert_eq!(session.next()["id"], "f");
        assert_eq!(session.end(), (vec![], Some(0)));
    }
}

#[test]
fn the_end_of_the_input_lets_calls_finish() {
    let url = peer::modern(json!([]), |seen| {
        std::thread::sleep(Duration::from_millis(300));
        seen.result(said("late"))
    });
    let mut session = Session::before(&url, "");

    session.say(&modern(1, "tools/call", tool("t")));
    let (rest, code) = session.end();

    assert_eq!((rest.len(), text(&rest[0]), code), (1, "late", Some(0)));
}

#[test]
fn an_older_client_is_asked_on_its_own_channel() {
    let url = peer::modern(json!([]), |seen| {
        let answer = seen.param("inputResponses");
        if !answer.is_null() {
            return seen.result(said(answer["who"]["content"]["n"].as_str().unwrap()));
        }
        let params = json!({ "message": "who?", "requestedSchema": { "properties": {} } });
        let question = json!({ "method": "elicitation/create", "params": params });
        seen.result(json!({ "resultType": "input_required", "inputRequests": { "who": question } }))
    });
    let mut session = Session::legacy(&url, "2025-11-25");

    session.say(&request(1, "tools/call", tool("t")));
    let question = session.next();
    assert_eq!(question["method"], "elicitation/create");
    assert_eq!(question["params"]["message"], "who?");
    let answer = json!({ "action": "accept", "content": { "n": "Jo" } });
    session.say(&json!({ "jsonrpc": "2.0", "id": question["id"], "result": answer }));

    assert_eq!(text(&session.next()), "Jo");
}

#[test]
fn progress_comes_before_the_answer_it_belongs_to() {
    let url = peer::modern(json!([]), |seen| {
        let token = &seen.param("_meta")["progressToken"];
        let progress = |done: i32| {
            let params = json!({ "progressToken": token, "progress": done });
            json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": params })
        };
        Reply::Events((1..=5).map(progress).collect(), Box::new(seen.result(said("done"))))
    });
    let mut session = Session::legacy(&url, "2025-11-25");

    let mut call = request(1, "tools/call", tool("t"));
    call["params"]["_meta"] = json!({ "progressToken": "mine" });
    session.say(&call);

    for done in 1..=5 {
        let params = session.next()["params"].clone();
        assert_eq!(params, json!({ "progressToken": "mine", "progress": done }));
    }
    assert_eq!(text(&session.next()), "done");
}

#[test]
fn log_messages_come_only_to_a_modern_client_that_asked_for_them() {
    let url = peer::modern(json!([]), |seen| {
        let note = |level: &str| {
            let params = json!({ "level": level, "data": 0 });
            json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": params })
        };
        let notes = vec![note("debug"), note("error")];
        Reply::Events(notes, Box::new(seen.result(said("done"))))
    });
    let mut session = Session::before(&url, "");

    session.say(&modern(1, "tools/call", tool("t")));
    assert_eq!(text(&session.next()), "done");

    let mut call = modern(2, "tools/call", tool("t"));
    call["params"]["_meta"]["io.modelcontextprotocol/logLevel"] = json!("warning");
    session.say(&call);
    assert_eq!(session.next()["params"]["level"], "error");
    assert_eq!(text(&session.next()), "done");
}

/// A server that announces a change to whoever listens, and notes who has left.
fn announcer() -> String {
    peer::modern(json!([]), |seen| match seen.method() {
        "subscriptions/listen" => {
            let stamp = json!({ "io.modelcontextprotocol/subscriptionId": seen.message["id"] });
            let granted = json!({ "notifications": { "toolsListChanged": true }, "_meta": stamp });
            let note = |method: &str, params: Value| json!({ "jsonrpc": "2.0", "method": method, "params": params });
            Reply::Open(vec![
                note("notifications/subscriptions/acknowledged", granted),
                note("notifications/tools/list_changed", json!({ "_meta": stamp })),
            ])
        }
        _ => seen.result(said("hello")),
    })
}

#[test]
fn a_subscription_is_told_by_its_id_and_ends_when_cancelled() {
    let mut session = Session::before(&announcer(), "");
    let id = "io.modelcontextprotocol/subscriptionId";
    let listen = |id: &str| {
        modern(id, "subscriptions/listen", json!({ "notifications": { "toolsListChanged": true } }))
    };

    session.say(&listen("one"));
    let acknowledged = session.next();
    assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(acknowledged["params"]["notifications"], json!({ "toolsListChanged": true }));
    assert_eq!(acknowledged["params"]["_meta"][id], "one");
    let changed = session.next();
    assert_eq!(changed["method"], "notifications/tools/list_changed");
    assert_eq!(changed["params"]["_meta"][id], "one");
    session.say(&json!({
        "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": "one" },
    }));

    session.say(&listen("two"));
    assert_eq!(session.next()["params"]["_meta"][id], "two");

    // The one that is left is told of the end; the other is not heard of again.
    let (rest, code) = session.end();
    assert_eq!(code, Some(0));
    assert!(rest.iter().all(|message| !message.to_string().contains("one")), "{rest:?}");
    let [.., result, cancelled] = &rest[..] else { panic!("{rest:?}") };
    assert_eq!((&result["id"], &result["result"]["_meta"][id]), (&json!("two"), &json!("two")));
    assert_eq!(cancelled["params"]["requestId"], "two");
}

#[test]
fn an_older_client_hears_of_changes_without_asking() {
    let mut session = Session::legacy(&announcer(), "2025-11-25");

    assert_eq!(session.next()["method"], "notifications/tools/list_changed");

    session.say(&request(1, "ping", json!({})));
    assert_eq!(session.next()["id"], 1);
}

#[test]
fn a_batch_is_answered_as_one_to_the_revision_that_has_them() {
    let url = peer::modern(json!([]), |seen| seen.result(said("hello")));
    let batch = json!([
        request(1, "ping", json!({})),
        { "jsonrpc": "2.0", "method": "notifications/roots/list_changed" },
        request(2, "tools/call", tool("t")),
    ]);

    let mut session = Session::legacy(&url, "2025-03-26");
    session.say(&batch);
    let answers = session.next();
    let mut ids: Vec<_> =
        answers.as_array().unwrap().iter().map(|answer| answer["id"].as_i64().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, [1, 2]);

    let mut session = Session::legacy(&url, "2025-06-18");
    session.say(&batch);
    assert_eq!(session.next()["error"]["code"], -32600);
}

#[test]
fn an_id_that_is_in_use_is_refused() {
    let mut session = Session::before(&two_speeds(), "");

    session.say(&modern("s", "tools/call", tool("slow")));
    session.say(&modern("s", "tools/call", tool("slow")));

    assert_eq!(session.next()["error"]["code"], -32600);
}

#[test]
fn a_server_that_could_not_be_reached_may_be_tried_again() {
    let reachable = Arc::new(Mutex::new(false));
    let known = reachable.clone();
    let url = peer::serve(move |seen| {
        if !*known.lock().unwrap() {
            return Reply::Text("down".to_owned());
        }
        seen.result(json!({ "supportedVersions": ["2026-07-28"], "capabilities": {} }))
    });
    let mut session = Session::before(&url, "");
    let hello = |id: i32| {
        request(id, "initialize", json!({ "protocolVersion": "2025-11-25", "capabilities": {} }))
    };

    session.say(&hello(1));
    assert!(session.next()["error"].is_object());
    *reachable.lock().unwrap() = true;

    // What failed is not tried again at once: it says when.
    let answer = (2..50).map(|id| {
        std::thread::sleep(Duration::from_millis(100));
        session.say(&hello(id));
        session.next()
    });
    assert!(answer.into_iter().any(|answer| answer["result"].is_object()));
}
