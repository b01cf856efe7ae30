//! Parts of what there is, each at an endpoint of its own: in every transport and era, what is
//! outside does not exist.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::http_listening::{announcing, listen};
use crate::support::{
    Answer, Ask, Call, Gateway, Legacy, Modern, Oldest, Reply, Server, free_port, legacy, modern,
};

const KEY: &str = "kq3v9Z0eTn1bXw7RyP5sLd2HfJ8mCa4G";

/// A server with two of everything.
async fn two_of_each(call: Call) -> Reply {
    let result = match call.method() {
        "tools/list" => {
            r#"{"tools":[{"name":"find","inputSchema":{"type":"object"}},{"name":"drop","inputSchema":{"type":"object"}}]"#
        }
        "prompts/list" => r#"{"prompts":[{"name":"greet"},{"name":"bye"}]"#,
        "resources/list" => {
            r#"{"resources":[{"uri":"file:///docs/a","name":"a"},{"uri":"file:///secret","name":"s"}]"#
        }
        "resources/templates/list" => r#"{"resourceTemplates":[]"#,
        "tools/call" => r#"{"content":[{"type":"text","text":"done"}]"#,
        "prompts/get" => r#"{"messages":[]"#,
        "resources/read" => r#"{"contents":[]"#,
        "resources/subscribe" => "{",
        _ => return call.error(404, r#"{"code":-32601,"message":"what?"}"#),
    };
    let fields = match call.header("mcp-method") {
        Some(_) => r#","resultType":"complete","ttlMs":0,"cacheScope":"private""#,
        None => "",
    };
    call.result(&format!("{result}{fields}}}").replace("{,", "{"))
}

const TOOLSETS: &str = "toolsets:
  support:
    title: Support
    instructions: Be kind.
    tools: [crm_find, 'wiki_*']
    resources: ['crm+file:///docs/*']
  wiki: { servers: [wiki] }";

struct Scene {
    crm: Server,
    wiki: Server,
    gateway: Gateway,
}

impl Scene {
    async fn open() -> Scene {
        let (crm, wiki) = (modern(two_of_each).await, legacy(two_of_each).await);
        let gateway = Gateway::serve(Scene::yaml(&crm, &wiki, TOOLSETS)).await;
        Scene { crm, wiki, gateway }
    }

    fn yaml(crm: &Server, wiki: &Server, more: &str) -> String {
        format!("servers: [{}, {}]\n{more}", crm.entry("crm", ""), wiki.entry("wiki", ""))
    }
}

fn names(answer: &Answer) -> Vec<String> {
    let list = answer.result();
    let tools = list["tools"].as_array().unwrap();
    tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

fn error(answer: &Answer) -> (u16, Value) {
    let error = answer.json()["error"].clone();
    (answer.status, json!([error["code"], error["message"]]))
}

#[tokio::test]
async fn each_toolset_is_an_endpoint_for_clients_of_both_eras() {
    let scene = Scene::open().await;

    for (toolset, expected) in [
        ("support", ["crm_find", "wiki_find", "wiki_drop"].as_slice()),
        ("wiki", &["wiki_find", "wiki_drop"]),
    ] {
        let new = Modern::within(&scene.gateway, toolset);
        let old = Legacy::within(&scene.gateway, toolset, "2025-11-25").await;

        assert_eq!(names(&new.request("1", "tools/list", "{}").await), expected);
        assert_eq!(names(&old.request("1", "tools/list", "{}").await), expected);
        new.call("wiki_drop", "{}").await.result();
        old.call("wiki_find", "{}").await.result();
    }
    let whole = Modern::of(&scene.gateway).request("1", "tools/list", "{}").await;
    assert_eq!(names(&whole), ["crm_find", "crm_drop", "wiki_find", "wiki_drop"]);
    let welcome = Legacy::within(&scene.gateway, "support", "2025-06-18").await.welcome;
    assert_eq!(welcome["serverInfo"]["title"], "Support");
    assert_eq!(welcome["instructions"], "Be kind.");
    assert_eq!(welcome["capabilities"].get("prompts"), None);
    for path in ["/mcp/none", "/mcp/", "/mcp/wiki/", "/mcp/Wiki", "/sse/none", "/messages/none"] {
        for verb in ["GET", "POST", "DELETE"] {
            assert_eq!(scene.gateway.ask(&Ask::new(verb, path)).await.status, 404, "{verb} {path}");
        }
    }
}

#[tokio::test]
async fn what_is_outside_is_unknown_and_no_byte_of_it_is_sent() {
    let scene = Scene::open().await;
    let new = Modern::within(&scene.gateway, "support");
    let old = Legacy::within(&scene.gateway, "support", "2025-11-25").await;

    for (method, outside, missing) in [
        ("tools/call", r#"{"name":"crm_drop"}"#, r#"{"name":"crm_lost"}"#),
        ("prompts/get", r#"{"name":"wiki_bye"}"#, r#"{"name":"lost_bye"}"#),
        ("resources/read", r#"{"uri":"crm+file:///secret"}"#, r#"{"uri":"lost+file:///secret"}"#),
        ("resources/read", r#"{"uri":"wiki+file:///docs/a"}"#, r#"{"uri":"lost+file:///docs/a"}"#),
    ] {
        let same = |answer: &Answer| {
            let (status, error) = error(answer);
            let text = error.to_string();
            let names = ["crm_drop", "crm_lost", "wiki_bye", "lost_bye", "crm+", "wiki+", "lost+"];
            let text = names.iter().fold(text, |text, name| text.replace(name, "X"));
            (status, text)
        };
        let hidden = new.request("1", method, outside).await;
        assert_eq!(same(&hidden), same(&new.request("1", method, missing).await));
        let hidden = old.request("1", method, outside).await;
        assert_eq!(same(&hidden), same(&old.request("1", method, missing).await));
    }

    for method in ["tools/call", "prompts/get", "resources/read"] {
        assert_eq!((scene.crm.count(method), scene.wiki.count(method)), (0, 0), "{method}");
    }
    // What a list of the toolset cannot have in it, nobody is asked for.
    assert_eq!((scene.crm.count("prompts/list"), scene.wiki.count("resources/list")), (0, 0));
}

#[tokio::test]
async fn a_session_is_known_in_its_own_toolset_alone() {
    let scene = Scene::open().await;
    let support = Legacy::within(&scene.gateway, "support", "2025-11-25").await;
    let whole = Legacy::open(&scene.gateway, "2025-11-25", "{}").await;

    for stranger in [
        support.moved(None),
        support.moved(Some("wiki")),
        whole.moved(Some("support")),
        whole.moved(Some("wiki")),
    ] {
        let refused = stranger.request("1", "tools/list", "{}").await;
        let mut forged = stranger.clone();
        forged.session = "forged".to_owned();
        let unknown = forged.request("1", "tools/list", "{}").await;
        assert_eq!((refused.status, &refused.body), (404, &unknown.body));
        assert_eq!(stranger.end().await.status, 404);
        assert_eq!(stranger.listen(None).await.answer().await.status, 404);
    }
    assert_eq!(support.request("1", "tools/list", "{}").await.status, 200);
    assert_eq!(whole.request("1", "tools/list", "{}").await.status, 200);
}

#[tokio::test]
async fn clients_of_2024_find_a_toolset_at_a_stream_of_its_own() {
    let scene = Scene::open().await;
    let mut client = Oldest::at("/sse/support", &[&scene.gateway]).await;
    assert!(client.path.starts_with("/messages/support?session="), "{}", client.path);

    client.request(1, "tools/list", "{}").await;
    let tools = client.hear().await["result"]["tools"].clone();
    let tools: Vec<_> = tools.as_array().unwrap().iter().map(|it| it["name"].clone()).collect();
    assert_eq!(tools, ["crm_find", "wiki_find", "wiki_drop"]);
    client.call(2, "crm_drop").await;
    assert_eq!(client.hear().await["error"]["message"], "unknown tool: crm_drop");

    for path in [client.path.replace("/support", ""), client.path.replace("support", "wiki")] {
        let ask = Ask::new("POST", &path)
            .header("Content-Type", "application/json")
            .body(r#"{"jsonrpc":"2.0","id":3,"method":"tools/list"}"#);
        assert_eq!(scene.gateway.ask(&ask).await.status, 404, "{path}");
    }
    assert_eq!(scene.crm.count("tools/call"), 0);
}

#[tokio::test]
async fn a_reload_changes_what_is_in_a_toolset_and_ends_it_with_its_sessions() {
    let scene = Scene::open().await;
    let support = Legacy::within(&scene.gateway, "support", "2025-11-25").await;
    let wiki = Legacy::within(&scene.gateway, "wiki", "2025-11-25").await;
    let mut hearing = wiki.listen(None).await;
    assert_eq!(hearing.head().await.unwrap().status, 200);
    let mut listening = support.listen(None).await;
    assert_eq!(listening.head().await.unwrap().status, 200);

    let next = "toolsets: { support: { tools: [crm_drop] } }";
    scene.gateway.rewrite(Scene::yaml(&scene.crm, &scene.wiki, next));
    scene.gateway.logged("the new configuration is in use").await;

    assert_eq!(names(&support.request("1", "tools/list", "{}").await), ["crm_drop"]);
    // The first event of a stream is empty (2025-11-25, transports: polling).
    assert_eq!(listening.event().await.unwrap().data, "");
    let told = listening.event().await.unwrap();
    assert!(told.data.contains("list_changed"), "{}", told.data);
    assert_eq!(wiki.request("1", "tools/list", "{}").await.status, 404);
    let rest = async { while hearing.event().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(60), rest).await.expect("its stream ends");
    let bad = "toolsets: { support: { tools: [cmr_drop] } }";
    scene.gateway.rewrite(Scene::yaml(&scene.crm, &scene.wiki, bad));
    scene.gateway.logged("the new configuration is not used").await;
    assert_eq!(names(&support.request("1", "tools/list", "{}").await), ["crm_drop"]);
}

#[tokio::test]
async fn whoever_listens_in_a_toolset_hears_of_what_is_in_it() {
    let (crm, wiki) = (announcing(Arc::default()).await, announcing(Arc::default()).await);
    let more = "toolsets: { a: { tools: [crm_find], resources: ['crm+file:///docs/*'] } }";
    let gateway = Gateway::serve(Scene::yaml(&crm, &wiki, more)).await;
    let filter = r#"{"notifications":{"toolsListChanged":true,"promptsListChanged":true,"resourceSubscriptions":["crm+file:///docs/a","crm+file:///secret","wiki+file:///docs/a"]}}"#;

    let (mut wire, granted) = listen(&Modern::within(&gateway, "a"), filter).await;

    let expected =
        json!({ "toolsListChanged": true, "resourceSubscriptions": ["crm+file:///docs/a"] });
    assert_eq!(granted, expected);
    assert_eq!(wiki.count("subscriptions/listen"), 0);
    for uri in ["file:///secret", "file:///docs/a"] {
        let updated = json!({
            "jsonrpc": "2.0", "method": "notifications/resources/updated", "params": { "uri": uri },
        });
        crm.announce(&updated.to_string()).await;
    }
    assert_eq!(wire.message().await["params"]["uri"], "crm+file:///docs/a");
}

#[tokio::test]
async fn the_rest_of_a_result_is_kept_for_the_endpoint_where_it_was_cut() {
    let server = modern(|call: Call| async move {
        match call.method() {
            "tools/list" => call.result(r#"{"resultType":"complete","tools":[{"name":"find","inputSchema":{"type":"object"}}],"ttlMs":0,"cacheScope":"private"}"#),
            _ => {
                let content = json!([{ "type": "text", "text": "all of it\n".repeat(500) }]);
                call.result(&json!({ "resultType": "complete", "content": content }).to_string())
            }
        }
    })
    .await;
    let gateway = Gateway::serve(format!(
        "screening: {{ size: {{ max: 1KiB, over: page }} }}\ntoolsets: {{ a: {{ tools: [find] }}, b: {{ tools: [find] }} }}\nservers: [{}]",
        server.entry("up", "")
    ))
    .await;
    let a = Modern::within(&gateway, "a");
    let cut = a.call("find", "{}").await.result();
    let text = cut["content"][0]["text"].as_str().unwrap();
    let uri = text.split("read resource ").nth(1).unwrap().strip_suffix(".]").unwrap();
    let read = json!({ "uri": uri }).to_string();

    let rest = a.request("2", "resources/read", &read).await.result();
    assert!(rest["contents"][0]["text"].as_str().unwrap().starts_with("all of it"));
    for elsewhere in [Modern::within(&gateway, "b"), Modern::of(&gateway)] {
        let answer = elsewhere.request("2", "resources/read", &read).await;
        assert_eq!(answer.json()["error"]["message"], "this result is not kept, or not any more");
    }
}

/// What belongs to a session goes to the replica where it began, at the same endpoint.
#[tokio::test]
async fn a_toolset_is_the_same_at_every_replica() {
    let (crm, wiki) = (modern(two_of_each).await, legacy(two_of_each).await);
    let ports = [free_port(), free_port()];
    let mut replicas = Vec::new();
    for port in ports {
        let more =
            format!("{TOOLSETS}\nkeys: ['{KEY}']\nreplica: {{ url: 'http://127.0.0.1:{port}' }}");
        let address = format!("127.0.0.1:{port}");
        replicas.push(Gateway::listen(&address, Scene::yaml(&crm, &wiki, &more)).await);
    }
    let (a, b) = (&replicas[0], &replicas[1]);
    let there = Legacy::within(a, "support", "2025-11-25").await;
    let here = there.at(b);

    assert_eq!(names(&here.request("1", "tools/list", "{}").await).len(), 3);
    // It is kept where the session began.
    let uri = r#"{"uri":"crm+file:///docs/a"}"#;
    assert_eq!(here.request("2", "resources/subscribe", uri).await.status, 200);
    assert_eq!(here.moved(None).request("3", "tools/list", "{}").await.status, 404);
    let page = Modern::within(a, "support").request("1", "tools/list", "{}").await;
    assert_eq!(
        names(&page),
        names(&Modern::within(b, "support").request("1", "tools/list", "{}").await)
    );
    assert_eq!(here.end().await.status, 204);
    assert_eq!(there.request("4", "tools/list", "{}").await.status, 404, "its end is told at home");

    let mut oldest = Oldest::at("/sse/support", &[a, b]).await;
    oldest.call(1, "crm_find").await;
    assert_eq!(oldest.hear().await["result"]["content"][0]["text"], "done");
}
