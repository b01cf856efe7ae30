//! Several servers behind one endpoint: whose is what, under which name, and page by page.

use serde_json::{Value, json};

use crate::support::{
    Ask, Call, Gateway, Legacy, Modern, Reply, Server, legacy, legacy_with, modern, modern_with,
};

const SCHEMA: &str =
    r#"{"type":"object","properties":{"n":{"const":9007199254740993,"default":1.10}}}"#;

/// A server with one of everything; it says in each answer what it was called with.
async fn one_of_each(call: Call) -> Reply {
    let params = &call.json["params"];
    let result = match call.method() {
        "tools/list" => format!(
            r#"{{"tools":[{{"name":"find","description":"old","inputSchema":{SCHEMA}}},{{"name":"drop","inputSchema":{SCHEMA}}},{{"name":"view","inputSchema":{{}},"_meta":{{"ui":{{"resourceUri":"ui://app/x"}}}}}}]}}"#
        ),
        "prompts/list" => r#"{"prompts":[{"name":"p","title":"P"}]}"#.to_owned(),
        "resources/list" => r#"{"resources":[{"uri":"file:///a?b=1","name":"a"}]}"#.to_owned(),
        "resources/templates/list" => {
            r#"{"resourceTemplates":[{"uriTemplate":"file:///{x}","name":"t"}]}"#.to_owned()
        }
        "tools/call" => {
            let named = Value::String(params.to_string());
            format!(
                r#"{{"content":[{{"type":"text","text":{named}}},{{"type":"resource_link","uri":"file:///l","name":"l"}},{{"type":"resource_link","uri":"https://x.example/","name":"w"}},{{"type":"resource","resource":{{"uri":"file:///e","text":"file:///e"}}}}],"structuredContent":{{"uri":"file:///s"}}}}"#
            )
        }
        "prompts/get" => {
            let name = &params["name"];
            format!(
                r#"{{"description":{name},"messages":[{{"role":"user","content":{{"type":"resource","resource":{{"uri":"file:///p","text":""}}}}}}]}}"#
            )
        }
        "resources/read" if params["uri"] == "file:///lost" => {
            let code = if call.header("mcp-method").is_some() { -32602 } else { -32002 };
            let data = r#"{"uri":"file:///lost"}"#;
            return call
                .error(200, &format!(r#"{{"code":{code},"message":"lost","data":{data}}}"#));
        }
        "resources/read" => {
            let uri = &params["uri"];
            format!(r#"{{"contents":[{{"uri":{uri},"text":"file:///a"}}]}}"#)
        }
        "completion/complete" => {
            let reference = Value::String(params["ref"].to_string());
            format!(r#"{{"completion":{{"values":[{reference}]}}}}"#)
        }
        _ => return call.error(404, r#"{"code":-32601,"message":"what?"}"#),
    };
    let fields = match call.header("mcp-method") {
        Some(_) => r#","resultType":"complete","ttlMs":7000,"cacheScope":"public""#,
        None => "",
    };
    call.result(&format!("{}{fields}}}", result.strip_suffix('}').unwrap()))
}

async fn two() -> (Server, Server, Gateway) {
    let (alpha, beta) = (modern(one_of_each).await, legacy(one_of_each).await);
    let gateway = Gateway::serve(format!(
        "servers: [{}, {}]",
        alpha.entry("alpha", ", rename: {find: seek}, describe: {find: new}, hide: [drop]"),
        beta.entry("beta", ", tools: [find, view], prefix: b-"),
    ))
    .await;
    (alpha, beta, gateway)
}

fn members(list: &Value, kind: &str, member: &str) -> Vec<String> {
    let entries = list[kind].as_array().unwrap();
    entries.iter().map(|entry| entry[member].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn tools_are_offered_as_the_operator_says() {
    let (_alpha, _beta, gateway) = two().await;
    let new = Modern::of(&gateway).request("1", "tools/list", "{}").await;
    let old = Legacy::open(&gateway, "2025-06-18", "{}").await;
    let old = old.request("1", "tools/list", "{}").await;

    for answer in [&new, &old] {
        let list = answer.result();
        let names = members(&list, "tools", "name");
        assert_eq!(names, ["alpha_seek", "alpha_view", "b-find", "b-view"]);
        assert_eq!(list["tools"][0]["description"], "new");
        assert_eq!(list["tools"][2]["description"], "old");
        assert_eq!(list["tools"][1]["_meta"]["ui"]["resourceUri"], "ui://alpha+app/x");
        assert!(answer.body.contains(&format!(r#""inputSchema":{SCHEMA}"#)), "{}", answer.body);
    }
    // Of two hints the shorter and narrower holds.
    let list = new.result();
    assert_eq!((&list["ttlMs"], &list["cacheScope"]), (&json!(0), &json!("private")));
    assert!(old.result().get("ttlMs").is_none());
}

#[tokio::test]
async fn a_tool_is_called_by_its_published_name_alone() {
    let (alpha, beta, gateway) = two().await;
    let new = Modern::of(&gateway);
    let old = Legacy::open(&gateway, "2025-06-18", "{}").await;

    for (published, server) in [("alpha_seek", &alpha), ("b-find", &beta)] {
        let before = server.count("tools/call");
        new.call(published, r#"{"name":"alpha_seek"}"#).await.result();
        old.call(published, r#"{"name":"alpha_seek"}"#).await.result();
        for at in [before, before + 1] {
            let call = server.nth("tools/call", at).await;
            assert_eq!(call.name(), "find");
            assert_eq!(call.json["params"]["arguments"]["name"], "alpha_seek");
            assert!(matches!(call.header("mcp-name"), None | Some("find")));
        }
    }
    let (seen_by_alpha, seen_by_beta) = (alpha.count("tools/call"), beta.count("tools/call"));
    for hidden in ["alpha_find", "alpha_drop", "b-drop", "seek", "find", "beta_find", "gamma_x"] {
        let refused = new.call(hidden, "{}").await;
        assert_eq!((refused.status, refused.code()), (200, -32602), "{hidden}");
        assert_eq!(refused.json()["error"]["message"], format!("unknown tool: {hidden}"));
        assert_eq!(old.call(hidden, "{}").await.code(), -32602, "{hidden}");
    }
    assert_eq!(
        (alpha.count("tools/call"), beta.count("tools/call")),
        (seen_by_alpha, seen_by_beta)
    );
}

#[tokio::test]
async fn every_uri_leads_back_to_its_server() {
    let (alpha, beta, gateway) = two().await;
    let client = Modern::of(&gateway);

    let list = client.request("1", "resources/list", "{}").await.result();
    assert_eq!(members(&list, "resources", "uri"), ["alpha+file:///a?b=1", "beta+file:///a?b=1"]);
    let list = client.request("1", "resources/templates/list", "{}").await.result();
    assert_eq!(
        members(&list, "resourceTemplates", "uriTemplate"),
        ["alpha+file:///{x}", "beta+file:///{x}"]
    );

    for (name, server) in [("alpha", &alpha), ("beta", &beta)] {
        let uri = format!("{name}+file:///a?b=1");
        let read = client.request("1", "resources/read", &json!({"uri": uri}).to_string()).await;
        let content = &read.result()["contents"][0];
        assert_eq!((&content["uri"], &content["text"]), (&json!(uri), &json!("file:///a")));
        let seen = server.seen("resources/read").await;
        assert_eq!(seen.json["params"]["uri"], "file:///a?b=1");
        assert!(matches!(seen.header("mcp-name"), None | Some("file:///a?b=1")));

        let lost = json!({"uri": format!("{name}+file:///lost")}).to_string();
        let error = client.request("1", "resources/read", &lost).await;
        assert_eq!(error.code(), -32602);
        assert_eq!(error.json()["error"]["data"]["uri"], format!("{name}+file:///lost"));

        let tool = if name == "alpha" { "alpha_seek" } else { "b-find" };
        let result = client.call(tool, "{}").await.result();
        let content = result["content"].as_array().unwrap();
        assert_eq!(content[1]["uri"], format!("{name}+file:///l"));
        assert_eq!(content[2]["uri"], "https://x.example/", "a link to the web is the client's");
        assert_eq!(content[3]["resource"]["uri"], format!("{name}+file:///e"));
        assert_eq!(content[3]["resource"]["text"], "file:///e");
        assert_eq!(
            result["structuredContent"]["uri"], "file:///s",
            "what the server means is its own"
        );
    }
    for nobody in ["file:///a", "gamma+file:///a", "alpha"] {
        let read = client.request("1", "resources/read", &json!({"uri": nobody}).to_string()).await;
        assert_eq!((read.status, read.code()), (200, -32602), "{nobody}");
    }
    let old = Legacy::open(&gateway, "2025-06-18", "{}").await;
    let read = old.request("1", "resources/read", r#"{"uri":"file:///a"}"#).await;
    assert_eq!(read.code(), -32002);
}

#[tokio::test]
async fn a_view_of_an_app_keeps_its_scheme() {
    let (alpha, _beta, gateway) = two().await;

    let read = r#"{"uri":"ui://alpha+app/x"}"#;
    let read = Modern::of(&gateway).request("1", "resources/read", read).await.result();

    assert_eq!(read["contents"][0]["uri"], "ui://alpha+app/x");
    assert_eq!(alpha.seen("resources/read").await.json["params"]["uri"], "ui://app/x");
}

#[tokio::test]
async fn prompts_and_completions_find_their_server() {
    let (_alpha, _beta, gateway) = two().await;
    let client = Modern::of(&gateway);

    let list = client.request("1", "prompts/list", "{}").await.result();
    assert_eq!(members(&list, "prompts", "name"), ["alpha_p", "b-p"]);
    for (name, server) in [("alpha_p", "alpha"), ("b-p", "beta")] {
        let got =
            client.request("1", "prompts/get", &json!({"name": name}).to_string()).await.result();
        assert_eq!(got["description"], "p");
        let resource = &got["messages"][0]["content"]["resource"];
        assert_eq!(resource["uri"], format!("{server}+file:///p"));

        for (reference, original) in [
            (
                json!({"type": "ref/prompt", "name": name}),
                json!({"type": "ref/prompt", "name": "p"}),
            ),
            (
                json!({"type": "ref/resource", "uri": format!("{server}+file:///{{x}}")}),
                json!({"type": "ref/resource", "uri": "file:///{x}"}),
            ),
        ] {
            let params = json!({"ref": reference, "argument": {"name": "a", "value": ""}});
            let done =
                client.request("1", "completion/complete", &params.to_string()).await.result();
            let seen: Value =
                serde_json::from_str(done["completion"]["values"][0].as_str().unwrap()).unwrap();
            assert_eq!(seen, original);
        }
    }
    assert_eq!(client.request("1", "prompts/get", r#"{"name":"c_p"}"#).await.code(), -32602);
}

#[tokio::test]
async fn the_servers_are_described_as_one() {
    let first = modern_with(r#"{"tools":{"listChanged":true},"extensions":{"io.modelcontextprotocol/ui":{"a":1},"vendor/x":{}}}"#, one_of_each).await;
    let second = legacy_with(
        "2025-03-26",
        r#"{"resources":{"subscribe":true},"prompts":{},"logging":{}}"#,
        one_of_each,
    )
    .await;
    let gateway = Gateway::serve(format!(
        "name: gate\ntitle: Our gate\nservers: [{}, {}]",
        first.entry("first", ""),
        second.entry("second", "")
    ))
    .await;
    let found = Modern::of(&gateway).request("1", "server/discover", "{}").await.result();
    let welcome = Legacy::open(&gateway, "2025-11-25", "{}").await.welcome;

    let expected = json!({"tools": {"listChanged": true}, "prompts": {}, "resources": {"subscribe": true}, "logging": {}, "extensions": {"io.modelcontextprotocol/ui": {"a": 1}}});
    assert_eq!(found["capabilities"], expected);
    assert_eq!(welcome["capabilities"], expected);
    for text in [&found["instructions"], &welcome["instructions"]] {
        assert_eq!(*text, "# first\n\nbe kind\n\n# second\n\nbe quick");
    }
    let info = &found["_meta"]["io.modelcontextprotocol/serverInfo"];
    assert_eq!((&info["name"], &info["title"]), (&json!("gate"), &json!("Our gate")));
    assert_eq!(&welcome["serverInfo"], info);
    assert_eq!(welcome["protocolVersion"], "2025-11-25");
}

#[tokio::test]
async fn methods_that_belong_to_no_server_are_not_found() {
    let (_alpha, _beta, gateway) = two().await;
    let new = Modern::of(&gateway).request("1", "vendor/do", "{}").await;
    assert_eq!((new.status, new.code()), (404, -32601));
    let old = Legacy::open(&gateway, "2025-06-18", "{}").await;
    let old = old.request("1", "vendor/do", "{}").await;
    assert_eq!((old.status, old.code()), (200, -32601));
}

/// A server with `count` tools of the given name, in pages of three. The last cursor is empty,
/// which is a cursor like any other.
async fn paged(name: &'static str, count: usize) -> Server {
    modern(move |call: Call| async move {
        let cursor = call.json["params"]["cursor"].as_str().map(str::to_owned);
        let last = (count - 1) / 3;
        let page = match cursor.as_deref() {
            None => 0,
            Some("") => last,
            Some(cursor) => cursor.strip_prefix("c\"").unwrap().parse().unwrap(),
        };
        let tools: Vec<_> = (page * 3..count.min(page * 3 + 3))
            .map(|at| format!(r#"{{"name":"{name}{at}","inputSchema":{{}}}}"#))
            .collect();
        let next = match page + 1 {
            next if next > last => String::new(),
            next if next == last => r#","nextCursor":"""#.to_owned(),
            next => format!(r#","nextCursor":"c\"{next}""#),
        };
        call.result(&format!(
            r#"{{"resultType":"complete","tools":[{}]{next},"ttlMs":1,"cacheScope":"private"}}"#,
            tools.join(",")
        ))
    })
    .await
}

#[tokio::test]
async fn pages_lead_through_all_servers_in_order_and_no_tool_is_lost() {
    let (x, y, z) = (paged("x", 8).await, paged("y", 1).await, paged("z", 7).await);
    let entries = [x.entry("a", ""), y.entry("b", ""), z.entry("c", "")].join(", ");
    for page in [1, 2, 3, 4, 100] {
        let gateway =
            Gateway::serve(format!("limits: {{page: {page}}}\nservers: [{entries}]")).await;
        let client = Modern::of(&gateway);
        let mut params = "{}".to_owned();
        let (mut names, mut pages) = (Vec::new(), 0);
        loop {
            let list = client.request("1", "tools/list", &params).await.result();
            names.extend(members(&list, "tools", "name"));
            pages += 1;
            let Some(cursor) = list.get("nextCursor") else { break };
            params = json!({"cursor": cursor}).to_string();
        }
        let expected: Vec<_> = (0..8)
            .map(|at| format!("a_x{at}"))
            .chain(["b_y0".to_owned()])
            .chain((0..7).map(|at| format!("c_z{at}")))
            .collect();
        assert_eq!(names, expected, "page of {page}");
        assert!(
            pages >= 16usize.div_ceil(page.max(3) + 2).min(6) && pages <= 8,
            "{pages} of {page}"
        );
    }
}

/// Case J19: a cursor with one bit changed.
#[tokio::test]
async fn a_cursor_is_good_for_its_own_list_and_untouched_alone() {
    let x = paged("x", 8).await;
    let (y, z) = (paged("y", 8).await, paged("z", 1).await);
    let entries = [x.entry("a", ""), y.entry("b", ""), z.entry("c", "")].join(", ");
    let gateway = Gateway::serve(format!("limits: {{page: 2}}\nservers: [{entries}]")).await;
    let client = Modern::of(&gateway);
    let list = client.request("1", "tools/list", "{}").await.result();
    let cursor = list["nextCursor"].as_str().unwrap();

    let other = client.request("1", "prompts/list", &json!({"cursor": cursor}).to_string()).await;
    assert_eq!((other.status, other.code()), (200, -32602));
    for at in (0..cursor.len()).step_by(9) {
        let mut changed = cursor.to_owned().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let params = json!({"cursor": String::from_utf8(changed).unwrap()}).to_string();
        assert_eq!(client.request("1", "tools/list", &params).await.code(), -32602, "byte {at}");
    }
    for bad in [r#"{"cursor":""}"#, r#"{"cursor":7}"#, r#"{"cursor":"c1"}"#] {
        assert_eq!(client.request("1", "tools/list", bad).await.code(), -32602, "{bad}");
    }
}

#[tokio::test]
async fn without_prefixes_the_first_to_offer_a_name_has_it() {
    let (x, y) = (paged("t", 2).await, paged("t", 4).await);
    let gateway = Gateway::serve(format!(
        "servers: [{}, {}]",
        x.entry("x", ", prefix: \"\""),
        y.entry("y", ", prefix: \"\"")
    ))
    .await;
    let client = Modern::of(&gateway);
    let list = client.request("1", "tools/list", "{}").await.result();
    assert_eq!(members(&list, "tools", "name"), ["t0", "t1", "t2", "t3"]);

    client.call("t1", "{}").await;
    client.call("t3", "{}").await;
    assert_eq!(x.seen("tools/call").await.name(), "t1");
    assert_eq!(y.seen("tools/call").await.name(), "t3");
    assert_eq!(client.call("t9", "{}").await.code(), -32602);
}

#[tokio::test]
async fn one_server_alone_can_have_a_prefix_and_keeps_its_uris() {
    let server = legacy(one_of_each).await;
    let gateway =
        Gateway::serve(format!("servers: [{}]", server.entry("up", ", prefix: x_"))).await;
    let client = Modern::of(&gateway);

    let list = client.request("1", "tools/list", "{}").await.result();
    assert_eq!(members(&list, "tools", "name"), ["x_find", "x_drop", "x_view"]);
    let list = client.request("1", "resources/list", "{}").await.result();
    assert_eq!(members(&list, "resources", "uri"), ["file:///a?b=1"]);
    let result = client.call("x_find", "{}").await.result();
    assert_eq!(result["content"][1]["uri"], "file:///l");
    assert_eq!(client.call("find", "{}").await.code(), -32602);
    let got = client.request("1", "prompts/get", r#"{"name":"x_p"}"#).await.result();
    assert_eq!(got["description"], "p");
}

#[tokio::test]
async fn changes_are_told_under_published_uris() {
    let (alpha, beta) = (legacy(one_of_each).await, legacy(one_of_each).await);
    let gateway = Gateway::serve(format!(
        "servers: [{}, {}]",
        alpha.entry("alpha", ""),
        beta.entry("beta", "")
    ))
    .await;
    let client = Modern::of(&gateway);
    let filter = r#"{"notifications":{"toolsListChanged":true,"resourceSubscriptions":["alpha+file:///a","beta+file:///b","gamma+file:///c"]}}"#;
    let mut wire = client.send(&client.ask("1", "subscriptions/listen", filter)).await;
    wire.head().await.unwrap();
    let acknowledged = wire.message().await;
    assert_eq!(
        acknowledged["params"]["notifications"],
        json!({"toolsListChanged": true, "resourceSubscriptions": ["alpha+file:///a", "beta+file:///b"]})
    );
    let updated = |uri: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{{"uri":"{uri}"}}}}"#
        )
    };

    alpha.announce(&updated("file:///b")).await;
    alpha.announce(&updated("file:///a")).await;
    assert_eq!(wire.message().await["params"]["uri"], "alpha+file:///a");
    beta.announce(&updated("file:///b")).await;
    assert_eq!(wire.message().await["params"]["uri"], "beta+file:///b");
    for server in [&alpha, &beta] {
        let asked = server.seen("resources/subscribe").await;
        let expected = if std::ptr::eq(server, &alpha) { "file:///a" } else { "file:///b" };
        assert_eq!(asked.json["params"]["uri"], expected);
        assert_eq!(server.count("resources/subscribe"), 1);
    }
    drop(wire);
    for server in [&alpha, &beta] {
        server.seen("resources/unsubscribe").await;
    }
}

#[tokio::test]
async fn metrics_name_servers_and_methods_but_nothing_a_peer_invents() {
    let (_alpha, _beta, gateway) = two().await;
    let client = Modern::of(&gateway);
    client.call("alpha_seek", "{}").await.result();
    client.request("1", "vendor/invented", "{}").await;
    client.call("b-invented-name", "{}").await;

    let metrics = gateway.ask(&Ask::new("GET", "/metrics")).await;

    assert_eq!(metrics.status, 200);
    assert!(metrics.body.contains("alpha") && metrics.body.contains("tools/call"));
    assert!(!metrics.body.contains("invented"));
    assert!(metrics.body.ends_with("# EOF\n"));
}
