//! Steps of workflows are held against the tools of servers of every kind that is made from
//! configuration, when that is read: none is opened or asked for it.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::peer::{self, command, toolgate};
use crate::support::{Gateway, Modern, Reply, Server};

/// A tool of each kind of server: what it takes, and the same of a wrong type.
fn tools() -> [(&'static str, &'static str, Value, Value); 9] {
    [
        ("api", "make", json!({ "size": 1 }), json!({ "size": "one" })),
        (
            "convert",
            "query_data",
            json!({ "text": "{}", "jmespath": "@" }),
            json!({ "text": {}, "jmespath": "@" }),
        ),
        ("db", "explore", json!({ "query": "SELECT 1" }), json!({ "query": 1 })),
        ("db", "find", json!({ "id": 1 }), json!({ "id": "one" })),
        (
            "disk",
            "write_file",
            json!({ "path": "a", "content": "b" }),
            json!({ "path": "a", "content": 1 }),
        ),
        ("kb", "search_articles", json!({ "query": "apples" }), json!({ "query": ["a"] })),
        (
            "keep",
            "create_cart",
            json!({ "value": { "items": [] } }),
            json!({ "value": { "items": 0 } }),
        ),
        (
            "keep",
            "delete_cart",
            json!({ "handle": { "$": "steps.made.output.handle" } }),
            json!({ "handle": { "$": "steps.made.output.version" } }),
        ),
        ("sub", "go", json!({ "count": 2 }), json!({ "count": 2.5 })),
    ]
}

/// All servers, and workflows of these steps.
fn yaml(folder: &Path, origin: &str, flows: &Value) -> String {
    let folder = folder.display();
    format!(
        r#"
servers:
  - {{ name: api, http: {{ base: '{origin}', tools: {{ make: {{ description: Makes., post: /make, parameters: {{ size: {{ type: integer }} }} }} }} }} }}
  - {{ name: convert, transform: {{}} }}
  - name: db
    sql:
      url: 'sqlite:{folder}/a.sqlite'
      explore: {{ tables: [words] }}
      tools: {{ find: {{ description: Finds., statement: "SELECT :id AS id", parameters: {{ id: {{ type: integer, description: I. }} }} }} }}
  - {{ name: disk, files: {{ root: '{folder}/disk', write: true }} }}
  - {{ name: kb, knowledge: {{ root: '{folder}/articles', index: '{folder}/index' }} }}
  - {{ name: keep, state: {{ noun: cart, schema: {{ type: object, properties: {{ items: {{ type: array }} }} }} }} }}
  - {{ name: sub, workflow: {{ tools: {{ go: {{ description: Goes., parameters: {{ count: {{ type: integer, description: C. }} }}, steps: [{{ id: s, call: db.find, arguments: {{ id: {{ $: arguments.count }} }}, reads: true }}] }} }} }} }}
  - name: flow
    workflow:
      tools:
{}
"#,
        lines(flows)
    )
}

/// Each workflow on a line of its own.
fn lines(flows: &Value) -> String {
    let flow = |(name, steps): (&String, &Value)| {
        format!("        {name}: {}", json!({ "description": "Does.", "steps": steps }))
    };
    flows.as_object().unwrap().iter().map(flow).collect::<Vec<_>>().join("\n")
}

fn sound() -> Value {
    let made = json!({ "id": "made", "call": "keep.create_cart", "arguments": { "value": {} } });
    let steps = tools().into_iter().filter(|(_, tool, ..)| *tool != "explore");
    let steps = steps.map(|(server, tool, arguments, _)| {
        json!({ "id": tool, "call": format!("{server}.{tool}"), "arguments": arguments })
    });
    let steps: Vec<_> = [made].into_iter().chain(steps).collect();
    json!({ "all": steps })
}

