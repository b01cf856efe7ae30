//! What no well-behaved client sends: each is answered as the revision says, and the gateway
//! serves the next request.

use std::time::{Duration, Instant};

use crate::support::{Answer, Ask, Gateway, Legacy, Modern, Server, Wire, modern, post};

/// A server whose every tool says "done".
async fn plain() -> Server {
    modern(|call| async move {
        call.result(r#"{"resultType":"complete","content":[{"type":"text","text":"done"}]}"#)
    })
    .await
}

async fn small() -> (Gateway, Server) {
    let server = plain().await;
    let limits = "limits: {body: 4KiB, header_time: 300ms, body_time: 300ms}";
    let gateway = Gateway::serve(format!("{limits}\nservers: [{}]", server.entry("up", ""))).await;
    (gateway, server)
}

/// The status, the code and the id of a refusal.
fn refusal(answer: &Answer) -> (u16, i64, String) {
    (answer.status, answer.code(), answer.json()["id"].to_string())
}

/// Case J5: members that stand twice, at any depth.
#[tokio::test]
async fn a_member_that_stands_twice_is_refused_at_any_depth() {
    let (gateway, server) = small().await;
    let client = Modern::of(&gateway);
    let call = client.ask("4", "tools/call", r#"{"name":"read","arguments":{"a":1}}"#);

    for (plain, doubled, id) in [
        (r#""method":"tools/call""#, r#""method":"tools/call","method":"tools/call""#, "4"),
        (r#""method":"tools/call""#, r#""m\u0065thod":"tools/list","method":"tools/call""#, "4"),
        (r#""id":4"#, r#""id":4,"id":4"#, "null"),
        (r#""name":"read""#, r#""name":"read","name":"delete_all""#, "4"),
        (r#""arguments":{"a":1}"#, r#""arguments":{"a":1},"arguments":{}"#, "4"),
        (r#"{"a":1}"#, r#"{"a":1,"\u0061":2}"#, "4"),
        (r#"{"a":1}"#, r#"{"a":[{"b":[{"c":1,"c":1}]}]}"#, "4"),
    ] {
        let text = call.text().replacen(plain, doubled, 1);
        assert_ne!(text, call.text(), "{plain}");
        let answer = gateway.ask(&call.clone().body(text)).await;
        assert_eq!(refusal(&answer), (400, -32600, id.to_owned()), "{doubled}");
        assert!(answer.body.contains("duplicate key"), "{}", answer.body);
    }
    assert_eq!(server.count("tools/call"), 0);
    assert_eq!(gateway.ask(&call).await.status, 200);
}

#[tokio::test]
async fn what_is_no_message_is_refused_with_its_code_and_the_id_that_could_be_read() {
    let (gateway, server) = small().await;
    let deep = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{}"#, "[".repeat(2000));

    for (body, code, id) in [
        ("", -32700, "null"),
        ("{", -32700, "null"),
        ("nonsense", -32700, "null"),
        (r#"{"jsonrpc":"2.0","id":3,"method":"tools/list""#, -32700, "3"),
        (r#"{"jsonrpc":"2.0","id":3,"method":"tools/list"} x"#, -32700, "3"),
        (r#"{"jsonrpc":"2.0","id":3}"#, -32600, "3"),
        (r#"{"jsonrpc":"1.0","id":"a","method":"ping"}"#, -32600, r#""a""#),
        (r#"{"id":4,"method":"ping"}"#, -32600, "4"),
        (r#"{"jsonrpc":"2.0","id":4,"method":5}"#, -32600, "4"),
        (r#"{"jsonrpc":"2.0","id":4,"method":"ping","params":[]}"#, -32602, "4"),
        (r#"{"jsonrpc":"2.0","id":4,"method":"ping","method":"tools/list"}"#, -32600, "4"),
        (r#"{"jsonrpc":"2.0","id":4,"id":5,"method":"ping"}"#, -32600, "null"),
        (r#"{"jsonrpc":"2.0","id":4,"method":"x","params":{"a":{"b":1,"\u0062":2}}}"#, -32600, "4"),
        (
            r#"{"jsonrpc":"2.0","id":4,"method":"x","params":{"a":[{"b":[{"c":1,"c":1}]}]}}"#,
            -32600,
            "4",
        ),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600, "null"),
        (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, -32600, "null"),
        (r#"{"jsonrpc":"2.0","id":1e3,"method":"ping"}"#, -32600, "null"),
        (r#"{"jsonrpc":"2.0","id":[1],"method":"ping"}"#, -32600, "null"),
        (r#"{"jsonrpc":"2.0","id":6,"result":{},"error":{}}"#, -32600, "6"),
        (r#"{"Jsonrpc":"2.0","id":6,"Method":"ping"}"#, -32600, "6"),
        ("7", -32600, "null"),
        (&deep, -32600, "1"),
    ] {
        let answer = gateway.ask(&post(body)).await;

        assert_eq!(refusal(&answer), (400, code, id.to_owned()), "{}", &body[..body.len().min(80)]);
    }
    assert_eq!(server.count("tools/list") + server.count("ping"), 0);
    gateway.is_well().await;
}

/// Case J8: nesting without end.
#[tokio::test]
async fn a_hundred_thousand_levels_do_not_reach_the_stack() {
    let server = plain().await;
    let gateway = Gateway::before(&server).await;
    let open = "[".repeat(100_000);
    let objects = r#"{"a":"#.repeat(100_000);

    for params in [format!(r#"{{"a":{open}"#), objects] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{params}"#);
        let answer = gateway.ask(&post(body)).await;
        assert_eq!(refusal(&answer), (400, -32600, "1".into()));
    }
    // At the top they look like a batch, which needs a session first.
    assert_eq!(gateway.ask(&post(open)).await.status, 400);
    gateway.is_well().await;
}

#[tokio::test]
async fn bytes_that_are_no_text_are_refused() {
    let (gateway, _server) = small().await;

    for bad in [&b"\xff"[..], b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"] {
        let mut body = br#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"a":""#.to_vec();
        body.extend_from_slice(bad);
        body.extend_from_slice(br#""}}"#);

        let answer = gateway.ask(&post(body)).await;

        assert_eq!((answer.status, answer.code()), (400, -32700), "{bad:?}");
    }
}

/// Case J9: more than a body may be. What it announces is looked at, and what comes is counted.
#[tokio::test]
async fn a_body_over_the_limit_is_refused_however_it_is_framed() {
    let (gateway, server) = small().await;
    let large = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{{"a":"{}"}}}}"#,
        "x".repeat(5000)
    );

    // Announced: refused before a byte of it has come.
    let announced = post("").header("Content-Length", "68719476736");
    let answer = gateway.ask(&announced).await;
    assert_eq!((answer.status, answer.code()), (413, -32600));

    // In chunks that never end: refused once the limit is passed.
    let mut wire = gateway.send(&post("").header("Transfer-Encoding", "chunked")).await;
    let chunk = format!("400\r\n{}\r\n", "x".repeat(1024));
    for _ in 0..6 {
        let _ = wire.try_send(chunk.as_bytes()).await;
    }
    assert_eq!(wire.answer().await.status, 413);

    let answer = gateway.ask(&post(large)).await;
    assert_eq!(answer.status, 413);
    assert_eq!(server.count("x"), 0);
    gateway.is_well().await;
}

/// Case E10: a packed body is not unpacked.
#[tokio::test]
async fn only_json_is_read() {
    let (gateway, _server) = small().await;
    let ask = Modern::of(&gateway).ask("1", "tools/list", "{}");

    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/jsonp",
        "",
    ] {
        let answer = gateway.ask(&ask.clone().header("Content-Type", kind)).await;
        assert_eq!(answer.status, 415, "{kind}");
    }
    assert_eq!(gateway.ask(&ask.clone().without("Content-Type")).await.status, 415);
    for kind in ["application/json; charset=utf-8", "Application/JSON"] {
        assert_eq!(gateway.ask(&ask.clone().header("Content-Type", kind)).await.status, 200);
    }
    // A compressed body is not unpacked, so it cannot burst.
    let packed = ask.clone().header("Content-Encoding", "gzip");
    assert_eq!(gateway.ask(&packed).await.status, 415);
    let plain = ask.clone().header("Content-Encoding", "identity");
    assert_eq!(gateway.ask(&plain).await.status, 200);
}

/// Case J1: another method in the header. Case J2: another name in it.
/// Case J13: the header of the version left out, so as not to be checked. It is missed twice, when the
/// version is read and when headers and body are compared: each would do.
#[tokio::test]
async fn headers_of_a_modern_request_must_say_what_its_body_says() {
    let (gateway, server) = small().await;
    let client = Modern::of(&gateway);
    let call = client.ask("7", "tools/call", r#"{"name":"read","arguments":{}}"#);

    for (case, ask) in [
        ("no version", call.clone().without("MCP-Protocol-Version")),
        ("another version", call.clone().header("MCP-Protocol-Version", "2025-11-25")),
        ("a version twice", call.clone().also("MCP-Protocol-Version", "2026-07-28")),
        ("no method", call.clone().without("Mcp-Method")),
        ("another method", call.clone().header("Mcp-Method", "tools/list")),
        ("a method in another case", call.clone().header("Mcp-Method", "Tools/Call")),
        ("a method twice", call.clone().also("Mcp-Method", "tools/call")),
        ("no name", call.clone().without("Mcp-Name")),
        ("another name", call.clone().header("Mcp-Name", "delete_all")),
        ("a name in another case", call.clone().header("Mcp-Name", "READ")),
        ("a name twice", call.clone().also("Mcp-Name", "read")),
        ("a name that cannot be decoded", call.clone().header("Mcp-Name", "=?base64?!!?=")),
    ] {
        let answer = gateway.ask(&ask).await;
        assert_eq!(refusal(&answer), (400, -32020, "7".into()), "{case}");
    }
    assert_eq!(server.count("tools/call"), 0);

    for name in ["read", "  read ", "=?base64?cmVhZA==?="] {
        let answer = gateway.ask(&call.clone().header("Mcp-Name", name)).await;
        assert_eq!(answer.status, 200, "{name}");
    }
}

#[tokio::test]
async fn a_modern_request_without_its_metadata_is_refused() {
    let (gateway, _server) = small().await;
    let version = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28""#;
    let able = r#""io.modelcontextprotocol/clientCapabilities":{}"#;

    for (meta, code) in [
        ("{}".to_owned(), -32602),
        (format!("{{{version}}}"), -32602),
        (format!("{{{able}}}"), -32602),
        (format!(r#"{{{version},"io.modelcontextprotocol/clientCapabilities":[]}}"#), -32602),
        (format!(r#"{{{version},{able},"io.modelcontextprotocol/logLevel":"loud"}}"#), -32602),
        (r#"{"io.modelcontextprotocol/protocolVersion":7}"#.to_owned(), -32602),
    ] {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":"x","method":"tools/list","params":{{"_meta":{meta}}}}}"#
        );
        let ask = post(body)
            .header("MCP-Protocol-Version", "2026-07-28")
            .header("Mcp-Method", "tools/list");

        let answer = gateway.ask(&ask).await;

        assert_eq!(refusal(&answer), (400, code, r#""x""#.into()), "{meta}");
    }
}

#[tokio::test]
async fn unknown_versions_are_refused_and_the_known_ones_named() {
    let (gateway, _server) = small().await;
    let ask = Modern::of(&gateway).ask("1", "tools/list", "{}");
    let future = ask.text().replace("2026-07-28", "2099-01-01");

    let answer =
        gateway.ask(&ask.clone().body(future).header("MCP-Protocol-Version", "2099-01-01")).await;
    assert_eq!(refusal(&answer), (400, -32022, "1".into()));
    let data = &answer.json()["error"]["data"];
    assert_eq!(data["requested"], "2099-01-01");
    assert!(data["supported"].as_array().unwrap().iter().any(|version| version == "2026-07-28"));

    // With a handshake nothing is refused: the newest older revision is offered instead.
    for version in ["1999-01-01", "2026-07-28", "latest"] {
        let client = Legacy::open(&gateway, version, "{}").await;
        assert_eq!(client.welcome["protocolVersion"], "2025-11-25", "{version}");
    }
    let client = Legacy::open(&gateway, "2025-06-18", "{}").await;
    let ask = client.ask("1", "ping", "{}").header("MCP-Protocol-Version", "1999-01-01");
    assert_eq!(gateway.ask(&ask).await.status, 400);
}

#[tokio::test]
async fn methods_of_another_era_do_not_exist() {
    let (gateway, _server) = small().await;
    let client = Modern::of(&gateway);
    for method in ["initialize", "ping", "logging/setLevel", "resources/subscribe", "tasks/list"] {
        let mut ask = client.ask("1", method, r#"{"uri":"a:b"}"#);
        if method == "resources/subscribe" {
            ask = ask.header("Mcp-Name", "a:b");
        }
        assert_eq!(refusal(&gateway.ask(&ask).await), (404, -32601, "1".into()), "{method}");
    }

    let old = Legacy::open(&gateway, "2025-11-25", "{}").await;
    for method in ["server/discover", "subscriptions/listen"] {
        let answer = old.request("1", method, "{}").await;
        assert_eq!(refusal(&answer), (200, -32601, "1".into()), "{method}");
    }
}

/// Case J10: numbers at the edge of what a number is.
#[tokio::test]
async fn ids_come_back_exactly_as_they_were_written() {
    let (gateway, _server) = small().await;
    let client = Modern::of(&gateway);
    let old = Legacy::open(&gateway, "2025-06-18", "{}").await;

    for id in [
        "0",
        "-1",
        "9007199254740993",
        "18446744073709551616",
        "-0",
        r#""""#,
        r#""7""#,
        r#""a\u0062\"\\""#,
        "\"\u{1F980}\"",
        r#""\ud83e\udd80""#,
    ] {
        let echo = format!(r#""id":{id},"#);
        let answer = client.request(id, "tools/call", r#"{"name":"a"}"#).await;
        assert!(answer.status == 200 && answer.body.contains(&echo), "{id}: {}", answer.body);
        let answer = client.request(id, "no/such", "{}").await;
        assert!(answer.body.contains(&echo), "{id}: {}", answer.body);
        let answer = old.request(id, "tools/call", r#"{"name":"a"}"#).await;
        assert!(answer.status == 200 && answer.body.contains(&echo), "{id}: {}", answer.body);
    }
    for id in ["1e999999", "1e2", "1.0", "-0.0", "+1", "NaN"] {
        for answer in [
            client.request(id, "tools/call", r#"{"name":"a"}"#).await,
            old.request(id, "tools/call", r#"{"name":"a"}"#).await,
        ] {
            assert!(answer.status == 400 && answer.body.contains(r#""id":null"#), "{id}");
        }
    }
}

/// Case J7: what a server may read that does not tell cases apart, and we do not.
#[tokio::test]
async fn a_member_in_another_case_goes_to_no_server() {
    let (gateway, server) = small().await;
    let client = Modern::of(&gateway);
    let call = client.ask("7", "tools/call", r#"{"name":"read","arguments":{}}"#);

    for (plain, doubled) in [
        (r#""name":"read""#, r#""name":"read","Name":"delete_all""#),
        (r#""method":"#, r#""Method":"x","method":"#),
        (r#""arguments":{}"#, r#""arguments":{},"argument\u017f":{"all":true}"#),
    ] {
        let text = call.text().replacen(plain, doubled, 1);
        assert_ne!(text, call.text(), "{plain}");
        let answer = gateway.ask(&call.clone().body(text)).await;
        assert_eq!(refusal(&answer), (400, -32600, "7".into()), "{doubled}");
    }
    assert_eq!(server.count("tools/call"), 0);
    assert_eq!(gateway.ask(&call).await.status, 200);
}

/// Case J12: many messages in one body.
#[tokio::test]
async fn batches_belong_to_one_revision_alone() {
    let (gateway, _server) = small().await;
    let ping = |id: &str| format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
    let both = format!(" [{},{}]", ping("1"), ping(r#""b""#));

    let modern = post(both.clone()).header("MCP-Protocol-Version", "2026-07-28");
    assert_eq!(refusal(&gateway.ask(&modern).await), (400, -32600, "null".into()));
    assert_eq!(refusal(&gateway.ask(&post(both.clone())).await), (400, -32600, "null".into()));
    for version in ["2025-06-18", "2025-11-25"] {
        let client = Legacy::open(&gateway, version, "{}").await;
        let answer = gateway.ask(&client.sign(post(both.clone()))).await;
        assert_eq!(refusal(&answer), (400, -32600, "null".into()), "{version}");
    }

    let client = Legacy::open(&gateway, "2025-03-26", "{}").await;
    let notice = r#"{"jsonrpc":"2.0","method":"notifications/x"}"#;
    let call = r#"{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"a"}}"#;
    let mixed = format!("[{},{notice},{call},7,{}]", ping("1"), ping("1.5"));
    let answer = gateway.ask(&client.sign(post(mixed))).await;
    let all = answer.json();
    let found: Vec<_> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["id"].to_string(), one["error"]["code"].as_i64()))
        .collect();
    assert!(found.contains(&("1".into(), None)) && found.contains(&("3".into(), None)), "{all}");
    assert_eq!(found.iter().filter(|(id, code)| id == "null" && *code == Some(-32600)).count(), 2);

    let only_notices = gateway.ask(&client.sign(post(format!("[{notice}]")))).await;
    assert_eq!((only_notices.status, only_notices.body.as_str()), (202, ""));
    assert_eq!(gateway.ask(&client.sign(post("[]"))).await.status, 400);
    let many = format!("[{}]", vec!["7"; 101].join(","));
    assert_eq!(gateway.ask(&client.sign(post(many))).await.status, 400);
}

#[tokio::test]
async fn an_id_in_flight_cannot_be_used_again_in_its_session() {
    let server = modern(|call| async move {
        tokio::time::sleep(Duration::from_millis(400)).await;
        call.result(r#"{"resultType":"complete","content":[]}"#)
    })
    .await;
    let gateway = Gateway::before(&server).await;
    let client = Legacy::open(&gateway, "2025-11-25", "{}").await;
    let other = Legacy::open(&gateway, "2025-11-25", "{}").await;

    let mut first = client.begin("slow", "{}").await;
    server.seen("tools/call").await;
    let second = client.call("slow", "{}").await;
    assert_eq!(refusal(&second), (200, -32600, "1".into()));
    // `1` and `"1"` are two ids, and another session's ids are its own.
    let text = client.request(r#""1""#, "tools/call", r#"{"name":"slow"}"#);
    let (text, elsewhere) = tokio::join!(text, other.call("slow", "{}"));
    assert!(text.json()["result"].is_object() && elsewhere.json()["result"].is_object());

    assert!(first.answer().await.json()["result"].is_object());
    assert!(client.call("slow", "{}").await.json()["result"].is_object());
}

#[tokio::test]
async fn no_bit_of_a_session_id_can_be_changed() {
    let (gateway, _server) = small().await;
    let client = Legacy::open(&gateway, "2025-11-25", "{}").await;
    assert_eq!(client.request("1", "ping", "{}").await.status, 200);

    for at in (0..client.session.len()).step_by(7) {
        let mut changed = client.session.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let ask = client
            .ask("5", "ping", "{}")
            .header("Mcp-Session-Id", std::str::from_utf8(&changed).unwrap());
        assert_eq!(refusal(&gateway.ask(&ask).await), (404, -32600, "5".into()), "byte {at}");
    }
}

/// Case A10: an id that the client chose, or that stands in the address.
#[tokio::test]
async fn a_session_that_is_not_ours_is_not_found() {
    let (gateway, _server) = small().await;
    let client = Legacy::open(&gateway, "2025-11-25", "{}").await;
    let with = |ask: Ask, session: &str| ask.header("Mcp-Session-Id", session);

    for session in ["chosen-by-the-client", "a b", "AAAA", &"x".repeat(4000)] {
        let ask = with(client.ask("1", "ping", "{}"), session);
        assert_eq!(gateway.ask(&ask).await.status, 404);
        let get = with(Ask::new("GET", "/mcp").header("Accept", "text/event-stream"), session);
        assert_eq!(gateway.ask(&get).await.status, 404);
        assert_eq!(gateway.ask(&with(Ask::new("DELETE", "/mcp"), session)).await.status, 404);
    }
    assert_eq!(
        gateway.ask(&client.ask("1", "ping", "{}").without("Mcp-Session-Id")).await.status,
        400
    );
    // An id in the address is not looked at.
    let path = format!("/mcp?Mcp-Session-Id={}", client.session);
    assert_eq!(gateway.ask(&Ask::new("DELETE", &path)).await.status, 405);
    assert!(!gateway.whole_log().await.contains(&client.session));

    assert_eq!(client.end().await.status, 204);
    assert_eq!(client.request("2", "ping", "{}").await.status, 404);
    assert_eq!(client.end().await.status, 404);
}

#[tokio::test]
async fn a_client_that_dawdles_over_its_headers_is_let_go() {
    let (gateway, _server) = small().await;
    let start = Instant::now();
    let mut slow = gateway.connect().await;
    slow.send(b"POST /mcp HTTP/1.1\r\nHost: loc").await;

    gateway.is_well().await;

    // With or without a word: what counts is that the connection is given up.
    if let Some(head) = slow.head().await {
        assert_eq!(head.status, 408);
    }
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn a_client_that_dawdles_over_its_body_is_told_so() {
    let (gateway, server) = small().await;
    let ask = Modern::of(&gateway).ask("1", "tools/list", "{}");
    let bytes = ask.bytes(gateway.address);
    let mut slow = gateway.connect().await;
    slow.send(&bytes[..bytes.len() - 1]).await;

    assert_eq!(slow.answer().await.status, 408);
    assert_eq!(server.count("tools/list"), 0);
}

#[tokio::test]
async fn a_body_that_ends_early_runs_nothing() {
    let (gateway, server) = small().await;
    let bytes = Modern::of(&gateway).ask("1", "tools/list", "{}").bytes(gateway.address);
    let mut wire = gateway.connect().await;
    wire.send(&bytes[..bytes.len() - 10]).await;
    drop(wire);

    gateway.is_well().await;
    assert_eq!(server.count("tools/list"), 0);
}

/// Case E4: a name that was rebound to us. Case E5: a page of another origin.
#[tokio::test]
async fn only_our_own_hosts_and_trusted_origins_are_served() {
    let (gateway, server) = small().await;
    let ask = Modern::of(&gateway).ask("1", "tools/call", r#"{"name":"a"}"#);

    for host in [
        "evil.example.com",
        "127.0.0.1.evil.example.com",
        "127.0.0.1:evil.example.com",
        "localhost:80@evil.example.com",
        "evil.example.com:80",
        "",
    ] {
        assert_eq!(gateway.ask(&ask.clone().header("Host", host)).await.status, 403, "{host}");
    }
    for origin in
        ["http://evil.example.com", "null", "https://localhost.evil.example.com", "file://"]
    {
        let answer = gateway.ask(&ask.clone().header("Origin", origin)).await;
        assert_eq!(answer.status, 403, "{origin}");
    }
    let two = ask.clone().also("Origin", "http://localhost").also("Origin", "http://evil.test");
    assert_eq!(gateway.ask(&two).await.status, 403);
    assert_eq!(server.count("tools/call"), 0);
    for (host, origin) in
        [("localhost", "http://localhost:5173"), ("127.0.0.1", "http://127.0.0.1")]
    {
        let ask = ask.clone().header("Host", host).header("Origin", origin);
        assert_eq!(gateway.ask(&ask).await.status, 200);
    }
}

/// Case E7: two hosts, of which each reader may believe another.
#[tokio::test]
async fn a_request_that_names_two_hosts_is_refused() {
    let (gateway, server) = small().await;
    let ask = Modern::of(&gateway).ask("1", "tools/call", r#"{"name":"a"}"#);

    let twice = ask.clone().header("Host", "localhost").also("Host", "localhost");
    assert_eq!(gateway.ask(&twice).await.status, 400);

    let absolute = |authority: &str| {
        let text = String::from_utf8(ask.bytes(gateway.address)).unwrap();
        text.replacen("POST /mcp ", &format!("POST http://{authority}/mcp "), 1)
    };
    let mut wire = gateway.connect().await;
    wire.send(absolute("evil.example.com").as_bytes()).await;
    assert_eq!(wire.answer().await.status, 400);
    assert_eq!(server.count("tools/call"), 0);

    let mut wire = gateway.connect().await;
    wire.send(absolute(&gateway.address.to_string()).as_bytes()).await;
    assert_eq!(wire.answer().await.status, 200);
}

/// Case E1: a length and chunks, which a proxy before us may read otherwise.
#[tokio::test]
async fn nothing_can_be_smuggled_behind_a_body_of_two_lengths() {
    let (gateway, server) = small().await;
    let hidden = Modern::of(&gateway).ask("9", "tools/call", r#"{"name":"hidden"}"#);
    let hidden = String::from_utf8(hidden.bytes(gateway.address)).unwrap();

    for framing in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: identity, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: +5\r\n",
    ] {
        let mut wire = gateway.connect().await;
        let head = format!(
            "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{framing}\r\n"
        );
        wire.send(format!("{head}0\r\n\r\n{hidden}").as_bytes()).await;

        assert_eq!(wire.answer().await.status, 400, "{framing}");
        assert!(wire.is_closed().await, "{framing}");
    }
    assert_eq!(server.count("tools/call"), 0);
    gateway.is_well().await;
}

/// RFC 9112, section 6.3, lets a server refuse such a request or read the chunks alone, and has
/// it close the connection. A refusal would be clearer, but hyper (1.12) takes `Content-Length`
/// away when it parses the head, whichever of the two comes first: we cannot see that it was
/// there. What matters holds either way: nothing behind the chunks is ever read as a request.
#[tokio::test]
async fn of_two_lengths_the_chunks_count_and_the_connection_ends() {
    let (gateway, server) = small().await;
    let client = Modern::of(&gateway);
    let seen = client.ask("1", "tools/call", r#"{"name":"seen"}"#);
    let hidden = client.ask("2", "tools/call", r#"{"name":"hidden"}"#).bytes(gateway.address);
    let body = seen.text();

    for chunked_first in [true, false] {
        let ask = match chunked_first {
            true => seen.clone().header("Transfer-Encoding", "chunked").also("Content-Length", "5"),
            false => {
                seen.clone().header("Content-Length", "5").also("Transfer-Encoding", "chunked")
            }
        };
        let chunks = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
        let mut wire = gateway.connect().await;
        wire.send(&ask.body(chunks).bytes(gateway.address)).await;
        let _ = wire.try_send(&hidden).await;

        let answer = wire.answer().await;
        assert_eq!(answer.json()["id"], 1);
        assert_eq!(answer.header("connection"), Some("close"));
        assert!(wire.is_closed().await);
    }
    assert_eq!((server.count("tools/call"), server.seen("tools/call").await.name()), (2, "seen"));
}

/// Case E12: ten thousand headers.
#[tokio::test]
async fn a_flood_of_headers_is_refused() {
    let (gateway, _server) = small().await;
    let mut many = post("{}");
    for at in 0..10_000 {
        many = many.also(&format!("X-{at}"), "1");
    }
    let long = post("{}").header("X-Long", &"x".repeat(100_000));

    for ask in [many, long] {
        let mut wire = gateway.connect().await;
        // The rest of it may meet a connection that has been closed already.
        let _ = wire.try_send(&ask.bytes(gateway.address)).await;
        if let Some(head) = wire.head().await {
            assert_eq!(head.status, 431);
        }
    }
    let few = post("{}").header("X-A", &"x".repeat(8000));
    assert_eq!(gateway.ask(&few).await.code(), -32600);
}

#[tokio::test]
async fn nonsense_in_place_of_http_closes_the_connection() {
    let (gateway, _server) = small().await;
    for bytes in
        [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], b"GET\r\n\r\n", b"\0\0\0\0\r\n\r\n"]
    {
        let mut wire = Wire::connect(gateway.address).await;
        wire.send(bytes).await;
        if let Some(head) = wire.head().await {
            assert_eq!(head.status, 400);
        }
    }
    gateway.is_well().await;
}

#[tokio::test]
async fn a_connection_serves_one_request_after_the_other() {
    let (gateway, _server) = small().await;
    let client = Modern::of(&gateway);
    let mut wire = gateway.connect().await;

    wire.send(&post("nonsense").bytes(gateway.address)).await;
    assert_eq!(wire.answer().await.status, 400);
    for id in ["1", "2"] {
        wire.send(&client.ask(id, "tools/call", r#"{"name":"a"}"#).bytes(gateway.address)).await;
    }
    for id in [1, 2] {
        assert_eq!(wire.answer().await.json()["id"], id);
    }
}

/// Case S1: what a program is started with stands in the configuration alone.
#[tokio::test]
async fn no_request_starts_a_program() {
    let (gateway, _server) = small().await;
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("started");
    let body = format!(
        r#"{{"transport":"stdio","command":"touch","args":["{0}"],"servers":[{{"name":"x","command":["touch","{0}"]}}]}}"#,
        trace.display()
    );

    for path in
        ["/servers", "/api/servers", "/config", "/preview", "/test", "/connect", "/admin/servers"]
    {
        for verb in ["POST", "PUT"] {
            let ask =
                Ask::new(verb, path).header("Content-Type", "application/json").body(body.clone());
            let status = gateway.ask(&ask).await.status;
            assert!(matches!(status, 401 | 403 | 404 | 405), "{verb} {path}: {status}");
        }
    }
    let call = Modern::of(&gateway).ask("1", "servers/add", &body);
    // One server alone is asked what nobody else knows, and that is all.
    gateway.ask(&call).await;
    assert!(!trace.exists());
}

#[tokio::test]
async fn other_paths_and_verbs_are_told_what_is_here() {
    let (gateway, _server) = small().await;
    for (verb, path, status) in [
        ("GET", "/nothing", 404),
        ("PUT", "/mcp", 405),
        ("OPTIONS", "/mcp", 405),
        ("GET", "/mcp/", 404),
        ("GET", "/mcp", 406),
        ("DELETE", "/mcp", 405),
    ] {
        assert_eq!(gateway.ask(&Ask::new(verb, path)).await.status, status, "{verb} {path}");
    }
    for (path, status) in [("/messages", 400), ("/messages?session=forged", 404)] {
        let ask = Ask::new("POST", path).header("Content-Type", "application/json").body("{}");
        assert_eq!(gateway.ask(&ask).await.status, status, "{path}");
    }
    let get = Ask::new("GET", "/mcp").header("Accept", "text/event-stream");
    assert_eq!(gateway.ask(&get).await.status, 405);
}
