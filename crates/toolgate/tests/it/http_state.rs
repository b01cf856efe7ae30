//! Values that agents keep between their calls: by clients of both eras, at one replica after the
//! other, each caller on its own.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::peer::toolgate;
use crate::support::{Answer, Gateway, Legacy, Modern, RedisServer, soon};

const KEY: &str = "kq3v9Z0eTn1bXw7RyP5sLd2HfJ8mCa4G";
const CART: &str = "{ name: carts, state: { noun: cart, description: What a customer wants to buy.,
    schema: { type: object, additionalProperties: false, properties: {
        items: { type: array, items: { $ref: '#/$defs/item' } }, note: { type: string } },
      $defs: { item: { type: object, required: [sku], properties: { sku: { type: string } } } } } } }";

async fn call(gateway: &Gateway, tool: &str, arguments: Value) -> Value {
    Modern::of(gateway).call(tool, &arguments.to_string()).await.result()
}

/// What a call that succeeds returns.
async fn told(gateway: &Gateway, tool: &str, arguments: Value) -> Value {
    let result = call(gateway, tool, arguments).await;
    assert_ne!(result["isError"], true, "{result}");
    result["structuredContent"].clone()
}

fn category(result: &Value) -> &Value {
    &result["_meta"]["dev.toolgate/error"]["category"]
}

fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap()
}

#[tokio::test]
async fn a_value_is_created_read_changed_listed_and_deleted() {
    let gateway = Gateway::serve(format!("servers: [{CART}]")).await;
    let list = Modern::of(&gateway).request("1", "tools/list", "{}").await.result();
    let names: Vec<_> =
        list["tools"].as_array().unwrap().iter().map(|tool| &tool["name"]).collect();
    assert_eq!(names, ["create_cart", "delete_cart", "get_cart", "list_carts", "update_cart"]);
    assert_eq!(list["tools"][0]["inputSchema"]["$defs"]["item"]["type"], "object");

    let value = json!({ "items": [{ "sku": "A1" }] });
    let made = told(&gateway, "create_cart", json!({ "value": value, "label": "shoes" })).await;
    let handle = made["handle"].as_str().unwrap();
    assert_eq!((&made["version"], &made["value"]), (&json!(1), &value));

    let patch = json!([{ "op": "add", "path": "/items/-", "value": { "sku": "B2" } }]);
    let arguments = json!({ "handle": handle, "expected_version": 1, "json_patch": patch });
    let changed = told(&gateway, "update_cart", arguments.clone()).await;
    assert_eq!(changed["version"], 2);
    assert_eq!(changed["value"]["items"], json!([{ "sku": "A1" }, { "sku": "B2" }]));
    let late = call(&gateway, "update_cart", arguments).await;
    assert_eq!((&late["isError"], category(&late)), (&json!(true), &json!("invalid_arguments")));
    assert!(text(&late).contains("is at version 2 by now, not 1"), "{late}");

    let wrong = json!({ "handle": handle, "merge_patch": { "items": [{ "name": "no sku" }] } });
    let refused = call(&gateway, "update_cart", wrong).await;
    assert!(text(&refused).contains("sku"), "{refused}");
    let merged = json!({ "handle": handle, "merge_patch": { "note": "gift", "items": null } });
    assert_eq!(told(&gateway, "update_cart", merged).await["value"], json!({ "note": "gift" }));

    let listed = told(&gateway, "list_carts", json!({})).await;
    assert_eq!(listed["carts"][0]["label"], "shoes");
    assert_eq!((&listed["carts"][0]["version"], &listed["has_more"]), (&json!(3), &json!(false)));
    let uri = format!("state://cart/{handle}");
    let read = Modern::of(&gateway)
        .request("1", "resources/read", &json!({ "uri": uri }).to_string())
        .await
        .result();
    assert!(read["contents"][0]["text"].as_str().unwrap().contains("gift"), "{read}");
    let resources = Modern::of(&gateway).request("1", "resources/list", "{}").await.result();
    assert_eq!(resources["resources"][0]["uri"], *uri);

    told(&gateway, "delete_cart", json!({ "handle": handle })).await;
    let gone = call(&gateway, "get_cart", json!({ "handle": handle })).await;
    assert!(text(&gone).contains("list_carts shows those that are there"), "{gone}");
}

