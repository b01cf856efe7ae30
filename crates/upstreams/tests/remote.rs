//! Remote servers of few words, and what we make of them.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use bytes::Bytes;
use toolgate_gateway::call::{Answer, Caller, Frame, Reply, Request, Who};
use toolgate_gateway::config::{EraChoice, Sessions, Transport};
use toolgate_gateway::onward::Onward;
use toolgate_gateway::upstream::Upstream;
use toolgate_protocol::client::{Abilities, Client};
use toolgate_protocol::json::Limits;
use toolgate_protocol::jsonrpc::{self, Message};
use toolgate_protocol::method::Method;
use toolgate_protocol::version::{Era, Version};
use toolgate_upstreams::http::Proxies;
use toolgate_upstreams::{Bounds, Remote, RemoteSpec};

/// What a peer was sent: the verb, and the body.
struct Seen {
    verb: String,
    body: String,
}

/// Serves every connection by `answer`, which writes what it likes.
fn serve(answer: impl Fn(Seen, &mut TcpStream) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let answer = answer.clone();
            std::thread::spawn(move || {
                let mut stream = stream.unwrap();
                if let Some(seen) = read(&stream) {
                    answer(seen, &mut stream);
                }
            });
        }
    });
    url
}

fn read(stream: &TcpStream) -> Option<Seen> {
    let mut reader = BufReader::new(stream);
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first).ok()?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        let line = line.to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let verb = first.split(' ').next()?.to_owned();
    Some(Seen { verb, body: String::from_utf8(body).ok()? })
}

fn send_json(stream: &mut TcpStream, status: u16, body: &str) {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nmcp-session-id: s\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
}

const EVENTS: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n:\n\n";

fn id_of(body: &str) -> String {
    let message = Message::scan(body.to_owned().into(), &Limits::default()).unwrap();
    message.id().unwrap_or("null").to_owned()
}

const WELCOME: &str =
    r#"{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"s","version":"1"}}"#;

