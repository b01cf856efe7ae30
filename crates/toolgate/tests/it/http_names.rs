//! Names longer than models accept, and those that only just fit.

use crate::support::{Call, Gateway, Modern, Server, modern};

/// A server with these tools.
async fn offering(names: &[&str]) -> Server {
    let tool = |name: &&str| format!(r#"{{"name":"{name}","inputSchema":{{}}}}"#);
    let tools = names.iter().map(tool).collect::<Vec<_>>().join(",");
    modern(move |call: Call| {
        let result = match call.method() {
            "tools/list" => format!(
                r#"{{"resultType":"complete","tools":[{tools}],"ttlMs":0,"cacheScope":"private"}}"#
            ),
            _ => r#"{"resultType":"complete","content":[]}"#.to_owned(),
        };
        async move { call.result(&result) }
    })
    .await
}

async fn configuration(server: &Server) -> String {
    let other = offering(&["other"]).await;
    format!("servers: [{}, {}]", server.entry("up", ""), other.entry("other", ""))
}

/// The published names of the first server's tools.
async fn published(gateway: &Gateway, count: usize) -> Vec<String> {
    let list = Modern::of(gateway).request("1", "tools/list", "{}").await.result();
    let tools = list["tools"].as_array().unwrap().iter().take(count);
    tools.map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_long_name_is_cut_and_leads_back_even_after_a_restart() {
    let long = "find_".repeat(20);
    let twin = format!("{long}2");
    let server = offering(&[&long, &twin]).await;
    let yaml = configuration(&server).await;
    let first = Gateway::serve(&yaml).await;
    let names = published(&first, 2).await;
    assert!(names.iter().all(|name| name.len() <= 64), "{names:?}");
    assert_ne!(names[0], names[1]);

    let second = Gateway::serve(&yaml).await;
    for gateway in [&first, &second] {
        for (published, original) in [(&names[0], &long), (&names[1], &twin)] {
            let before = server.count("tools/call");
            Modern::of(gateway).call(published, "{}").await.result();
            assert_eq!(server.nth("tools/call", before).await.name(), original);
        }
    }
}

#[tokio::test]
async fn a_name_that_only_just_fits_is_called_without_a_list() {
    // With "up_" they have the 64 bytes of a cut name, and one of them its form.
    let plain = "find_".repeat(12) + "x";
    let digested = "x".repeat(52) + "_0123abcd";
    let server = offering(&[&plain, &digested]).await;
    let gateway = Gateway::serve(configuration(&server).await).await;
    let client = Modern::of(&gateway);

    client.call(&format!("up_{plain}"), "{}").await.result();
    assert_eq!(server.count("tools/list"), 0, "nothing about it has to be looked up");
    let names = published(&gateway, 2).await;
    assert_eq!(names, [format!("up_{plain}"), format!("up_{digested}")]);
    for _ in 0..3 {
        for (published, original) in [(&names[0], &plain), (&names[1], &digested)] {
            let before = server.count("tools/call");
            client.call(published, "{}").await.result();
            assert_eq!(server.nth("tools/call", before).await.name(), original);
        }
    }

    assert_eq!(server.count("tools/list"), 1);
}