/// For each tool: one of another name, one argument more, and one of another type.
fn wrong() -> Value {
    let made = json!({ "id": "made", "call": "keep.create_cart", "arguments": { "value": {} } });
    let flow = |(server, tool, sound, wrong): (&str, &str, Value, Value)| {
        let call = format!("{server}.{tool}");
        let mut more = sound.clone();
        more["more"] = json!(1);
        let steps = json!([
            made,
            { "id": "name", "call": format!("{call}x"), "arguments": sound },
            { "id": "more", "call": call, "arguments": more },
            { "id": "type", "call": call, "arguments": wrong },
        ]);
        (format!("{server}_{tool}"), steps)
    };
    let reads = json!([{ "id": "s", "call": "disk.write_file", "arguments": { "path": "a", "content": "b" }, "reads": true }]);
    let lacks = json!([{ "id": "s", "call": "kb.get_article" }]);
    let more = [("writes".to_owned(), reads), ("lacks".to_owned(), lacks)];
    tools().into_iter().map(flow).chain(more).collect()
}

fn scene() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("disk")).unwrap();
    fs::create_dir(folder.path().join("articles")).unwrap();
    fs::write(folder.path().join("articles/a.md"), "# A\n").unwrap();
    folder
}

#[test]
fn what_does_not_fit_is_a_mistake_of_the_configuration() {
    let folder = scene();
    let path = folder.path().join("gateway.yaml");
    fs::write(&path, yaml(folder.path(), "http://127.0.0.1:9", &wrong())).unwrap();
    let path = path.to_str().unwrap();

    let checked = toolgate(&["check", path, "--offline"]);
    let started = toolgate(&["serve", path]);

    assert_eq!((checked.code, started.code), (1, 1));
    insta::assert_snapshot!(checked.out.replace(path, "gateway.yaml"));
    for problem in checked.out.lines() {
        assert!(started.err.contains(problem), "{problem} in\n{}", started.err);
    }
    // Nothing was opened to find that out.
    for name in ["a.sqlite", "index"] {
        assert!(!folder.path().join(name).exists(), "{name}");
    }
}

#[tokio::test]
async fn a_reload_refuses_what_does_not_fit_and_what_fits_goes_on() {
    let folder = scene();
    // An empty file is a database without tables.
    fs::write(folder.path().join("a.sqlite"), "").unwrap();
    let api = Server::start(|_| async { Reply::json(201, "{}") }).await;
    let yaml = |flows: &Value| yaml(folder.path(), api.origin(), flows);
    let gateway = Gateway::serve(yaml(&sound())).await;
    let client = Modern::of(&gateway);
    let runs = async || {
        let result = client.call("flow_all", "{}").await.result();
        assert_eq!(result["structuredContent"]["status"], "done", "{result}");
        // Written once, it is there.
        fs::remove_file(folder.path().join("disk/a")).unwrap();
    };
    runs().await;

    for (name, steps) in wrong().as_object().unwrap() {
        let mut flows = sound();
        flows[name] = steps.clone();
        gateway.rewrite(yaml(&flows));
        gateway.hang_up();
        gateway.logged(&format!("servers[7].workflow.tools.{name}.steps[")).await;
    }

    runs().await;
    assert!(!gateway.log().contains("the new configuration is in use"), "{}", gateway.log());
}

