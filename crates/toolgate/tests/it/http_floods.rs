//! Too much of everything, from clients and from servers: what is over a limit is refused, what
//! it costs is bounded, and honest calls go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::support::{Ask, Call, Gateway, Modern, Reply, Server, Wire, legacy, modern, post, soon};

const DONE: &str = r#"{"resultType":"complete","content":[{"type":"text","text":"done"}]}"#;
const MIB: usize = 1 << 20;
/// What is sent where it must be cut much earlier.
const GIB: usize = 1 << 30;
/// What the gateway may hold at most through any of this, beyond what it holds when empty.
const MOST: usize = 80 * MIB;
/// What may be under way in buffers of the system when the gateway stops to read.
const UNDER_WAY: usize = 64 * MIB;

async fn answering() -> Server {
    modern(|call: Call| async move { call.result(DONE) }).await
}

/// Allows this process and its children so many open files and more.
fn allow_files(count: u64) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < count) {
        let raised = Rlimit { current: Some(count), maximum: limit.maximum };
        setrlimit(Resource::Nofile, raised).unwrap();
    }
}

/// Case E8: heads that arrive a byte at a time.
#[tokio::test]
async fn a_thousand_clients_that_dawdle_are_let_go_and_honest_ones_are_served_meanwhile() {
    allow_files(4096);
    let server = answering().await;
    let entry = server.entry("up", "");
    let yaml = format!("limits: {{header_time: 3s}}\nservers: [{entry}]");
    let gateway = Gateway::serve(yaml).await;
    let client = Modern::of(&gateway);
    client.call("tool", "{}").await.result();

    let mut slow = JoinSet::new();
    for _ in 0..1000 {
        let mut tcp = TcpStream::connect(gateway.address).await.unwrap();
        tcp.write_all(b"P").await.unwrap();
        slow.spawn(async move {
            let start = Instant::now();
            let mut rest = Vec::new();
            // Closed or reset: what counts is that it ends.
            let _ = tcp.read_to_end(&mut rest).await;
            (start.elapsed(), rest)
        });
    }
    let (mut calls, mut slowest) = (0, Duration::ZERO);
    let all_gone = async {
        let mut gone = Vec::new();
        loop {
            let start = Instant::now();
            tokio::select! {
                one = slow.join_next() => match one {
                    Some(one) => gone.push(one.unwrap()),
                    None => return gone,
                },
                answer = client.call("tool", "{}") => {
                    assert_eq!(answer.result()["content"][0]["text"], "done");
                    slowest = slowest.max(start.elapsed());
                    calls += 1;
                }
            }
        }
    };
    let gone = soon("the end of all slow connections", all_gone).await;

    assert_eq!(gone.len(), 1000);
    for (after, rest) in &gone {
        assert!(after.as_secs_f64() > 1.0, "closed after {after:?}");
        assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"));
    }
    assert!(calls > 50, "only {calls} calls were answered meanwhile");
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    assert!(gateway.taken_memory() < MOST, "{} bytes", gateway.taken_memory());
}

#[tokio::test]
async fn connections_that_are_refused_are_one_line_of_the_log() {
    let server = modern(|call: Call| async move { call.result(DONE) }).await;
    let servers = server.entry("up", "");
    let gateway =
        Gateway::serve(format!("limits: {{ connections: 1 }}\nservers: [{servers}]")).await;
    let kept = TcpStream::connect(gateway.address).await.unwrap();

    for _ in 0..20 {
        let mut refused = TcpStream::connect(gateway.address).await.unwrap();
        let mut rest = Vec::new();
        let _ = soon("the end of it", refused.read_to_end(&mut rest)).await;
    }

    let log = gateway.whole_log().await;
    assert_eq!(log.matches("limits.connections").count(), 1, "{log}");
    drop(kept);
}