#[tokio::test]
async fn a_client_of_an_older_revision_keeps_values_for_its_session() {
    let entry = "{ name: plans, state: { noun: plan, scope: session } }";
    let gateway = Gateway::serve(format!("servers: [{entry}]")).await;
    let one = Legacy::open(&gateway, "2025-06-18", "{}").await;
    let other = Legacy::open(&gateway, "2025-06-18", "{}").await;

    let made = one.call("create_plan", r#"{"value":null}"#).await.result();
    let handle = json!({ "handle": made["structuredContent"]["handle"] }).to_string();
    assert_eq!(made["structuredContent"]["value"], Value::Null);

    assert_eq!(one.call("get_plan", &handle).await.result()["structuredContent"]["version"], 1);
    assert_eq!(other.call("get_plan", &handle).await.result()["isError"], true);
    let modern = Modern::of(&gateway).call("get_plan", &handle).await.result();
    assert_eq!(category(&modern), "unbound", "it has no session: {modern}");
}

/// Adds a caller to a file of keys, and returns the key.
fn key(name: &str, file: &Path) -> String {
    let said = toolgate(&["key", "new", name, "--file", file.to_str().unwrap()]);
    assert_eq!(said.code, 0, "{}", said.err);
    said.out.trim().to_owned()
}

#[tokio::test]
async fn the_handle_of_somebody_else_is_like_one_that_does_not_exist() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("keys.yaml");
    let (ada, bob) = (key("ada", &file), key("bob", &file));
    let gateway = Gateway::serve(format!(
        "authentication: {{ api_keys: {{ file: '{}' }} }}\nservers: [{{ name: s, state: {{}} }}]",
        file.display()
    ))
    .await;
    let ask = async |key: &str, method: &str, params: Value| -> Answer {
        let ask = Modern::of(&gateway).ask("1", method, &params.to_string());
        gateway.ask(&ask.header("Authorization", &format!("Bearer {key}"))).await
    };
    let call = async |key: &str, tool: &str, arguments: Value| {
        ask(key, "tools/call", json!({ "name": tool, "arguments": arguments })).await
    };
    let made = call(&ada, "create_state", json!({ "value": "secret", "label": "mine" })).await;
    let handle = made.result()["structuredContent"]["handle"].clone();
    let nowhere = "0".repeat(32);

    let stripped = |answer: Answer, handle: &str| {
        let mut body = answer.json();
        // The trace is of each request.
        body["result"]["_meta"]["dev.toolgate/error"]["traceId"].take();
        body.to_string().replace(handle, "HANDLE")
    };
    let theirs = handle.as_str().unwrap();
    for (tool, more) in [
        ("get_state", json!({})),
        ("update_state", json!({ "merge_patch": {}, "expected_version": 9 })),
        ("delete_state", json!({})),
    ] {
        let with = |handle: &str| {
            let mut arguments = more.clone();
            arguments["handle"] = handle.into();
            arguments
        };
        let of_ada = stripped(call(&bob, tool, with(theirs)).await, theirs);
        let of_nobody = stripped(call(&bob, tool, with(&nowhere)).await, &nowhere);
        assert_eq!(of_ada, of_nobody, "{tool}");
    }
    let read = async |handle: &str| {
        let uri = format!("state://state/{handle}");
        let answer = ask(&bob, "resources/read", json!({ "uri": uri })).await;
        answer.body.replace(handle, "HANDLE")
    };
    assert_eq!(read(theirs).await, read(&nowhere).await);
    let listed = call(&bob, "list_states", json!({})).await.result();
    assert_eq!(listed["structuredContent"]["states"], json!([]));
    let listed = ask(&bob, "resources/list", json!({})).await.result();
    assert_eq!(listed["resources"], json!([]));

    let mine = call(&ada, "get_state", json!({ "handle": handle })).await.result();
    assert_eq!(mine["structuredContent"]["value"], "secret");
}

#[tokio::test]
async fn a_tenant_shares_its_values_and_roles_say_who_changes_what_all_share() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("keys.yaml");
    let key = |name: &str, tenant: &str, role: &str| {
        let path = file.to_str().unwrap();
        let said =
            toolgate(&["key", "new", name, "--tenant", tenant, "--role", role, "--file", path]);
        assert_eq!(said.code, 0, "{}", said.err);
        said.out.trim().to_owned()
    };
    let (ada, bob) = (key("ada", "acme", "writer"), key("bob", "acme", "reader"));
    let eve = key("eve", "beta", "reader");
    let gateway = Gateway::serve(format!(
        r#"
authentication: {{ api_keys: {{ file: '{}' }} }}
roles:
  writer: {{ allow: ["team/*", "all/*"] }}
  reader: {{ allow: ["team/*", "all/get_note"] }}
servers:
  - {{ name: team, state: {{ noun: plan, scope: tenant }} }}
  - {{ name: all, state: {{ noun: note, scope: shared }} }}
"#,
        file.display()
    ))
    .await;
    let call = async |key: &str, tool: &str, arguments: Value| {
        let params = json!({ "name": tool, "arguments": arguments }).to_string();
        let ask = Modern::of(&gateway).ask("1", "tools/call", &params);
        gateway.ask(&ask.header("Authorization", &format!("Bearer {key}"))).await
    };
    let make = async |tool: &str| {
        let made = call(&ada, tool, json!({ "value": "shared" })).await.result();
        json!({ "handle": made["structuredContent"]["handle"] })
    };
    let (plan, note) = (make("team_create_plan").await, make("all_create_note").await);
    let reads = async |key: &str, tool: &str, handle: &Value| {
        call(key, tool, handle.clone()).await.result()["structuredContent"]["value"] == "shared"
    };

    assert!(reads(&bob, "team_get_plan", &plan).await);
    assert!(!reads(&eve, "team_get_plan", &plan).await);
    assert!(reads(&bob, "all_get_note", &note).await && reads(&eve, "all_get_note", &note).await);
    let refused = call(&eve, "all_delete_note", note.clone()).await;
    assert!(refused.body.contains("all_delete_note"), "{}", refused.body);
    assert!(reads(&ada, "all_get_note", &note).await);
}