#[test]
fn what_only_some_may_use_is_there_for_workflows() {
    let folder = scene();
    let path = folder.path().join("gateway.yaml");
    let keys = folder.path().join("keys.yaml");
    toolgate(&["key", "new", "ada", "--role", "editor", "--file", keys.to_str().unwrap()]);
    let edit = |tool: &str| {
        format!(
            "authentication: {{ api_keys: {{ file: '{}' }} }}\nservers:\n  - {{ name: disk, files: {{ roots: [{{ path: disk, write: true, writers: [editor] }}] }} }}\n  - {{ name: kb, knowledge: {{ root: articles, index: index, write: {{ create: [editor] }} }} }}\n  - {{ name: flow, workflow: {{ tools: {{ go: {{ description: Goes., steps: [{{ id: a, call: disk.{tool}, arguments: {{ path: b }} }}, {{ id: s, call: kb.create_article, arguments: {{ id: a.md, text: A }} }}] }} }} }} }}\n",
            keys.display()
        )
    };
    let check = |tool: &str| {
        fs::write(&path, edit(tool)).unwrap();
        toolgate(&["check", path.to_str().unwrap()])
    };

    // This command has no role.
    let sound = check("create_directory");
    let wrong = check("write_file");

    assert_eq!(sound.code, 0, "{}", sound.out);
    assert_eq!(wrong.code, 1);
    assert!(wrong.out.contains("\"disk.write_file\" needs the argument content"), "{}", wrong.out);
}

#[test]
fn what_only_a_server_can_say_is_asked_by_check_alone() {
    let tool = json!({ "name": "make", "inputSchema": {
        "type": "object", "properties": { "size": { "type": "integer" } },
    } });
    let url = peer::modern(json!([tool]), |seen| seen.error(-32601, "no such method"));
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("gateway.yaml");
    let steps = "[{ id: a, call: far.mak }, { id: b, call: far.make, arguments: { size: one } }]";
    let yaml = format!(
        "servers:\n  - {{ name: far, upstream: '{url}' }}\n  - {{ name: flow, workflow: {{ tools: {{ go: {{ description: Goes., steps: {steps} }} }} }} }}\n"
    );
    fs::write(&path, yaml).unwrap();
    let path = path.to_str().unwrap();

    let offline = toolgate(&["check", path, "--offline"]);
    let asked = toolgate(&["check", path]);

    assert_eq!((offline.code, asked.code), (0, 1), "{}", asked.out);
    insta::assert_snapshot!(asked.out.replace(path, "gateway.yaml"));
}

#[test]
fn what_a_server_of_the_configuration_gives_is_held_against_what_an_asked_one_takes() {
    let tool = json!({ "name": "make", "inputSchema": {
        "type": "object", "properties": { "size": { "type": "integer" } },
    } });
    let url = peer::modern(json!([tool]), |seen| seen.error(-32601, "no such method"));
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("gateway.yaml");
    let check = |member: &str| {
        let steps = format!(
            "[{{ id: a, call: keep.create_cart, arguments: {{ value: {{}} }} }}, {{ id: b, call: far.make, arguments: {{ size: {{ $: steps.a.output.{member} }} }} }}]"
        );
        let yaml = format!(
            "servers:\n  - {{ name: far, upstream: '{url}' }}\n  - {{ name: keep, state: {{ noun: cart, schema: {{ type: object }} }} }}\n  - {{ name: flow, workflow: {{ tools: {{ go: {{ description: Goes., steps: {steps} }} }} }} }}\n"
        );
        fs::write(&path, yaml).unwrap();
        toolgate(&["check", path.to_str().unwrap()])
    };

    let (sound, wrong) = (check("version"), check("handle"));

    assert_eq!((sound.code, wrong.code), (0, 1), "{}{}", sound.out, wrong.out);
    assert!(
        wrong.out.contains("steps[1].arguments.size: that output is of type string"),
        "{}",
        wrong.out
    );
}

#[test]
fn the_workflow_of_the_documented_example_fits_its_tools() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("gateway.yaml");
    fs::write(&path, include_str!("../../../../examples/gateway.yaml")).unwrap();
    for name in ["notes", "drafts", "articles"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    let mut check = command(&["check", path.to_str().unwrap(), "--offline"]);
    let secrets = ["TOOLGATE_KEY", "GITHUB_TOKEN", "TRACKER_KEY", "PETSTORE_KEY", "EMBEDDINGS_KEY"];
    check.envs(secrets.map(|name| (name, "kq3v9Z0eTn1bXw7RyP5sLd2HfJ8mCa4G")));

    let checked = check.output().unwrap();

    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}
