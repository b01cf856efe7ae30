//! Resources, completions, embedded files, and requests that are wrong.

use super::*;

#[tokio::test]
async fn resources_are_listed_in_pages_that_show_each_once() {
    let names: Vec<_> = (0..250).map(|n| format!("{}/{n:03}.md", n % 7)).collect();
    let content: Vec<_> = names.iter().map(|name| (name.as_str(), &b"x"[..])).collect();
    let (_root, files) = folder(&content);

    let (mut seen, mut params) = (Vec::new(), json!({}));
    loop {
        let page = ask(&files, "resources/list", &params).await.unwrap();
        let rows = page["resources"].as_array().unwrap();
        assert!(rows.len() <= 100);
        seen.extend(rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()));
        if page["nextCursor"].is_null() {
            break;
        }
        params = json!({ "cursor": page["nextCursor"] });
    }

    let mut names = names;
    names.sort();
    assert_eq!(seen, names);
}

#[tokio::test]
async fn every_listed_resource_can_be_read() {
    let (_root, files) =
        folder(&[("a b#?.md", b"hello"), ("x/100%.bin", b"\xff\0"), ("i.png", b"PNG")]);
    let list = ask(&files, "resources/list", &json!(null)).await.unwrap();

    let mut contents = Vec::new();
    for resource in list["resources"].as_array().unwrap() {
        let read = read_resource(&files, resource["uri"].as_str().unwrap()).await.unwrap();
        contents.push(read["contents"][0].clone());
    }

    assert_eq!(
        contents,
        [
            json!({ "uri": "files:///a%20b%23%3F.md", "mimeType": "text/markdown", "text": "hello" }),
            json!({ "uri": "files:///i.png", "mimeType": "image/png", "blob": "UE5H" }),
            json!({ "uri": "files:///x/100%25.bin", "mimeType": "application/octet-stream", "blob": "/wA=" }),
        ]
    );
}

#[tokio::test]
async fn a_missing_resource_is_refused_with_its_uri() {
    let (_root, files) = folder(&[("docs/a.md", b"")]);

    for uri in ["files:///b.md", "files:///docs", "files:///", "https://example.com/docs/a.md"] {
        let refusal = read_resource(&files, uri).await.unwrap_err();

        assert_eq!(refusal.code, -32002);
        assert_eq!(refusal.data, Some(json!({ "uri": uri })));
    }
}

#[tokio::test]
async fn paths_are_completed_level_by_level() {
    let (_root, files) =
        folder(&[("docs/a.md", b""), ("docs/Ab.md", b""), ("dog.txt", b""), ("x", b"")]);
    let complete = async |value: &str| {
        let params = json!({
            "ref": { "type": "ref/resource", "uri": "files:///{+path}" },
            "argument": { "name": "path", "value": value },
        });
        ask(&files, "completion/complete", &params).await.unwrap()["completion"]["values"].clone()
    };

    assert_eq!(complete("do").await, json!(["docs/", "dog.txt"]));
    assert_eq!(complete("docs/A").await, json!(["docs/Ab.md", "docs/a.md"]));
    assert_eq!(complete("").await, json!(["docs/", "dog.txt", "x"]));
    for nowhere in ["../", "/etc/", "none/", ".", "docs/a.md/"] {
        assert_eq!(complete(nowhere).await, json!([]), "{nowhere}");
    }
}

#[tokio::test]
async fn completions_are_at_most_a_hundred() {
    let names: Vec<_> = (0..101).map(|n| format!("{n:03}")).collect();
    let content: Vec<_> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    let (_root, files) = folder(&content);
    let params = json!({
        "ref": { "type": "ref/resource", "uri": "files:///{+path}" },
        "argument": { "name": "path", "value": "" },
    });

    let completion = ask(&files, "completion/complete", &params).await.unwrap();

    let completion = &completion["completion"];
    assert_eq!(completion["values"].as_array().unwrap().len(), 100);
    assert_eq!((&completion["total"], &completion["hasMore"]), (&json!(101), &json!(true)));
}

#[tokio::test]
async fn wrong_requests_are_refused_by_code() {
    let (_root, files) = folder(&[]);
    let cases = [
        ("prompts/list", json!({}), -32601),
        ("tools/call", json!({ "name": "write_file" }), -32602),
        ("tools/call", json!({ "name": "delete_file" }), -32602),
        ("resources/subscribe", json!({}), -32602),
        ("tools/call", json!({}), -32602),
        ("tools/call", json!(null), -32602),
        ("tools/list", json!({ "cursor": "x" }), -32602),
        ("resources/list", json!({ "cursor": "?" }), -32602),
        ("resources/list", json!({ "cursor": 1 }), -32602),
        ("resources/read", json!({}), -32602),
        (
            "completion/complete",
            json!({ "ref": { "type": "ref/prompt", "name": "x" }, "argument": { "name": "path", "value": "" } }),
            -32602,
        ),
    ];
    for (method, params, code) in cases {
        let refusal = ask(&files, method, &params).await.unwrap_err();
        assert_eq!(refusal.code, code, "{method}: {refusal}");
    }
}

#[tokio::test]
async fn embedded_files_behave_like_files_on_disk() {
    const FILES: &[(&str, &[u8])] = &[
        ("z.md", b"last"),
        ("docs/a.md", b"first"),
        ("docs/.hidden", b"secret"),
        ("docs/deep/b.md", b"x"),
    ];
    let embedded = Files::embedded(FILES);
    let (_root, on_disk) = folder(FILES);

    let requests = [
        ("tools/list", json!({})),
        ("resources/list", json!({})),
        ("resources/templates/list", json!({})),
        ("resources/read", json!({ "uri": "files:///docs/a.md" })),
        ("resources/read", json!({ "uri": "files:///docs/.hidden" })),
        ("resources/read", json!({ "uri": "files:///docs" })),
        ("tools/call", json!({ "name": "list_directory", "arguments": { "recursive": true } })),
        ("tools/call", json!({ "name": "list_directory", "arguments": { "path": "docs" } })),
        ("tools/call", json!({ "name": "list_directory", "arguments": { "path": "z.md" } })),
        ("tools/call", json!({ "name": "list_directory", "arguments": { "path": "doc" } })),
        ("tools/call", json!({ "name": "read_file", "arguments": { "path": "docs/a.md" } })),
        ("tools/call", json!({ "name": "read_file", "arguments": { "path": "docs/x.md" } })),
        ("tools/call", json!({ "name": "search_files", "arguments": { "query": "s" } })),
    ];
    for (method, params) in requests {
        let (a, b) = (ask(&embedded, method, &params).await, ask(&on_disk, method, &params).await);
        assert_eq!(a, b.map(without_times), "{method} {params}");
    }
}

/// What is part of the program was never written.
fn without_times(mut result: Value) -> Value {
    let entries = result.pointer_mut("/structuredContent/entries").and_then(Value::as_array_mut);
    for entry in entries.into_iter().flatten() {
        entry.as_object_mut().unwrap().remove("modified");
    }
    result
}

#[test]
fn the_root_must_be_a_folder() {
    let file = tempfile::NamedTempFile::new().unwrap();

    for place in [file.path(), Path::new("/no/such/folder")] {
        let error = Files::open(&config::Files { roots: vec![root(place)] }).unwrap_err();
        assert!(error.starts_with("cannot open "), "{error}");
    }
}
