//! Several roots, some of which are a caller's own.

use toolgate_gateway::config::{Bound, HomeName, Part};
use toolgate_protocol::caller::{Identity, Proof};

use super::*;

fn caller(subject: &str, tenant: Option<&str>, roles: &[&str]) -> Who {
    let identity = Identity {
        principal: format!("jwt|https://as|{subject}").into(),
        subject: subject.into(),
        tenant: tenant.map(Into::into),
        roles: roles.iter().map(|&role| role.into()).collect(),
        proof: Proof::Jwt,
        ..Identity::default()
    };
    Who { caller: Caller::from(identity), ..nobody() }
}

/// A handbook for all, which editors may change, and a home for each caller.
fn scene() -> (TempDir, Files) {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "handbook/rules.md", b"rules");
    fs::create_dir(folder.path().join("homes")).unwrap();
    let of = |part: Part| HomeName { of: Some(Bound(vec![part])), ..HomeName::default() };
    let home = FilesPlace::PerCaller {
        base: folder.path().join("homes"),
        names: vec![of(Part::Tenant), of(Part::Subject)],
    };
    let handbook = writable(&folder.path().join("handbook"));
    let files = open(vec![
        FilesRoot { name: "handbook".parse().ok(), writers: vec!["editor".into()], ..handbook },
        FilesRoot { name: "home".parse().ok(), place: home, ..writable(folder.path()) },
    ]);
    (folder, files)
}

async fn text(who: &Who, files: &Files, tool: &str, arguments: Value) -> String {
    let result = call_as(who, files, tool, arguments).await;
    result["content"][0]["text"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn each_caller_has_a_folder_of_its_own_from_its_first_file_on() {
    let (folder, files) = scene();
    let (ada, bob) = (caller("ada", Some("acme"), &[]), caller("bob", Some("acme"), &[]));
    assert_eq!(
        text(&ada, &files, "tree", json!({})).await,
        "the root:\n  handbook/\n    rules.md (5 bytes)\n  home/"
    );
    assert_eq!(fs::read_dir(folder.path().join("homes")).unwrap().count(), 0);

    for (who, content) in [(&ada, "hers"), (&bob, "his")] {
        let note = json!({ "path": "home/note.md", "content": content });
        assert!(
            text(who, &files, "write_file", note).await.starts_with("home/note.md was created")
        );
    }

    for (who, content) in [(&ada, "hers"), (&bob, "his")] {
        let read = json!({ "path": "home/note.md" });
        assert_eq!(text(who, &files, "read_file", read.clone()).await, content);
        let params = json!({ "uri": "files:///home/note.md" });
        let read = files.result(who, "resources/read", &params, Box::new(|_| {})).await.unwrap();
        assert_eq!(read["contents"][0]["text"], content);
        let found = call_as(who, &files, "search_files", json!({ "query": "h" })).await;
        assert_eq!(found["structuredContent"]["matches"].as_array().unwrap().len(), 1, "{found}");
    }
    assert_eq!(fs::read_to_string(folder.path().join("homes/acme/ada/note.md")).unwrap(), "hers");
}

#[tokio::test]
async fn no_subject_leads_to_the_folder_of_another() {
    let (folder, files) = scene();
    let ada = caller("ada", Some("acme"), &[]);
    let note = json!({ "path": "home/note.md", "content": "hers" });
    text(&ada, &files, "write_file", note).await;

    for subject in
        ["../acme/ada", "ada/../ada", "ADA", "ada/", "ada\0", "./ada", "..", "", "%61da", "ada."]
    {
        let other = caller(subject, Some("acme"), &[]);
        let read = call_as(&other, &files, "read_file", json!({ "path": "home/note.md" })).await;
        assert_eq!(read["isError"], true, "{subject:?}: {read}");
        let listed = call_as(&other, &files, "tree", json!({ "path": "home/../home" })).await;
        assert!(!listed.to_string().contains("hers"), "{subject:?}: {listed}");
    }
    // Nobody has a home without what names it, and no other files are there either.
    for who in [nobody(), caller("ada", None, &[])] {
        let listed = text(&who, &files, "list_directory", json!({})).await;
        assert_eq!(listed, "handbook/");
        let note = json!({ "path": "home/note.md", "content": "x" });
        let params = json!({ "name": "write_file", "arguments": note });
        let refused = files.result(&who, "tools/call", &params, Box::new(|_| {})).await;
        assert_eq!(refused.unwrap_err().code, -32602);
    }
    assert_eq!(fs::read_dir(folder.path().join("homes/acme")).unwrap().count(), 1);
}

#[tokio::test]
async fn roles_say_who_may_write_where() {
    let (folder, files) = scene();
    let (ada, eve) = (caller("ada", Some("acme"), &[]), caller("eve", Some("acme"), &["editor"]));
    let rules =
        json!({ "path": "handbook/rules.md", "edits": [{ "old": "rules", "new": "none" }] });

    let refused = call_as(&ada, &files, "edit_file", rules.clone()).await;
    let made = call_as(&eve, &files, "edit_file", rules).await;

    assert_eq!(refused["content"][0]["text"], "handbook is read only for you; not so: home");
    assert_eq!(refused["_meta"]["dev.toolgate/error"]["category"], "forbidden");
    assert_eq!(made["structuredContent"]["written"], true);
    assert_eq!(fs::read_to_string(folder.path().join("handbook/rules.md")).unwrap(), "none");
    for (path, why) in [
        (
            "elsewhere/a.md",
            "elsewhere/a.md is in no folder that is served; paths begin with one of: handbook, home",
        ),
        ("home", "home is a root itself; name something in it"),
        ("a.md", "a.md is in no folder that is served; paths begin with one of: handbook, home"),
    ] {
        let content = json!({ "path": path, "content": "x" });
        assert_eq!(text(&eve, &files, "write_file", content).await, why);
    }
    let across = json!({ "path": "handbook/rules.md", "destination": "home/rules.md" });
    let across = text(&eve, &files, "move_file", across).await;
    assert!(across.contains("are in different roots"), "{across}");
}

#[tokio::test]
async fn what_is_included_excluded_and_hidden_is_for_each_root_to_say() {
    let folder = tempfile::tempdir().unwrap();
    for path in ["one/a.md", "one/a.txt", "one/.env", "two/a.txt", "two/.env", "two/drafts/a.md"] {
        write(folder.path(), path, b"x");
    }
    let one = FilesRoot {
        name: "one".parse().ok(),
        include: vec!["*.md".into()],
        ..writable(&folder.path().join("one"))
    };
    let two = FilesRoot {
        name: "two".parse().ok(),
        hidden: true,
        exclude: vec!["drafts".into()],
        ..writable(&folder.path().join("two"))
    };
    let files = open(vec![one, two]);

    let listed = structured(&files, "list_directory", json!({ "recursive": true })).await;
    assert_eq!(paths(&listed["entries"]), ["one", "one/a.md", "two", "two/.env", "two/a.txt"]);
    for path in ["one/a.txt", "one/.env", "two/drafts/a.md", "two/Drafts/a.md", "one/new.txt"] {
        let read = call(&files, "read_file", json!({ "path": path })).await;
        let written = call(&files, "write_file", json!({ "path": path, "content": "y" })).await;
        assert_eq!((&read["isError"], &written["isError"]), (&json!(true), &json!(true)), "{path}");
    }
    structured(&files, "write_file", json!({ "path": "two/.gitignore", "content": "y" })).await;
}
