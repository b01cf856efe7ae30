//! The three tools.

use super::*;

fn docs() -> (TempDir, Files) {
    folder(&[
        ("a.md", b"# Alpha\none\ntwo\n"),
        ("docs/b.txt", b"Beta\r\nthree\r\n"),
        ("docs/deep/c.md", b"Gamma\none more\n"),
        ("docs-old/d.md", b"Delta\n"),
        ("empty.txt", b""),
        ("tool", b"\x7fELF\0\0"),
    ])
}

#[tokio::test]
async fn a_folder_is_listed_in_one_order() {
    let (_root, files) = docs();

    let level = structured(&files, "list_directory", json!({})).await;
    let all = structured(&files, "list_directory", json!({ "recursive": true })).await;
    let docs = structured(&files, "list_directory", json!({ "path": "docs/" })).await;

    assert_eq!(paths(&level["entries"]), ["a.md", "docs", "docs-old", "empty.txt", "tool"]);
    assert_eq!(
        paths(&all["entries"]),
        [
            "a.md",
            "docs",
            "docs/b.txt",
            "docs/deep",
            "docs/deep/c.md",
            "docs-old",
            "docs-old/d.md",
            "empty.txt",
            "tool"
        ]
    );
    assert_eq!(paths(&docs["entries"]), ["docs/b.txt", "docs/deep"]);
    let mut first = docs["entries"][0].clone();
    let modified = first.as_object_mut().unwrap().remove("modified").unwrap();
    assert_eq!(
        first,
        json!({ "path": "docs/b.txt", "kind": "file", "size": 13, "mime_type": "text/plain" })
    );
    assert!(modified.as_str().unwrap().ends_with('Z'), "{modified}");
}

#[tokio::test]
async fn globs_choose_by_name_or_by_path() {
    let (_root, files) = docs();
    let cases: &[(Value, &[&str])] = &[
        (json!({ "pattern": "*.md" }), &["a.md"]),
        (
            json!({ "pattern": "*.md", "recursive": true }),
            &["a.md", "docs/deep/c.md", "docs-old/d.md"],
        ),
        (json!({ "pattern": "**/*.md" }), &["a.md", "docs/deep/c.md", "docs-old/d.md"]),
        (json!({ "pattern": "docs/*" }), &["docs/b.txt", "docs/deep"]),
        (json!({ "pattern": "deep/*.md", "path": "docs" }), &["docs/deep/c.md"]),
        (json!({ "pattern": "{a,b}.{md,txt}", "recursive": true }), &["a.md", "docs/b.txt"]),
    ];
    for (arguments, expected) in cases {
        let listed = structured(&files, "list_directory", arguments.clone()).await;
        assert_eq!(paths(&listed["entries"]), *expected, "{arguments}");
    }
}

#[tokio::test]
async fn pages_show_everything_exactly_once() {
    let names: Vec<_> =
        (0..57).map(|n| format!("{}/{n}.txt", ["a", "a b", "a/c", "b"][n % 4])).collect();
    let content: Vec<_> = names.iter().map(|name| (name.as_str(), &b"x"[..])).collect();
    let (_root, files) = folder(&content);
    let whole = structured(&files, "list_directory", json!({ "recursive": true })).await;
    let whole = paths(&whole["entries"]);
    assert_eq!(whole.len(), 57 + 4);

    for limit in [1, 2, 7, 60, 61, 62] {
        let mut arguments = json!({ "recursive": true, "limit": limit });
        let mut seen = Vec::new();
        loop {
            let page = structured(&files, "list_directory", arguments.clone()).await;
            seen.extend(paths(&page["entries"]));
            if page["next_cursor"].is_null() {
                break;
            }
            arguments["cursor"] = page["next_cursor"].clone();
        }
        assert_eq!(seen, whole, "limit {limit}");
    }
}

#[tokio::test]
async fn a_page_goes_on_although_its_last_file_was_deleted() {
    let (root, files) = docs();
    let first = structured(&files, "list_directory", json!({ "limit": 1 })).await;
    fs::remove_file(root.path().join("a.md")).unwrap();

    let next = json!({ "limit": 1, "cursor": first["next_cursor"] });
    let second = structured(&files, "list_directory", next).await;

    assert_eq!(paths(&second["entries"]), ["docs"]);
}

