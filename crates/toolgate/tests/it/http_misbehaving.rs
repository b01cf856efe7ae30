//! Servers that break the rules: their own calls fail, plainly and in time, and no others.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{
    Answer, Call, Gateway, Legacy, Modern, Reply, Script, Server, legacy, modern,
};

const DONE: &str = r#"{"resultType":"complete","content":[{"type":"text","text":"done"}]}"#;

/// The category under which the model learns of a failure.
fn category(result: &Value) -> &str {
    assert_eq!(result["isError"], true, "{result}");
    assert!(result["content"][0]["text"].as_str().unwrap().len() > 10);
    result["_meta"]["dev.toolgate/error"]["category"].as_str().unwrap()
}

async fn misbehave(call: Call) -> Reply {
    let stream_text = |text: &str| {
        let text = text.to_owned();
        call.stream(|stream| async move {
            stream.raw(text).await;
        })
    };
    match call.name() {
        "fine" => call.result(DONE),
        "html" => Reply::text(200, "text/html", "<html><body>Welcome!</body></html>"),
        "html as json" => Reply::text(200, "application/json", "<html></html>"),
        "truncated" => {
            Reply::text(200, "application/json", r#"{"jsonrpc":"2.0","id":1,"result":{"con"#)
        }
        "empty" => Reply::text(200, "application/json", ""),
        "no type" => Reply::text(200, "", ""),
        "accepted" => Reply::text(202, "text/plain", ""),
        "no result" => Reply::text(200, "application/json", r#"{"jsonrpc":"2.0","id":1}"#),
        "a batch" => Reply::json(200, format!("[{}]", call.result_text(DONE))),
        "another id" => {
            Reply::text(200, "application/json", r#"{"jsonrpc":"2.0","id":4711,"result":{}}"#)
        }
        "a request" => Reply::text(
            200,
            "application/json",
            r#"{"jsonrpc":"2.0","id":1,"method":"roots/list"}"#,
        ),
        "deep" => call.result(&format!("{}{}", "[".repeat(5000), "]".repeat(5000))),
        "500" => Reply::text(500, "text/plain", "secret stack trace"),
        "503" => Reply::text(503, "text/html", "<h1>busy</h1>"),
        "401" => Reply::text(401, "text/plain", "who are you")
            .header("www-authenticate", "Bearer resource_metadata=\"http://169.254.169.254/\""),
        "429" => Reply::text(429, "text/plain", "slow down"),
        "redirect" => Reply::text(307, "text/plain", "").header("location", "/elsewhere"),
        "never" => std::future::pending().await,
        "dribble" => Reply::pieces("application/json", |stream| async move {
            stream.raw(r#"{"jsonrpc":"2.0","id":1,"result":{"a":""#).await;
            while stream.raw("x").await {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }),
        "endless" => Reply::pieces("application/json", |stream| async move {
            stream.raw(r#"{"jsonrpc":"2.0","id":1,"result":{"a":""#).await;
            while stream.raw("x".repeat(16 * 1024)).await {}
        }),
        "broken body" => Reply::pieces("application/json", |stream| async move {
            stream.raw(r#"{"jsonrpc":"2.0","id":1,"result":{"#).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            stream.break_off().await;
        }),
        "broken stream" => call.stream(|stream| async move {
            stream.raw(": hello\n\n").await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            stream.break_off().await;
        }),
        "stream that ends" => stream_text(": hello\n\n"),
        "garbage event" => stream_text("data: {nonsense\n\n"),
        "huge event" => call.stream(|stream| async move {
            stream.raw("data: ").await;
            while stream.raw("x".repeat(16 * 1024)).await {}
        }),
        "comments for ever" => call.stream(|stream| async move {
            while stream.raw(":\n\n").await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }),
        "foreign events" => {
            let right = call.result_text(DONE);
            stream_text(&format!(
                "data: {{\"jsonrpc\":\"2.0\",\"id\":\"other\",\"result\":{{}}}}\n\nevent: x\ndata: {right}\n\n"
            ))
        }
        "twice" => {
            let right = call.result_text(DONE);
            let wrong = call.result_text(r#"{"resultType":"complete","content":[]}"#);
            stream_text(&format!("data: {right}\n\ndata: {wrong}\n\n"))
        }
        other => panic!("unscripted: {other}"),
    }
}

/// What the agent reads of each of them.
const FAILURES: &[(&str, &str)] = &[
    ("html", "garbage"),
    ("html as json", "garbage"),
    ("truncated", "garbage"),
    ("empty", "garbage"),
    ("no type", "garbage"),
    ("accepted", "garbage"),
    ("no result", "garbage"),
    ("a batch", "garbage"),
    ("another id", "garbage"),
    ("a request", "garbage"),
    ("deep", "garbage"),
    ("500", "unreachable"),
    ("503", "unreachable"),
    ("401", "refused"),
    ("429", "overloaded"),
    ("redirect", "garbage"),
    ("never", "timeout"),
    ("dribble", "timeout"),
    ("endless", "too_large"),
    ("broken body", "broken"),
    ("broken stream", "broken"),
    ("stream that ends", "broken"),
    ("garbage event", "garbage"),
    ("huge event", "too_large"),
    ("comments for ever", "timeout"),
];

async fn in_front(server: &Server) -> Gateway {
    let limits = "limits: {reply: 256KiB, event: 64KiB}";
    Gateway::serve(format!("{limits}\nservers: [{}]", server.entry("up", ", timeout: 1s"))).await
}

/// Each failure is told soon, in a result that says nothing of the inside, and the next call is
/// answered.
async fn each_is_one_sentence_in_time(call: impl AsyncFn(&str) -> Answer) {
    for (tool, expected) in FAILURES {
        let start = Instant::now();
        let answer = call(tool).await;
        assert_eq!(answer.status, 200, "{tool}");
        assert_eq!(category(&answer.result()), *expected, "{tool}");
        assert!(start.elapsed() < Duration::from_secs(20), "{tool} took {:?}", start.elapsed());
        for internal in ["secret", "169.254", "127.0.0.1"] {
            assert!(!answer.body.contains(internal), "{tool}: {}", answer.body);
        }
        assert_eq!(call("fine").await.result()["content"][0]["text"], "done", "{tool}");
    }
}

#[tokio::test]
async fn whatever_a_modern_server_answers_its_client_gets_one_sentence_in_time() {
    let server = modern(misbehave).await;
    let gateway = in_front(&server).await;
    let client = Modern::of(&gateway);

    each_is_one_sentence_in_time(async |tool| client.call(tool, "{}").await).await;

    assert_eq!(server.count("/elsewhere"), 0);
}

#[tokio::test]
async fn whatever_an_older_server_answers_its_client_gets_one_sentence_in_time() {
    let server = legacy(misbehave).await;
    let gateway = in_front(&server).await;
    let client = Legacy::open(&gateway, "2025-06-18", "{}").await;

    each_is_one_sentence_in_time(async |tool| client.call(tool, "{}").await).await;

    // None of it was taken for a lost session.
    assert_eq!(server.count("initialize"), 1);
}

/// Case J15: answers under another id, and a second answer.
#[tokio::test]
async fn foreign_and_second_answers_reach_nobody() {
    for server in [modern(misbehave).await, legacy(misbehave).await] {
        let gateway = in_front(&server).await;
        let client = Modern::of(&gateway);
        for tool in ["foreign events", "twice", "fine"] {
            let answer = client.call(tool, "{}").await;
            assert_eq!(answer.result()["content"][0]["text"], "done", "{tool}");
            assert_eq!(answer.messages().len(), 1, "{tool}");
        }
        let other = client.call("another id", "{}").await.result();
        assert_eq!(category(&other), "garbage", "{other}");
    }
}

#[tokio::test]
async fn no_write_is_repeated_whatever_became_of_it() {
    let server = modern(misbehave).await;
    let gateway = in_front(&server).await;
    let client = Modern::of(&gateway);

    for (at, tool) in ["503", "broken body", "never", "429"].into_iter().enumerate() {
        client.call(tool, "{}").await;
        assert_eq!(server.count("tools/call"), at + 1, "{tool}");
    }
}

#[tokio::test]
async fn a_server_that_forgets_a_session_gets_a_new_one_and_the_call_once() {
    let server = legacy(|call: Call| async move {
        match call.header("mcp-session-id") {
            Some("s-0") => Reply::text(404, "text/plain", "no such session"),
            _ => call.result(DONE),
        }
    })
    .await;
    let gateway = Gateway::before(&server).await;

    let answer = Modern::of(&gateway).call("t", "{}").await;

    assert_eq!(answer.result()["content"][0]["text"], "done");
    assert_eq!((server.count("initialize"), server.count("tools/call")), (2, 2));
}

#[tokio::test]
async fn a_dead_and_a_slow_server_delay_the_third_by_no_more_than_their_deadline() {
    let good = modern(|call: Call| async move {
        match call.method() {
            "tools/list" => call.result(
                r#"{"resultType":"complete","tools":[{"name":"t","inputSchema":{"type":"object"}}],"ttlMs":5000,"cacheScope":"public"}"#,
            ),
            _ => call.result(DONE),
        }
    })
    .await;
    let slow = Server::start(|_| std::future::pending()).await;
    let dead = crate::support::free_port();
    let gateway = Gateway::serve(format!(
        "servers: [{{name: dead, upstream: \"http://127.0.0.1:{dead}/mcp\", timeout: 2s}}, {}, {}]",
        slow.entry("slow", ", timeout: 2s"),
        good.entry("good", ""),
    ))
    .await;
    let client = Modern::of(&gateway);

    let start = Instant::now();
    let list = client.request("1", "tools/list", "{}").await.result();
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert_eq!(list["tools"][0]["name"], "good_t");
    assert_eq!(list["ttlMs"], 0, "a list that lacks servers must not be kept");
    let start = Instant::now();
    assert_eq!(client.call("good_t", "{}").await.result()["content"][0]["text"], "done");
    assert!(start.elapsed() < Duration::from_millis(1900), "{:?}", start.elapsed());
    assert_eq!(category(&client.call("dead_t", "{}").await.result()), "unreachable");
    assert_eq!(category(&client.call("slow_t", "{}").await.result()), "timeout");
    let start = Instant::now();
    let welcome = Legacy::open(&gateway, "2025-06-18", "{}").await.welcome;
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert!(welcome["capabilities"]["tools"].is_object());
}

#[tokio::test]
async fn what_a_server_listed_last_stands_in_while_it_is_away() {
    let up = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let state = up.clone();
    let list = |call: &Call| {
        call.result(r#"{"resultType":"complete","tools":[{"name":"t","inputSchema":{}}],"ttlMs":5000,"cacheScope":"public"}"#)
    };
    let wavering = modern(move |call: Call| {
        let up = state.load(std::sync::atomic::Ordering::SeqCst);
        async move { if up { list(&call) } else { Reply::text(502, "text/plain", "") } }
    })
    .await;
    let steady = modern(move |call: Call| async move { list(&call) }).await;
    let gateway = Gateway::serve(format!(
        "servers: [{}, {}]",
        wavering.entry("wavering", ""),
        steady.entry("steady", "")
    ))
    .await;
    let client = Modern::of(&gateway);
    let names = |list: &Value| -> Vec<String> {
        let tools = list["tools"].as_array().unwrap();
        tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    };

    let before = client.request("1", "tools/list", "{}").await.result();
    up.store(false, std::sync::atomic::Ordering::SeqCst);
    let after = client.request("1", "tools/list", "{}").await.result();

    assert_eq!(names(&before), ["wavering_t", "steady_t"]);
    assert_eq!(names(&after), names(&before));
    assert_eq!((&before["ttlMs"], &after["ttlMs"]), (&5000.into(), &0.into()));
}

/// A child whose tools misbehave.
const CHILD: &str = r#"
def on(m):
    if "id" not in m: return
    name = m.get("params", {}).get("name")
    if name == "garbage":
        raw("hello, I am a log line\n\n{broken\n[]\n" + "x" * 300 + "\n"); text(m, "done")
    elif name == "foreign":
        send({"jsonrpc": "2.0", "id": 4711, "result": {}})
        send({"jsonrpc": "2.0", "id": "x", "error": {"code": 1, "message": "no"}}); text(m, "done")
    elif name == "twice": text(m, "done"); text(m, "again")
    elif name == "stderr":
        for _ in range(2000): sys.stderr.write("x" * 1000 + "\n")
        text(m, "done")
    elif name == "never": pass
    elif name == "die": os._exit(3)
    elif name == "half": raw('{"jsonrpc":"2.0","id":%d,"result":{' % m["id"]); os._exit(0)
    elif name == "endless":
        while True: raw("x" * 65536)
    elif name == "chatter": raw("is this the way?\n" * 20000); text(m, "done")
    elif name == "pid": text(m, str(os.getpid()))
    else: text(m, "done")
"#;

async fn with_child(script: &Script) -> Gateway {
    let limits = "limits: {line: 256KiB}";
    let entry = script.entry("child", ", timeout: 2s");
    Gateway::serve(format!("{limits}\nservers: [{entry}]")).await
}

#[tokio::test]
async fn a_child_that_prints_nonsense_is_still_served() {
    let script = Script::legacy(CHILD);
    let gateway = with_child(&script).await;
    let client = Modern::of(&gateway);
    let pid = client.call("pid", "{}").await.result()["content"][0]["text"].clone();

    for tool in ["garbage", "foreign", "twice", "stderr", "fine"] {
        let answer = client.call(tool, "{}").await;
        assert_eq!(answer.result()["content"][0]["text"], "done", "{tool}");
        assert_eq!(answer.messages().len(), 1, "{tool}");
    }

    assert_eq!(client.call("pid", "{}").await.result()["content"][0]["text"], pid);
    gateway.logged("not a message").await;
}

/// Case J27: what is no message is no end of log either.
#[tokio::test]
async fn a_child_that_prints_without_end_does_not_fill_the_log() {
    let script = Script::legacy(CHILD);
    let gateway = with_child(&script).await;

    Modern::of(&gateway).call("chatter", "{}").await.result();

    let told = gateway.whole_log().await.matches("not a message").count();
    assert!((1..=200).contains(&told), "{told} lines");
}

/// Case S3: its own call fails, and no other.
#[tokio::test]
async fn a_child_that_dies_fails_its_call_and_is_started_again() {
    let script = Script::legacy(CHILD);
    let gateway = with_child(&script).await;
    let client = Modern::of(&gateway);

    for tool in ["die", "half", "endless"] {
        assert_eq!(client.call("fine", "{}").await.result()["content"][0]["text"], "done");
        assert_eq!(category(&client.call(tool, "{}").await.result()), "broken", "{tool}");
        // Meanwhile it may be told to wait; in the end it is there again.
        let again = async {
            while client.call("fine", "{}").await.result()["isError"] == true {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        crate::support::soon("the child's return", again).await;
    }
}

/// Case S3: a program that ends as soon as it begins is not begun again for each call, and costs
/// another server nothing.
#[tokio::test]
async fn a_child_that_crashes_over_and_over_is_seldom_started() {
    let folder = tempfile::tempdir().unwrap();
    let starts = folder.path().join("starts");
    let crashing =
        Script::plain(&format!("open({starts:?}, 'a').write('x')\nraise SystemExit(7)\n"));
    let good = modern(|call: Call| async move { call.result(DONE) }).await;
    let entries = format!("{}, {}", crashing.entry("crashing", ""), good.entry("good", ""));
    let gateway = Gateway::serve(format!("servers: [{entries}]")).await;
    let client = Modern::of(&gateway);

    let begin = Instant::now();
    let mut calls = 0;
    while begin.elapsed() < Duration::from_secs(4) {
        let (crashed, done) =
            tokio::join!(client.call("crashing_t", "{}"), client.call("good_t", "{}"));
        assert_eq!(crashed.result()["isError"], true);
        assert_eq!(done.result()["content"][0]["text"], "done");
        calls += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    let started = std::fs::read_to_string(&starts).unwrap().len();
    // Two processes a start, one for each era, and pauses of 0.2 s, doubled each time, less a quarter
    // at most.
    assert!((2..=12).contains(&started), "{started} processes in {calls} calls");
}

#[tokio::test]
async fn a_child_that_never_answers_is_told_that_nobody_waits() {
    let script = Script::legacy(
        r#"
silent = []
def on(m):
    if m.get("method") == "notifications/cancelled": silent.append(m["params"]["requestId"])
    elif m.get("params", {}).get("name") == "never": silent.append(m["id"])
    elif "id" in m: text(m, json.dumps(silent))
"#,
    );
    let entry = script.entry("child", ", timeout: 1s");
    let gateway = Gateway::serve(format!("servers: [{entry}]")).await;
    let client = Modern::of(&gateway);
    client.call("fine", "{}").await.result();

    assert_eq!(category(&client.call("never", "{}").await.result()), "timeout");

    let noted = async {
        loop {
            let noted = client.call("noted", "{}").await.result();
            let text = noted["content"][0]["text"].as_str().unwrap();
            let ids: Vec<u64> = serde_json::from_str(text).unwrap();
            if let [never, cancelled] = ids[..] {
                return (never, cancelled);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let (never, cancelled) = crate::support::soon("the cancellation at the child", noted).await;
    assert_eq!(cancelled, never);
}

#[tokio::test]
async fn a_program_that_does_not_start_fails_its_own_calls_only() {
    let good = modern(|call: Call| async move { call.result(DONE) }).await;
    let quits = Script::plain("raise SystemExit(7)");
    let gateway = Gateway::serve(format!(
        "servers: [{{name: missing, command: [/no/such/program]}}, {}, {}]",
        quits.entry("quits", ""),
        good.entry("good", ""),
    ))
    .await;
    let client = Modern::of(&gateway);

    for tool in ["missing_t", "quits_t"] {
        let found = client.call(tool, "{}").await.result();
        assert!(matches!(category(&found), "unreachable" | "broken"), "{tool} {found}");
    }
    assert_eq!(client.call("good_t", "{}").await.result()["content"][0]["text"], "done");
}