/// Case J26: listeners take bounded room, and who finds none is told when to come back.
#[tokio::test]
async fn of_ten_thousand_listeners_only_as_many_as_there_is_room_for_are_heard() {
    const ROOM: usize = 100;
    let server = legacy(|call: Call| async move { call.result("{}") }).await;
    let entry = server.entry("up", "");
    let gateway =
        Gateway::serve(format!("limits: {{in_flight: {ROOM}}}\nservers: [{entry}]")).await;
    let filter = r#"{"notifications":{"toolsListChanged":true}}"#;
    let ask = Modern::of(&gateway).ask("1", "subscriptions/listen", filter);

    let mut clients = JoinSet::new();
    for _ in 0..20 {
        let (address, bytes) = (gateway.address, ask.bytes(gateway.address));
        clients.spawn(async move {
            let (mut heard, mut refused) = (Vec::new(), 0);
            let mut wire = Wire::connect(address).await;
            for _ in 0..500 {
                wire.send(&bytes).await;
                let head = wire.head().await.unwrap();
                if head.status == 200 {
                    heard.push(std::mem::replace(&mut wire, Wire::connect(address).await));
                    continue;
                }
                assert_eq!(head.status, 429);
                assert!(head.header("retry-after").is_some());
                wire.rest().await;
                refused += 1;
            }
            (heard, refused)
        });
    }
    let all = tokio::time::timeout(Duration::from_secs(60), clients.join_all()).await.unwrap();

    let heard: usize = all.iter().map(|(heard, _)| heard.len()).sum();
    let refused: usize = all.iter().map(|(_, refused)| refused).sum();
    assert_eq!((heard, refused), (ROOM, 10_000 - ROOM));
    assert!(gateway.taken_memory() < MOST, "{} bytes", gateway.taken_memory());
    // They take no place of calls.
    gateway.is_well().await;
    Modern::of(&gateway).request("2", "tools/list", "{}").await.result();
}

/// Sends a gibibyte as long as anybody reads; what came back, and how much was sent.
async fn pour(gateway: &Gateway, ask: &Ask, chunked: bool) -> (String, usize) {
    let tcp = TcpStream::connect(gateway.address).await.unwrap();
    let (mut read, mut write) = tcp.into_split();
    let answer = tokio::spawn(async move {
        let mut answer = Vec::new();
        let _ = read.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    });
    write.write_all(&ask.bytes(gateway.address)).await.unwrap();
    let piece = match chunked {
        true => format!("{MIB:x}\r\n{}\r\n", "x".repeat(MIB)),
        false => "x".repeat(MIB),
    };
    let mut sent = 0;
    while sent < GIB && write.write_all(piece.as_bytes()).await.is_ok() {
        sent += MIB;
    }
    (soon("the end of the connection", answer).await.unwrap(), sent)
}

/// Case J9: refused before it is held.
#[tokio::test]
async fn a_body_of_a_gibibyte_is_refused_at_the_limit_however_it_is_framed() {
    let server = answering().await;
    let gateway = Gateway::before(&server).await;

    let announced = post("").header("Content-Length", &GIB.to_string());
    let streamed = post("").header("Transfer-Encoding", "chunked");
    for (ask, chunked) in [(announced, false), (streamed, true)] {
        let (answer, sent) = pour(&gateway, &ask, chunked).await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer:?}");
        assert!(answer.contains("the body is larger than 8388608 bytes"), "{answer}");
        assert!(sent < UNDER_WAY, "{sent} bytes were taken");
    }

    assert!(gateway.taken_memory() < MOST, "{} bytes", gateway.taken_memory());
    gateway.is_well().await;
}