#[tokio::test]
async fn any_replica_serves_any_turn_and_none_without_the_store() {
    let mut redis = RedisServer::start();
    let yaml = format!(
        "keys: [{KEY}]\nstore: {{ redis: '{}', timeout: 10s }}\nservers: [{{ name: s, state: {{}} }}]",
        redis.url()
    );
    let replicas = [Gateway::serve(&yaml).await, Gateway::serve(&yaml).await];
    let made = told(&replicas[0], "create_state", json!({ "value": { "secret": "7f3a9c" } })).await;
    let handle = &made["handle"];

    // One replica after the other; then all at once.
    for turn in 1..=4_u64 {
        let patch = json!({ format!("turn{turn}"): turn });
        let arguments = json!({ "handle": handle, "expected_version": turn, "merge_patch": patch });
        let gateway = &replicas[turn as usize % 2];
        assert_eq!(told(gateway, "update_state", arguments).await["version"], turn + 1);
    }
    let at_once = (0..16).map(|n| {
        let patch = json!({ format!("at-once{n}"): n });
        let arguments = json!({ "handle": handle, "merge_patch": patch });
        call(&replicas[n % 2], "update_state", arguments)
    });
    let results = futures_util::future::join_all(at_once).await;
    let done = results.iter().filter(|result| result["isError"] != true).count();
    let now = told(&replicas[1], "get_state", json!({ "handle": handle })).await;
    assert_eq!(now["value"].as_object().unwrap().len(), 5 + done, "none is lost: {now}");
    assert_eq!(now["version"], 5 + done);
    assert!(done >= 8, "most came through: {done}");
    let kept = redis.tell(&["KEYS", "*"]);
    assert!(kept.contains("shelf:state:") && !kept.contains("anonymous"), "{kept}");

    redis.end();
    for gateway in &replicas {
        let refused = call(gateway, "get_state", json!({ "handle": handle })).await;
        let error = &refused["_meta"]["dev.toolgate/error"];
        assert_eq!(error["category"], "unavailable", "{refused}");
        assert_eq!((&error["retryable"], &error["sideEffect"]), (&json!(true), &json!("none")));
        assert!(error["retryAfterMs"].is_u64(), "{refused}");
    }
    redis.begin();
    soon("the store is back", async {
        while call(&replicas[0], "list_states", json!({})).await["isError"] == true {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn values_end_by_themselves_and_outlive_a_reload() {
    let entry = |ttl: &str| {
        format!("servers: [{{ name: s, state: {{ ttl: {ttl}, expiry: fixed, noun: item }} }}]")
    };
    let gateway = Gateway::serve(entry("1h")).await;
    let long = told(&gateway, "create_item", json!({ "value": 1 })).await;

    gateway.rewrite(entry("300ms"));
    gateway.hang_up();
    let short = soon("the reload", async {
        loop {
            let made = told(&gateway, "create_item", json!({ "value": 2 })).await;
            if made["expires_at"].as_str() < long["expires_at"].as_str() {
                return made;
            }
        }
    })
    .await;

    soon("the end of the second", async {
        let arguments = json!({ "handle": short["handle"] });
        while call(&gateway, "get_item", arguments.clone()).await["isError"] != true {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let kept = told(&gateway, "get_item", json!({ "handle": long["handle"] })).await;
    assert_eq!(kept["value"], 1);
}

#[tokio::test]
async fn mistakes_are_named_before_anything_is_served_and_the_tools_scan_clean() {
    let folder = TempDir::new().unwrap();
    let check = |command: &str, entry: &str| {
        let file = folder.path().join("gateway.yaml");
        std::fs::write(&file, format!("servers: [{entry}]")).unwrap();
        toolgate(&[command, file.to_str().unwrap()])
    };
    for (state, message) in [
        ("noun: Cart", "use a-z, 0-9 and _"),
        ("scope: tenant", "add authentication"),
        ("ttl: 0s", "write 1m or more"),
        ("limits: { value: 1MiB, bytes: 1MiB }", "write twice limits.value or more"),
        ("schema: { $ref: '#/properties/a' }", "leads somewhere else than to #/$defs/NAME"),
        ("schema: { type: 7 }", "cannot be used"),
        ("schema: [1]", "not a JSON Schema"),
    ] {
        let said = check("check", &format!("{{ name: s, state: {{ {state} }} }}"));
        assert!(said.code != 0 && said.out.contains(message), "{state}: {}{}", said.out, said.err);
    }
    let said = check("scan", CART);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
}
