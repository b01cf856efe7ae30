//! What passes through untouched, and what has to be changed between the eras: in all four
//! pairings, byte for byte.

use serde_json::Value;

use crate::support::{Answer, Call, Gateway, Legacy, Modern, Reply, Server, legacy, modern};

/// JSON that no parser and printer between two peers would leave as it is.
const ODD: &str = r#"{"z":9007199254740993,"a":1.10,"n":-0,"e":1E5,"s":"\u00e9\ud83e\udd80\/é","d":{"b":null,"a":[[],{}]},"":123456789012345678901234567890}"#;

async fn odd(call: Call) -> Reply {
    let is_modern = call.header("mcp-method").is_some();
    let of_era = if is_modern { r#""resultType":"complete","# } else { "" };
    let cached = if is_modern {
        r#""ttlMs":7000,"cacheScope":"public","resultType":"complete","#
    } else {
        ""
    };
    let tool = format!(
        r#"{{{of_era}"content":[{{"type":"vendor","x":{ODD}}}],"structuredContent":{ODD},"vendor":{ODD},"_meta":{{"x.y/z":{ODD}}}}}"#
    );
    match (call.method(), call.name()) {
        ("tools/call", "streamed") => call.stream(|stream| async move { stream.result(&tool).await }),
        ("tools/call", "refused") => {
            call.error(200, &format!(r#"{{"code":4711,"message":"\u00e9","data":{ODD}}}"#))
        }
        ("tools/call", _) => call.result(&tool),
        ("tools/list", _) => call.result(&format!(
            r#"{{{cached}"tools":[{{"name":"t","inputSchema":{ODD},"vendor":{ODD}}}],"nextCursor":"","vendor":{ODD}}}"#
        )),
        ("resources/list", _) => call.result(&format!(r#"{{{cached}"resources":[{ODD}]}}"#)),
        ("resources/templates/list", _) => {
            call.result(&format!(r#"{{{cached}"resourceTemplates":[{ODD}]}}"#))
        }
        ("prompts/list", _) => call.result(&format!(r#"{{{cached}"prompts":[{ODD}]}}"#)),
        ("resources/read", _) if call.json["params"]["uri"] == "a:lost" => {
            let code = if is_modern { -32602 } else { -32002 };
            call.error(200, &format!(r#"{{"code":{code},"message":"no","data":{{"uri":"a:lost","x":{ODD}}}}}"#))
        }
        ("resources/read", _) => {
            call.result(&format!(r#"{{{cached}"contents":[{{"uri":"a:b","text":"","x":{ODD}}}]}}"#))
        }
        ("prompts/get", _) => call.result(&format!(r#"{{{of_era}"messages":[],"x":{ODD}}}"#)),
        ("completion/complete", _) => {
            call.result(&format!(r#"{{{of_era}"completion":{{"values":[]}},"x":{ODD}}}"#))
        }
        ("vendor/do", _) => call.result(&format!(r#"{{{of_era}"x":{ODD}}}"#)),
        _ => call.error(
            if is_modern { 404 } else { 200 },
            r#"{"code":-32601,"message":"what?"}"#,
        ),
    }
}

/// Each server with its gateway and a client of either era.
async fn pairings() -> Vec<(Server, Gateway)> {
    let mut all = Vec::new();
    for server in [legacy(odd).await, modern(odd).await] {
        let gateway = Gateway::before(&server).await;
        all.push((server, gateway));
    }
    all
}

#[tokio::test]
async fn results_pass_byte_for_byte() {
    for (_server, gateway) in pairings().await {
        let new = Modern::of(&gateway);
        let old = Legacy::open(&gateway, "2025-11-25", "{}").await;
        for tool in ["plain", "streamed"] {
            for answer in [new.call(tool, "{}").await, old.call(tool, "{}").await] {
                for member in [
                    format!(r#""content":[{{"type":"vendor","x":{ODD}}}]"#),
                    format!(r#""structuredContent":{ODD}"#),
                    format!(r#""vendor":{ODD}"#),
                    format!(r#""_meta":{{"x.y/z":{ODD}}}"#),
                ] {
                    assert!(answer.body.contains(&member), "{tool}: {member}\n{}", answer.body);
                }
            }
        }
        for answer in [new.call("refused", "{}").await, old.call("refused", "{}").await] {
            let error = format!(r#""error":{{"code":4711,"message":"\u00e9","data":{ODD}}}"#);
            assert!(answer.status == 200 && answer.body.contains(&error), "{}", answer.body);
        }
        for answer in
            [new.request("1", "tools/list", "{}").await, old.request("1", "tools/list", "{}").await]
        {
            let tool = format!(r#"{{"name":"t","inputSchema":{ODD},"vendor":{ODD}}}"#);
            assert!(answer.body.contains(&tool), "{}", answer.body);
            assert!(answer.body.contains(r#""nextCursor":"""#), "{}", answer.body);
        }
    }
}

#[tokio::test]
async fn requests_pass_byte_for_byte() {
    for (server, gateway) in pairings().await {
        let new = Modern::of(&gateway).meta(&format!(r#""x.y/z":{ODD}"#));
        let old = Legacy::open(&gateway, "2025-11-25", "{}").await;
        let params = format!(r#"{{"name":"t","arguments":{ODD},"vendor":{ODD}}}"#);
        new.request("1", "tools/call", &params).await.result();
        let with_meta = params.replacen('{', &format!(r#"{{"_meta":{{"x.y/z":{ODD}}},"#), 1);
        old.request("1", "tools/call", &with_meta).await.result();

        for at in [0, 1] {
            let call = server.nth("tools/call", at).await;
            for member in [
                format!(r#""arguments":{ODD}"#),
                format!(r#""vendor":{ODD}"#),
                format!(r#""x.y/z":{ODD}"#),
            ] {
                assert!(call.body.contains(&member), "{at}: {member}\n{}", call.body);
            }
        }
    }
}

#[tokio::test]
async fn methods_that_nobody_knows_pass_where_there_is_one_server() {
    for (server, gateway) in pairings().await {
        let params = format!(r#"{{"x":{ODD}}}"#);
        let new = Modern::of(&gateway).request("1", "vendor/do", &params).await;
        let old = Legacy::open(&gateway, "2025-06-18", "{}").await;
        let old = old.request("1", "vendor/do", &params).await;

        for (at, answer) in [new, old].into_iter().enumerate() {
            assert!(answer.body.contains(&format!(r#""x":{ODD}"#)), "{}", answer.body);
            let call = server.nth("vendor/do", at).await;
            assert!(call.body.contains(&format!(r#""x":{ODD}"#)), "{}", call.body);
        }
    }
}

#[tokio::test]
async fn a_method_that_the_server_does_not_know_is_not_found() {
    for (_server, gateway) in pairings().await {
        let new = Modern::of(&gateway).request("1", "vendor/else", "{}").await;
        assert_eq!((new.status, new.code()), (404, -32601));
        let old = Legacy::open(&gateway, "2025-06-18", "{}").await;
        let old = old.request("1", "vendor/else", "{}").await;
        assert_eq!((old.status, old.code()), (200, -32601));
        assert_eq!(old.json()["error"]["message"], "what?");
    }
}

/// Every request that a server answers, and whether its answer may be kept.
const ANSWERED: &[(&str, &str, bool)] = &[
    ("tools/list", "{}", true),
    ("resources/list", "{}", true),
    ("resources/templates/list", "{}", true),
    ("prompts/list", "{}", true),
    ("resources/read", r#"{"uri":"a:b"}"#, true),
    ("tools/call", r#"{"name":"t"}"#, false),
    ("prompts/get", r#"{"name":"p"}"#, false),
    (
        "completion/complete",
        r#"{"ref":{"type":"ref/prompt","name":"p"},"argument":{"name":"a","value":""}}"#,
        false,
    ),
    ("vendor/do", "{}", false),
];

fn fields(answer: &Answer) -> [Value; 3] {
    let result = answer.result();
    ["resultType", "ttlMs", "cacheScope"].map(|name| result[name].clone())
}

#[tokio::test]
async fn each_era_gets_the_fields_of_its_own() {
    for (is_modern, (_server, gateway)) in [false, true].into_iter().zip(pairings().await) {
        let new = Modern::of(&gateway);
        let old = Legacy::open(&gateway, "2025-11-25", "{}").await;
        for (method, params, kept) in ANSWERED {
            let [kind, ttl, scope] = fields(&new.request("1", method, params).await);
            assert_eq!(kind, "complete", "{method}");
            match (*kept, is_modern) {
                (true, true) => {
                    assert_eq!((ttl, scope), (7000.into(), "public".into()), "{method}");
                }
                (true, false) => assert_eq!((ttl, scope), (0.into(), "private".into()), "{method}"),
                (false, _) => assert_eq!((ttl, scope), (Value::Null, Value::Null), "{method}"),
            }
            let stripped = fields(&old.request("1", method, params).await);
            assert_eq!(stripped, [Value::Null, Value::Null, Value::Null], "{method}");
        }
        let found = new.request("1", "server/discover", "{}").await.result();
        assert_eq!(found["resultType"], "complete");
        assert!(found["supportedVersions"].as_array().unwrap().contains(&"2026-07-28".into()));
        assert!(found["capabilities"]["tools"].is_object() && found["ttlMs"].is_u64());
        assert_eq!(found["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "toolgate");
        assert!(found.get("serverInfo").is_none());
        assert_eq!(old.welcome["serverInfo"]["name"], "toolgate");
        assert_eq!(old.welcome["instructions"], found["instructions"]);
    }
}

#[tokio::test]
async fn a_lost_resource_has_the_code_of_the_clients_era() {
    for (_server, gateway) in pairings().await {
        let new = Modern::of(&gateway).request("1", "resources/read", r#"{"uri":"a:lost"}"#).await;
        let old = Legacy::open(&gateway, "2025-06-18", "{}").await;
        let old = old.request("1", "resources/read", r#"{"uri":"a:lost"}"#).await;

        assert_eq!((new.status, new.code()), (200, -32602));
        assert_eq!((old.status, old.code()), (200, -32002));
        for answer in [new, old] {
            let data = format!(r#""message":"no","data":{{"uri":"a:lost","x":{ODD}}}"#);
            assert!(answer.body.contains(&data), "{}", answer.body);
        }
    }
}

#[tokio::test]
async fn servers_see_the_protocol_of_their_era_and_nothing_of_the_clients_connection() {
    let [(old_server, old_gate), (new_server, new_gate)] =
        <[_; 2]>::try_from(pairings().await).ok().unwrap();
    let secrets = [
        ("Authorization", "Bearer client-token"),
        ("Cookie", "a=b"),
        ("X-Forwarded-User", "admin"),
        ("mcp-init-host", "x"),
        ("Last-Event-ID", "9"),
        ("Mcp-Session-Id", "chosen"),
        ("Toolgate-Forwarded", "x"),
    ];
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for gateway in [&old_gate, &new_gate] {
        let client = Modern::of(gateway).able(r#"{"roots":{}}"#);
        let mut ask = client
            .ask("1", "tools/call", r#"{"name":"t\u00e9","arguments":{"r":"eu"}}"#)
            .header("Mcp-Name", "=?base64?dMOp?=")
            .header("Mcp-Param-Region", "eu")
            .header("traceparent", trace);
        for (name, value) in secrets {
            ask = ask.header(name, value);
        }
        gateway.ask(&ask).await.result();
    }

    let call = new_server.seen("tools/call").await;
    assert_eq!(call.header("mcp-method"), Some("tools/call"));
    assert_eq!(call.header("mcp-name"), Some("=?base64?dMOp?="));
    assert_eq!(call.header("mcp-protocol-version"), Some("2026-07-28"));
    assert_eq!(call.header("mcp-param-region"), Some("eu"));
    assert!(call.header("traceparent").unwrap().contains("0af7651916cd43dd8448eb211c80319c"));
    assert!(call.header("mcp-session-id").is_none());
    let accept = call.header("accept").unwrap();
    assert!(accept.contains("application/json") && accept.contains("text/event-stream"));
    let old_call = old_server.seen("tools/call").await;
    assert_eq!(old_call.header("mcp-session-id"), Some("s-0"));
    assert_eq!(old_call.header("mcp-protocol-version"), Some("2025-11-25"));
    assert!(!old_call.body.contains("io.modelcontextprotocol"), "{}", old_call.body);
    for call in [call, old_call] {
        for (name, value) in &secrets[..5] {
            assert_ne!(call.header(name), Some(*value), "{name}");
        }
        assert!(call.header("toolgate-forwarded").is_none());
    }
}

#[tokio::test]
async fn a_modern_server_learns_of_an_older_client_what_it_wants_to_know() {
    let server = modern(odd).await;
    let gateway = Gateway::before(&server).await;
    let client =
        Legacy::open(&gateway, "2025-06-18", r#"{"elicitation":{},"roots":{"listChanged":true}}"#)
            .await;

    client.call("t", "{}").await.result();
    client.request("2", "tools/list", "{}").await.result();

    let call = server.seen("tools/call").await;
    let meta = &call.json["params"]["_meta"];
    assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
    let able = &meta["io.modelcontextprotocol/clientCapabilities"];
    assert_eq!(able.to_string(), r#"{"roots":{},"elicitation":{"form":{}}}"#);
    assert_eq!(meta["io.modelcontextprotocol/clientInfo"]["name"], "it");
    let list = server.seen("tools/list").await;
    assert!(list.json["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"].is_object());
    assert_eq!(list.header("mcp-method"), Some("tools/list"));
    for call in [call, list] {
        assert!(call.header("mcp-session-id").is_none());
    }
}

#[tokio::test]
async fn an_older_server_is_told_only_what_its_clients_can_do() {
    let server = legacy(odd).await;
    let gateway = Gateway::before(&server).await;
    let able = r#"{"roots":{},"elicitation":{"form":{},"url":{}},"sampling":{"tools":{}}}"#;

    Modern::of(&gateway).call("t", "{}").await.result();
    Modern::of(&gateway).able(able).call("t", "{}").await.result();
    Modern::of(&gateway).able(able).call("t", "{}").await.result();

    let said = |call: Call| call.json["params"]["capabilities"].clone();
    assert_eq!(said(server.nth("initialize", 0).await).to_string(), "{}");
    let second = said(server.nth("initialize", 1).await);
    assert_eq!(second, serde_json::from_str::<Value>(able).unwrap());
    assert_eq!(server.count("initialize"), 2, "one session for all who can do the same");
    let sessions: Vec<_> = [0, 1, 2].map(|at| server.nth("tools/call", at)).into_iter().collect();
    let mut seen = Vec::new();
    for call in sessions {
        seen.push(call.await.header("mcp-session-id").unwrap().to_owned());
    }
    assert_eq!(seen, ["s-0", "s-1", "s-1"]);
}

/// Case J17: an answer with line breaks is one event. It is put on one line first, and each line break
/// that were left would begin another line of data.
#[tokio::test]
async fn pretty_printed_answers_are_one_event() {
    let pretty = "{\n  \"resultType\": \"complete\",\n  \"content\": [\n    {\"type\": \"text\", \"text\": \"a\\n\\ndata: {}\\n\\n\"}\r\n  ]\n}";
    let server = legacy(move |call: Call| async move {
        let body = call.result_text(pretty).replace('\n', "\ndata: ").replace('\r', "");
        call.stream(|stream| async move {
            let note = r#"{"jsonrpc":"2.0","method":"notifications/x","params":{}}"#;
            stream.message(note).await;
            stream.raw(format!("data: {body}\n\n")).await;
        })
    })
    .await;
    let gateway = Gateway::before(&server).await;
    let old = Legacy::open(&gateway, "2025-06-18", "{}").await;

    for answer in [Modern::of(&gateway).call("t", "{}").await, old.call("t", "{}").await] {
        let messages = answer.messages();
        assert_eq!(messages.len(), 2, "{}", answer.body);
        assert_eq!(messages[1]["result"]["content"][0]["text"], "a\n\ndata: {}\n\n");
    }
}
