//! Results that are larger than a reader should be given: cut, and the rest kept for its caller.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Answer, Call, Gateway, Legacy, Modern, Server, free_port, legacy, modern};

/// About 20,000 characters in numbered lines.
fn long() -> String {
    (0..1000).map(|line| format!("line number {line:>6}\n")).collect()
}

async fn answering(result: Value) -> [Server; 2] {
    let text = result.to_string();
    let script = move |call: Call| {
        let text = text.clone();
        async move {
            match call.method() {
                "tools/list" => call.result(r#"{"resultType":"complete","tools":[{"name":"t","inputSchema":{"type":"object"},"outputSchema":{"type":"object"}}]}"#),
                _ => call.result(&text),
            }
        }
    };
    [legacy(script.clone()).await, modern(script).await]
}

fn texts(texts: &[&str]) -> Value {
    let content: Vec<_> =
        texts.iter().map(|text| json!({ "type": "text", "text": text })).collect();
    json!({ "resultType": "complete", "content": content })
}

async fn gateway(server: &Server, size: &str) -> Gateway {
    let screening = format!("screening: {{ size: {{ {size} }} }}");
    Gateway::serve(format!("{screening}\nservers: [{}]", server.entry("up", ""))).await
}

async fn both(gateway: &Gateway, method: &str, params: &str) -> [Value; 2] {
    let old = Legacy::open(gateway, "2025-11-25", "{}").await;
    [
        old.request("1", method, params).await.result(),
        Modern::of(gateway).request("1", method, params).await.result(),
    ]
}

async fn calls(gateway: &Gateway) -> [Value; 2] {
    both(gateway, "tools/call", r#"{"name":"t","arguments":{}}"#).await
}

#[tokio::test]
async fn a_long_text_is_cut_at_a_line_with_a_notice() {
    let whole = long();
    for server in answering(texts(&[&whole, "the last"])).await {
        let gateway = gateway(&server, "max: 4000B").await;
        for result in calls(&gateway).await {
            let content = result["content"].as_array().unwrap();
            assert_eq!(content.len(), 1, "{result}");
            let (shown, notice) =
                content[0]["text"].as_str().unwrap().split_once("\n[Cut").unwrap();
            assert!(whole.starts_with(shown) && shown.len() > 3700 && shown.len() <= 4000);
            assert!(notice.contains("ask for less at once"), "{notice}");
            assert_eq!(
                result["_meta"]["dev.toolgate/size"]["total"],
                whole.len() + "the last".len()
            );
        }
        for result in both(&gateway, "tools/list", "{}").await {
            assert_eq!(result["tools"][0]["outputSchema"], Value::Null, "{result}");
        }
    }
}

#[tokio::test]
async fn what_fits_goes_out_as_it_came() {
    for server in answering(texts(&["short", &"é".repeat(100)])).await {
        let gateway = gateway(&server, "max: 300B").await;
        for result in calls(&gateway).await {
            assert_eq!(result["content"].as_array().unwrap().len(), 2);
            assert_eq!(result["_meta"]["dev.toolgate/size"], Value::Null);
        }
    }
}

#[tokio::test]
async fn pages_are_read_one_after_the_other_and_make_up_the_whole() {
    let whole = long();
    for server in answering(texts(&[&whole])).await {
        let gateway = gateway(&server, "max: 4000B, over: page").await;
        let client = Modern::of(&gateway);
        let old = Legacy::open(&gateway, "2025-11-25", "{}").await;
        for modern in [true, false] {
            let ask = async |method: &str, params: String| {
                let answer = match modern {
                    true => client.request("1", method, &params).await,
                    false => old.request("1", method, &params).await,
                };
                answer.result()
            };
            let first = ask("tools/call", r#"{"name":"t","arguments":{}}"#.to_owned()).await;
            let mut text = first["content"][0]["text"].as_str().unwrap().to_owned();
            let mut all = String::new();
            while let Some((page, notice)) = text.clone().split_once("\n[Cut") {
                all.push_str(page);
                let uri = notice.split("read resource ").nth(1).unwrap();
                let uri = uri.strip_suffix(".]").unwrap();
                let read = ask("resources/read", json!({ "uri": uri }).to_string()).await;
                text = read["contents"][0]["text"].as_str().unwrap().to_owned();
                assert_eq!(read["contents"][0]["uri"], uri);
            }
            all.push_str(&text);
            assert_eq!(all, whole);
        }
        assert_eq!(server.count("resources/read"), 0, "the server is not asked");
    }
}

#[tokio::test]
async fn a_link_leads_to_the_whole() {
    let whole = long();
    for server in answering(texts(&["first", &whole])).await {
        let gateway = gateway(&server, "max: 1KiB, over: link").await;
        let old = Legacy::open(&gateway, "2025-11-25", "{}").await;
        assert!(old.welcome["capabilities"]["resources"].is_object());
        let results = [
            (old.call("t", "{}").await.result(), true),
            (Modern::of(&gateway).call("t", "{}").await.result(), false),
        ];
        for (result, is_old) in results {
            let content = result["content"].as_array().unwrap();
            assert_eq!(content.len(), 3, "{result}");
            assert_eq!(content[0]["text"], "first");
            assert_eq!(content[2]["type"], "resource_link");
            assert_eq!(content[2]["size"], whole.len());
            let params = json!({ "uri": content[2]["uri"] }).to_string();
            let read = match is_old {
                true => old.request("2", "resources/read", &params).await.result(),
                false => {
                    Modern::of(&gateway).request("2", "resources/read", &params).await.result()
                }
            };
            assert_eq!(read["contents"][0]["text"], whole);
        }
    }
}

#[tokio::test]
async fn structured_results_are_bounded_with_their_text() {
    let rows: Vec<_> = (0..500).map(|n| json!({ "n": n, "name": format!("row {n}") })).collect();
    let structured = json!({ "rows": rows });
    let mut with_text = texts(&[&structured.to_string()]);
    with_text["structuredContent"] = structured.clone();
    let alone = json!({ "resultType": "complete", "content": [], "structuredContent": structured });
    for result in [with_text, alone] {
        for server in answering(result).await {
            let dropping = gateway(&server, "max: 2KiB").await;
            let keeping = gateway(&server, "max: 2KiB, structured: keep").await;
            for result in calls(&dropping).await {
                assert_eq!(result["structuredContent"], Value::Null);
                let text = result["content"][0]["text"].as_str().unwrap();
                assert!(text.starts_with(r#"{"rows":[{"n":0"#) && text.len() < 2300, "{text}");
                let label = &result["_meta"]["dev.toolgate/size"];
                assert!(label["structuredContentDropped"].as_u64().unwrap() > 2048, "{label}");
            }
            for result in calls(&keeping).await {
                assert_eq!(result["structuredContent"]["rows"].as_array().unwrap().len(), 500);
            }
        }
    }
}

#[tokio::test]
async fn resources_are_bounded_too() {
    let whole = long();
    let contents =
        json!({ "resultType": "complete", "contents": [{ "uri": "x:y", "text": whole }] });
    for server in answering(contents).await {
        let gateway = gateway(&server, "max: 1KiB, over: page").await;
        for result in both(&gateway, "resources/read", r#"{"uri":"x:y"}"#).await {
            let content = &result["contents"][0];
            assert_eq!(content["uri"], "x:y");
            let text = content["text"].as_str().unwrap();
            assert!(text.len() < 1500 && text.contains("read resource toolgate://results/"));
        }
    }
}

#[tokio::test]
async fn what_is_kept_is_for_its_caller_alone_and_not_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.yaml");
    let key = |name: &str| {
        let ran = Command::new(env!("CARGO_BIN_EXE_toolgate"))
            .args(["key", "new", name, "--file"])
            .arg(&file)
            .output()
            .unwrap();
        String::from_utf8(ran.stdout).unwrap().trim().to_owned()
    };
    let (ann, bob) = (key("ann"), key("bob"));
    let [_, server] = answering(texts(&[&long()])).await;
    let serve = |keep: &str| {
        Gateway::serve(format!(
            "authentication: {{ api_keys: {{ file: '{}' }} }}\nscreening: {{ size: {{ max: 1KiB, over: link, keep: {keep} }} }}\nservers: [{}]",
            file.display(),
            server.entry("up", "")
        ))
    };
    let ask = async |gateway: &Gateway, key: &str, method: &str, params: String| -> Answer {
        let ask = Modern::of(gateway).ask("1", method, &params);
        gateway.ask(&ask.header("Authorization", &format!("Bearer {key}"))).await
    };
    let link = async |gateway: &Gateway| {
        let call = r#"{"name":"t","arguments":{}}"#.to_owned();
        let result = ask(gateway, &ann, "tools/call", call).await.result();
        json!({ "uri": result["content"][1]["uri"] }).to_string()
    };
    let long_lived = serve("10m").await;
    let kept = link(&long_lived).await;

    let mine = ask(&long_lived, &ann, "resources/read", kept.clone()).await;
    let foreign = ask(&long_lived, &bob, "resources/read", kept.clone()).await;
    let altered =
        ask(&long_lived, &ann, "resources/read", kept.replace("results/A", "results/B")).await;

    assert_eq!(mine.result()["contents"][0]["text"], long());
    assert_eq!(foreign.json()["error"]["code"], -32602, "{}", foreign.body);
    assert!(!foreign.body.contains("line number"));
    if altered.body != mine.body {
        assert_eq!(altered.json()["error"]["code"], -32602);
    }
    let short_lived = serve("1ms").await;
    let gone = link(&short_lived).await;
    let gone = ask(&short_lived, &ann, "resources/read", gone).await;
    assert_eq!(gone.json()["error"]["code"], -32602, "{}", gone.body);
}

#[tokio::test]
async fn every_replica_leads_to_what_one_of_them_keeps() {
    let whole = long();
    for server in answering(texts(&[&whole])).await {
        let replica = async || {
            let port = free_port();
            let yaml = format!(
                "keys: [kq3v9Z0eTn1bXw7RyP5sLd2HfJ8mCa4G]\nreplica: {{ url: 'http://127.0.0.1:{port}' }}\nscreening: {{ size: {{ max: 1KiB, over: link }} }}\nservers: [{}]",
                server.entry("up", "")
            );
            Gateway::listen(&format!("127.0.0.1:{port}"), yaml).await
        };
        let (a, b) = (replica().await, replica().await);
        let old = Legacy::open(&a, "2025-11-25", "{}").await;
        let new = Modern::of(&a);
        let uri = |result: Value| json!({ "uri": result["content"][1]["uri"] }).to_string();
        let of_old = uri(old.call("t", "{}").await.result());
        let of_new = uri(new.call("t", "{}").await.result());

        let old = old.at(&b).request("2", "resources/read", &of_old).await.result();
        let new = new.at(&b).request("2", "resources/read", &of_new).await.result();

        assert_eq!(old["contents"][0]["text"], whole);
        assert_eq!(new["contents"][0]["text"], whole);
    }
}