/// Answers with a gibibyte as long as anybody reads, and counts what was taken.
fn endless(call: &Call, taken: Arc<AtomicUsize>) -> Reply {
    let (kind, begin) = match call.name() {
        "event" => ("text/event-stream", "data: "),
        _ => ("application/json", r#"{"jsonrpc":"2.0","id":1,"result":{"a":""#),
    };
    let reply = Reply::pieces(kind, |stream| async move {
        stream.raw(begin).await;
        let piece = Bytes::from(vec![b'x'; MIB]);
        while taken.load(Ordering::SeqCst) < GIB && stream.raw(piece.clone()).await {
            taken.fetch_add(MIB, Ordering::SeqCst);
        }
    });
    match call.name() {
        "announced" => reply.header("content-length", &GIB.to_string()),
        _ => reply,
    }
}

#[tokio::test]
async fn an_answer_of_a_gibibyte_is_cut_at_the_limit_in_every_shape() {
    let taken = Arc::new(AtomicUsize::new(0));
    let (of_one, of_two) = (taken.clone(), taken.clone());
    let servers = [
        modern(move |call: Call| std::future::ready(endless(&call, of_one.clone()))).await,
        legacy(move |call: Call| std::future::ready(endless(&call, of_two.clone()))).await,
    ];
    for server in servers {
        let entry = server.entry("up", "");
        let limits = "limits: {reply: 8MiB, event: 4MiB}";
        let gateway = Gateway::serve(format!("{limits}\nservers: [{entry}]")).await;
        for (tool, said) in [
            ("whole", "server \"up\" answered more than 8388608 bytes"),
            ("announced", "server \"up\" answered more than 8388608 bytes"),
            ("event", "server \"up\" sent an event of more than 4194304 bytes"),
        ] {
            taken.store(0, Ordering::SeqCst);
            let result = Modern::of(&gateway).call(tool, "{}").await.result();
            let error = &result["_meta"]["dev.toolgate/error"];
            assert_eq!(error["category"], "too_large", "{tool} {result}");
            let text = result["content"][0]["text"].as_str().unwrap();
            assert!(text.starts_with(said), "{text}");
            let taken = taken.load(Ordering::SeqCst);
            assert!(taken < UNDER_WAY, "{tool}: {taken} bytes were taken");
        }
        assert!(gateway.taken_memory() < MOST, "{} bytes", gateway.taken_memory());
        gateway.is_well().await;
    }
}

#[tokio::test]
async fn an_endless_event_on_a_sessions_own_stream_is_not_kept() {
    let taken = Arc::new(AtomicUsize::new(0));
    let counted = taken.clone();
    let server = Server::start(move |call: Call| {
        let counted = counted.clone();
        async move {
            match call.method() {
                "server/discover" => Reply::text(400, "text/plain", "Server not initialized"),
                "initialize" => call
                    .result(r#"{"protocolVersion":"2025-11-25","capabilities":{"tools":{"listChanged":true}},"serverInfo":{"name":"old","version":"1"}}"#)
                    .header("mcp-session-id", "s"),
                "GET" => Reply::pieces("text/event-stream", |stream| async move {
                    stream.raw("data: ").await;
                    let piece = Bytes::from(vec![b'x'; MIB]);
                    while counted.load(Ordering::SeqCst) < GIB && stream.raw(piece.clone()).await {
                        counted.fetch_add(MIB, Ordering::SeqCst);
                    }
                    stream.closed().await;
                }),
                "tools/call" => call.result(DONE),
                _ => Reply::text(202, "text/plain", ""),
            }
        }
    })
    .await;
    let gateway = Gateway::before(&server).await;
    let client = Modern::of(&gateway);
    let filter = r#"{"notifications":{"toolsListChanged":true}}"#;
    let mut listener = client.send(&client.ask("1", "subscriptions/listen", filter)).await;
    assert_eq!(listener.head().await.unwrap().status, 200);

    // Given up, it is opened again.
    server.nth("GET", 1).await;

    assert!(taken.load(Ordering::SeqCst) < UNDER_WAY);
    assert!(gateway.taken_memory() < MOST, "{} bytes", gateway.taken_memory());
    gateway.logged("event stream line longer than").await;
    client.call("tool", "{}").await.result();
}