#[tokio::test]
async fn text_in_another_encoding_is_not_passed_off_as_what_the_file_says() {
    let long = [b"x".repeat((64 << 10) - 1), "é\n".as_bytes().to_vec()].concat();
    let files = [
        ("latin.txt", &b"Gr\xf6\xdfe\n"[..]),
        ("utf8.txt", "Größe\n".as_bytes()),
        ("long.txt", &long),
    ];
    let (_root, files) = folder(&files);

    for (path, is_told) in [("latin.txt", true), ("utf8.txt", false), ("long.txt", false)] {
        let read = call(&files, "read_file", json!({ "path": path })).await;

        assert_eq!(read["content"].to_string().contains("not all UTF-8"), is_told, "{path}");
    }
}

#[tokio::test]
async fn a_search_that_did_not_see_the_end_of_a_line_is_not_complete() {
    let long = format!("{}needle", "x".repeat(100_000));
    let (_root, files) = folder(&[("long.json", long.as_bytes())]);

    let found = call(&files, "search_files", json!({ "query": "needle" })).await;

    assert_eq!(found["structuredContent"]["complete"], false);
    let text = found["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("1 files could not be read, or not wholly"), "{text}");
    assert!(text.contains("of a line the first 64.0 KiB"), "{text}");
}

#[tokio::test]
async fn an_empty_folder_is_no_error() {
    let (_root, files) = folder(&[]);

    let listed = call(&files, "list_directory", json!({ "recursive": true })).await;
    let found = call(&files, "search_files", json!({ "query": "x" })).await;

    assert_eq!(listed["content"][0]["text"], "No files in the root match.");
    assert_eq!(listed["structuredContent"]["entries"], json!([]));
    assert_eq!(found["content"][0]["text"], "No match in 0 text files.");
}

#[tokio::test]
async fn text_is_read_by_lines() {
    let (_root, files) = docs();

    let whole = structured(&files, "read_file", json!({ "path": "docs/b.txt" })).await;
    let part = json!({ "path": "a.md", "offset": 2, "limit": 1, "line_numbers": true });
    let part = call(&files, "read_file", part).await;

    assert_eq!(whole["text"], "Beta\nthree");
    assert_eq!((&whole["lines"], &whole["next_offset"]), (&json!(2), &Value::Null));
    assert_eq!(part["content"][0]["text"], "2\tone");
    assert_eq!(part["content"][1]["text"], "Lines 2 to 2; go on with offset 3.");
    assert_eq!(part["structuredContent"]["next_offset"], 3);
}

#[tokio::test]
async fn a_huge_file_is_read_in_pages_that_join_up() {
    let lines: Vec<_> = (1..=30_000).map(|n| format!("this is line {n}")).collect();
    let (_root, files) = folder(&[("huge.log", lines.join("\n").as_bytes())]);

    let (mut seen, mut offset) = (Vec::new(), json!(1));
    while !offset.is_null() {
        let page = json!({ "path": "huge.log", "offset": offset, "limit": 5000 });
        let page = structured(&files, "read_file", page).await;
        let text = page["text"].as_str().unwrap();
        assert!(text.len() <= 128 << 10);
        seen.extend(text.lines().map(str::to_owned));
        offset = page["next_offset"].clone();
    }

    assert_eq!(seen, lines);
}

#[tokio::test]
async fn a_file_beyond_all_bounds_is_answered_in_bounds() {
    let (root, files) = folder(&[]);
    let sparse = fs::File::create(root.path().join("sparse.txt")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&sparse, &b"x".repeat(10_000), 0).unwrap();
    sparse.set_len(1 << 40).unwrap();

    let read = call(&files, "read_file", json!({ "path": "sparse.txt" })).await;
    let deep = json!({ "path": "sparse.txt", "offset": 2 });
    let deep = failure(&files, "read_file", deep).await;
    let refusal = read_resource(&files, "files:///sparse.txt").await.unwrap_err();

    assert!(read.to_string().len() < 1 << 20);
    assert!(deep.contains("too far to count lines"), "{deep}");
    assert!(refusal.message.contains("larger than 4.0 MiB"), "{refusal}");
}

#[tokio::test]
async fn images_and_sounds_are_shown_as_such() {
    let (_root, files) = folder(&[("a.png", b"\x89PNG\0"), ("b.mp3", b"ID3\0")]);

    let image = call(&files, "read_file", json!({ "path": "a.png" })).await;
    let sound = call(&files, "read_file", json!({ "path": "b.mp3" })).await;

    assert_eq!(
        image["content"],
        json!([{ "type": "image", "data": "iVBORwA=", "mimeType": "image/png" }])
    );
    assert_eq!(sound["content"][0]["type"], "audio");
    assert_eq!(sound["structuredContent"]["size"], 4);
}

#[tokio::test]
async fn a_failure_says_what_to_do_instead() {
    let (_root, files) = docs();
    let cases = [
        (
            "read_file",
            json!({ "path": "docs/a.txt" }),
            "no file docs/a.txt; files there: b.txt, deep/",
        ),
        (
            "read_file",
            json!({ "path": "nope/x/a.txt" }),
            "no folder nope; files at the root: a.md, docs/, docs-old/, empty.txt, tool",
        ),
        (
            "read_file",
            json!({ "path": "docs" }),
            "docs is a folder; list it with list_directory path=\"docs\"",
        ),
        (
            "read_file",
            json!({ "path": "a.md/b" }),
            "no folder a.md; files at the root: a.md, docs/, docs-old/, empty.txt, tool",
        ),
        (
            "read_file",
            json!({ "path": "a.md", "offset": 9 }),
            "a.md has 3 lines; offset 9 is too large",
        ),
        (
            "read_file",
            json!({ "path": "a.md", "offset": 0 }),
            "offset must be 1 or more: lines are counted from 1",
        ),
        (
            "read_file",
            json!({ "path": "a.md", "limit": 5001 }),
            "limit must be between 1 and 5000, not 5001",
        ),
        ("read_file", json!({}), "the arguments do not fit the input schema: missing field `path`"),
        (
            "list_directory",
            json!({ "path": "a.md" }),
            "a.md is a file; read it with read_file path=\"a.md\"",
        ),
        (
            "list_directory",
            json!({ "path": "doc" }),
            "no folder doc; files at the root: a.md, docs/, docs-old/, empty.txt, tool",
        ),
        (
            "list_directory",
            json!({ "cursor": "x" }),
            "the cursor is none of ours; leave it out to begin at the start",
        ),
        (
            "search_files",
            json!({ "query": "" }),
            "the length of query must be between 1 and 500, not 0",
        ),
    ];
    for (tool, arguments, sentence) in cases {
        assert_eq!(failure(&files, tool, arguments).await, sentence);
    }
    let glob = failure(&files, "list_directory", json!({ "pattern": "[" })).await;
    let regex = failure(&files, "search_files", json!({ "query": "(", "regex": true })).await;
    let size = json!({ "query": "(\\w{99}){99}", "regex": true });
    let size = failure(&files, "search_files", size).await;
    assert!(glob.starts_with("the pattern is no glob: "), "{glob}");
    assert!(regex.starts_with("query is no valid regular expression: "), "{regex}");
    assert!(size.contains("size limit"), "{size}");
}

#[tokio::test]
async fn a_search_finds_lines_in_all_text_files() {
    let (_root, files) = docs();
    let search = async |arguments: Value| {
        let found = structured(&files, "search_files", arguments).await;
        let rows = found["matches"].as_array().unwrap().clone();
        let rows =
            rows.iter().map(|row| format!("{}:{}", row["path"].as_str().unwrap(), row["line"]));
        rows.collect::<Vec<_>>()
    };

    assert_eq!(search(json!({ "query": "ONE" })).await, ["a.md:2", "docs/deep/c.md:2"]);
    assert!(search(json!({ "query": "ONE", "case_sensitive": true })).await.is_empty());
    assert_eq!(
        search(json!({ "query": "^(b|d)", "regex": true })).await,
        ["docs/b.txt:1", "docs-old/d.md:1"]
    );
    assert!(search(json!({ "query": "^(b|d)" })).await.is_empty());
    assert_eq!(search(json!({ "query": "one", "path": "docs" })).await, ["docs/deep/c.md:2"]);
    assert_eq!(
        search(json!({ "query": "t", "path": "docs/b.txt" })).await,
        ["docs/b.txt:1", "docs/b.txt:2"]
    );
    assert_eq!(search(json!({ "query": "e", "pattern": "d*.md" })).await, ["docs-old/d.md:1"]);
    assert!(search(json!({ "query": "ELF" })).await.is_empty());
}

#[tokio::test]
async fn a_search_stops_at_its_limit_and_says_so() {
    let (_root, files) = folder(&[("many.txt", &b"match\n".repeat(1000)), ("z.txt", b"match")]);

    let some = call(&files, "search_files", json!({ "query": "match", "limit": 3 })).await;
    let exact = json!({ "query": "match", "path": "z.txt", "limit": 1 });
    let exact = structured(&files, "search_files", exact).await;

    let text = some["content"][0]["text"].as_str().unwrap();
    assert_eq!(some["structuredContent"]["matches"].as_array().unwrap().len(), 3);
    assert_eq!(some["structuredContent"]["complete"], false);
    assert!(text.ends_with("more matches than 3; narrow query, path or pattern."), "{text}");
    assert_eq!(exact["complete"], true);
}

#[tokio::test]
async fn a_match_in_a_long_line_is_shown_with_what_is_around_it() {
    let line = format!("{}needle{}", "ä".repeat(5000), "ö".repeat(5000));
    let (_root, files) = folder(&[("long.txt", line.as_bytes())]);

    let found = structured(&files, "search_files", json!({ "query": "NEEDLE" })).await;

    let text = found["matches"][0]["text"].as_str().unwrap();
    assert!(text.starts_with("…ä") && text.contains("needle") && text.ends_with("ö…"), "{text}");
    assert!(text.len() < 300 && !text.contains('\u{fffd}'), "{text}");
}

#[tokio::test]
async fn what_is_neither_text_nor_shown_is_a_resource_to_read() {
    let (_root, files) = docs();

    let read = call(&files, "read_file", json!({ "path": "tool" })).await;

    let text = read["content"][0]["text"].as_str().unwrap();
    assert_eq!(
        text,
        "tool is not text (text/plain, 6 bytes); its bytes are the resource files:///tool"
    );
    let link = json!({ "type": "resource_link", "uri": "files:///tool", "name": "tool", "mimeType": "text/plain", "size": 6 });
    assert_eq!(read["content"][1], link);
    assert_eq!(read["structuredContent"]["uri"], "files:///tool");
    assert!(
        read_resource(&files, "files:///tool").await.unwrap()["contents"][0]["blob"].is_string()
    );
}

#[tokio::test]
async fn several_files_are_read_as_far_as_there_is_room() {
    let line = "x".repeat(1000) + "\n";
    let (_root, files) = folder(&[
        ("a.md", b"# Alpha\none\n"),
        ("long.txt", line.repeat(120).as_bytes()),
        ("longer.txt", line.repeat(400).as_bytes()),
        ("i.png", b"PNG"),
        ("z.md", b"last"),
    ]);

    let paths = json!(["a.md", "no.md", "i.png", "long.txt", "longer.txt", "z.md"]);
    let read = call(&files, "read_files", json!({ "paths": paths })).await;

    let rows = &read["structuredContent"]["files"];
    assert_eq!(rows[0]["text"], "# Alpha\none");
    assert!(rows[1]["error"].as_str().unwrap().starts_with("no file no.md; files at the root"));
    assert_eq!(rows[3]["lines"], 120);
    assert!(rows[4]["next_offset"].as_u64().unwrap() < 20, "{}", rows[4]["next_offset"]);
    assert!(rows.as_array().unwrap().len() == 6 && read.to_string().len() < 400_000);
    assert!(read["content"].as_array().unwrap().iter().any(|block| block["type"] == "image"));
}

#[tokio::test]
async fn a_tree_shows_levels_page_by_page() {
    let (_root, files) = docs();

    let all = call(&files, "tree", json!({})).await;
    let two = structured(&files, "tree", json!({ "depth": 2 })).await;
    let (mut seen, mut arguments) = (Vec::new(), json!({ "limit": 2 }));
    loop {
        let page = structured(&files, "tree", arguments.clone()).await;
        seen.extend(paths(&page["entries"]));
        if page["next_cursor"].is_null() {
            break;
        }
        arguments["cursor"] = page["next_cursor"].clone();
    }

    assert_eq!(
        all["content"][0]["text"],
        "the root:\n  a.md (16 bytes)\n  docs/\n    b.txt (13 bytes)\n    deep/\n      c.md (15 bytes)\n  docs-old/\n    d.md (6 bytes)\n  empty.txt (0 bytes)\n  tool (6 bytes)"
    );
    assert_eq!(seen, paths(&all["structuredContent"]["entries"]));
    assert!(!paths(&two["entries"]).contains(&"docs/deep/c.md".to_owned()));
    let deep = structured(&files, "tree", json!({ "path": "docs", "depth": 1 })).await;
    assert_eq!(paths(&deep["entries"]), ["docs/b.txt", "docs/deep"]);
}

#[tokio::test]
async fn matches_are_shown_with_the_lines_around_them() {
    let text = "1\n2 x\n3\n4\n5 x\n6 x\n7\n8\n9 x\n";
    let (_root, files) = folder(&[("a.txt", text.as_bytes()), ("b.txt", b"x")]);

    let found =
        call(&files, "search_files", json!({ "query": "x", "context": 1, "limit": 3 })).await;

    let rows = &found["structuredContent"]["matches"];
    let around = |row: usize| (rows[row]["before"].clone(), rows[row]["after"].clone());
    assert_eq!(around(0), (json!(["1"]), json!(["3"])));
    assert_eq!(around(1), (json!(["4"]), json!(["6 x"])));
    assert_eq!(around(2), (json!(["5 x"]), json!(["7"])));
    let text = found["content"][0]["text"].as_str().unwrap();
    assert!(text.starts_with("a.txt-1- 1\na.txt:2: 2 x\na.txt-3- 3\n--\n"), "{text}");
    assert_eq!(found["structuredContent"]["complete"], false);
    let wide = json!({ "query": "x", "context": 6 });
    assert!(failure(&files, "search_files", wide).await.starts_with("context must be"));
}

#[tokio::test]
async fn what_is_known_of_a_file_is_told_without_its_contents() {
    let (_root, files) = docs();

    let info = structured(&files, "file_info", json!({ "path": "a.md" })).await;
    let read = structured(&files, "read_file", json!({ "path": "a.md" })).await;
    let folder = structured(&files, "file_info", json!({ "path": "docs" })).await;

    assert_eq!(
        (&info["kind"], &info["size"], &info["writable"]),
        (&json!("file"), &json!(16), &json!(false))
    );
    assert_eq!(info["version"], read["version"]);
    assert_eq!((&folder["kind"], &folder["entries"]), (&json!("folder"), &json!(2)));
    assert!(failure(&files, "file_info", json!({ "path": "b" })).await.starts_with("no file b;"));
}

#[tokio::test]
async fn ten_thousand_files_are_listed_and_searched_in_time() {
    let (root, files) = folder(&[]);
    for n in 0..10_000 {
        fs::write(root.path().join(format!("{n:05}.txt")), "needle").unwrap();
    }

    let begun = std::time::Instant::now();
    let listed = structured(&files, "list_directory", json!({ "limit": 1000 })).await;
    let found = structured(&files, "search_files", json!({ "query": "needl", "limit": 200 })).await;
    let all = structured(&files, "search_files", json!({ "query": "none" })).await;

    assert_eq!(listed["entries"].as_array().unwrap().len(), 1000);
    assert_eq!(found["matches"].as_array().unwrap().len(), 200);
    assert_eq!((&all["files_searched"], &all["complete"]), (&json!(10_000), &json!(true)));
    assert!(begun.elapsed() < std::time::Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn structured_content_has_the_shape_that_is_promised() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.md", b"one\ntwo\n");
    let files = open(vec![writable(folder.path())]);
    let tools = ask(&files, "tools/list", &json!({})).await.unwrap();
    let version =
        structured(&files, "file_info", json!({ "path": "a.md" })).await["version"].clone();
    let calls = [
        ("list_directory", json!({ "recursive": true })),
        ("tree", json!({})),
        ("read_file", json!({ "path": "a.md", "limit": 1 })),
        ("read_files", json!({ "paths": ["a.md", "b.md"] })),
        ("search_files", json!({ "query": "one", "context": 1 })),
        ("file_info", json!({ "path": "a.md" })),
        ("write_file", json!({ "path": "a.md", "content": "three", "expected_version": version })),
        ("edit_file", json!({ "path": "a.md", "edits": [{ "old": "three", "new": "four" }] })),
        ("move_file", json!({ "path": "a.md", "destination": "b.md" })),
        ("create_directory", json!({ "path": "c" })),
        ("delete_file", json!({ "path": "c" })),
    ];
    assert_eq!(tools["tools"].as_array().unwrap().len(), calls.len());

    for (tool, (name, arguments)) in tools["tools"].as_array().unwrap().iter().zip(calls) {
        let content = structured(&files, name, arguments).await;

        assert_eq!(tool["name"], name);
        assert_eq!(tool["annotations"]["openWorldHint"], false);
        fits(&tool["outputSchema"], &content);
        for input in tool["inputSchema"]["properties"].as_object().unwrap().values() {
            assert!(input["description"].is_string(), "{input}");
        }
    }
}

/// Whether objects have what they have to have, and nothing that is not said.
fn fits(schema: &Value, value: &Value) {
    if let Some(items) = value.as_array() {
        items.iter().for_each(|item| fits(&schema["items"], item));
    }
    let Some(members) = value.as_object() else { return };
    let properties = schema["properties"].as_object().unwrap();
    for name in schema["required"].as_array().unwrap() {
        assert!(members.contains_key(name.as_str().unwrap()), "{name}: {value}");
    }
    for (name, member) in members {
        fits(properties.get(name).unwrap_or_else(|| panic!("{name}: {schema}")), member);
    }
}