/// What every server of the legacy era says before the call.
fn handshake(seen: &Seen, stream: &mut TcpStream) -> bool {
    if seen.body.contains("server/discover") {
        let id = id_of(&seen.body);
        send_json(
            stream,
            200,
            &String::from_utf8_lossy(&jsonrpc::error(Some(&id), -32601, "no", None)),
        );
    } else if seen.body.contains(r#""initialize""#) {
        send_json(
            stream,
            200,
            &String::from_utf8_lossy(&jsonrpc::result(&id_of(&seen.body), WELCOME)),
        );
    } else if seen.body.contains("notifications/") {
        stream
            .write_all(b"HTTP/1.1 202 X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            .unwrap();
    } else {
        return false;
    }
    true
}

fn remote(url: &str) -> Remote {
    let bounds = Bounds { reply: 1 << 20, event: 1 << 20, json: Limits::default() };
    let spec = RemoteSpec {
        name: "peer".into(),
        url: url.parse().unwrap(),
        headers: Vec::new(),
        era: EraChoice::Auto,
        transport: Transport::Auto,
        sessions: Sessions::Shared,
        idle: Duration::from_secs(60),
        bounds,
        onward: Onward::default(),
    };
    Remote::new(spec, &Proxies::default()).unwrap()
}

fn who() -> Who {
    Who { session: Some("one".into()), ..Who::of(Caller::anonymous()) }
}

/// A call of a client that can be asked forms.
fn call() -> Request {
    let body = jsonrpc::request("7", "tools/call", r#"{"name":"t"}"#);
    let message = Message::scan(body, &Limits::default()).unwrap();
    let client = Client {
        version: Version::V2025_11_25,
        capabilities: Bytes::from_static(br#"{"elicitation":{}}"#),
        info: None,
        log_level: None,
    };
    Request::new(message, Method::ToolsCall, client, who())
}

const QUESTION: &str = r#"{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{}}"#;

/// A server that asks on the session's own stream and answers the call once it has been told.
fn asker(begins_early: bool) -> (String, mpsc::Receiver<String>) {
    let own_stream = Mutex::new(None::<TcpStream>);
    let (told, answers) = mpsc::channel();
    let (answered, wait) = mpsc::channel();
    let wait = Mutex::new(wait);
    let url = serve(move |seen, stream| {
        if handshake(&seen, stream) {
            return;
        }
        if seen.verb == "GET" {
            // Whoever sees it begin finds it here.
            let mut own = own_stream.lock().unwrap();
            stream.write_all(EVENTS).unwrap();
            *own = Some(stream.try_clone().unwrap());
            drop(own);
            std::thread::sleep(Duration::from_secs(60));
        } else if seen.body.contains("tools/call") {
            let result = jsonrpc::result(&id_of(&seen.body), r#"{"content":[]}"#);
            let result = String::from_utf8(result.to_vec()).unwrap();
            if begins_early {
                stream.write_all(EVENTS).unwrap();
            }
            let mut own = own_stream.lock().unwrap();
            own.as_mut().unwrap().write_all(format!("data: {QUESTION}\n\n").as_bytes()).unwrap();
            wait.lock().unwrap().recv_timeout(Duration::from_secs(60)).unwrap();
            if begins_early {
                stream.write_all(format!("data: {result}\n\n").as_bytes()).unwrap();
            } else {
                send_json(stream, 200, &result);
            }
        } else if seen.body.contains("accept") {
            told.send(seen.body).unwrap();
            answered.send(()).unwrap();
            send_json(stream, 202, "");
        }
    });
    (url, answers)
}

/// The next frame that says something.
async fn next(reply: &mut Reply) -> Option<Frame> {
    loop {
        match reply.next().await {
            Some(Frame::Opened) => {}
            other => return other,
        }
    }
}

#[tokio::test]
async fn a_question_on_the_sessions_own_stream_reaches_the_call() {
    for begins_early in [true, false] {
        let (url, answers) = asker(begins_early);
        let remote = remote(&url);

        let mut reply = remote.call(&call()).await.unwrap();
        let Some(Frame::Ask(ask)) = next(&mut reply).await else { panic!("expected a question") };
        assert_eq!(&*ask.method, "elicitation/create");
        ask.answer.send(Answer::Result(Bytes::from_static(br#"{"action":"accept"}"#))).unwrap();

        let Some(Frame::End(end)) = next(&mut reply).await else { panic!("expected the end") };
        assert!(end.message.result().is_some());
        assert!(answers.recv().unwrap().contains(r#""id":"q""#));
    }
}

#[tokio::test]
async fn a_server_without_a_stream_of_its_own_keeps_its_session() {
    let handshakes = Arc::new(Mutex::new(0));
    let counted = handshakes.clone();
    let url = serve(move |seen, stream| {
        *counted.lock().unwrap() += usize::from(seen.body.contains(r#""initialize""#));
        if handshake(&seen, stream) {
            return;
        }
        if seen.verb == "GET" {
            send_json(stream, 404, "");
        } else {
            let result = jsonrpc::result(&id_of(&seen.body), r#"{"content":[]}"#);
            send_json(stream, 200, &String::from_utf8_lossy(&result));
        }
    });
    let remote = remote(&url);

    for _ in 0..3 {
        remote.call(&call()).await.unwrap().end().await.unwrap();
    }

    assert_eq!(*handshakes.lock().unwrap(), 1);
}

#[tokio::test]
async fn a_server_that_refuses_a_version_and_names_it_is_asked_again() {
    let refusals = Mutex::new(1);
    let url = serve(move |seen, stream| {
        let id = id_of(&seen.body);
        let mut left = refusals.lock().unwrap();
        let answer = if *left > 0 {
            *left -= 1;
            let data = r#"{"supported":["2026-07-28"],"requested":"2026-07-28"}"#;
            jsonrpc::error(Some(&id), -32022, "unsupported", Some(data))
        } else {
            jsonrpc::result(&id, r#"{"supportedVersions":["2026-07-28"],"capabilities":{}}"#)
        };
        send_json(stream, 400, &String::from_utf8_lossy(&answer));
    });

    let described = remote(&url).describe(&who(), Abilities::default()).await.unwrap();

    assert_eq!(described.era, Era::Modern);
}

#[tokio::test]
async fn a_server_that_was_none_at_first_may_turn_out_to_be_modern() {
    let broken = Arc::new(Mutex::new(true));
    let state = broken.clone();
    let url = serve(move |seen, stream| {
        if *state.lock().unwrap() {
            return send_json(stream, 200, "starting");
        }
        if seen.body.contains("server/discover") {
            let found = r#"{"supportedVersions":["2026-07-28"],"capabilities":{}}"#;
            let answer = jsonrpc::result(&id_of(&seen.body), found);
            send_json(stream, 200, &String::from_utf8_lossy(&answer));
        } else {
            send_json(stream, 404, "");
        }
    });
    let remote = remote(&url);
    assert!(remote.describe(&who(), Abilities::default()).await.is_err());

    *broken.lock().unwrap() = false;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    let described = loop {
        match remote.describe(&who(), Abilities::default()).await {
            Ok(described) => break described,
            // Failures are remembered for a little while.
            Err(fault) => {
                assert!(tokio::time::Instant::now() < deadline, "{fault}");
                let pause = fault.retry_after.unwrap_or(Duration::from_millis(20));
                tokio::time::sleep(pause.min(Duration::from_millis(200))).await;
            }
        }
    };
    assert_eq!(described.era, Era::Modern);
}
